"""A poll waits for a job whatever happens to single requests; cleaning up afterwards costs no transcript."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIError, APIStatusError

from specbuilder import load_adapter, load_spec
from specbuilder.toolkit.record import RecordingSTT
from tests.support.streams import silence
from tests.support.vendor import Reply, ScriptedVendor

NO_RETRY = APIConnectOptions(max_retry=0, timeout=3.0)

DONE = Reply(json={"id": "j1", "status": "done", "result": {"transcription": {"full_transcript": "hello"}}})
VENDORS: dict[str, tuple[str, Reply, dict[str, list[Reply]]]] = {
    "assemblyai_batch": (
        "GET /v2/transcript/j1",
        Reply(json={"id": "j1", "status": "completed", "text": "hello"}),
        {
            "POST /v2/upload": [Reply(json={"upload_url": "https://cdn.example/1"})],
            "POST /v2/transcript": [Reply(json={"id": "j1"})],
        },
    ),
    "gladia_batch": (
        "GET /v2/pre-recorded/j1",
        DONE,
        {
            "POST /v2/upload": [Reply(json={"audio_url": "https://cdn.example/1"})],
            "POST /v2/pre-recorded": [Reply(json={"id": "j1"})],
        },
    ),
    "speechmatics_batch": (
        "GET /v2/jobs/j1",
        Reply(json={"job": {"id": "j1", "status": "done"}}),
        {
            "POST /v2/jobs": [Reply(json={"id": "j1"})],
            "GET /v2/jobs/j1/transcript": [
                Reply(json={"results": [{"type": "word", "alternatives": [{"content": "hello"}]}]})
            ],
        },
    ),
}
"""Of each vendor that has jobs: what is polled, the answer when it is done, and all other answers."""

TRANSIENT = [
    Reply(503),
    Reply(429, headers={"Retry-After": "0.05"}),
    # aiohttp itself repeats a GET once that a kept connection lost.
    *[Reply(drop=True)] * 3,
    Reply(408),
]


def quick(name: str, **poll: str) -> dict[str, Any]:
    """The vendor's spec, not waiting long between two polls."""
    poll = {"every": "10ms", **poll}
    if name == "speechmatics_batch":
        steps = [
            {"name": "created", "post": "/jobs", "body": "{{ audio.wav }}"},
            {"name": "finished", "get": "/jobs/{{ created.id }}", "until": "job.status == 'done'", **poll},
        ]
        return {"spec": 1, "extends": name, "recognize": {"steps": steps}}
    return {"spec": 1, "extends": name, "recognize": poll}


async def recognized(vendor: ScriptedVendor, spec: Any, **options: Any) -> str:
    """The text that the vendor's answers become, without any retry of livekit's."""
    adapter = load_adapter(spec, api_key="test-key", base_url=vendor.url, **options)
    try:
        event = await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
    finally:
        await adapter.aclose()
    return event.alternatives[0].text


def asked(vendor: ScriptedVendor) -> list[str]:
    """Every request, in order."""
    return [f"{request.method} {request.path}" for request in vendor.requests]


@pytest.mark.parametrize("name", VENDORS)
async def test_a_poll_outlives_failures_that_pass(name: str) -> None:
    polled, done, others = VENDORS[name]
    async with ScriptedVendor(replies={**others, polled: [*TRANSIENT, done]}) as vendor:
        assert await recognized(vendor, quick(name)) == "hello"
    assert asked(vendor).count(polled) == len(TRANSIENT) + 1
    posts = [request for request in asked(vendor) if request.startswith("POST")]
    assert posts == [request for request in others if request.startswith("POST")]


async def test_a_recording_of_it_is_the_same() -> None:
    polled, done, others = VENDORS["gladia_batch"]
    async with ScriptedVendor(replies={**others, polled: [*TRANSIENT, done]}) as vendor:
        spec = load_spec(quick("gladia_batch"))
        adapter = RecordingSTT(spec, api_key="test-key", base_url=vendor.url)
        event = await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        await adapter.aclose()
    assert event.alternatives[0].text == "hello"


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize("status", [401, 404, 410])
async def test_a_refused_poll_fails_at_once(name: str, status: int) -> None:
    polled, done, others = VENDORS[name]
    async with ScriptedVendor(replies={**others, polled: [Reply(503), Reply(status), done]}) as vendor:
        with pytest.raises(APIStatusError) as failure:
            await recognized(vendor, quick(name))
    assert (failure.value.status_code, failure.value.retryable) == (status, False)
    assert asked(vendor).count(polled) == 2


