"""Vendors that stop in the middle of something: each wait of a request and of a connection has its end."""

from __future__ import annotations

import asyncio
import dataclasses
import time

import pytest
from livekit.agents import APIConnectOptions, APITimeoutError

from tests.faults.families import BATCHES, FAMILIES, Batch, Family
from tests.faults.proxy import Line, Shape
from tests.faults.table import STALL, Impatient, at_once
from tests.faults.unreachable import mute
from tests.support.streams import outcome, silence

ONCE = APIConnectOptions(max_retry=0, timeout=0.3)
TWICE = Impatient(max_retry=1, timeout=0.7)

SHAPES = {
    "while the request is sent": Shape(hold_up=500),
    "before the reply": Shape(hold_down=0),
    "in the middle of the reply": Shape(hold_down=60),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
async def test_a_line_that_falls_silent(shape: Shape) -> None:
    """As a half-open socket does: the request ends at its deadline, and is made again on another one."""

    async def check(batch: Batch) -> None:
        # A request that was held never arrives, and takes no reply.
        vendor = batch.vendor(*[batch.says("hello")] * 2)
        async with vendor, Line(vendor, shape) as line:
            adapter = batch.adapter(line.url, "0.5s")
            started = time.monotonic()
            event = await adapter.recognize(silence(0.1), conn_options=TWICE)
            assert time.monotonic() - started >= 0.5
            await adapter.aclose()
        assert event.alternatives[0].text == "hello"
        assert line.count == 2

    await at_once(BATCHES, check)


async def test_a_request_that_is_not_read() -> None:
    """More than the buffers of the operating system take, so that writing stalls."""
    batch = BATCHES[0]
    vendor = batch.vendor(batch.says("hello"))
    async with vendor, Line(vendor, Shape(hold_up=0)) as line:
        adapter = batch.adapter(line.url, "1s")
        event = await adapter.recognize(silence(STALL, chunk=5.0), conn_options=TWICE)
        await adapter.aclose()
    assert event.alternatives[0].text == "hello"
    assert len(vendor.requests) == 1
    assert line.count == 2


async def test_a_stream_whose_connection_hangs() -> None:
    async def check(family: Family) -> None:
        adapter = family.adapter(url)
        result = await outcome(adapter.stream(conn_options=ONCE), deadline=3.0)
        await adapter.aclose()
        assert isinstance(result.error, APITimeoutError), result.error
        assert result.error.retryable

    async with mute() as url:
        await at_once(FAMILIES, check)


async def test_a_request_whose_connection_hangs() -> None:
    async def check(batch: Batch) -> None:
        adapter = batch.adapter(url)
        with pytest.raises(APITimeoutError) as failure:
            await adapter.recognize(silence(0.1), conn_options=ONCE)
        await adapter.aclose()
        assert failure.value.retryable

    async with mute() as url:
        await at_once(BATCHES, check)


@pytest.mark.parametrize("jump", [-1e6, 1e6])
@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_the_clock_jumps_in_a_request(
    batch: Batch, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deadlines are monotonic: a step of the wall clock, either way, ends and prolongs nothing."""
    real = time.time
    slow = dataclasses.replace(batch.says("hello"), delay=0.05)
    async with batch.vendor(slow, slow) as vendor:
        adapter = batch.adapter(vendor.url, "2s")
        task = asyncio.ensure_future(adapter.recognize(silence(0.1), conn_options=ONCE))
        await vendor.until(lambda: bool(vendor.requests), "the request")
        monkeypatch.setattr(time, "time", lambda: real() + jump)
        assert (await task).alternatives[0].text == "hello"
        event = await adapter.recognize(silence(0.1), conn_options=ONCE)
        assert event.alternatives[0].text == "hello"
        await adapter.aclose()
    assert len(vendor.requests) == 2
