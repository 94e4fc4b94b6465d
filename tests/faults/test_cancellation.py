"""A stream or recognition may be cancelled or closed after any number of turns of the loop: nothing stays.

The turns are counted, not the time: over all counts every place where something is awaited is hit. Tasks left
behind fail any test of this suite (`no_leaked_tasks`); sockets are counted here.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIError, stt

from specbuilder import load_adapter
from tests.faults.accounts import ACCOUNT_PATH, account
from tests.faults.families import BATCHES, FAMILIES, Batch, Family
from tests.faults.table import finals
from tests.promises.listening import file_descriptors, until_true
from tests.support.script import Reply
from tests.support.streams import Outcome, outcome, silence, tone
from tests.support.vad import FlushVAD
from tests.support.vendor import Refuse, ScriptedVendor

OPTIONS = APIConnectOptions(max_retry=1, retry_interval=0.01, timeout=2.0)
STEPS = (*range(40), *range(40, 120, 4))
"""Turns of the loop after which it is cancelled; the last ones are behind the end of the conversation."""

DEEPGRAM = FAMILIES[0]
GLADIA = FAMILIES[3]
VOSK = FAMILIES[5]
XAI = FAMILIES[6]


@pytest.fixture(autouse=True)
async def no_socket_left() -> AsyncIterator[None]:
    """What a test opened is closed when it ends."""
    before = file_descriptors()
    yield
    await until_true(lambda: file_descriptors() <= before, "the sockets to close")


async def turns(count: int) -> None:
    """Let the loop run so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def in_time(work: Awaitable[Any]) -> None:
    """Await what must end at once."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait([task], timeout=3.0)
    assert done, "it did not end"
    await task


async def close_stream(adapter: Any, stream: Any) -> None:
    await stream.aclose()


async def close_adapter(adapter: Any, stream: Any) -> None:
    await adapter.aclose()


async def cancel_task(adapter: Any, stream: Any) -> None:
    stream._task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await stream._task
    await stream.aclose()


@pytest.mark.parametrize("end", [close_stream, close_adapter, cancel_task], ids=lambda end: end.__name__)
@pytest.mark.parametrize("family", [DEEPGRAM, GLADIA, XAI], ids=str)
async def test_a_stream_ends_after_any_number_of_turns(
    family: Family, end: Callable[..., Awaitable[None]]
) -> None:
    async with family.vendor(family.whole("hello"), repeat=True, attempts=200) as vendor:
        adapter = family.adapter(vendor.url)
        await _conversation(adapter)
        gc.collect()
        before = file_descriptors()
        for count in STEPS:
            stream = adapter.stream(conn_options=OPTIONS)
            for frame in tone(0.1):
                stream.push_frame(frame)
            stream.end_input()
            await turns(count)
            await in_time(end(adapter, stream))
        vendor.problems.clear()  # clients that leave in the middle of its script are what this is about
        await until_true(lambda: file_descriptors() <= before + 4, "the sockets to close")
        await adapter.aclose()


async def _conversation(adapter: Any) -> Outcome:
    stream = adapter.stream(conn_options=OPTIONS)
    for frame in tone(0.1):
        stream.push_frame(frame)
    stream.end_input()
    result = await outcome(stream)
    assert result.error is None
    return result


@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_a_recognition_ends_after_any_number_of_turns(batch: Batch) -> None:
    async with batch.vendor(*[batch.says("hello")] * 200) as vendor:
        adapter = batch.adapter(vendor.url)
        for count in range(30):
            await cancelled(adapter.recognize(silence(0.1), conn_options=OPTIONS), count)
        # What was cancelled is not in the way of the next one.
        event = await adapter.recognize(silence(0.1), conn_options=OPTIONS)
        assert event.alternatives[0].text == "hello"
        await adapter.aclose()


async def test_a_recognition_over_the_stream_ends_after_any_number_of_turns() -> None:
    async with VOSK.vendor(VOSK.whole("hello"), repeat=True) as vendor:
        adapter = VOSK.adapter(vendor.url)
        for count in STEPS:
            await cancelled(adapter.recognize(silence(0.1), conn_options=OPTIONS), count)
        event = await adapter.recognize(silence(0.1), conn_options=OPTIONS)
        assert event.alternatives[0].text == "hello"
        vendor.problems.clear()
        await adapter.aclose()


async def test_the_request_of_a_token_ends_after_any_number_of_turns(private_key: str) -> None:
    """Others may wait for the same token: the next one asks anew."""
    token = Reply(json={"access_token": "ya29.token", "expires_in": 3599})
    hello = BATCHES[4].says("hello")
    for count in range(0, 30, 2):
        replies = {"POST /token": [token] * 2, ACCOUNT_PATH: [hello] * 2}
        async with ScriptedVendor(replies=replies) as vendor, account(vendor, private_key) as adapter:
            await cancelled(adapter.recognize(silence(0.1), conn_options=OPTIONS), count)
            event = await adapter.recognize(silence(0.1), conn_options=OPTIONS)
            assert event.alternatives[0].text == "hello"


@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_an_adapter_is_closed_after_any_number_of_turns_of_a_recognition(batch: Batch) -> None:
    """The recognition ends, whichever way; the adapter can be closed again, and used again."""
    async with batch.vendor(*[batch.says("hello")] * 200) as vendor:
        adapter = batch.adapter(vendor.url)
        for count in range(0, 30, 2):
            task = asyncio.ensure_future(adapter.recognize(silence(0.1), conn_options=OPTIONS))
            await turns(count)
            await in_time(adapter.aclose())
            with contextlib.suppress(APIError, asyncio.CancelledError):
                await in_time(task)
            await in_time(adapter.aclose())
        event = await adapter.recognize(silence(0.1), conn_options=OPTIONS)
        assert event.alternatives[0].text == "hello"
        await adapter.aclose()


async def cancelled(work: Awaitable[Any], count: int) -> None:
    """Cancel what is awaited after so many turns."""
    task = asyncio.ensure_future(work)
    await turns(count)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await in_time(task)


# -- behind livekit's own adapters ---------------------------------------------------------------------------


async def test_a_fallback_is_closed_after_any_number_of_turns() -> None:
    """The first one fails, the second one answers, and livekit looks for the first one in the background."""
    refusing = DEEPGRAM.vendor([Refuse(503)], repeat=True)
    async with refusing, DEEPGRAM.vendor(DEEPGRAM.whole("hello"), repeat=True) as healthy:
        first, second = DEEPGRAM.adapter(refusing.url), DEEPGRAM.adapter(healthy.url)
        for count in STEPS:
            both = stt.FallbackAdapter([first, second], max_retry_per_stt=0, attempt_timeout=2.0)
            stream = both.stream()
            stream.push_frame(tone(0.1, chunk=0.1)[0])
            await turns(count)
            await in_time(stream.aclose())
            await in_time(both.aclose())
            for adapter in (first, second):
                await in_time(adapter.aclose())
        healthy.problems.clear()
    assert len(refusing.handshakes) > 20
    assert len(healthy.handshakes) > 5


async def test_a_stream_adapter_is_closed_after_any_number_of_turns() -> None:
    batch = BATCHES[0]
    async with batch.vendor(*[batch.says("hello")] * 200) as vendor:
        adapter = batch.adapter(vendor.url)
        for count in STEPS:
            both = stt.StreamAdapter(stt=adapter, vad=FlushVAD())
            stream = both.stream(conn_options=OPTIONS)
            stream.push_frame(tone(0.1, chunk=0.1)[0])
            stream.end_input()
            await turns(count)
            await in_time(stream.aclose())
            await in_time(both.aclose())
        await adapter.aclose()
    assert len(vendor.requests) > 20


# -- the event loop ------------------------------------------------------------------------------------------


def test_an_event_loop_that_ends_with_a_live_stream_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A loop that is torn down cancels what runs in it; the adapter works in the next loop."""

    async def leave() -> None:
        stream = adapter.stream(conn_options=OPTIONS)
        stream.push_frame(tone(0.05)[0])
        await turns(30)

    adapter = load_adapter("vosk", base_url="http://127.0.0.1:1")
    asyncio.run(leave())
    assert asyncio.run(_refused(adapter)) == "refused"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def _refused(adapter: Any) -> str:
    result = await outcome(adapter.stream(conn_options=APIConnectOptions(max_retry=0, timeout=1.0)))
    await adapter.aclose()
    return "refused" if isinstance(result.error, APIError) else repr(result.error)