async def test_a_poll_that_only_fails_ends_with_the_last_failure() -> None:
    polled, _, others = VENDORS["gladia_batch"]
    async with ScriptedVendor(replies={**others, polled: [Reply(503, body="busy")] * 100}) as vendor:
        with pytest.raises(APIStatusError, match="busy") as failure:
            await recognized(vendor, quick("gladia_batch", every="50ms", timeout="400ms"))
    assert failure.value.retryable
    assert 2 <= asked(vendor).count(polled) <= 8


@pytest.mark.parametrize("wait", ["20", "3600"])
async def test_a_poll_does_not_wait_beyond_its_own_deadline(wait: str) -> None:
    polled, done, others = VENDORS["gladia_batch"]
    failing = Reply(503, headers={"Retry-After": wait})
    async with ScriptedVendor(replies={**others, polled: [failing, done]}) as vendor:
        with pytest.raises(APIStatusError) as failure:
            await recognized(vendor, quick("gladia_batch", timeout="10s"))
    assert failure.value.retryable == (wait == "20")
    assert asked(vendor).count(polled) == 1


async def test_a_job_that_failed_is_not_asked_for_again() -> None:
    polled, _, others = VENDORS["gladia_batch"]
    failed = Reply(json={"id": "j1", "status": "error", "error_code": 500})
    async with ScriptedVendor(replies={**others, polled: [failed]}) as vendor:
        with pytest.raises(APIStatusError, match="failed with 500"):
            await recognized(vendor, quick("gladia_batch"))
    assert asked(vendor).count(polled) == 1


async def test_a_request_that_waits_for_nothing_is_not_repeated() -> None:
    polled, _, others = VENDORS["gladia_batch"]
    async with ScriptedVendor(replies={**others, "POST /v2/upload": [Reply(503)], polled: []}) as vendor:
        with pytest.raises(APIStatusError):
            await recognized(vendor, quick("gladia_batch"))
    assert asked(vendor) == ["POST /v2/upload"]


@pytest.mark.parametrize("name", VENDORS)
async def test_nothing_is_deleted_unless_it_is_asked_for(name: str) -> None:
    polled, done, others = VENDORS[name]
    for wanted in (False, True):
        deleted = polled.replace("GET", "DELETE")
        replies = {**others, polled: [done], deleted: [Reply(204)]}
        async with ScriptedVendor(replies=replies) as vendor:
            assert await recognized(vendor, quick(name), delete_when_done=wanted) == "hello"
        assert (asked(vendor)[-1] == deleted) is wanted


@pytest.mark.parametrize("answer", [Reply(500, body="test-key no"), Reply(drop=True), Reply(delay=5.0)])
async def test_a_cleanup_that_fails_is_only_logged(answer: Reply, caplog: pytest.LogCaptureFixture) -> None:
    polled, done, others = VENDORS["gladia_batch"]
    spec = quick("gladia_batch")
    spec["recognize"]["cleanup"] = {"timeout": "200ms"}
    replies = {**others, polled: [done], "DELETE /v2/pre-recorded/j1": [answer] * 2}
    async with ScriptedVendor(replies=replies) as vendor:
        assert await recognized(vendor, spec, delete_when_done=True) == "hello"
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "recognize.cleanup failed" in record.getMessage()
    assert "test-key" not in record.getMessage()


async def test_what_was_begun_is_cleaned_up_after_a_failure() -> None:
    polled, _, others = VENDORS["gladia_batch"]
    replies = {**others, polled: [Reply(404)], "DELETE /v2/pre-recorded/j1": [Reply(202)]}
    async with ScriptedVendor(replies=replies) as vendor:
        with pytest.raises(APIStatusError) as failure:
            await recognized(vendor, quick("gladia_batch"), delete_when_done=True)
    assert failure.value.status_code == 404
    assert asked(vendor)[-1] == "DELETE /v2/pre-recorded/j1"


async def test_nothing_is_cleaned_up_that_was_not_begun(caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptedVendor(replies={"POST /v2/upload": [Reply(401)]}) as vendor:
        with pytest.raises(APIError):
            await recognized(vendor, quick("gladia_batch"), delete_when_done=True)
    assert asked(vendor) == ["POST /v2/upload"]
    assert "cleanup" not in caplog.text


async def test_the_transcript_is_read_with_the_headers_of_its_own_reply() -> None:
    polled, done, others = VENDORS["gladia_batch"]
    spec = quick("gladia_batch")
    spec["recognize"]["request_id"] = "header('x-id')"
    replies = {
        **others,
        polled: [Reply(json=done.json, headers={"x-id": "of the answer"})],
        "DELETE /v2/pre-recorded/j1": [Reply(202, headers={"x-id": "of the cleanup"})],
    }
    async with ScriptedVendor(replies=replies) as vendor:
        adapter = load_adapter(spec, api_key="test-key", base_url=vendor.url, delete_when_done=True)
        event = await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        await adapter.aclose()
    assert event.request_id == "of the answer"
