"""The same scripted vendor for an official plugin and for our adapter, and what came of it compared.

A `Case` names the plugin, our spec and the script. Both are run; what each did (events, usage, error, wire)
becomes one plain tree. Where the plugin is wrong, a `Correction` says what it does and what is right: the
plugin's tree is checked against the one, our tree against the other. So a case also fails when a plugin has
been repaired.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import aiohttp
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, ConversationItemAddedEvent, llm, stt

from tests.differential.tree import change, error_tree, event_tree, value_at, wire_tree
from tests.support.streams import Outcome, differences, outcome, tone, total_usage
from tests.support.vendor import Binary, Reply, Script, ScriptedVendor, Text, WaitFor, binary_audio

__all__ = [
    "ANY",
    "APP_DONE",
    "Case",
    "Correction",
    "Run",
    "agent_says",
    "check_ours",
    "check_plugin",
    "end",
    "flush",
    "say",
    "seen",
    "session_keyterms",
    "until_audio",
    "until_connection",
    "until_events",
    "until_message",
    "update",
]

ANY: Any = object()
"""In a `Correction`: the plugin's value is not looked at."""

APP_DONE = WaitFor(asyncio.Event())
"""In a script: wait until the app has done all its steps. Each run puts its own event in its place."""

USAGE = stt.SpeechEventType.RECOGNITION_USAGE
OPTIONS = APIConnectOptions(max_retry=0, timeout=3.0)
Build: TypeAlias = Callable[[ScriptedVendor, aiohttp.ClientSession], stt.STT[Any]]


@dataclass
class Run:
    """One side at work: what the app's steps get to hold."""

    adapter: stt.STT[Any]
    stream: stt.RecognizeStream
    vendor: ScriptedVendor
    result: Outcome


AppStep: TypeAlias = Callable[[Run], Awaitable[None]]


@dataclass(frozen=True)
class Correction:
    """One thing the plugin does that ours shall not.

    Args:
        why: what is wrong with it: the same words wherever one defect of a plugin shows, as they are counted.
        at: the place in the tree, e.g. "error", "events", "wire.connections.0.sent".
        plugin: what the plugin really has there (`ANY`: not looked at).
        right: what ours must have there; a callable makes it of the plugin's value.
        defect: whether the plugin is wrong there, or has another way that is as good.
        shared: among the corrections that a module's cases share, and not shown by this case. All others must
            change something.
    """

    why: str
    at: str
    plugin: Any
    right: Any
    defect: bool = True
    shared: bool = False


@dataclass(frozen=True)
class Case:
    """One exchange with one vendor.

    Args:
        name: of the test.
        plugin: makes the official plugin for this vendor.
        spec: our bundled spec, and `options` for it.
        expect: the right events in short ("final_transcript: Hello"), without recognition_usage. The
            plugin's are the same, or a correction at "events" says otherwise.
        connections: the vendor's scripts; `ours` replaces them for our side where the plugin needs others.
        replies: the vendor's answers to HTTP requests.
        app: what the app does; None: `recognize()` with `frames`.
        read_audio: reads the audio out of a frame.
        headers: names of the headers that are compared.
        error: what of the error is compared.
        ignore: messages that are left out, such as keepalives.
        body: applied to the bodies of both sides' requests, where two ways to write one thing are as good.
        query_order: compare the order of query parameters as well (it has no meaning to any vendor).
        chunks: compare the sizes of the audio's pieces.
        resampled: the audio goes through livekit's resampler, whose lowest bits differ from run to run.
        skip: parts of the tree that are not compared.
        plugin_until: when to stop reading a plugin's stream that never ends, or ends late.
        corrections: where the plugin is wrong.
    """

    name: str
    plugin: Build
    spec: str
    expect: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)
    connections: Sequence[Script] = ()
    ours: Sequence[Script] | None = None
    replies: Mapping[str, Sequence[Reply]] = field(default_factory=dict)
    app: Sequence[AppStep] | None = None
    frames: Sequence[rtc.AudioFrame] = field(default_factory=lambda: tone(0.25))
    read_audio: Callable[[Text | Binary], bytes] = binary_audio
    headers: Sequence[str] = ("authorization",)
    error: Sequence[str] = ("status", "retryable")
    ignore: Callable[[Any], bool] = lambda message: False
    body: Callable[[Any], Any] = lambda body: body
    query_order: bool = False
    chunks: bool = True
    resampled: bool = False
    skip: Sequence[str] = ()
    plugin_until: Callable[[list[stt.SpeechEvent]], bool] | None = None
    corrections: Sequence[Correction] = ()

    def __str__(self) -> str:
        return self.name


