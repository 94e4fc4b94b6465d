"""One stream from end to end: what a test pushes, what the vendor does, and what came out."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from livekit.agents import APIConnectOptions, stt

from tests.promises.acme import NO_RETRY, SPEC, acme
from tests.support.streams import Outcome, outcome, push, tone
from tests.support.vendor import Script, ScriptedVendor

__all__ = ["file_descriptors", "has_event", "has_text", "listen", "next_event", "timed", "until_true"]


async def listen(
    *connections: Script,
    spec: Mapping[str, Any] = SPEC,
    seconds: float = 0.2,
    end: bool = True,
    conn_options: APIConnectOptions = NO_RETRY,
    **options: Any,
) -> tuple[Outcome, ScriptedVendor]:
    """Push a tone, end the input, and read the stream to its end or error.

    Arguments:
        connections: the vendor's scripts.
        seconds: of audio, pushed at once.
        end: whether the input ends then.
        options: of the adapter.

    Returns:
        what came out, and the vendor with the whole wire.
    """
    vendor = ScriptedVendor(*connections)
    async with vendor:
        adapter = acme(vendor, spec, **options)
        stream = adapter.stream(conn_options=conn_options)
        with contextlib.suppress(RuntimeError):
            # livekit's refusal, when the stream has failed before everything was pushed.
            await push(stream, tone(seconds), end=end)
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    return result, vendor


def timed(event: stt.SpeechEvent) -> tuple[str, float, float]:
    """A transcript as text, start and end, in whole milliseconds."""
    data = event.alternatives[0]
    return data.text, round(data.start_time, 3), round(data.end_time, 3)


def has_text(text: str) -> Any:
    """A condition for `outcome(until=)`: the newest event is a transcript with that text."""

    def condition(events: Sequence[stt.SpeechEvent]) -> bool:
        alternatives = events[-1].alternatives
        return bool(alternatives) and alternatives[0].text == text

    return condition


def has_event(kind: str, count: int = 1) -> Any:
    """A condition for `outcome(until=)`: so many events of that type have come."""

    def condition(events: Sequence[stt.SpeechEvent]) -> bool:
        return sum(event.type.value == kind for event in events) >= count

    return condition


async def next_event(stream: stt.RecognizeStream, kind: str, *, deadline: float = 5.0) -> stt.SpeechEvent:
    """The next event of that type; earlier ones are dropped.

    Raises:
        AssertionError: the stream ended, or the deadline passed.
    """
    result = await outcome(stream, deadline=deadline, until=lambda events: events[-1].type.value == kind)
    assert not result.ended, f"the stream ended without {kind}: {result.kinds}"
    assert result.error is None, f"no {kind} but {result.error!r}"
    return result.events[-1]


async def until_true(condition: Any, what: str, *, timeout: float = 5.0) -> None:
    """Wait, a turn of the loop at a time, until something in this process holds.

    Raises:
        AssertionError: it did not hold in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while not condition():
        assert loop.time() < deadline, f"waited {timeout} s for {what}"
        await asyncio.sleep(0.005)


def file_descriptors() -> int:
    """How many files and sockets this process has open."""
    return len(os.listdir("/dev/fd"))