def test_an_event_loop_that_ends_after_any_number_of_turns(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a stream and a recognition are at, both adapters work in the next loop."""

    async def leave(count: int) -> None:
        stream = live.stream(conn_options=OPTIONS)
        stream.push_frame(tone(0.1, chunk=0.1)[0])
        stream.end_input()
        recognition = asyncio.ensure_future(batch.recognize(silence(0.1), conn_options=OPTIONS))
        await turns(count)
        assert not recognition.cancelled()

    async def hear() -> list[str]:
        event = await batch.recognize(silence(0.1), conn_options=OPTIONS)
        result = await _conversation(live)
        for adapter in (live, batch):
            await adapter.aclose()
        return [event.alternatives[0].text, *finals(result)]

    vendors = (
        DEEPGRAM.vendor(DEEPGRAM.whole("one"), repeat=True),
        BATCHES[0].vendor(*[BATCHES[0].says("two")] * 60),
    )
    with in_a_thread(*vendors):
        live, batch = DEEPGRAM.adapter(vendors[0].url), BATCHES[0].adapter(vendors[1].url)
        for count in range(0, 40, 3):
            asyncio.run(leave(count))
            assert asyncio.run(hear()) == ["two", "one"]
    gc.collect()
    # What was left open, or hung up on, is aiohttp's to tell.
    names = [record.name for record in caplog.records if record.levelname == "ERROR"]
    assert not [name for name in names if name.startswith(("specbuilder", "livekit"))]


@contextlib.contextmanager
def in_a_thread(*vendors: ScriptedVendor) -> Iterator[None]:
    """Vendors in an event loop of their own, which outlives the clients' loops."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        for vendor in vendors:
            asyncio.run_coroutine_threadsafe(vendor.__aenter__(), loop).result(5.0)
        yield
        for vendor in vendors:
            vendor.problems.clear()
            asyncio.run_coroutine_threadsafe(vendor.__aexit__(None, None, None), loop).result(5.0)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5.0)
        loop.close()
