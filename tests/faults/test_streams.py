"""Every fault against every protocol: nothing lost, nothing said twice, nothing hangs.

After each fault the second connection goes well. Then the stream gives one final transcript without an error,
and the audio is whole on that connection; or the fault is fatal, and no second connection is made.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, APIStatusError, APITimeoutError, stt

from tests.faults.families import FAMILIES, Family
from tests.faults.proxy import Line, Shape
from tests.promises.listening import until_true
from tests.support.streams import Outcome, outcome, push, silence, tone
from tests.support.vendor import (
    AfterAudio,
    AfterText,
    Close,
    Drop,
    Hang,
    NoHandshake,
    Pause,
    Refuse,
    ScriptedVendor,
    Send,
    StopReading,
)

SECONDS = 0.2
RETRY = APIConnectOptions(max_retry=1, retry_interval=0.01, timeout=0.7)

_DEEP = "[" * 100_000 + "]" * 100_000
GARBAGE: tuple[Any, ...] = (
    "not json",
    "",
    b"\xff\xfe\x00binary",
    b"",
    _DEEP,
    "null",
    "[]",
    "42",
    '"text"',
    {},
    {"type": None, "text": [], "channel": 7, "data": "x", "tokens": {"a": 1}, "words": "no"},
    {"type": ["Results"], "channel": {"alternatives": 3}, "result": False, "transcript": {}},
    {"a": "x" * 1_000_000},
)


@dataclass(frozen=True)
class Fault:
    """What goes wrong on the first connection.

    Attributes:
        script: of the first connection.
        status: of the fatal error; None: the next connection makes good for it.
        same: the first connection survives.
        stream: parts of the spec's stream, mostly shorter deadlines.
        seconds: of audio.
    """

    name: str
    script: Callable[[Family], list[Any]]
    status: int | None = None
    same: bool = False
    stream: dict[str, Any] = field(default_factory=dict)
    seconds: float = SECONDS

    def __str__(self) -> str:
        return self.name


def heard(family: Family) -> list[Any]:
    """The vendor has heard some of the audio."""
    return [*family.opening, AfterAudio(0.05, rate=family.rate)]


def finishing(family: Family) -> list[Any]:
    """The vendor was told that the input has ended."""
    return [*family.opening, AfterText(family.finish)]


def _faults() -> Iterator[Fault]:
    for status in (408, 425, 429, 500, 502, 503, 504, 599):
        yield Fault(f"handshake {status}", lambda _, s=status: [Refuse(s, {"error": "x"})])  # type: ignore[misc]
    for status in (301, 307, 400, 401, 402, 403, 404, 410, 422):
        yield Fault(
            f"handshake {status}",
            lambda _, s=status: [Refuse(s, "no", {"Location": "http://127.0.0.1:1/"})],  # type: ignore[misc]
            status=status,
        )
    yield Fault("429 with Retry-After", lambda _: [Refuse(429, "", {"Retry-After": "0.05"})])
    yield Fault(
        "429 with a long Retry-After", lambda _: [Refuse(429, "", {"Retry-After": "3600"})], status=429
    )
    yield Fault("a handshake that hangs", lambda _: [NoHandshake()])
    yield Fault("reset at once", lambda _: [Drop()])
    yield Fault("reset while audio flows", lambda f: [*heard(f), Drop()])
    yield Fault("reset after the end of input", lambda f: [*finishing(f), Drop()])
    yield Fault("half open", lambda f: [*heard(f), Hang()], stream={"ping": "0.1s"})
    yield Fault(
        "write stall",
        lambda f: [*f.opening, StopReading()],
        stream={"timeouts": {"write": "0.2s"}, "audio": {"pace": None}},
        seconds=600.0,
    )
    yield Fault(
        "garbage", lambda f: [*heard(f), *map(Send, GARBAGE), *f.whole("hello")[len(f.opening) :]], same=True
    )
    yield Fault("a late final", lambda f: [*finishing(f), Pause(0.3), *f.says("hello"), *f.done], same=True)
    yield Fault(
        "never closes",
        lambda f: [*finishing(f), *f.says("hello"), Hang()],
        same=True,
        stream={"timeouts": {"finish": "0.3s"}},
    )
    for code in (1000, 1001):
        yield Fault(
            f"close {code} after the end of input",
            lambda f, c=code: [*finishing(f), *f.says("hello"), Close(c)],  # type: ignore[misc]
            same=True,
        )


FAULTS = tuple(_faults())
CLOSES = (
    1000,
    1001,
    1002,
    1003,
    1007,
    1008,
    1009,
    1010,
    1011,
    1012,
    1013,
    1014,
    3000,
    3008,
    4000,
    4001,
    4999,
)


def check_turns(result: Outcome) -> None:
    """START and END alternate, no transcript is outside of them, none is empty."""
    speaking = False
    for event in result.events:
        if event.type is stt.SpeechEventType.START_OF_SPEECH:
            assert not speaking, result.kinds
            speaking = True
        elif event.type is stt.SpeechEventType.END_OF_SPEECH:
            assert speaking, result.kinds
            speaking = False
        elif event.alternatives:
            assert speaking, result.kinds
            assert event.alternatives[0].text.strip()


def finals(result: Outcome) -> list[str]:
    """The texts that are final."""
    kind = stt.SpeechEventType.FINAL_TRANSCRIPT
    return [event.alternatives[0].text for event in result.events if event.type is kind]


async def run(
    family: Family,
    vendor: ScriptedVendor,
    *,
    url: str = "",
    stream: Any = None,
    seconds: float = SECONDS,
    options: APIConnectOptions = RETRY,
    open_until: int = 0,
) -> Outcome:
    """Push a tone and end the input; what came out.

    Arguments:
        open_until: the input stays open until there were so many handshakes, or the stream has failed.
    """
    adapter = family.adapter(url or vendor.url, stream)
    live = adapter.stream(conn_options=options)
    with contextlib.suppress(RuntimeError):
        # livekit's refusal of input, when the stream has failed before all was pushed.
        audio = (
            silence(seconds, chunk=5.0, rate=family.rate) if seconds > 1 else tone(seconds, rate=family.rate)
        )
        await push(live, audio, end=False)
        if open_until:
            await until_true(
                lambda: len(vendor.handshakes) == open_until or live._task.done(), "the next connection"
            )
        live.end_input()
    result = await outcome(live, failed=vendor.failed)
    await adapter.aclose()
    check_turns(result)
    return result


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_fault_of_a_stream(family: Family, fault: Fault) -> None:
    if fault.name == "write stall" and family.name == "assemblyai":
        pytest.skip("its audio goes no faster than it is spoken, and fills no buffer")
    async with family.vendor(fault.script(family), family.whole("hello")) as vendor:
        result = await run(family, vendor, stream=fault.stream or None, seconds=fault.seconds)
    if fault.status is not None:
        assert isinstance(result.error, APIStatusError), result.error
        assert (result.error.status_code, result.error.retryable) == (fault.status, False)
        assert len(vendor.handshakes) == 1
        return
    assert result.error is None
    assert finals(result) == ["hello"]
    assert len(vendor.handshakes) == (1 if fault.same else 2)
    last = len(vendor.handshakes) - 1
    if fault.seconds == SECONDS:
        assert vendor.audio_bytes(last) >= round(SECONDS * family.rate) * 2 - 64


@pytest.mark.parametrize("after", [False, True], ids=["before the end of input", "after it"])
@pytest.mark.parametrize("code", CLOSES)
@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_close(family: Family, code: int, after: bool) -> None:
    """Every close code is what the spec's table says; before the end of input none is a success."""
    if after and code in (1000, 1001):
        pytest.skip("the normal end")
    begin = finishing(family) if after else heard(family)
    async with family.vendor([*begin, Close(code, "why")], family.whole("hello")) as vendor:
        adapter = family.adapter("http://127.0.0.1:1")
        status = adapter._settings.plan.errors.close.status(code)
        result = await run(family, vendor, open_until=0 if after else 2)
    if status >= 500 or status in (408, 425, 429):
        assert result.error is None
        assert finals(result) == ["hello"]
        assert len(vendor.handshakes) == 2
    else:
        assert isinstance(result.error, APIStatusError)
        assert (result.error.status_code, result.error.retryable) == (status, False)
        assert len(vendor.handshakes) == 1


