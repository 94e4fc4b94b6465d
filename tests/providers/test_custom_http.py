"""CustomHTTPSTTAdapter over a real socket: the form of the request, answers, failures, overrides."""

from __future__ import annotations

import io
import logging
import wave
from typing import Any

import aiohttp
import pytest
from livekit import rtc
from livekit.agents import (
    APIConnectionError,
    APIConnectOptions,
    APIStatusError,
    APITimeoutError,
    stt,
)

from specbuilder.providers.adapters import CustomHTTPSTTAdapter
from tests.providers.answers import HTTP_ANSWERS
from tests.support.vendor import Part, Reply, ScriptedVendor, wav_samples

KEY = "sk-test-secret-0042"
ONE_TRY = APIConnectOptions(max_retry=0, timeout=2.0)
TWO_TRIES = APIConnectOptions(max_retry=1, retry_interval=0.01, timeout=2.0)
SOUND = rtc.AudioFrame(bytes(range(256)) * 25, 16000, 1, 3200)


def vendor_of(*replies: Reply) -> ScriptedVendor:
    return ScriptedVendor(replies={"POST /v1/transcribe": replies})


def adapter_at(vendor: ScriptedVendor, **arguments: Any) -> CustomHTTPSTTAdapter:
    return CustomHTTPSTTAdapter(f"{vendor.url}/v1/transcribe", KEY, **arguments)


def content(part: Part) -> bytes:
    assert isinstance(part.value, bytes)
    return part.value


def errors_of(adapter: stt.STT[Any]) -> list[stt.STTError]:
    seen: list[stt.STTError] = []
    adapter.on("error", seen.append)
    return seen


async def test_the_recording_is_posted_as_a_form_with_the_key_as_bearer() -> None:
    async with vendor_of(Reply(json={"text": "hello"})) as vendor:
        adapter = adapter_at(vendor, language="de-DE", model="tiny")
        event = await adapter.recognize(SOUND)
        await adapter.aclose()
    request = vendor.requests[0]
    parts = {part.name: part for part in request.parts or []}
    assert request.header("authorization") == f"Bearer {KEY}"
    assert (parts["language"].value, parts["model"].value) == ("de-DE", "tiny")
    assert (parts["file"].filename, parts["file"].content_type) == ("audio.wav", "audio/wav")
    assert wav_samples(content(parts["file"])) == (16000, 1, SOUND.data.tobytes())
    assert event.alternatives[0].text == "hello"
    assert event.alternatives[0].language == "de-DE"


async def test_the_query_of_the_address_is_kept_and_no_key_sends_no_header() -> None:
    async with vendor_of(Reply(json={"text": "hello"})) as vendor:
        adapter = CustomHTTPSTTAdapter(f"{vendor.url}/v1/transcribe?tier=fast%20lane")
        await adapter.recognize(SOUND)
        await adapter.aclose()
    assert vendor.requests[0].query == "tier=fast%20lane"
    assert vendor.requests[0].header("authorization") is None


@pytest.mark.parametrize("name", HTTP_ANSWERS)
async def test_the_answers_of_vendors_are_understood(name: str) -> None:
    answer, text = HTTP_ANSWERS[name]
    async with vendor_of(Reply(json=answer)) as vendor, adapter_at(vendor, on_error="raise") as adapter:
        event = await adapter.recognize(SOUND, conn_options=ONE_TRY)
    assert event.type == stt.SpeechEventType.FINAL_TRANSCRIPT
    assert event.alternatives[0].text == text


async def test_what_an_answer_says_beside_the_text_is_kept() -> None:
    answer, _ = HTTP_ANSWERS["deepgram"]
    async with vendor_of(Reply(json=answer)) as vendor, adapter_at(vendor) as adapter:
        event = await adapter.recognize(SOUND)
    assert event.request_id == "rid-b"
    assert (event.alternatives[0].language, event.alternatives[0].confidence) == ("es", 0.98)