async def check_plugin(case: Case) -> dict[str, Any]:
    """Run the plugin: it must do what the case expects, or what the corrections say it does.

    Returns:
        The tree that is right: the plugin's, corrected.
    """
    tree = await _run(case, case.plugin, case.connections, case.plugin_until)
    for correction in case.corrections:
        given = copy.deepcopy(value_at(tree, correction.at))
        if correction.plugin is not ANY:
            found = differences(correction.plugin, given, path=correction.at)
            assert not found, f"not as recorded ({correction.why}): {found}"
        change(tree, correction.at, copy.deepcopy(correction.right))
        changed = correction.shared or differences(given, value_at(tree, correction.at))
        assert changed, f"nothing to correct: {correction.why}"
    found = differences(list(case.expect), [_short(event) for event in tree["events"]], path="events")
    assert not found, "\n".join(found)
    return tree


async def check_ours(case: Case) -> None:
    """Run the plugin and our adapter, and compare ours with what is right."""
    expected = await check_plugin(case)
    actual = await _run(case, _ours(case), case.connections if case.ours is None else case.ours, None)
    for event, other in zip(expected["events"], actual["events"], strict=False):
        _drop_extras(event, other)
    for place in case.skip:
        change(expected, place, None)
        change(actual, place, None)
    found = differences(expected, actual)
    assert not found, "\n".join(found)


def _drop_extras(event: dict[str, Any], other: dict[str, Any]) -> None:
    """Where ours may say more: request ids on START and END, usage on a FINAL, speakers of single words."""
    if "usage" not in event:
        other.pop("usage", None)
    if not event["request_id"] and event["type"] in ("start_of_speech", "end_of_speech"):
        other["request_id"] = ""
    for data, more in zip(event.get("alternatives", ()), other.get("alternatives", ()), strict=False):
        for word, richer in zip(data.get("words", ()), more.get("words", ()), strict=False):
            if "speaker" not in word:
                richer.pop("speaker", None)


def _ours(case: Case) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        from specbuilder import load_adapter

        return load_adapter(
            case.spec, api_key="test-key", base_url=vendor.url, http_session=session, **case.options
        )

    return build


async def _run(
    case: Case,
    build: Build,
    scripts: Sequence[Script],
    until: Callable[[list[stt.SpeechEvent]], bool] | None,
) -> dict[str, Any]:
    done = asyncio.Event()
    scripts = [[WaitFor(done) if step is APP_DONE else step for step in script] for script in scripts]
    vendor = ScriptedVendor(*scripts, replies=case.replies, audio=case.read_audio)
    async with aiohttp.ClientSession() as session, vendor:
        adapter = build(vendor, session)
        try:
            if case.app is None:
                result, ended_at = await _recognize(adapter, case.frames), time.monotonic()
            else:
                result, ended_at = await _stream(adapter, vendor, case.app, done, until)
        finally:
            await adapter.aclose()
    last = max((record.at for record in vendor.wire), default=ended_at)
    return {
        "events": [event_tree(event) for event in result.events if event.type != USAGE],
        "usage": total_usage(event for event in result.events if event.type == USAGE),
        "error": error_tree(result.error, case.error),
        "ended": result.ended,
        "ends_late": result.ended and ended_at - last > 1.0,
        "wire": wire_tree(
            vendor,
            headers=case.headers,
            ignore=case.ignore,
            body=case.body,
            order=case.query_order,
            chunks=case.chunks,
            exact=not case.resampled,
        ),
    }