@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_messages_that_come_twice_or_in_another_order(family: Family) -> None:
    both = [*family.says("one"), *family.says("two")]
    script = [*family.opening, *both, *reversed(both), *both, AfterText(family.finish), *both, *family.done]
    async with family.vendor(script) as vendor:
        result = await run(family, vendor)
    assert result.error is None
    assert {"one", "two"} <= set(finals(result))


# -- the line itself -----------------------------------------------------------------------------------------

SHAPES = {
    "cut in the handshake": Shape(cut_up=60),
    "cut in the reply to the handshake": Shape(cut_down=40),
    "cut in the middle of a frame": Shape(cut_up=1500),
    "silent from the handshake on": Shape(hold_down=0),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("family", [one for one in FAMILIES if one.session is None], ids=str)
async def test_a_line_that_breaks(family: Family, shape: Shape) -> None:
    # A handshake that was cut never reaches the vendor.
    scripts = [family.whole("hello")] if shape.cut_up == 60 else [list(family.opening), family.whole("hello")]
    vendor = ScriptedVendor(*scripts, audio=family.audio)
    async with vendor, Line(vendor, shape) as line:
        result = await run(family, vendor, url=line.url)
    assert result.error is None
    assert finals(result) == ["hello"]
    assert line.count == 2


@pytest.mark.parametrize("family", [one for one in FAMILIES if one.session is None], ids=str)
async def test_a_line_that_passes_a_few_bytes_at_a_time(family: Family) -> None:
    vendor = ScriptedVendor(family.whole("hello"), audio=family.audio)
    async with vendor, Line(vendor, Shape(piece=7)) as line:
        result = await run(family, vendor, url=line.url)
    assert result.error is None
    assert finals(result) == ["hello"]


@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_port_that_nobody_listens_on(family: Family) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        async with ScriptedVendor() as vendor:
            result = await run(family, vendor, url=url)
    assert isinstance(result.error, APIConnectionError)


@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_name_that_is_none(family: Family) -> None:
    async with ScriptedVendor() as vendor:
        result = await run(family, vendor, url="https://no-such-host.invalid")
    assert isinstance(result.error, APIConnectionError)


@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_certificate_that_nobody_knows(family: Family) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).parent.parent / "transport" / "localhost.pem")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server, ScriptedVendor() as vendor:
        port = server.sockets[0].getsockname()[1]
        result = await run(family, vendor, url=f"https://127.0.0.1:{port}")
    assert isinstance(result.error, APIConnectionError)
    assert not isinstance(result.error, APITimeoutError)


@pytest.mark.parametrize("jump", [-1e6, 1e6])
@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_the_clock_jumps(family: Family, jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines are monotonic: a step of the wall clock, either way, ends and prolongs nothing."""
    real = time.time
    script = [*heard(family), Pause(0.05), *family.whole("hello")[len(family.opening) :]]
    async with family.vendor(script) as vendor:
        adapter = family.adapter(vendor.url)
        live = adapter.stream(conn_options=RETRY)
        await push(live, tone(SECONDS, rate=family.rate), end=False)
        await vendor.until(lambda: vendor.audio_bytes(0) > 0, "audio")
        monkeypatch.setattr(time, "time", lambda: real() + jump)
        live.end_input()
        started = time.monotonic()
        result = await outcome(live, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert finals(result) == ["hello"]
    assert time.monotonic() - started < 5.0