FAILURES = {
    "refused key": (Reply(401, json={"error": {"message": "no such key"}}), APIStatusError, "no such key"),
    "unavailable": (Reply(503, body="come back later"), APIStatusError, "come back later"),
    "an error in a success": (Reply(json={"error": "model is loading"}), APIStatusError, "model is loading"),
    "not JSON": (Reply(body="<html>"), APIStatusError, "not JSON"),
    "connection lost": (Reply(drop=True), APIConnectionError, "POST to"),
    "too slow": (Reply(json={"text": "late"}, delay=5), APITimeoutError, "in 0.3 s"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failure_is_an_empty_transcript_an_error_event_and_a_log_entry(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    reply, kind, message = FAILURES[name]
    caplog.set_level(logging.DEBUG)
    async with vendor_of(reply) as vendor, adapter_at(vendor, request_timeout=0.3) as adapter:
        errors = errors_of(adapter)
        event = await adapter.recognize(SOUND, conn_options=ONE_TRY)
    assert (event.type, event.alternatives[0].text) == (stt.SpeechEventType.FINAL_TRANSCRIPT, "")
    assert [(type(error.error), error.recoverable) for error in errors] == [(kind, False)]
    assert message in str(errors[0].error)
    assert "its transcript is empty" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("name", FAILURES)
async def test_with_raise_the_failure_is_livekits_error(name: str) -> None:
    reply, kind, _ = FAILURES[name]
    async with (
        vendor_of(reply) as vendor,
        adapter_at(vendor, request_timeout=0.3, on_error="raise") as adapter,
    ):
        with pytest.raises(kind):
            await adapter.recognize(SOUND, conn_options=ONE_TRY)


async def test_livekits_retries_come_before_the_empty_transcript() -> None:
    async with vendor_of(Reply(503), Reply(json={"text": "second try"})) as vendor:
        adapter = adapter_at(vendor)
        errors = errors_of(adapter)
        event = await adapter.recognize(SOUND, conn_options=TWO_TRIES)
        await adapter.aclose()
    assert event.alternatives[0].text == "second try"
    assert [error.recoverable for error in errors] == [True]


async def test_the_attempt_of_the_guide_may_be_called_directly() -> None:
    async with vendor_of(Reply(json={"text": "hi"}), Reply(500)) as vendor:
        adapter = adapter_at(vendor)
        errors = errors_of(adapter)
        heard = await adapter._recognize_impl(SOUND, language="en-US", conn_options=None)
        failed = await adapter._recognize_impl(SOUND, language=None, conn_options=None)
        await adapter.aclose()
    assert (heard.alternatives[0].text, failed.alternatives[0].text) == ("hi", "")
    assert failed.alternatives[0].language == "en-US"
    assert [error.recoverable for error in errors] == [False]


async def test_a_chunk_sent_directly_gives_its_text_or_nothing() -> None:
    chunk = io.BytesIO()
    with wave.open(chunk, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(1600))
    async with vendor_of(Reply(json={"text": "hi"}), Reply(drop=True)) as vendor:
        adapter = adapter_at(vendor)
        errors = errors_of(adapter)
        assert await adapter._send_audio_chunk(chunk.getvalue()) == "hi"
        assert await adapter._send_audio_chunk(chunk.getvalue()) == ""
        await adapter.aclose()
    assert len(errors) == 1
    posted = next(part for part in vendor.requests[0].parts or [] if part.name == "file")
    assert posted.value == chunk.getvalue()


class Overridden(CustomHTTPSTTAdapter):
    """As the usage guide overrides it."""

    async def _send_audio_chunk(self, audio_data: bytes) -> str:
        async with aiohttp.ClientSession() as session:
            form = aiohttp.FormData()
            form.add_field("audio", audio_data, filename="audio.wav")
            form.add_field("language", self.language)
            headers = {"Authorization": f"Bearer {self.api_key}"}
            async with session.post(self.endpoint_url, data=form, headers=headers) as response:
                result = await response.json()
                text: str = result["transcript"]["text"]
                return text


async def test_an_override_gets_a_whole_wav_file_and_gives_the_text() -> None:
    async with vendor_of(Reply(json={"transcript": {"text": "mine"}})) as vendor:
        event = await Overridden(f"{vendor.url}/v1/transcribe", KEY).recognize([SOUND, SOUND])
    parts = {part.name: part for part in vendor.requests[0].parts or []}
    assert wav_samples(content(parts["audio"])) == (16000, 1, SOUND.data.tobytes() * 2)
    assert (event.alternatives[0].text, event.alternatives[0].language) == ("mine", "en-US")
    assert event.alternatives[0].end_time == pytest.approx(0.4)


OVERRIDE_FAILURES = {
    "another form": (Reply(json={"text": "x"}), APIConnectionError, False),
    "connection lost": (Reply(drop=True), APIConnectionError, True),
    "too slow": (Reply(json={}, delay=5), APITimeoutError, True),
}


@pytest.mark.parametrize("name", OVERRIDE_FAILURES)
async def test_what_fails_in_an_override_obeys_the_policy(name: str) -> None:
    reply, kind, retryable = OVERRIDE_FAILURES[name]
    async with vendor_of(reply, reply) as vendor:
        url = f"{vendor.url}/v1/transcribe"
        async with Overridden(url, KEY, request_timeout=0.3) as adapter:
            errors = errors_of(adapter)
            event = await adapter.recognize(SOUND, conn_options=ONE_TRY)
        async with Overridden(url, KEY, request_timeout=0.3, on_error="raise") as adapter:
            with pytest.raises(kind) as raised:
                await adapter.recognize(SOUND, conn_options=ONE_TRY)
    assert event.alternatives[0].text == ""
    assert type(errors[0].error) is kind
    assert raised.value.retryable is retryable


async def test_an_override_may_build_on_the_usual_request() -> None:
    class Louder(CustomHTTPSTTAdapter):
        async def _send_audio_chunk(self, audio_data: bytes) -> str:
            return (await super()._send_audio_chunk(audio_data)).upper()

    async with vendor_of(Reply(json={"text": "hello"})) as vendor:
        adapter = Louder(f"{vendor.url}/v1/transcribe")
        event = await adapter.recognize(SOUND)
        await adapter.aclose()
    assert event.alternatives[0].text == "HELLO"


def test_what_the_guide_reads_from_an_adapter_is_there() -> None:
    adapter = CustomHTTPSTTAdapter(
        endpoint_url="https://api.example.com/v1/transcribe?key=in-the-address",
        api_key=KEY,
        language="en-US",
        request_timeout=30,
    )
    assert isinstance(adapter, stt.STT)
    assert (adapter.api_key, adapter.language, adapter.request_timeout) == (KEY, "en-US", 30)
    assert repr(adapter) == "<CustomHTTPSTTAdapter https://api.example.com/v1/transcribe>"
    assert not adapter.capabilities.streaming
    adapter.update_options(language="fr")
    assert adapter.language == "fr"
    with pytest.raises(NotImplementedError, match="StreamAdapter"):
        adapter.stream()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("api.example.com/v1", "endpoint_url must start with https://"),
        ("wss://api.example.com/v1", "use CustomWebSocketSTTAdapter"),
        ("https://user:pass@api.example.com/v1", "must not hold a user name"),
        ("http://api.deepgram.com/v1/listen", "encrypted"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CustomHTTPSTTAdapter(url, KEY)


def test_values_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="request_timeout must be positive"):
        CustomHTTPSTTAdapter("https://api.example.com", request_timeout=0)
    with pytest.raises(ValueError, match="on_error must be 'raise' or 'empty', not 'ignore'"):
        CustomHTTPSTTAdapter("https://api.example.com", on_error="ignore")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"unknown option 'modle' .*did you mean 'model'"):
        CustomHTTPSTTAdapter("https://api.example.com", modle="x")


def test_a_key_on_an_open_line_is_worth_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    CustomHTTPSTTAdapter("http://10.0.0.7/v1", KEY)
    assert "10.0.0.7 is asked over http" in caplog.text
    assert KEY not in caplog.text