async def _recognize(adapter: stt.STT[Any], frames: Sequence[rtc.AudioFrame]) -> Outcome:
    try:
        return Outcome([await adapter.recognize(list(frames), conn_options=OPTIONS)], None, True)
    except (APIError, aiohttp.ClientError, ValueError) as error:
        return Outcome([], error, False)


async def _stream(
    adapter: stt.STT[Any],
    vendor: ScriptedVendor,
    app: Sequence[AppStep],
    done: asyncio.Event,
    until: Callable[[list[stt.SpeechEvent]], bool] | None,
) -> tuple[Outcome, float]:
    stream = adapter.stream(conn_options=OPTIONS)
    run = Run(adapter, stream, vendor, Outcome())

    async def drive() -> None:
        for step in app:
            await step(run)
        done.set()

    driver = asyncio.ensure_future(drive())

    def record(events: list[stt.SpeechEvent]) -> bool:
        run.result.events = events
        return until is not None and until(events)

    try:
        result = await outcome(stream, deadline=12.0, until=record, failed=vendor.failed)
        ended_at = time.monotonic()
        if driver.done():
            driver.result()
        return result, ended_at
    finally:
        driver.cancel()
        await asyncio.wait([driver])
        await stream.aclose()


def _short(event: Mapping[str, Any]) -> str:
    alternatives = event.get("alternatives")
    return f"{event['type']}: {alternatives[0]['text']}" if alternatives else str(event["type"])


# --- what the app does ------------------------------------------------------------------------------------


def say(frames: Sequence[rtc.AudioFrame]) -> AppStep:
    """Push frames at once; the loop runs between them."""

    async def step(run: Run) -> None:
        for frame in frames:
            run.stream.push_frame(frame)
            await asyncio.sleep(0)

    return step


async def flush(run: Run) -> None:
    """Call `flush()`."""
    run.stream.flush()


async def end(run: Run) -> None:
    """Call `end_input()`."""
    run.stream.end_input()


def update(**options: Any) -> AppStep:
    """Call `update_options()` on the STT."""

    async def step(run: Run) -> None:
        run.adapter.update_options(**options)  # type: ignore[attr-defined]

    return step


def session_keyterms(*terms: str) -> AppStep:
    """Give the terms that an AgentSession found in its conversation."""

    async def step(run: Run) -> None:
        run.adapter._update_session_keyterms(list(terms))

    return step


def agent_says(text: str) -> AppStep:
    """Tell the STT what the agent has said, as an AgentSession does."""

    async def step(run: Run) -> None:
        message = llm.ChatMessage(role="assistant", content=[text])
        run.adapter._push_conversation_item(ConversationItemAddedEvent(item=message))

    return step


def until_connection(count: int) -> AppStep:
    """Wait until the vendor has seen so many handshakes."""

    async def step(run: Run) -> None:
        await run.vendor.until(lambda: len(run.vendor.handshakes) >= count, f"{count} connections")

    return step


def until_events(count: int) -> AppStep:
    """Wait until so many events other than recognition_usage have come."""

    async def step(run: Run) -> None:
        deadline = time.monotonic() + 5.0
        while not seen(count)(run.result.events):
            assert time.monotonic() < deadline, f"no {count} events within 5 s"
            await asyncio.sleep(0.005)

    return step


def until_audio(size: int, connection: int = 0) -> AppStep:
    """Wait until the vendor has so many bytes of audio."""

    async def step(run: Run) -> None:
        await run.vendor.until(lambda: run.vendor.audio_bytes(connection) >= size, f"{size} bytes of audio")

    return step


def until_message(count: int) -> AppStep:
    """Wait until the vendor has so many messages that are not audio."""

    async def step(run: Run) -> None:
        await run.vendor.until(lambda: len(run.vendor.messages()) >= count, f"{count} messages")

    return step


def seen(count: int, *, usage: bool = False) -> Callable[[list[stt.SpeechEvent]], bool]:
    """Whether so many events have come; recognition_usage counts only with `usage`."""
    return lambda events: sum(usage or event.type != USAGE for event in events) >= count
