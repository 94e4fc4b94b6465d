"""Addresses of vendors we know: whose spec they choose, and what of the address is kept."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import APIConnectOptions, stt

from specbuilder import list_specs, load_spec
from specbuilder.adapters.known import is_loopback, known_vendor, language_option
from specbuilder.protocol.addresses import parse_base_url
from specbuilder.providers.adapters import CustomHTTPSTTAdapter, CustomWebSocketSTTAdapter
from tests.providers.answers import HTTP_ANSWERS, WEBSOCKET_MESSAGES
from tests.providers.conftest import Redirect
from tests.support.streams import collect, push, silence
from tests.support.vendor import AfterAudio, AfterText, Close, Reply, Script, ScriptedVendor, Send

KEY = "sk-test-secret-0042"
ONE_TRY = APIConnectOptions(max_retry=0, timeout=2.0)

ADDRESSES: list[tuple[str, str, str | None, dict[str, Any]]] = [
    ("https://api.deepgram.com/v1/listen", "deepgram", None, {}),
    ("wss://API.Deepgram.com/v1/listen", "deepgram", None, {}),
    ("wss://api.eu.deepgram.com/v1/listen", "deepgram", "https://api.eu.deepgram.com", {}),
    ("wss://api.deepgram.com/team/v1/listen", "deepgram", "https://api.deepgram.com/team", {}),
    (
        "wss://api.deepgram.com/v1/listen?model=nova-2&diarize=true&encoding=linear16&keyterm=a&keyterm=b",
        "deepgram",
        None,
        {"model": "nova-2", "enable_diarization": True, "keyterm": ["a", "b"]},
    ),
    ("wss://api.assemblyai.com/v2/realtime/ws", "assemblyai", None, {}),
    ("wss://streaming.assemblyai.com/v3/ws", "assemblyai", None, {}),
    ("wss://streaming.eu.assemblyai.com/v3/ws", "assemblyai", "https://streaming.eu.assemblyai.com", {}),
    ("https://speech.googleapis.com/v1/speech:recognize", "google", None, {}),
    (
        "https://eu-speech.googleapis.com/v1/speech:recognize",
        "google",
        "https://eu-speech.googleapis.com",
        {},
    ),
    ("https://api.openai.com/v1/audio/transcriptions", "openai", None, {"use_realtime": False}),
    (
        "wss://api.openai.com/v1/realtime?intent=transcription&model=gpt-4o-transcribe",
        "openai",
        None,
        {"use_realtime": True, "model": "gpt-4o-transcribe"},
    ),
]


@pytest.mark.parametrize(("url", "name", "base_url", "options"), ADDRESSES)
def test_an_address_chooses_its_vendors_spec(
    url: str, name: str, base_url: str | None, options: dict[str, Any]
) -> None:
    vendor = known_vendor(url)
    assert vendor is not None
    assert (vendor.spec.name, vendor.base_url, dict(vendor.options)) == (name, base_url, options)


def test_every_bundled_spec_of_a_vendor_is_known_by_its_own_address() -> None:
    for name in list_specs():
        written = load_spec(name).document.value["base_url"]
        if "{{" in written or is_loopback(parse_base_url(written).host):
            continue
        vendor = known_vendor(written)
        assert vendor is not None, name
        assert parse_base_url(vendor.spec.document.value["base_url"]).host == parse_base_url(written).host


@pytest.mark.parametrize(
    "url",
    ["https://api.example.com/v1", "https://api.deepgram.com.evil.example/", "http://127.0.0.1:8000/v1"],
)
def test_other_addresses_are_nobodys(url: str) -> None:
    assert known_vendor(url) is None


def test_a_parameter_that_is_no_option_is_named_without_its_value(caplog: pytest.LogCaptureFixture) -> None:
    known_vendor(f"https://api.deepgram.com/v1/listen?token={KEY}&channels=1")
    assert "deepgram: 'token' in the address is no option" in caplog.text
    assert KEY not in caplog.text


def test_a_value_that_the_option_does_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="option enable_diarization: 'maybe' is not true or false"):
        CustomHTTPSTTAdapter("https://api.deepgram.com/v1/listen?diarize=maybe", KEY)


def test_a_key_is_not_sent_to_a_vendor_unencrypted() -> None:
    with pytest.raises(ValueError, match="must be asked encrypted: write https:// or wss://"):
        known_vendor("http://api.deepgram.com/v1/listen")


def test_a_missing_key_names_the_vendors_variable() -> None:
    with pytest.raises(ValueError, match="DEEPGRAM_API_KEY"):
        CustomHTTPSTTAdapter("https://api.deepgram.com/v1/listen")


def test_the_language_goes_where_the_vendor_takes_it() -> None:
    assert language_option(load_spec("deepgram"), "de-DE") == {"language": "de-DE"}
    assert language_option(load_spec("gladia"), "de") == {"languages": ["de"]}
    assert language_option(load_spec("soniox"), "en-US") == {"language_hints": ["en"]}
    assert language_option(load_spec("vosk"), "en-US") == {}


def test_a_vendors_own_language_is_the_default_where_none_is_given() -> None:
    adapter = CustomHTTPSTTAdapter("https://api.openai.com/v1/audio/transcriptions", KEY)
    assert adapter.language == "en"
    assert "language" not in adapter.given()


def test_the_language_may_be_changed_by_that_name() -> None:
    adapter = CustomWebSocketSTTAdapter("wss://api.gladia.io/v2/live", KEY, language="de")
    adapter.update_options(language="fr")
    assert adapter.language == "fr"
    assert adapter.given()["languages"] == ["fr"]


async def test_the_guides_http_example_speaks_deepgrams_protocol(redirect: Redirect) -> None:
    answer, text = HTTP_ANSWERS["deepgram"]
    async with ScriptedVendor(replies={"POST /v1/listen": [Reply(json=answer)]}) as vendor:
        meant = redirect(vendor)
        adapter = CustomHTTPSTTAdapter("https://api.deepgram.com/v1/listen", KEY, model="nova-2")
        event = await adapter.recognize(silence(0.2), conn_options=ONE_TRY)
        await adapter.aclose()
    request = vendor.requests[0]
    assert meant == ["https://api.deepgram.com"]
    assert request.header("authorization") == f"Token {KEY}"
    assert (request.header("content-type"), request.body[:4]) == ("audio/wav", b"RIFF")
    assert dict(request.pairs)["model"] == "nova-2"
    assert event.alternatives[0].text == text


async def test_the_guides_websocket_example_speaks_deepgrams_protocol(redirect: Redirect) -> None:
    messages, _ = WEBSOCKET_MESSAGES["deepgram"]
    script: Script = [AfterAudio(0.2), *map(Send, messages), AfterText({"type": "CloseStream"}), Close()]
    async with ScriptedVendor(script) as vendor:
        meant = redirect(vendor)
        adapter = CustomWebSocketSTTAdapter("wss://api.deepgram.com/v1/listen", KEY, language="en-US")
        stream = adapter.stream(conn_options=ONE_TRY)
        await push(stream, silence(0.2))
        events = await collect(stream)
        await adapter.aclose()
    assert meant == ["wss://api.deepgram.com"]
    assert dict(vendor.handshakes[0].pairs)["sample_rate"] == "16000"
    finals = [event for event in events if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT]
    assert [event.alternatives[0].text for event in finals] == ["Hello world."]


async def test_the_guides_assemblyai_address_reaches_the_api_of_today(redirect: Redirect) -> None:
    messages, _ = WEBSOCKET_MESSAGES["assemblyai"]
    script: Script = [AfterAudio(0.2), *map(Send, messages), AfterText({"type": "Terminate"}), Close()]
    async with ScriptedVendor(script) as vendor:
        meant = redirect(vendor)
        adapter = CustomWebSocketSTTAdapter("wss://api.assemblyai.com/v2/realtime/ws", KEY)
        stream = adapter.stream(conn_options=ONE_TRY)
        await push(stream, silence(0.2))
        events = await collect(stream)
        await adapter.aclose()
    assert meant == ["wss://streaming.assemblyai.com"]
    assert vendor.handshakes[0].path == "/v3/ws"
    assert vendor.handshakes[0].header("authorization") == KEY
    assert any(event.alternatives and event.alternatives[0].text == "My name is" for event in events)
