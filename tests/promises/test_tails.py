"""After `end_input()` nothing of the vendor's is lost, and the stream ends at its last word, at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from livekit.agents import APITimeoutError

from specbuilder import load_adapter
from specbuilder.adapters.stream import SpecStream
from tests.promises.acme import KEY, NO_RETRY, ONE_RETRY, acme, final, interim, stream_spec
from tests.promises.listening import listen, next_event
from tests.support.streams import Outcome, outcome, push, tone, transcripts
from tests.support.vendor import AfterAudio, AfterText, Close, Drop, Hang, Pause, ScriptedVendor, Send
from tests.support.vendor import Text as TextFrame

STOP = AfterText({"type": "stop"})
DONE = Send({"type": "done"})
AT_ONCE = 0.5


class Watch:
    """Notes when the newest final was heard."""

    def __init__(self) -> None:
        self.at = 0.0

    async def read(self, stream: SpecStream, vendor: ScriptedVendor) -> Outcome:
        def seen(events: list[Any]) -> bool:
            if events[-1].alternatives:
                self.at = time.monotonic()
            return False

        return await outcome(stream, until=seen, failed=vendor.failed)


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param([DONE], id="says that it is done"),
        pytest.param([DONE, Hang()], id="is done and never closes"),
        pytest.param([Close(1000)], id="closes"),
        pytest.param([Close(1001)], id="goes away"),
        pytest.param([DONE, Close(1011)], id="is done, then fails"),
    ],
)
async def test_a_late_final_is_heard_and_the_stream_ends_at_once(ending: list[Any]) -> None:
    """Also with a keepalive of a long period, whose sleep several plugins wait for."""
    watch = Watch()
    vendor = ScriptedVendor([STOP, Pause(0.2), Send(interim("a")), Pause(0.1), Send(final("all")), *ending])
    async with vendor:
        adapter = acme(vendor, stream_spec(keepalive={"every": "30s", "send": {"type": "ping"}}))
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1))
        result = await watch.read(stream, vendor)
        took = time.monotonic() - watch.at
        await adapter.aclose()
    assert transcripts(result.events) == ["all"]
    assert result.error is None
    assert took < AT_ONCE


async def test_a_vendor_that_never_says_it_is_done_ends_at_its_named_timeout() -> None:
    spec = stream_spec(timeouts={"finish": "400ms"})
    started = time.monotonic()
    result, _ = await listen([STOP, Send(final("all"))], spec=spec)
    took = time.monotonic() - started
    assert transcripts(result.events) == ["all"]
    assert result.error is None
    assert 0.4 < took < 2.0


async def test_text_that_never_became_final_is_sent_again() -> None:
    vendor = ScriptedVendor(
        [AfterAudio(0.2), Send(interim("hel")), STOP, Hang()],
        [AfterAudio(0.2), STOP, Send(final("hello")), DONE],
    )
    async with vendor:
        adapter = acme(vendor, stream_spec(timeouts={"finish": "300ms"}))
        stream = adapter.stream(conn_options=ONE_RETRY)
        await push(stream, tone(0.2))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert transcripts(result.events) == ["hello"]
    assert result.error is None
    assert vendor.audio(0) == vendor.audio(1)


async def test_text_that_never_becomes_final_is_an_error_at_last() -> None:
    result, _ = await listen(
        [AfterAudio(0.2), Send(interim("hel")), STOP, Hang()],
        spec=stream_spec(timeouts={"finish": "300ms"}),
        seconds=0.2,
    )
    assert isinstance(result.error, APITimeoutError)
    assert "did not come within 0.3 s" in str(result.error)


async def test_a_recording_that_is_never_answered_is_an_error() -> None:
    async with ScriptedVendor([STOP, Hang()]) as vendor:
        spec = stream_spec(timeouts={"finish": "300ms"}) | {"recognize": {"over": "stream"}}
        adapter = acme(vendor, spec)
        with pytest.raises(APITimeoutError, match=r"within 0\.3 s"):
            await adapter.recognize(tone(0.2), conn_options=NO_RETRY)
        await adapter.aclose()


async def test_quiet_ends_a_vendor_without_a_last_message() -> None:
    """The grace period starts anew with every message."""
    spec = stream_spec(finish={"send": {"type": "stop"}, "until": None, "quiet": "300ms"})
    script: list[Any] = [STOP, Pause(0.2), Send(final("a")), Pause(0.2), Send(final("b"))]
    started = time.monotonic()
    result, _ = await listen(script, spec=spec)
    took = time.monotonic() - started
    assert transcripts(result.events) == ["a", "b"]
    assert 0.7 < took < 2.5


async def test_the_last_message_may_come_before_the_input_ends() -> None:
    """A vendor that answered the flush with its last message says nothing more after `stop`."""
    vendor = ScriptedVendor([AfterText({"type": "flush"}), Send(final("all")), DONE])
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        stream.flush()
        await next_event(stream, "final_transcript")
        # `done` comes with the final in one piece; the stream must see it before the input ends.
        await asyncio.sleep(0.1)
        started = time.monotonic()
        stream.end_input()
        result = await outcome(stream, failed=vendor.failed)
        assert time.monotonic() - started < AT_ONCE + 0.3
        await adapter.aclose()
    assert result.error is None


async def test_the_partial_chunk_and_the_flush_go_before_the_stop() -> None:
    """0.12 s are two chunks of 50 ms and one of 20."""
    result, vendor = await listen([STOP, DONE], seconds=0.12)
    assert result.error is None
    assert [len(chunk) for chunk in vendor.chunks(0)] == [1600, 1600, 640]
    assert [frame.json["type"] for frame in vendor.frames(0)[3:] if isinstance(frame, TextFrame)] == [
        "flush",
        "stop",
    ]


async def test_a_flush_is_sent_when_nothing_is_left_to_send() -> None:
    vendor = ScriptedVendor([AfterText({"type": "flush"}), AfterText({"type": "flush"}), STOP, DONE])
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        stream.flush()
        stream.end_input()
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.kinds == []
    assert [message["type"] for message in vendor.messages(0)] == ["flush", "flush", "stop"]


async def test_input_that_ends_before_the_opening_is_over_is_heard_whole() -> None:
    spec = stream_spec(open=[{"wait": "type == 'ready'"}])
    script: list[Any] = [Pause(0.2), Send({"type": "ready"}), STOP, Send(final("all")), DONE]
    result, vendor = await listen(script, spec=spec, seconds=0.2)
    assert transcripts(result.events) == ["all"]
    assert len(vendor.audio(0)) == 6400


async def test_a_stream_without_any_audio_ends() -> None:
    result, _ = await listen([STOP, DONE], seconds=0.0)
    assert result.ended
    assert result.error is None


async def test_a_lazy_stream_without_any_audio_ends_without_connecting() -> None:
    result, vendor = await listen(spec=stream_spec(lazy=True), seconds=0.0)
    assert result.ended
    assert vendor.handshakes == []


async def test_a_lazy_stream_connects_with_the_first_audio() -> None:
    vendor = ScriptedVendor([STOP, Send(final("a")), DONE])
    async with vendor:
        adapter = acme(vendor, stream_spec(lazy=True))
        stream = adapter.stream(conn_options=NO_RETRY)
        await asyncio.sleep(0.1)
        assert vendor.handshakes == []
        await push(stream, tone(0.1))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert transcripts(result.events) == ["a"]
    assert len(vendor.audio(0)) == 3200


@pytest.mark.parametrize("ending", [Drop(), Close(1011), Close(4001)], ids=["reset", "1011", "4001"])
async def test_a_failure_while_the_tail_is_awaited_is_an_error(ending: Any) -> None:
    result, _ = await listen([STOP, Send(final("a")), ending])
    assert transcripts(result.events) == ["a"]
    assert result.error is not None


async def test_the_tail_of_a_bundled_spec() -> None:
    """Deepgram answers `CloseStream` with what it still has, and then closes."""
    vendor = ScriptedVendor(
        [
            AfterText({"type": "CloseStream"}),
            Pause(0.2),
            Send(
                {
                    "type": "Results",
                    "is_final": True,
                    "speech_final": True,
                    "channel": {"alternatives": [{"transcript": "the tail", "confidence": 1, "words": []}]},
                }
            ),
            Close(1000),
        ]
    )
    async with vendor:
        adapter = load_adapter("deepgram", api_key=KEY, base_url=vendor.url)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert transcripts(result.events) == ["the tail"]
    assert result.kinds[-1] == "end_of_speech"
