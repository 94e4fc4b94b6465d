"""Every fault of a request that comes before the one that matters: a session that is opened, a token."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from livekit.agents import APIError, APIStatusError

from tests.faults.accounts import ACCOUNT_PATH, account
from tests.faults.families import FAMILIES, Family, open_session
from tests.faults.table import REQUEST_FAULTS, SECONDS, Impatient, RequestFault, finals
from tests.support.streams import outcome, push, silence, tone
from tests.support.taint import KEYS
from tests.support.vendor import Reply, ScriptedVendor

TOKEN = KEYS[2]
GOOD_TOKEN = Reply(json={"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})
HELLO = Reply(json={"results": [{"alternatives": [{"transcript": "hello", "confidence": 0.9}]}]})
TWICE = Impatient(max_retry=1, timeout=0.3)

# Their deadline is that of every request, half a minute.
STEP_FAULTS = [fault for fault in REQUEST_FAULTS if fault.name != "no answer"]


@pytest.mark.parametrize("fault", STEP_FAULTS, ids=str)
@pytest.mark.parametrize("family", [family for family in FAMILIES if family.session], ids=str)
async def test_a_session_that_is_opened(family: Family, fault: RequestFault) -> None:
    replies = {f"POST {family.session}": [fault.reply, Reply(201, json=open_session)]}
    async with ScriptedVendor(family.whole("hello"), replies=replies, audio=family.audio) as vendor:
        adapter = family.adapter(vendor.url)
        live = adapter.stream(conn_options=TWICE)
        with contextlib.suppress(RuntimeError):
            # livekit's refusal of input, when the stream has failed before all was pushed.
            await push(live, tone(SECONDS, rate=family.rate))
        result = await outcome(live, failed=vendor.failed)
        await adapter.aclose()
    check(fault, result.error)
    assert finals(result) == (["hello"] if fault.status is None else [])
    assert len(vendor.requests) == (2 if fault.status is None else 1)


@pytest.mark.parametrize("fault", STEP_FAULTS, ids=str)
async def test_a_token(fault: RequestFault, private_key: str) -> None:
    replies = {"POST /token": [fault.reply, GOOD_TOKEN], ACCOUNT_PATH: [HELLO]}
    error: APIError | None = None
    async with ScriptedVendor(replies=replies) as vendor, account(vendor, private_key) as adapter:
        try:
            event = await adapter.recognize(silence(0.1), conn_options=TWICE)
            assert event.alternatives[0].text == "hello"
        except APIError as caught:
            error = caught
            # The next one asks anew.
            event = await adapter.recognize(silence(0.1), conn_options=TWICE)
            assert event.alternatives[0].text == "hello"
    check(fault, error)
    assert [request.path for request in vendor.requests] == ["/token", "/token", "/v1/speech:recognize"]
    assert vendor.requests[-1].header("x-goog-api-key") is None


def check(fault: RequestFault, error: Any) -> None:
    """A fatal status is what the caller gets; whatever else there was, was tried again."""
    if fault.status is None:
        assert error is None
    else:
        assert isinstance(error, APIStatusError)
        assert (error.status_code, error.retryable) == (fault.status, False)


@pytest.mark.parametrize(
    "value", [None, [], {}, 7, "x", {"access_token": 7}, {"access_token": None}], ids=repr
)
async def test_a_token_that_is_none(value: Any, private_key: str) -> None:
    """A request without its token is not sent, or refused by the vendor; it is livekit's error anyhow."""
    replies = {"POST /token": [Reply(json=lambda _: value)] * 2, ACCOUNT_PATH: [Reply(401)] * 2}
    async with ScriptedVendor(replies=replies) as vendor, account(vendor, private_key) as adapter:
        with pytest.raises(APIError):
            await adapter.recognize(silence(0.1), conn_options=TWICE)


async def test_a_token_that_was_refused_is_masked_and_fetched_anew(private_key: str) -> None:
    refusal = Reply(401, json={"error": {"message": f"bad token {TOKEN}"}})
    replies = {"POST /token": [GOOD_TOKEN] * 2, ACCOUNT_PATH: [refusal, HELLO]}
    async with ScriptedVendor(replies=replies) as vendor, account(vendor, private_key) as adapter:
        with pytest.raises(APIStatusError) as failure:
            await adapter.recognize(silence(0.1), conn_options=TWICE)
        event = await adapter.recognize(silence(0.1), conn_options=TWICE)
    assert TOKEN not in f"{failure.value} {failure.value.body}"
    assert event.alternatives[0].text == "hello"
    assert len(vendor.requests) == 4
