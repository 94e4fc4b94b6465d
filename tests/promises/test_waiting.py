"""How long a vendor asks to wait, where a spec says that it does not stand in `Retry-After`."""

from __future__ import annotations

import time
from typing import Any

import pytest
from livekit.agents import APIStatusError

from tests.promises.acme import NO_RETRY, ONE_RETRY, SPEC, acme, http_spec, merged
from tests.promises.listening import listen
from tests.support.streams import silence
from tests.support.vendor import Refuse, Reply, ScriptedVendor


def waiting(**http: str) -> dict[str, Any]:
    """The spec with more in `errors.http`."""
    return merged(http_spec(), {"errors": {"http": http}})


async def failure_of(reply: Reply, **http: str) -> APIStatusError:
    """What a request that is answered so fails with."""
    async with ScriptedVendor(replies={"POST /v1/transcribe": [reply]}) as vendor:
        adapter = acme(vendor, waiting(**http))
        with pytest.raises(APIStatusError) as failure:
            await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        await adapter.aclose()
    return failure.value


@pytest.mark.parametrize(
    ("body", "headers", "http", "seconds"),
    [
        ({"estimated_time": 20.5}, {}, {"retry_after": "estimated_time"}, 20.5),
        ({"wait": "1.5s"}, {}, {"retry_after": "wait", "unit": "duration"}, 1.5),
        ({}, {"retry-after-ms": "1500"}, {"retry_after": "header('retry-after-ms')", "unit": "ms"}, 1.5),
        ({"wait": 2}, {"Retry-After": "9"}, {"retry_after": "wait"}, 2),
        ({}, {"Retry-After": "9"}, {"retry_after": "wait"}, 9),
        ({"wait": "soon"}, {"Retry-After": "9"}, {"retry_after": "wait"}, 9),
        ({"wait": [1]}, {}, {"retry_after": "wait"}, None),
        ({"wait": -4}, {}, {"retry_after": "wait"}, 0),
        ("busy", {}, {"retry_after": "wait"}, None),
    ],
)
async def test_the_place_and_the_unit_are_the_specs(
    body: Any, headers: dict[str, str], http: dict[str, str], seconds: float | None
) -> None:
    error = await failure_of(Reply(503, json=body, headers=headers), **http)
    assert (error.retryable, getattr(error, "retry_after", "none")) == (True, seconds)


async def test_more_than_a_minute_is_a_refusal() -> None:
    error = await failure_of(Reply(503, json={"wait": 61}), retry_after="wait")
    assert not error.retryable
    assert "61" in error.message


async def test_the_next_attempt_waits_for_it() -> None:
    replies = [Reply(503, json={"wait": 400}), Reply(json={"text": "hi"})]
    async with ScriptedVendor(replies={"POST /v1/transcribe": replies}) as vendor:
        adapter = acme(vendor, waiting(retry_after="wait", unit="ms"))
        await adapter.recognize(silence(0.1), conn_options=ONE_RETRY)
        await adapter.aclose()
    assert vendor.requests[1].at - vendor.requests[0].at >= 0.39


async def test_a_refused_handshake_says_it_too() -> None:
    spec = merged(SPEC, {"errors": {"http": {"retry_after": "wait"}}})
    started = time.monotonic()
    result, _ = await listen([Refuse(429, {"wait": 61})], spec=spec, conn_options=ONE_RETRY)
    assert isinstance(result.error, APIStatusError)
    assert not result.error.retryable
    assert time.monotonic() - started < 2.0


async def test_a_range_of_statuses_means_another() -> None:
    spec = merged(http_spec(), {"errors": {"http": {"status": {"520-529": 400, "524": 503}}}})
    answers = [Reply(522), Reply(524), Reply(530)]
    async with ScriptedVendor(replies={"POST /v1/transcribe": answers}) as vendor:
        adapter = acme(vendor, spec)
        found = []
        for _ in answers:
            with pytest.raises(APIStatusError) as failure:
                await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
            found.append((failure.value.status_code, failure.value.retryable))
        await adapter.aclose()
    assert found == [(400, False), (503, True), (530, True)]
