"""A dropped connection: livekit's retry, the audio without text sent again, times that go on."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APIStatusError
from websockets.asyncio.server import ServerConnection, serve

from specbuilder import load_adapter
from tests.promises.acme import KEY, NO_RETRY, ONE_RETRY, acme, final, interim, stream_spec
from tests.promises.listening import has_text, listen, next_event, timed, until_true
from tests.support.streams import outcome, push, tone, transcripts
from tests.support.vendor import (
    AfterAudio,
    AfterText,
    Close,
    Drop,
    NoHandshake,
    Pause,
    Refuse,
    Reply,
    ScriptedVendor,
    Send,
    WaitFor,
    base64_audio,
)

STOP = AfterText({"type": "stop"})
DONE = Send({"type": "done"})
WHOLE: list[Any] = [STOP, Send(final("all", 0.0, 0.9)), DONE]
PCM = b"".join(bytes(frame.data) for frame in tone(1.0))
OPEN = stream_spec(open=[{"send": {"type": "begin"}}, {"wait": "type == 'ready'"}])


def sent(seconds: float) -> int:
    """The size of so much audio."""
    return round(seconds * 16000) * 2


@pytest.mark.parametrize(
    "first",
    [
        pytest.param([Refuse(503, "busy")], id="before it is open"),
        pytest.param([Drop()], id="in the opening exchange"),
        pytest.param([Close(1013)], id="closed in the opening exchange"),
        pytest.param([Send({"type": "ready"}), AfterAudio(0.3), Drop()], id="in mid audio"),
        pytest.param([Send({"type": "ready"}), AfterAudio(0.3), Send(interim("al")), Close(1011)], id="1011"),
        pytest.param([Send({"type": "ready"}), AfterAudio(0.3), Close(1000)], id="1000 before the end"),
        pytest.param([Send({"type": "ready"}), AfterAudio(0.3), Close(1001)], id="1001 before the end"),
        pytest.param([Send({"type": "ready"}), STOP, Drop()], id="after the stop"),
        pytest.param([Send({"type": "ready"}), STOP, Close(1011)], id="1011 after the stop"),
    ],
)
async def test_a_drop_at_any_stage_loses_nothing(first: list[Any]) -> None:
    result, vendor = await listen(
        first, [Send({"type": "ready"}), *WHOLE], spec=OPEN, seconds=1.0, conn_options=ONE_RETRY
    )
    assert result.error is None
    assert result.kinds.count("start_of_speech") == result.kinds.count("end_of_speech") == 1
    assert [timed(event) for event in result.events if event.type == "final_transcript"] == [("all", 0, 0.9)]
    assert vendor.audio(1) == PCM


async def test_audio_is_sent_again_from_the_end_of_the_last_final() -> None:
    first: list[Any] = [AfterAudio(0.6), Send(final("one", 0.1, 0.4)), Send(interim("tw", 0.5, 0.6)), Drop()]
    second: list[Any] = [STOP, Send(final("two", 0.1, 0.5)), DONE]
    result, vendor = await listen(first, second, seconds=1.0, conn_options=ONE_RETRY)
    assert result.error is None
    assert vendor.audio(1) == PCM[sent(0.4) :]
    assert [timed(event) for event in result.events if event.type == "final_transcript"] == [
        ("one", 0.1, 0.4),
        ("two", 0.5, 0.9),
    ]
    assert result.kinds.count("start_of_speech") == 1


async def test_a_final_without_times_gives_up_all_audio_sent_before_it() -> None:
    go = asyncio.Event()
    vendor = ScriptedVendor(
        [AfterAudio(0.5), Send(final("one")), WaitFor(go), Drop()], [STOP, Send(final("two")), DONE]
    )
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=ONE_RETRY)
        await push(stream, tone(0.5), end=False)
        await next_event(stream, "final_transcript")
        go.set()
        await until_true(lambda: len(vendor.handshakes) == 2, "the second connection")
        await push(stream, tone(0.2))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert transcripts(result.events) == ["two"]
    assert len(vendor.audio(1)) == sent(0.2)


async def test_times_go_on_over_many_drops() -> None:
    """Each connection hears 0.2 s further; the vendor counts from 0 every time."""
    scripts: list[list[Any]] = [
        [AfterAudio(0.3), Send(final(str(number), 0.05, 0.2)), Drop()] for number in range(4)
    ]
    scripts.append([STOP, Send(final("last", 0.05, 0.2)), DONE])
    result, _ = await listen(*scripts, seconds=1.2, conn_options=ONE_RETRY)
    assert result.error is None
    assert [timed(event) for event in result.events if event.type == "final_transcript"] == [
        ("0", 0.05, 0.2),
        ("1", 0.25, 0.4),
        ("2", 0.45, 0.6),
        ("3", 0.65, 0.8),
        ("last", 0.85, 1.0),
    ]


async def test_times_count_audio_and_not_the_time_a_retry_takes() -> None:
    slow = APIConnectOptions(max_retry=3, retry_interval=0.3, timeout=3.0)
    first: list[Any] = [AfterAudio(0.5), Send(final("one", 0.1, 0.4)), Drop()]
    result, _ = await listen(
        first, [Refuse(503)], [STOP, Send(final("two", 0.1, 0.5)), DONE], conn_options=slow, seconds=1.0
    )
    assert [timed(event) for event in result.events if event.type == "final_transcript"] == [
        ("one", 0.1, 0.4),
        ("two", 0.5, 0.9),
    ]


async def test_an_offset_set_late_counts_and_grows() -> None:
    """The framework sets `start_time_offset` when the stream runs already."""
    first: list[Any] = [
        AfterAudio(0.5),
        Send(final("one", 0.1, 0.4, words=[{"w": "one", "s": 0.1, "e": 0.4}])),
        Drop(),
    ]
    vendor = ScriptedVendor(first, [STOP, Send(final("two", 0.1, 0.5)), DONE])
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=ONE_RETRY)
        await asyncio.sleep(0.05)
        stream.start_time_offset = 100.0
        await push(stream, tone(1.0))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    finals = [event for event in result.events if event.type == "final_transcript"]
    assert [timed(event) for event in finals] == [("one", 100.1, 100.4), ("two", 100.5, 100.9)]
    word = (finals[0].alternatives[0].words or [])[0]
    assert word.start_time == pytest.approx(100.1)
    assert word.end_time == pytest.approx(100.4)
    assert stream.start_time_offset == pytest.approx(100.4)


async def test_an_utterance_goes_on_in_the_next_connection() -> None:
    first: list[Any] = [AfterAudio(0.3), Send({"type": "start"}), Send(interim("he")), Drop()]
    second: list[Any] = [
        AfterAudio(0.3),
        Send({"type": "start"}),
        Send(final("hello")),
        Send({"type": "end"}),
        STOP,
        DONE,
    ]
    result, _ = await listen(first, second, seconds=0.5, conn_options=ONE_RETRY)
    assert result.kinds == ["start_of_speech", "interim_transcript", "final_transcript", "end_of_speech"]


async def test_an_end_that_waits_for_its_text_survives_the_drop() -> None:
    first: list[Any] = [AfterAudio(0.3), Send(interim("he")), Send({"type": "end"}), Drop()]
    result, _ = await listen(first, [STOP, Send(final("hello")), DONE], conn_options=ONE_RETRY, seconds=0.3)
    assert result.kinds == ["start_of_speech", "interim_transcript", "final_transcript", "end_of_speech"]


async def test_state_starts_anew_with_every_connection() -> None:
    spec = stream_spec(
        state={"said": {"type": "text"}},
        rules=[
            {"when": "type == 'piece'", "add": {"said": "text"}},
            {"when": "type == 'whole'", "emit": "final_transcript", "clear": ["said"]},
        ],
        transcript={"text": "$said"},
    )
    first: list[Any] = [AfterAudio(0.3), Send({"type": "piece", "text": "half"}), Drop()]
    second: list[Any] = [STOP, *(Send({"type": "piece", "text": word}) for word in ("half", " whole"))]
    result, _ = await listen(
        first, [*second, Send({"type": "whole"}), DONE], spec=spec, conn_options=ONE_RETRY, seconds=0.3
    )
    assert transcripts(result.events) == ["half whole"]


async def test_a_flush_among_the_audio_is_sent_again_in_its_place() -> None:
    vendor = ScriptedVendor([AfterText({"type": "flush"}), AfterAudio(0.4), Drop()], [STOP, DONE])
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=ONE_RETRY)
        await push(stream, tone(0.2), end=False)
        stream.flush()
        await push(stream, tone(0.2))
        await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    order = ["flush" if not hasattr(frame, "data") else len(frame.data) for frame in vendor.frames(1)]
    assert order == [1600] * 4 + ["flush"] + [1600] * 4 + ["flush", "flush"]


async def test_the_retry_is_livekits_alone() -> None:
    """Without retries left the first failure is the last; there is no loop of our own to hide it."""
    result, vendor = await listen([AfterAudio(0.1), Drop()])
    assert isinstance(result.error, APIConnectionError)
    assert result.error.retryable
    assert len(vendor.handshakes) == 1


async def test_retries_end_and_the_last_failure_is_named() -> None:
    three = APIConnectOptions(max_retry=2, retry_interval=0.01, timeout=3.0)
    result, vendor = await listen(
        [Refuse(503)], [Refuse(503)], [Refuse(503, "still busy")], conn_options=three
    )
    assert isinstance(result.error, APIConnectionError)
    assert isinstance(result.error.__cause__, APIStatusError)
    assert "still busy" in str(result.error.__cause__)
    assert len(vendor.handshakes) == 3


async def test_errors_are_told_and_whether_they_are_recoverable() -> None:
    vendor = ScriptedVendor([Refuse(503)], [Refuse(401, "no")])
    told: list[Any] = []
    async with vendor:
        adapter = acme(vendor)
        adapter.on("error", told.append)
        stream = adapter.stream(conn_options=ONE_RETRY)
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert [(error.error.status_code, error.recoverable) for error in told] == [(503, True), (401, False)]
    assert {error.label for error in told} == {"specbuilder.acme"}
    assert isinstance(result.error, APIStatusError)


async def test_a_connection_that_is_lost_while_nothing_is_sent_is_noticed() -> None:
    vendor = ScriptedVendor([AfterAudio(0.1), Pause(0.1), Close(1011)])
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        started = time.monotonic()
        result = await outcome(stream, failed=vendor.failed)
        assert time.monotonic() - started < 1.0
        await adapter.aclose()
    assert isinstance(result.error, APIError)


async def test_what_is_pushed_while_nothing_is_connected_is_heard() -> None:
    release = asyncio.Event()
    vendor = ScriptedVendor([AfterAudio(0.2), Drop()], [NoHandshake()], [STOP, DONE])
    async with vendor:
        adapter = acme(vendor, stream_spec(timeouts={"connect": "300ms"}))
        stream = adapter.stream(conn_options=APIConnectOptions(max_retry=3, retry_interval=0.01, timeout=3.0))
        await push(stream, tone(0.2), end=False)
        await until_true(lambda: len(vendor.handshakes) == 2, "the connection that hangs")
        await push(stream, tone(0.3))
        release.set()
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert len(vendor.audio(2)) == sent(0.5)


async def test_silence_the_protocol_adds_is_not_in_the_times() -> None:
    """A flush pads with 0.5 s that only the vendor hears: what follows it is 0.5 s earlier for livekit."""
    spec = stream_spec(flush={"silence": "500ms", "send": {"type": "flush"}})
    vendor = ScriptedVendor(
        [AfterAudio(0.8), Send(final("two", 0.7, 0.8)), Drop()], [STOP, Send(final("x", 0.02, 0.1)), DONE]
    )
    async with vendor:
        adapter = acme(vendor, spec)
        stream = adapter.stream(conn_options=ONE_RETRY)
        await push(stream, tone(0.2), end=False)
        stream.flush()
        await push(stream, tone(0.2), end=False)
        first = await outcome(stream, until=has_text("two"), failed=vendor.failed)
        await until_true(lambda: len(vendor.handshakes) == 2, "the second connection")
        stream.end_input()
        rest = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    finals = [event for event in first.events + rest.events if event.type == "final_transcript"]
    assert [timed(event) for event in finals] == [("two", 0.2, 0.3), ("x", 0.32, 0.4)]
    assert vendor.audio(1)[: sent(0.1)] == b"".join(bytes(f.data) for f in tone(0.2))[sent(0.1) :]


async def test_a_drop_in_a_bundled_spec_with_a_session_request() -> None:
    """Every connection of Gladia's makes its own session; the audio goes into the new one."""
    session = Reply(
        201, json=lambda request: {"id": "s", "url": f"ws://{request.header('host')}/v2/live?token=t"}
    )
    vendor = ScriptedVendor(
        [AfterAudio(0.3), Drop()],
        [AfterText({"type": "stop_recording"}), Close(1000)],
        replies={"POST /v2/live": [session, session]},
        audio=base64_audio("data", "chunk"),
    )
    async with vendor:
        adapter = load_adapter("gladia", api_key=KEY, base_url=vendor.url)
        stream = adapter.stream(conn_options=ONE_RETRY)
        await push(stream, tone(0.5))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert len(vendor.requests) == 2
    assert len(vendor.audio(1)) == sent(0.5)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'\x81\x7e\x10\x00{"type": "fin', id="half a message"),
        pytest.param(b"\x83\x00", id="an opcode that is none"),
        pytest.param(b"\x81\x02\xff\xfe", id="text that is not UTF-8"),
        pytest.param(b"\xc1\x00", id="a compressed frame nobody asked for"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_a_socket_that_breaks_the_protocol_is_a_lost_connection(data: bytes) -> None:
    async def vendor(socket: ServerConnection) -> None:
        await socket.recv()
        socket.transport.write(data)
        socket.transport.close()

    async with serve(vendor, "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()[:2]
        adapter = acme(f"http://{host}:{port}")
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        result = await outcome(stream)
        await adapter.aclose()
    assert isinstance(result.error, APIConnectionError)
    assert result.error.retryable
