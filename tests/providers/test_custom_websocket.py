"""CustomWebSocketSTTAdapter over a real socket: the opening, messages of vendors, failures."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIStatusError, stt

from specbuilder.providers.adapters import CustomWebSocketSTTAdapter
from tests.providers.answers import WEBSOCKET_MESSAGES
from tests.support.streams import collect, outcome, push, silence
from tests.support.vendor import (
    AfterAudio,
    AfterText,
    Close,
    Drop,
    Refuse,
    Script,
    ScriptedVendor,
    Send,
)

KEY = "sk-test-secret-0042"
ONE_TRY = APIConnectOptions(max_retry=0, timeout=2.0, retry_interval=0.01)
TWO_TRIES = APIConnectOptions(max_retry=1, timeout=2.0, retry_interval=0.01)
END = '{"eof" : 1}'


def adapter_at(vendor: ScriptedVendor, **arguments: Any) -> CustomWebSocketSTTAdapter:
    return CustomWebSocketSTTAdapter(f"{vendor.ws_url}/v1/stream", KEY, **arguments)


def errors_of(adapter: stt.STT[Any]) -> list[stt.STTError]:
    seen: list[stt.STTError] = []
    adapter.on("error", seen.append)
    return seen


def short(events: list[stt.SpeechEvent]) -> list[str]:
    """Events as the tables of messages write them."""
    kind = stt.SpeechEventType
    names = {kind.START_OF_SPEECH: "start", kind.END_OF_SPEECH: "end"}
    marks = {kind.INTERIM_TRANSCRIPT: "~", kind.FINAL_TRANSCRIPT: ""}
    return [
        names.get(event.type) or marks[event.type] + event.alternatives[0].text
        for event in events
        if event.type in names or event.type in marks
    ]


async def test_the_socket_opens_with_the_first_audio_and_a_config_message() -> None:
    script: Script = [AfterAudio(0.1), Send({"type": "final", "text": "hello"}), AfterText(END), Close()]
    async with ScriptedVendor(script) as vendor, adapter_at(vendor, language="de-DE") as adapter:
        stream = adapter.stream()
        await asyncio.sleep(0)
        assert vendor.handshakes == []
        await push(stream, silence(0.1, rate=48000))
        events = await collect(stream)
    assert vendor.handshakes[0].path == "/v1/stream"
    assert vendor.handshakes[0].header("authorization") == f"Bearer {KEY}"
    assert vendor.messages(0)[0] == {
        "type": "config",
        "language": "de-DE",
        "sample_rate": 16000,
        "encoding": "pcm_s16le",
        "channels": 1,
        "interim_results": True,
        "config": {"sample_rate": 16000},
    }
    assert vendor.messages(0)[-1] == {"eof": 1}
    assert len(vendor.audio(0)) == 3200
    assert short(events) == ["start", "hello", "end"]
    assert next(event for event in events if event.alternatives).alternatives[0].language == "de-DE"


async def test_both_messages_may_be_ones_own() -> None:
    script: Script = [AfterText({"hello": "server"}), AfterText({"type": "stop"}), Send({"type": "done"})]
    async with ScriptedVendor(script) as vendor:
        own = {"config_message": {"hello": "server"}, "end_message": {"type": "stop"}}
        adapter = adapter_at(vendor, sample_rate=8000, **own)
        stream = adapter.stream()
        await push(stream, silence(0.1))
        await collect(stream)
    assert vendor.messages(0) == [{"hello": "server"}, {"type": "stop"}]
    assert len(vendor.audio(0)) == 1600


@pytest.mark.parametrize("name", WEBSOCKET_MESSAGES)
async def test_the_messages_of_vendors_are_understood(name: str) -> None:
    messages, expected = WEBSOCKET_MESSAGES[name]
    script: Script = [AfterAudio(0.1), *(Send(message) for message in messages), AfterText(END), Close()]
    async with ScriptedVendor(script) as vendor, adapter_at(vendor, on_error="raise") as adapter:
        stream = adapter.stream(conn_options=ONE_TRY)
        await push(stream, silence(0.1))
        assert short(await collect(stream)) == expected


async def test_recognize_pushes_the_buffer_through_the_socket() -> None:
    script: Script = [AfterText(END), Send({"text": "one"}), Send({"text": "two"}), Close()]
    async with ScriptedVendor(script) as vendor, adapter_at(vendor) as adapter:
        event = await adapter.recognize(silence(0.3), conn_options=ONE_TRY)
    assert event.alternatives[0].text == "one two"


REFUSALS = {
    "by type": ({"type": "error", "code": 403, "message": "no such key"}, 403, "no such key"),
    "by message_type": ({"message_type": "quota_exceeded", "error": "used up"}, 500, "used up"),
    "by status": ({"status": "error", "error": {"message": "bad audio"}}, 500, "bad audio"),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_an_error_message_ends_the_attempt(name: str) -> None:
    message, status, text = REFUSALS[name]
    script: Script = [AfterAudio(0.1), Send(message)]
    async with ScriptedVendor(script) as vendor, adapter_at(vendor, on_error="raise") as adapter:
        stream = adapter.stream(conn_options=ONE_TRY)
        await push(stream, silence(0.1))
        result = await outcome(stream)
        await stream.aclose()
    assert isinstance(result.error, APIStatusError)
    assert (result.error.status_code, text in str(result.error)) == (status, True)


async def test_a_refused_key_ends_the_stream_quietly(caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptedVendor([Refuse(401, f"no such key: {KEY}")]) as vendor, adapter_at(vendor) as adapter:
        errors = errors_of(adapter)
        stream = adapter.stream(conn_options=TWO_TRIES)
        stream.push_frame(silence(0.1)[0])
        result = await outcome(stream)
        await stream.aclose()
    assert (result.error, result.ended, result.kinds) == (None, True, [])
    assert [(type(error.error), error.recoverable) for error in errors] == [(APIStatusError, False)]
    assert "the stream failed" in caplog.text
    assert KEY not in caplog.text


async def test_a_stream_outlives_an_outage_longer_than_livekits_retries() -> None:
    well: Script = [AfterAudio(0.1), Send({"type": "final", "text": "back again"}), AfterText(END), Close()]
    outage: list[Script] = [[Refuse(503)]] * 4
    async with ScriptedVendor(*outage, well) as vendor, adapter_at(vendor) as adapter:
        errors = errors_of(adapter)
        stream = adapter.stream(conn_options=TWO_TRIES)
        await push(stream, silence(0.1), end=False)
        result = await outcome(stream, until=lambda events: "back again" in short(events))
        stream.end_input()
        await collect(stream)
    assert short(result.events)[:2] == ["start", "back again"]
    assert [error.recoverable for error in errors] == [True, False, True, False]


async def test_after_the_end_of_input_there_is_nothing_left_to_wait_for() -> None:
    async with ScriptedVendor([AfterText(END), Drop()]) as vendor, adapter_at(vendor) as adapter:
        errors = errors_of(adapter)
        stream = adapter.stream(conn_options=ONE_TRY)
        await push(stream, silence(0.1))
        result = await outcome(stream)
    assert (result.error, result.ended) == (None, True)
    assert len(errors) == 1


async def test_with_raise_the_stream_fails_as_any_of_livekits() -> None:
    async with ScriptedVendor([Refuse(503)]) as vendor, adapter_at(vendor, on_error="raise") as adapter:
        stream = adapter.stream(conn_options=ONE_TRY)
        await push(stream, silence(0.1))
        result = await outcome(stream)
        await stream.aclose()
    assert isinstance(result.error, APIStatusError)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "ws://api.example.com/v1",
            r"must start with wss:// \(ws:// is for this machine, not api.example.com",
        ),
        ("ws://127.evil.example/v1", "must start with wss://"),
        ("https://api.example.com/v1", r"must start with wss:// \(use CustomHTTPSTTAdapter"),
        ("api.example.com/v1", "ws_url must start with wss://"),
        ("wss://speech.googleapis.com/v1", "google does not stream .*: use CustomHTTPSTTAdapter"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CustomWebSocketSTTAdapter(url, KEY)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1.2.3"])
def test_this_machine_may_be_asked_without_encryption(host: str) -> None:
    adapter = CustomWebSocketSTTAdapter(f"ws://{host}:2700/", KEY)
    assert isinstance(adapter, stt.STT)
    assert (adapter.api_key, adapter.language, adapter.sample_rate) == (KEY, "en-US", 16000)
    assert adapter.capabilities.streaming
    assert adapter.capabilities.interim_results
    assert KEY not in repr(adapter)
