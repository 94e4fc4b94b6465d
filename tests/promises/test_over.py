"""A vendor that ends its recognition while the input goes on: another connection, no retry, nothing lost."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import APIConnectionError
from livekit.agents.utils import merge_frames

from tests.promises.acme import NO_RETRY, ONE_RETRY, acme, final, interim, merged, stream_spec
from tests.promises.listening import has_event, listen, timed, until_true
from tests.support.streams import outcome, push, tone, transcripts
from tests.support.vendor import AfterAudio, AfterText, Close, Pause, ScriptedVendor, Send, WaitFor

OVER = Send({"type": "over"})
STOP = AfterText({"type": "stop"})
SPEC = stream_spec(over="type == 'over' || $close.code == `1000`", finish={"until": None})
PCM = bytes(merge_frames(tone(1.0)).data)
LAST: list[Any] = [STOP, Close(1000)]


def sent(seconds: float) -> int:
    return round(seconds * 16000) * 2


async def test_it_is_no_retry_and_nothing_is_lost() -> None:
    vendor = ScriptedVendor(
        [AfterAudio(1.0), Send(final("one", 0.1, 0.4)), OVER],
        [AfterAudio(0.6), Send(final("two", 0.1, 0.5)), Close(1000)],
        [STOP, Send(final("end", 0.1, 0.2)), OVER],
    )
    async with vendor:
        adapter = acme(vendor, SPEC)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(1.0), end=False)
        await vendor.until(lambda: len(vendor.handshakes) == 3, "three connections")
        stream.end_input()
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert [timed(event) for event in result.events if event.alternatives] == [
        ("one", 0.1, 0.4),
        ("two", 0.5, 0.9),
        ("end", 1.0, 1.1),
    ]
    assert result.kinds.count("start_of_speech") == result.kinds.count("end_of_speech") == 3
    assert [vendor.audio(number) for number in range(3)] == [PCM, PCM[sent(0.4) :], PCM[sent(0.9) :]]


async def test_the_next_connection_waits_for_audio() -> None:
    vendor = ScriptedVendor(
        [AfterAudio(0.2), Send(final("one")), Pause(1.05), Close(1000)], [AfterAudio(0.1), *LAST]
    )
    async with vendor:
        adapter = acme(vendor, SPEC)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.2), end=False)
        await outcome(stream, until=has_event("end_of_speech"), failed=vendor.failed)
        stream.flush()
        await until_true(lambda: stream._connection is None, "the close")
        assert len(vendor.handshakes) == 1
        await push(stream, tone(0.1))
        assert (await outcome(stream, failed=vendor.failed)).error is None
        await adapter.aclose()
    assert len(vendor.handshakes) == 2
    assert vendor.audio(1) == bytes(merge_frames(tone(0.1)).data)


async def test_a_vendor_that_is_over_at_once_is_given_up() -> None:
    script: list[Any] = [AfterAudio(0.1), OVER]
    result, vendor = await listen(script, script, spec=SPEC, seconds=0.2, conn_options=ONE_RETRY, end=False)
    assert isinstance(result.error, APIConnectionError)
    assert len(vendor.handshakes) == 2


async def test_a_flush_that_finishes_holds_back_what_follows() -> None:
    spec = merged(SPEC, {"stream": {"flush": {"send": None, "finish": True}}})
    pushed = asyncio.Event()
    vendor = ScriptedVendor(
        [STOP, WaitFor(pushed), Send(interim("on")), Send(final("one", 0.0, 0.4)), Close(1000)],
        [STOP, Send(final("two", 0.0, 0.5)), Close(1000)],
    )
    audio = tone(1.0)
    async with vendor:
        adapter = acme(vendor, spec)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, audio[:50], end=False)
        stream.flush()
        await push(stream, audio[50:])
        pushed.set()
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert transcripts(result.events) == ["one", "two"]
    assert [vendor.audio(0), vendor.audio(1)] == [PCM[: sent(0.5)], PCM[sent(0.5) :]]


async def test_a_recording_may_take_several() -> None:
    spec = merged(SPEC, {"recognize": {"over": "stream"}})
    spec = merged(spec, {"stream": {"audio": {"pace": 10}}})
    vendor = ScriptedVendor(
        [AfterAudio(0.5), Send(final("one", 0.1, 0.4)), OVER], [STOP, Send(final("two", 0.1, 1.5)), OVER]
    )
    async with vendor:
        adapter = acme(vendor, spec)
        event = await adapter.recognize(tone(2.0), conn_options=NO_RETRY)
        await adapter.aclose()
    assert timed(event) == ("one two", 0.1, 1.9)
    assert vendor.audio(1) == bytes(merge_frames(tone(2.0)).data)[sent(0.4) :]
