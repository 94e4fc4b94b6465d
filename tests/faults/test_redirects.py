"""No redirect takes a key to another host: neither of a handshake nor of any request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIStatusError

from tests.faults.accounts import ACCOUNT_PATH, account
from tests.faults.families import BATCHES, FAMILIES, Batch, Family
from tests.support.streams import outcome, silence, tone
from tests.support.vendor import Refuse, Reply, ScriptedVendor

STATUSES = (301, 302, 303, 307, 308)
TWICE = APIConnectOptions(max_retry=1, retry_interval=0.01, timeout=0.7)


def places(other: ScriptedVendor, path: str) -> Iterator[str]:
    """The same server by another name and by its number, in both schemes."""
    port = other.address.rpartition(":")[2]
    for host in (f"localhost:{port}", other.address):
        yield f"http://{host}{path}"
        yield f"ws://{host}{path}"


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_handshake(family: Family, status: int) -> None:
    async with ScriptedVendor() as other:
        for place in places(other, "/"):
            async with family.vendor([Refuse(status, "", {"Location": place})]) as vendor:
                error = await _failure(family, vendor)
            assert isinstance(error, APIStatusError)
            assert (error.status_code, error.retryable) == (status, False)
        assert other.wire == []


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("family", [family for family in FAMILIES if family.session], ids=str)
async def test_a_step_before_the_handshake(family: Family, status: int) -> None:
    async with ScriptedVendor() as other:
        for place in places(other, family.session or ""):
            reply = Reply(status, headers={"Location": place})
            async with ScriptedVendor(replies={f"POST {family.session}": [reply]}) as vendor:
                error = await _failure(family, vendor)
            assert isinstance(error, APIStatusError)
            assert (error.status_code, error.retryable) == (status, False)
        assert other.wire == []


async def _failure(family: Family, vendor: ScriptedVendor) -> Any:
    adapter = family.adapter(vendor.url)
    live = adapter.stream(conn_options=TWICE)
    live.push_frame(tone(0.1, rate=family.rate, chunk=0.1)[0])
    result = await outcome(live, failed=vendor.failed)
    await adapter.aclose()
    return result.error


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_a_request(batch: Batch, status: int) -> None:
    async with ScriptedVendor() as other:
        for place in places(other, batch.path):
            async with batch.vendor(Reply(status, headers={"Location": place})) as vendor:
                adapter = batch.adapter(vendor.url)
                with pytest.raises(APIStatusError) as failure:
                    await adapter.recognize(silence(0.1), conn_options=TWICE)
                await adapter.aclose()
            assert (failure.value.status_code, failure.value.retryable) == (status, False)
        assert other.wire == []


@pytest.mark.parametrize("status", STATUSES)
async def test_the_request_of_a_token(status: int, private_key: str) -> None:
    async with ScriptedVendor() as other:
        for place in places(other, "/token"):
            replies = {"POST /token": [Reply(status, headers={"Location": place})], ACCOUNT_PATH: []}
            async with ScriptedVendor(replies=replies) as vendor, account(vendor, private_key) as adapter:
                with pytest.raises(APIStatusError) as failure:
                    await adapter.recognize(silence(0.1), conn_options=TWICE)
            assert (failure.value.status_code, failure.value.retryable) == (status, False)
        assert other.wire == []
