"""The simulator by itself: the key, the problems it tells, faults, words of its own, the fixture."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest
from livekit.agents import APIConnectOptions, APIStatusError, stt

from specbuilder import load_adapter
from specbuilder.simulator import FAULTS, Simulator
from specbuilder.simulator.words import CannotSay
from tests.support.streams import Outcome, outcome, push, tone, transcripts, wav_frames

KEY = "test-key"
ONCE = APIConnectOptions(max_retry=0, timeout=3.0)
TWICE = APIConnectOptions(max_retry=1, timeout=3.0, retry_interval=0.01)


async def hear(
    vendor: Simulator,
    *,
    key: str = KEY,
    options: APIConnectOptions = ONCE,
    seconds: float = 0.6,
    pace: float = 0.0,
    **settings: Any,
) -> Outcome:
    """A session of our adapter with a vendor."""
    async with aiohttp.ClientSession() as session:
        adapter = load_adapter(
            vendor.spec, api_key=key, base_url=vendor.url, http_session=session, **settings
        )
        stream = adapter.stream(conn_options=options)
        pushing = asyncio.ensure_future(push(stream, tone(seconds), pace=pace))
        try:
            return await outcome(stream)
        finally:
            pushing.cancel()
            await asyncio.wait([pushing])
            await stream.aclose()
            await adapter.aclose()


async def test_the_script_comes_out_as_its_events() -> None:
    async with Simulator("deepgram") as vendor:
        found = await hear(vendor)
    assert found.error is None
    assert transcripts(found.events) == vendor.transcript == ["Hello world.", "Bye."]
    assert found.kinds == [event.type.value for event in vendor.events]
    assert vendor.problems == []
    assert vendor.messages()[-1] == {"type": "CloseStream"}


async def test_the_script_goes_on_after_the_vendor_has_ended_a_recognition() -> None:
    test = "the vendor ends a turn while somebody speaks"
    async with Simulator("azure", options={"speech_region": "westeurope"}, test=test) as vendor:
        found = await hear(vendor, seconds=2.0, pace=4.0, speech_region="westeurope")
    assert found.error is None
    assert transcripts(found.events) == ["Hello.", "World."]
    assert sum(entry.what == "handshake" for entry in vendor.wire) == 2


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("deepgram", "header authorization"),
        ("elevenlabs", "header xi-api-key"),
        ("gladia", "header x-gladia-key"),
    ],
)
async def test_a_wrong_key_is_refused_where_the_spec_puts_it(name: str, places: str) -> None:
    async with Simulator(name) as vendor:
        settings = dict(vendor.scene.settings.given)
        found = await hear(vendor, key="another-key", **settings)
    assert isinstance(found.error, APIStatusError)
    assert found.error.status_code == 401
    assert found.error.message == "Invalid credentials."
    assert places in vendor.problems[0]
    assert "another-key" not in str(vendor.problems) + str(vendor.wire)


async def test_a_key_in_the_first_message_is_checked() -> None:
    spec = {
        "spec": 1,
        "name": "acme",
        "base_url": "wss://acme.example",
        "api_key": {"env": "ACME_API_KEY"},
        "stream": {
            "connect": "/listen",
            "open": [{"send": {"type": "hello", "token": "{{ api_key }}"}}],
            "finish": {"send": {"type": "bye"}},
            "rules": [{"when": "text", "emit": "final_transcript"}],
        },
        "transcript": {"text": "text"},
        "errors": {"messages": [{"when": "error", "status": 401, "message": "error"}]},
        "tests": [
            {"name": "said", "stream": [{"audio": "100ms"}, {"received": {"text": "Hello."}}, "end_input"]},
            {"name": "refused", "stream": [{"received": {"error": "Go away."}}]},
        ],
    }
    async with Simulator(spec) as vendor:
        right = await hear(vendor)
        wrong = await hear(vendor, key="another-key")
    assert transcripts(right.events) == ["Hello."]
    assert isinstance(wrong.error, APIStatusError)
    assert (wrong.error.status_code, wrong.error.message) == (401, "Go away.")
    assert {"type": "hello", "token": "***"} in vendor.messages(1)


async def test_what_a_client_sends_otherwise_is_told() -> None:
    async with Simulator("deepgram") as vendor, aiohttp.ClientSession() as session:
        url = f"{vendor.ws_url}/v1/listen?model=nova-2&colour=red"
        async with session.ws_connect(url, headers={"Authorization": f"Token {KEY}"}) as socket:
            await socket.send_str('{"type": "CloseStream"}')
            async for _ in socket:
                pass
        async with session.get(f"{vendor.url}/v2/nothing") as reply:
            assert reply.status == 404
    told = "\n".join(vendor.problems)
    assert "query: model has another value" in told
    assert "query: colour is not the spec's" in told
    assert "query: punctuate is missing" in told
    assert "GET /v2/nothing: the spec asks no such thing" in told


async def test_retry_after_is_sent_and_kept_to() -> None:
    async with Simulator("deepgram", fault="429", fault_times=1) as vendor:
        began = time.monotonic()
        found = await hear(vendor, options=TWICE)
    assert transcripts(found.events) == vendor.transcript
    assert time.monotonic() - began >= 1.0


async def test_a_dropped_connection_plays_anew() -> None:
    async with Simulator("deepgram", fault="drop", fault_times=1) as vendor:
        found = await hear(vendor, options=TWICE)
    assert found.error is None
    assert transcripts(found.events) == vendor.transcript
    assert vendor.audio_bytes(1) > 0


@pytest.mark.parametrize(("code", "status"), [(1008, 401), (3009, 429)])
async def test_a_close_code_is_the_vendors(code: int, status: int) -> None:
    async with Simulator("assemblyai", fault=f"close-{code}") as vendor:
        found = await hear(vendor, seconds=2.0, pace=4.0, format_turns=True)
    assert isinstance(found.error, APIStatusError)
    assert found.error.status_code == status


async def test_a_late_final_is_late() -> None:
    async with Simulator("deepgram", fault="late-final") as vendor:
        found = await hear(vendor)
    assert transcripts(found.events) == vendor.transcript
    finish = next(at for at, entry in enumerate(vendor.wire) if entry.value == {"type": "CloseStream"})
    assert all(not entry.value.get("is_final") for entry in vendor.wire[:finish] if entry.sender == "vendor")


def test_an_unknown_fault_lists_the_others() -> None:
    with pytest.raises(ValueError, match="half-open") as error:
        Simulator("deepgram", fault="fire")
    assert all(name in str(error.value) for name in FAULTS)


def test_an_unknown_test_is_told() -> None:
    with pytest.raises(ValueError, match="no such thing"):
        Simulator("deepgram", test="no such thing")


SENTENCES = ["Good morning everyone.", "This is the second one."]


@pytest.mark.parametrize(
    "name",
    ["deepgram", "assemblyai", "gladia", "cartesia", "xai", "vosk", "openai", "soniox", "deepgram_flux"],
)
async def test_other_words_in_the_vendors_own_messages(name: str) -> None:
    async with Simulator(name, says=SENTENCES) as vendor:
        found = await hear(vendor, **vendor.scene.settings.given)
    assert found.error is None
    assert [text.strip() for text in transcripts(found.events)] == SENTENCES == vendor.transcript


async def test_words_have_their_times_and_interims() -> None:
    async with Simulator("deepgram", says=SENTENCES) as vendor:
        found = await hear(vendor)
    finals = [event for event in found.events if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT]
    second = finals[1].alternatives[0]
    assert [str(word) for word in second.words or []] == SENTENCES[1].split()
    assert second.start_time == pytest.approx(0.1, abs=0.001)
    assert second.end_time == pytest.approx(0.2, abs=0.001)
    assert second.confidence == pytest.approx(0.9)
    assert transcripts(found.events, "interim_transcript") == ["Good", "This is"]


@pytest.mark.parametrize("name", ["groq", "openai", "elevenlabs", "google"])
async def test_other_words_in_a_reply(name: str) -> None:
    async with Simulator(name, says=SENTENCES) as vendor, aiohttp.ClientSession() as session:
        assert vendor.recognize is not None
        adapter = load_adapter(
            name,
            api_key=KEY,
            base_url=vendor.url,
            http_session=session,
            **vendor.recognize.settings.given,
        )
        event = await adapter.recognize(tone(0.3), conn_options=ONCE)
        await adapter.aclose()
    assert event.alternatives[0].text.strip() == " ".join(SENTENCES)


def test_messages_that_cannot_carry_words_are_told() -> None:
    with pytest.raises(CannotSay, match="do not come out"):
        Simulator("fireworksai", says=SENTENCES)


async def test_the_recogniser_speaks_the_vendors_language(audio: dict[str, Any]) -> None:
    name = min(audio, key=lambda name: audio[name].stat().st_size)
    async with Simulator("deepgram", engine="embedded") as vendor, aiohttp.ClientSession() as session:
        adapter = load_adapter("deepgram", api_key=KEY, base_url=vendor.url, http_session=session)
        stream = adapter.stream(conn_options=ONCE)
        pushing = asyncio.ensure_future(push(stream, wav_frames(audio[name])))
        found = await outcome(stream, deadline=60.0)
        await pushing
        await stream.aclose()
        await adapter.aclose()
    finals = [event for event in found.events if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT]
    assert found.error is None
    assert len(" ".join(event.alternatives[0].text for event in finals).split()) >= 3
    assert finals[0].alternatives[0].words


async def test_the_recogniser_writes_a_reply(audio: dict[str, Any]) -> None:
    name = min(audio, key=lambda name: audio[name].stat().st_size)
    async with Simulator("openai", engine="embedded") as vendor, aiohttp.ClientSession() as session:
        adapter = load_adapter("openai", api_key=KEY, base_url=vendor.url, http_session=session)
        event = await adapter.recognize(wav_frames(audio[name]), conn_options=APIConnectOptions(timeout=60.0))
        await adapter.aclose()
    assert len(event.alternatives[0].text.split()) >= 3
    assert event.alternatives[0].text not in vendor.transcript


async def test_the_fixture_starts_vendors(stt_vendor: Any) -> None:
    vendor = await stt_vendor("deepgram")
    broken = await stt_vendor("deepgram", fault="503")
    assert vendor.url != broken.url
    assert transcripts((await hear(vendor)).events) == vendor.transcript
    assert isinstance((await hear(broken)).error, APIStatusError)
    assert [entry.value for entry in broken.wire if entry.what == "reply"] == [503]
