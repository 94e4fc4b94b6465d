"""livekit's `StreamAdapter` over our requests: faults leave it as a plugin's do, the next utterance works."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APIStatusError, stt

from tests.faults.families import BATCHES, KEY, Batch
from tests.faults.table import REQUEST_FAULTS, SECONDS, Impatient, RequestFault, finals
from tests.support.streams import outcome, push, tone
from tests.support.vad import FlushVAD

ONCE = APIConnectOptions(max_retry=0, timeout=0.7)
TWICE = Impatient(max_retry=1, timeout=0.7)


@contextlib.asynccontextmanager
async def wrapped(batch: Batch, url: str, timeout: str | None = None) -> AsyncIterator[stt.StreamAdapter]:
    """An adapter behind livekit's; both are closed at the end."""
    adapter = batch.adapter(url, timeout)
    both = stt.StreamAdapter(stt=adapter, vad=FlushVAD())
    try:
        yield both
    finally:
        await both.aclose()
        await adapter.aclose()


@pytest.mark.parametrize("fault", [fault for fault in REQUEST_FAULTS if fault.status is None], ids=str)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_a_fault_that_passes_is_made_good_for(
    batch: Batch, fault: RequestFault, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        batch.vendor(fault.reply, batch.says("one"), batch.says("two")) as vendor,
        wrapped(batch, vendor.url, fault.timeout) as adapter,
    ):
        live = adapter.stream(conn_options=TWICE)
        await push(live, tone(SECONDS), end=False)
        live.flush()
        await push(live, tone(SECONDS))
        result = await outcome(live)
        await live.aclose()
    assert result.error is None
    assert finals(result) == ["one", "two"]
    assert len(vendor.requests) == 3
    assert KEY not in caplog.text


@pytest.mark.parametrize("fault", REQUEST_FAULTS, ids=str)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_a_fault_ends_one_stream_and_not_the_next(
    batch: Batch, fault: RequestFault, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        batch.vendor(fault.reply, batch.says("hello")) as vendor,
        wrapped(batch, vendor.url, fault.timeout) as adapter,
    ):
        results = []
        for _ in range(2):
            live = adapter.stream(conn_options=ONCE)
            await push(live, tone(SECONDS))
            results.append(await outcome(live))
            await live.aclose()
    failed, good = results
    assert isinstance(failed.error, APIError)
    assert failed.error.retryable == (fault.status is None)
    if fault.status is not None:
        assert isinstance(failed.error, APIStatusError)
        assert failed.error.status_code == fault.status
    assert failed.kinds == ["start_of_speech", "end_of_speech"]
    assert KEY not in f"{failed.error} {failed.error.body} {caplog.text}"
    assert good.error is None
    assert finals(good) == ["hello"]


@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_a_fault_that_stays_is_livekits_error_after_all_attempts(batch: Batch) -> None:
    fault = next(fault for fault in REQUEST_FAULTS if fault.name == "status 503")
    async with batch.vendor(fault.reply, fault.reply) as vendor, wrapped(batch, vendor.url) as adapter:
        live = adapter.stream(conn_options=TWICE)
        await push(live, tone(SECONDS))
        result = await outcome(live)
        await live.aclose()
    assert type(result.error) is APIConnectionError
    assert "after 2 attempts" in str(result.error)
    assert len(vendor.requests) == 2


@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_nothing_heard_is_no_transcript(batch: Batch) -> None:
    async with (
        batch.vendor(batch.says(""), batch.says("hello")) as vendor,
        wrapped(batch, vendor.url) as adapter,
    ):
        live = adapter.stream(conn_options=ONCE)
        await push(live, tone(SECONDS), end=False)
        live.flush()
        await push(live, tone(SECONDS))
        result = await outcome(live)
        await live.aclose()
    assert result.error is None
    assert finals(result) == ["hello"]
