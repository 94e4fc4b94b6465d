"""A stream or recognition may be cancelled or closed after any number of turns of the loop: nothing stays.

The turns are counted, not the time: over all counts every place where something is awaited is hit. Tasks left
behind fail any test of this suite (`no_leaked_tasks`); sockets are counted here.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIError

from specbuilder import load_adapter
from tests.faults.families import BATCHES, FAMILIES
from tests.promises.listening import file_descriptors, until_true
from tests.support.script import Reply
from tests.support.streams import outcome, silence, tone
from tests.support.vendor import ScriptedVendor

OPTIONS = APIConnectOptions(max_retry=1, retry_interval=0.01, timeout=2.0)
STEPS = (*range(40), *range(40, 120, 4))
"""Turns of the loop after which it is cancelled; the last ones are behind the end of the conversation."""

DEEPGRAM = FAMILIES[0]
GLADIA = FAMILIES[3]


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
@pytest.mark.parametrize("family", [DEEPGRAM, GLADIA], ids=str)
async def test_a_stream_ends_after_any_number_of_turns(
    family: Any, end: Callable[..., Awaitable[None]]
) -> None:
    replies = {f"POST {family.session}": [Reply(201, json=_session)] * 200} if family.session else {}
    script = family.whole("hello")
    async with ScriptedVendor(script, repeat=True, replies=replies, audio=family.audio) as vendor:
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


def _session(request: Any) -> dict[str, str]:
    return {"id": "1", "url": f"ws://{request.header('host')}/v2/live?token=abc"}


async def _conversation(adapter: Any) -> None:
    stream = adapter.stream(conn_options=OPTIONS)
    for frame in tone(0.1):
        stream.push_frame(frame)
    stream.end_input()
    result = await outcome(stream)
    assert result.error is None


@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_a_recognition_ends_after_any_number_of_turns(batch: Any) -> None:
    replies = [Reply(json=batch.reply("hello"))] * 200
    async with batch.vendor(*replies) as vendor:
        adapter = batch.adapter(vendor.url)
        for count in range(30):
            task = asyncio.ensure_future(adapter.recognize(silence(0.1), conn_options=OPTIONS))
            await turns(count)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await in_time(task)
        # What was cancelled is not in the way of the next one.
        event = await adapter.recognize(silence(0.1), conn_options=OPTIONS)
        assert event.alternatives[0].text == "hello"
        await adapter.aclose()


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
