"""Every fault of an HTTP request against every batch protocol: livekit's error, retried by livekit alone."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APIStatusError

from tests.faults.families import BATCHES, KEY, Batch
from tests.faults.proxy import Line, Shape
from tests.faults.table import BROKEN, FATAL, TRANSIENT, Impatient
from tests.faults.unreachable import nobody, nowhere, stranger
from tests.support.streams import silence
from tests.support.vendor import Reply

ONE = APIConnectOptions(max_retry=0, timeout=0.7)
TWO = Impatient(max_retry=1, timeout=0.7)


async def recognized(batch: Batch, url: str, options: APIConnectOptions = TWO) -> str:
    """The transcript of a short silence."""
    adapter = batch.adapter(url)
    try:
        event = await adapter.recognize(silence(0.1), conn_options=options)
    finally:
        await adapter.aclose()
    return event.alternatives[0].text


@pytest.mark.parametrize("status", TRANSIENT)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_a_transient_status_is_tried_again(batch: Batch, status: int) -> None:
    wait = {"Retry-After": "0.05"} if status in (429, 503) else {}
    async with batch.vendor(Reply(status, headers=wait), batch.says("hello")) as vendor:
        assert await recognized(batch, vendor.url) == "hello"
    assert len(vendor.requests) == 2


@pytest.mark.parametrize("status", FATAL)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_a_fatal_status_is_not(batch: Batch, status: int) -> None:
    async with batch.vendor() as other:
        headers = {"Location": f"{other.url}{batch.path}"} if status < 400 else {}
        async with batch.vendor(Reply(status, json={"error": f"{KEY} no"}, headers=headers)) as vendor:
            with pytest.raises(APIStatusError) as failure:
                await recognized(batch, vendor.url)
        assert other.requests == []
    assert (failure.value.status_code, failure.value.retryable) == (status, False)
    assert KEY not in f"{failure.value} {failure.value.body}"
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_a_reply_that_is_broken_is_tried_again(batch: Batch, broken: str) -> None:
    async with batch.vendor(BROKEN[broken], batch.says("hello")) as vendor:
        assert await recognized(batch, vendor.url) == "hello"
    assert len(vendor.requests) == 2


@pytest.mark.parametrize(
    "value",
    [None, [], {}, 7, "x", {"text": 5}, {"text": None, "words": "no"}, {"results": {"channels": {}}}],
    ids=repr,
)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_a_reply_of_other_types_is_silence_or_an_error(batch: Batch, value: Any) -> None:
    async with batch.vendor(Reply(json=lambda _: value)) as vendor:
        with contextlib.suppress(APIError):
            assert await recognized(batch, vendor.url, ONE) in ("", "5")


@pytest.mark.parametrize(
    ("shape", "times"),
    [(Shape(cut_up=60), 2), (Shape(cut_up=2000), 2), (Shape(cut_down=30), 2), (Shape(piece=11), 1)],
    ids=["cut in the head", "cut in the body", "cut in the reply", "a few bytes at a time"],
)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_a_line_that_breaks(batch: Batch, shape: Shape, times: int) -> None:
    vendor = batch.vendor(*[batch.says("hello")] * 3)
    async with vendor, Line(vendor, shape) as line:
        assert await recognized(batch, line.url) == "hello"
    assert line.count == times


@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_nobody_there(batch: Batch) -> None:
    for place in (nobody, nowhere):
        async with place() as url:
            with pytest.raises(APIConnectionError) as failure:
                await recognized(batch, url, ONE)
        assert failure.value.retryable


@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_a_certificate_that_nobody_knows(batch: Batch) -> None:
    async with stranger() as url:
        with pytest.raises(APIConnectionError) as failure:
            await recognized(batch, url, ONE)
    assert "certificate" in str(failure.value).lower()
