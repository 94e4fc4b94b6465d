"""Memory is bounded: a slow vendor, a fast caller, an endless stream, a message of any size."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from typing import Any

from livekit.agents import APIConnectionError

from tests.promises.acme import NO_RETRY, ONE_RETRY, acme, final, stream_spec
from tests.promises.listening import has_event, has_text, listen, next_event, until_true
from tests.support.streams import outcome, push, silence, transcripts
from tests.support.vendor import AfterAudio, AfterText, Drop, ScriptedVendor, Send, StopReading

MIB = 2**20
DONE = Send({"type": "done"})


async def test_the_audio_that_is_kept_is_bounded() -> None:
    """A vendor that finalizes nothing: the newest two seconds are kept and sent again, with right times."""
    vendor = ScriptedVendor(
        [AfterAudio(60.0), Drop()], [AfterText({"type": "stop"}), Send(final("end", 1.0, 2.0)), DONE]
    )
    async with vendor:
        adapter = acme(vendor, stream_spec(replay="2s"))
        stream = adapter.stream(conn_options=ONE_RETRY)
        await push(stream, silence(60.0, chunk=0.1))
        result = await outcome(stream, failed=vendor.failed)
        assert stream._replay.seconds <= 2.0
        await adapter.aclose()
    assert result.error is None
    assert len(vendor.audio(1)) == 2 * 32000
    (event,) = (event for event in result.events if event.type == "final_transcript")
    assert (round(event.alternatives[0].start_time, 3), round(event.alternatives[0].end_time, 3)) == (
        59.0,
        60.0,
    )


async def test_a_final_frees_the_audio_before_it() -> None:
    vendor = ScriptedVendor([AfterAudio(5.0), Send(final("a", 0.5, 4.5))])
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, silence(5.0, chunk=0.1), end=False)
        await next_event(stream, "final_transcript")
        assert stream._replay.seconds <= 0.6
        await adapter.aclose()


async def test_a_time_far_beyond_the_audio_gives_up_no_audio_to_come() -> None:
    """A unit that was misread makes every end 1000 times too late."""
    vendor = ScriptedVendor(
        [AfterAudio(0.5), Send(final("a", 100.0, 400.0)), AfterAudio(0.9), Drop()],
        [AfterText({"type": "stop"}), Send(final("b", 0.1, 0.2)), DONE],
    )
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=ONE_RETRY)
        await push(stream, silence(0.5), end=False)
        await next_event(stream, "final_transcript")
        await push(stream, silence(0.5))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert transcripts(result.events) == ["b"]
    assert len(vendor.audio(1)) == 16000


async def test_a_vendor_that_reads_slowly_does_not_fill_our_write_buffer() -> None:
    vendor = ScriptedVendor([StopReading()])
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, silence(600.0, chunk=1.0), end=False)
        await until_true(
            lambda: stream._connection is not None and stream._connection._socket.congested, "a stall"
        )
        assert stream._connection is not None
        transport = stream._connection._socket._connection.transport
        assert transport.get_write_buffer_size() < MIB
        await adapter.aclose()


async def test_a_message_of_several_megabytes_is_read() -> None:
    text = "word " * 600_000
    result, _ = await listen([AfterText({"type": "stop"}), Send(final(text)), DONE])
    assert transcripts(result.events) == [text]


async def test_a_message_beyond_every_measure_is_an_error() -> None:
    result, _ = await listen([AfterAudio(0.1), Send("x" * 17 * MIB)])
    assert isinstance(result.error, APIConnectionError)
    assert "too large" in str(result.error)


async def test_a_vendor_that_floods_is_held_back_by_the_network() -> None:
    """Messages that nobody reads yet wait in the socket, not in this process."""
    vendor = ScriptedVendor(
        [AfterAudio(0.1), *[Send(final("x" * 1000)) for _ in range(5000)], Send(final("end"))]
    )
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, silence(0.1), end=False)
        result = await outcome(stream, until=has_text("end"), failed=vendor.failed)
        await adapter.aclose()
    assert len(transcripts(result.events)) == 5001


async def test_keys_of_keyed_state_are_bounded() -> None:
    spec = stream_spec(
        state={"said": {"type": "text", "per": "item"}},
        rules=[{"when": "text", "add": {"said": "text"}, "emit": "interim_transcript"}],
        transcript={"text": "$said"},
    )
    messages: list[Any] = [Send({"item": f"i{number}", "text": "x"}) for number in range(1000)]
    vendor = ScriptedVendor([AfterAudio(0.1), *messages, Send({"item": "last", "text": "end"})])
    async with vendor:
        adapter = acme(vendor, spec)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, silence(0.1), end=False)
        await outcome(stream, until=has_text("end"))
        assert stream._connection is not None
        assert len(stream._connection.session._state._keyed["said"]) <= 128
        await adapter.aclose()


async def test_many_streams_leave_nothing_behind() -> None:
    script: list[Any] = [AfterText({"type": "stop"}), Send(final("a")), DONE]
    vendor = ScriptedVendor(script, repeat=True)

    async def one() -> None:
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, silence(0.2, chunk=0.1))
        await outcome(stream, failed=vendor.failed)
        await stream.aclose()
        vendor.wire.clear()
        vendor._audio_bytes.clear()

    async with vendor:
        adapter = acme(vendor)
        for _ in range(10):
            await one()
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(60):
            await one()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await adapter.aclose()
    # 60 streams at 6400 bytes of audio each: what they leave must not even hold their audio.
    assert after - before < 60 * 4000


async def test_an_endless_stream_keeps_nothing_of_its_past() -> None:
    """Five minutes with a final every five seconds, as fast as it goes."""
    script: list[Any] = []
    for number in range(60):
        script += [AfterAudio(5.0 * number + 5.0), Send(final("x", 5.0 * number + 1, 5.0 * number + 5))]
    vendor = ScriptedVendor(script)
    sizes: list[int] = []
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        reader = asyncio.create_task(outcome(stream, until=has_event("final_transcript", 60), deadline=20.0))
        for number in range(1, 61):
            await push(stream, silence(5.0, chunk=0.5), end=False)
            size = number * 160000
            await vendor.until(lambda size=size: vendor.audio_bytes(0) >= size, "audio")  # type: ignore[misc]
            sizes.append(len(tuple(stream._replay)))
        await reader
        await until_true(lambda: stream._replay.seconds < 0.6, "the last final")
        await adapter.aclose()
    assert max(sizes) <= 70
