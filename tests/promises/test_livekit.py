"""An adapter at work in livekit: `recognize`, HTTP sessions, prewarm, and livekit's own adapters over it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable
from typing import Any

import aiohttp
import pytest
from livekit import rtc
from livekit.agents import APIStatusError, stt, vad
from livekit.agents.utils import http_context

from specbuilder import load_adapter
from tests.promises.acme import (
    KEY,
    NO_RETRY,
    ONE_RETRY,
    SPEC,
    acme,
    final,
    http_spec,
    merged,
)
from tests.promises.listening import until_true
from tests.support.streams import outcome, push, silence, tone, transcripts
from tests.support.vendor import AfterAudio, AfterText, Drop, Refuse, Reply, ScriptedVendor, Send

STOP = AfterText({"type": "stop"})
DONE = Send({"type": "done"})
ANSWER: list[Any] = [STOP, Send(final("hi", 0.1, 0.2)), DONE]


# -- recognize -----------------------------------------------------------------------------------------------


async def test_recognize_over_a_spec_that_only_streams() -> None:
    words: list[Any] = [Send(final("hello", 0.1, 0.3)), Send(final("world", 0.4, 0.6))]
    vendor = ScriptedVendor([Send({"id": "r-1"}), STOP, *words, DONE])
    async with vendor:
        adapter = acme(vendor)
        event = await adapter.recognize(tone(0.7), language="de", conn_options=NO_RETRY)
        await adapter.aclose()
    assert event.type == stt.SpeechEventType.FINAL_TRANSCRIPT
    assert event.alternatives[0].text == "hello world"
    assert (event.alternatives[0].start_time, event.alternatives[0].end_time) == (0.1, 0.6)
    assert str(event.alternatives[0].language) == "de"
    assert event.request_id == "r-1"
    assert dict(vendor.handshakes[0].pairs)["language"] == "de"
    assert len(vendor.audio(0)) == 22400


async def test_recognize_over_the_stream_retries_and_fails_as_a_request_does() -> None:
    vendor = ScriptedVendor([AfterAudio(0.1), Drop()], ANSWER, [Refuse(401)])
    async with vendor:
        adapter = acme(vendor)
        event = await adapter.recognize(tone(0.2), conn_options=ONE_RETRY)
        assert event.alternatives[0].text == "hi"
        with pytest.raises(APIStatusError):
            await adapter.recognize(tone(0.2), conn_options=ONE_RETRY)
        await adapter.aclose()


async def test_recognize_of_silence_has_one_empty_alternative() -> None:
    """livekit reads the first one unguarded."""
    vendor = ScriptedVendor([STOP, DONE], replies={"POST /v1/transcribe": [Reply(json={"text": ""})]})
    async with vendor:
        for spec in (SPEC, http_spec()):
            adapter = acme(vendor, spec)
            event = await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
            assert [data.text for data in event.alternatives] == [""]
            await adapter.aclose()


async def test_a_language_given_to_one_recognition_is_for_that_one() -> None:
    replies = {"POST /v1/transcribe": [Reply(json={"text": "a"}) for _ in range(2)]}
    async with ScriptedVendor(replies=replies) as vendor:
        adapter = acme(vendor, http_spec())
        await adapter.recognize(silence(0.1), language="de", conn_options=NO_RETRY)
        await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        await adapter.aclose()
    assert [dict(request.pairs)["language"] for request in vendor.requests] == ["de", "en"]


# -- sessions and prewarm ------------------------------------------------------------------------------------


async def test_a_session_that_was_given_is_used_and_not_closed() -> None:
    async with (
        ScriptedVendor(replies={"POST /v1/transcribe": [Reply(json={"text": "a"})]}) as vendor,
        aiohttp.ClientSession(headers={"X-From": "the caller"}) as session,
    ):
        adapter = acme(vendor, http_spec(), http_session=session)
        await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        await adapter.aclose()
        assert not session.closed
    assert vendor.requests[0].header("X-From") == "the caller"


async def test_the_session_of_the_job_is_used_and_not_closed() -> None:
    replies = {"POST /v1/transcribe": [Reply(json={"text": "a"})]}
    async with ScriptedVendor(replies=replies) as vendor, http_context.open():
        session = http_context.http_session()
        session.headers["X-From"] = "the job"
        adapter = acme(vendor, http_spec())
        await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        await adapter.aclose()
        assert not session.closed
    assert vendor.requests[0].header("X-From") == "the job"


async def test_a_session_of_its_own_is_made_and_closed_outside_of_a_job() -> None:
    replies = {"POST /v1/transcribe": [Reply(json={"text": "a"}) for _ in range(2)]}
    async with ScriptedVendor(replies=replies) as vendor:
        adapter = acme(vendor, http_spec())
        await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        own = adapter._sessions.get()
        await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        assert adapter._sessions.get() is own
        await adapter.aclose()
        assert own.closed


TOKEN = merged(
    SPEC,
    {
        "steps": [{"name": "token", "post": "/v1/token", "expires_in": "lifetime"}],
        "headers": {"Authorization": "Bearer {{ token.value }}"},
    },
)


async def test_prewarm_fetches_a_shared_token_once() -> None:
    replies = {"POST /v1/token": [Reply(json={"value": "t-1", "lifetime": 3600})]}
    vendor = ScriptedVendor(ANSWER, ANSWER, replies=replies)
    async with vendor:
        adapter = acme(vendor, TOKEN)
        adapter.prewarm()
        await vendor.until(lambda: bool(vendor.requests), "the token request")
        for _ in range(2):
            stream = adapter.stream(conn_options=NO_RETRY)
            stream.end_input()
            await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert len(vendor.requests) == 1
    assert [handshake.header("Authorization") for handshake in vendor.handshakes] == ["Bearer t-1"] * 2


async def test_prewarm_never_fails(caplog: pytest.LogCaptureFixture) -> None:
    for spec in (TOKEN, SPEC, http_spec()):
        adapter = acme("http://127.0.0.1:1", spec)
        adapter.prewarm()
        await until_true(lambda adapter=adapter: not adapter._tasks, "prewarm")
        await adapter.aclose()
    assert KEY not in caplog.text


def test_prewarm_without_a_loop_does_nothing() -> None:
    load_adapter(TOKEN, api_key=KEY).prewarm()


async def test_prewarm_is_cancelled_by_a_close() -> None:
    replies = {"POST /v1/token": [Reply(delay=30.0)]}
    async with ScriptedVendor(replies=replies) as vendor:
        adapter = acme(vendor, TOKEN)
        adapter.prewarm()
        await vendor.until(lambda: bool(vendor.requests), "the token request")
        started = time.monotonic()
        await adapter.aclose()
        assert time.monotonic() - started < 1.0


async def test_a_token_that_was_refused_is_fetched_anew() -> None:
    replies = {"POST /v1/token": [Reply(json={"value": f"t-{n}", "lifetime": 3600}) for n in (1, 2)]}
    vendor = ScriptedVendor([Refuse(401)], ANSWER, replies=replies)
    async with vendor:
        adapter = acme(vendor, TOKEN)
        for _ in range(2):
            stream = adapter.stream(conn_options=NO_RETRY)
            stream.end_input()
            await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert vendor.handshakes[1].header("Authorization") == "Bearer t-2"


# -- livekit's own adapters ----------------------------------------------------------------------------------


async def test_a_dead_first_adapter_falls_back_to_the_second() -> None:
    async with ScriptedVendor(ANSWER) as vendor:
        dead, alive = acme("http://127.0.0.1:1"), acme(vendor)
        both = stt.FallbackAdapter([dead, alive], max_retry_per_stt=0, attempt_timeout=3.0)
        changes: list[stt.AvailabilityChangedEvent] = []
        both.on("stt_availability_changed", changes.append)
        stream = both.stream(conn_options=NO_RETRY)
        await until_true(lambda: bool(changes), "the first adapter to be given up")
        await push(stream, tone(0.2))
        result = await outcome(stream, failed=vendor.failed)
        await stream.aclose()
        await both.aclose()
        await dead.aclose()
        await alive.aclose()
    assert transcripts(result.events) == ["hi"]
    assert [(change.stt, change.available) for change in changes] == [(dead, False)]


async def test_a_refused_key_falls_back_at_once() -> None:
    # livekit looks in the background whether the first one has recovered.
    async with ScriptedVendor([Refuse(401)], repeat=True) as first, ScriptedVendor(ANSWER) as second:
        adapters: list[stt.STT[Any]] = [acme(first), acme(second)]
        both = stt.FallbackAdapter(adapters, max_retry_per_stt=3, attempt_timeout=3.0, retry_interval=30.0)
        stream = both.stream(conn_options=NO_RETRY)
        await second.until(lambda: bool(second.handshakes), "the second adapter")
        await push(stream, tone(0.2))
        result = await outcome(stream, failed=second.failed)
        await stream.aclose()
        await both.aclose()
        for adapter in adapters:
            await adapter.aclose()
    assert transcripts(result.events) == ["hi"]


async def test_recognitions_fall_back() -> None:
    async with ScriptedVendor(replies={"POST /v1/transcribe": [Reply(json={"text": "hi"})]}) as vendor:
        dead, alive = acme("http://127.0.0.1:1", http_spec()), acme(vendor, http_spec())
        both = stt.FallbackAdapter([dead, alive], vad=Talker(), max_retry_per_stt=0, attempt_timeout=3.0)
        event = await both.recognize(silence(0.2), conn_options=NO_RETRY)
        await both.aclose()
        await dead.aclose()
        await alive.aclose()
    assert event.alternatives[0].text == "hi"


async def test_a_batch_spec_streams_through_livekits_stream_adapter() -> None:
    async with ScriptedVendor(replies={"POST /v1/transcribe": [Reply(json={"text": "hi"})]}) as vendor:
        adapter = acme(vendor, http_spec())
        wrapped = stt.StreamAdapter(stt=adapter, vad=Talker())
        stream = wrapped.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.5))
        result = await outcome(stream, failed=vendor.failed)
        await stream.aclose()
        await wrapped.aclose()
        await adapter.aclose()
    assert transcripts(result.events) == ["hi"]


@pytest.mark.parametrize("wrapper", ["fallback", "stream"])
async def test_livekits_adapters_pass_prewarm_on(wrapper: str) -> None:
    token = [Reply(json={"value": "t-1", "lifetime": 3600})]
    async with ScriptedVendor(replies={"POST /v1/token": token, "HEAD /": [Reply()]}) as vendor:
        adapter = acme(vendor, merged(TOKEN, http_spec()))
        wrapped: stt.STT[Any] = (
            stt.FallbackAdapter([adapter, acme("http://127.0.0.1:1")])
            if wrapper == "fallback"
            else stt.StreamAdapter(stt=adapter, vad=Talker())
        )
        wrapped.prewarm()
        await vendor.until(lambda: len(vendor.requests) == 2, "the token and the open connection")
        await wrapped.aclose()
        await adapter.aclose()


async def test_the_second_adapter_counts_from_the_streams_offset_and_is_named() -> None:
    async with ScriptedVendor([Refuse(401)], repeat=True) as first, ScriptedVendor(ANSWER) as second:
        adapters: list[stt.STT[Any]] = [acme(first), acme(second, model="two")]
        both = stt.FallbackAdapter(adapters, attempt_timeout=3.0, retry_interval=30.0)
        stream = both.stream(conn_options=NO_RETRY)
        stream.start_time_offset = 100.0
        await second.until(lambda: bool(second.handshakes), "the second adapter")
        await push(stream, tone(0.2))
        result = await outcome(stream, failed=second.failed)
        (heard,) = (event.alternatives[0] for event in result.events if event.type == "final_transcript")
        assert 100.1 <= heard.start_time < 103.0
        assert heard.end_time - heard.start_time == pytest.approx(0.1)
        metadata = both.metrics_metadata
        assert (metadata["model_name"], metadata["model_provider"]) == ("two", "acme")
        await stream.aclose()
        await both.aclose()
        for adapter in adapters:
            await adapter.aclose()


class Talker(vad.VAD):
    """Takes all audio of a stream for one utterance."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.1))

    def stream(self) -> vad.VADStream:
        return _TalkerStream(self)


class _TalkerStream(vad.VADStream):
    async def _main_task(self) -> None:
        heard = [item async for item in self._input_ch if isinstance(item, rtc.AudioFrame)]
        for kind in (vad.VADEventType.START_OF_SPEECH, vad.VADEventType.END_OF_SPEECH):
            self._event_ch.send_nowait(
                vad.VADEvent(
                    type=kind,
                    samples_index=0,
                    timestamp=0.0,
                    speech_duration=0.5,
                    silence_duration=0.0,
                    frames=heard,
                )
            )

    async def _metrics_monitor_task(self, event_aiter: AsyncIterable[vad.VADEvent]) -> None:
        async for _ in event_aiter:
            pass
