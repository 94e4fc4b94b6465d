"""The simulator is honest: official plugins, which know nothing of it, hold a session and get the text."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from livekit.agents import APIConnectOptions, APIError, stt
from livekit.plugins import (
    assemblyai,
    cartesia,
    deepgram,
    elevenlabs,
    fireworksai,
    gladia,
    groq,
    openai,
    soniox,
    xai,
)
from livekit.plugins.xai import stt as xai_stt

from specbuilder.simulator import Simulator
from tests.simulator.scripts import SCRIPTS
from tests.support.streams import outcome, push, tone, transcripts

KEY = "test-key"
ONCE = APIConnectOptions(max_retry=0, timeout=3.0)


def with_session(plugin: stt.STT[Any], session: aiohttp.ClientSession) -> stt.STT[Any]:
    """OpenAI's plugin takes no session, and without one it needs a job's."""
    plugin._session = session  # type: ignore[attr-defined]
    return plugin


def xai_plugin(vendor: Simulator, session: aiohttp.ClientSession, key: str) -> stt.STT[Any]:
    """xAI's plugin has its addresses written in."""
    xai_stt.XAI_REST_URL = f"{vendor.url}/v1/stt"
    xai_stt.XAI_WEBSOCKET_URL = f"{vendor.ws_url}/v1/stt"
    return xai.STT(api_key=key, http_session=session)


async def speak(stream: stt.RecognizeStream) -> None:
    """Push some audio; a stream may come to its end before that."""
    with contextlib.suppress(RuntimeError):
        await push(stream, tone(0.6))


@dataclass(frozen=True)
class Plugin:
    """A plugin as a user makes it, and the options of our spec that come to the same."""

    build: Callable[[Simulator, aiohttp.ClientSession, str], stt.STT[Any]]
    options: Mapping[str, Any] = field(default_factory=dict)


STREAMS = {
    "deepgram": Plugin(
        lambda vendor, session, key: deepgram.STT(
            api_key=key, base_url=f"{vendor.url}/v1/listen", http_session=session
        )
    ),
    "deepgram_flux": Plugin(
        lambda vendor, session, key: deepgram.STTv2(
            api_key=key,
            base_url=f"{vendor.ws_url}/v2/listen",
            http_session=session,
            eager_eot_threshold=0.4,
            tags=["t"],
        )
    ),
    "assemblyai": Plugin(
        lambda vendor, session, key: assemblyai.STT(
            api_key=key, base_url=vendor.ws_url, http_session=session, format_turns=True
        )
    ),
    "soniox": Plugin(
        lambda vendor, session, key: soniox.STT(
            api_key=key, base_url=f"{vendor.ws_url}/transcribe-websocket", http_session=session
        )
    ),
    "gladia": Plugin(
        lambda vendor, session, key: gladia.STT(
            api_key=key, base_url=f"{vendor.url}/v2/live", http_session=session
        )
    ),
    "openai": Plugin(
        lambda vendor, session, key: with_session(
            openai.STT(api_key=key, base_url=f"{vendor.url}/v1", use_realtime=True), session
        ),
        {"use_realtime": True},
    ),
    "cartesia": Plugin(
        lambda vendor, session, key: cartesia.STT(api_key=key, base_url=vendor.url, http_session=session)
    ),
    "elevenlabs": Plugin(
        lambda vendor, session, key: elevenlabs.STT(
            api_key=key,
            base_url=f"{vendor.url}/v1",
            http_session=session,
            model="scribe_v2_realtime",
            language_code="en",
        )
    ),
    "fireworksai": Plugin(
        lambda vendor, session, key: fireworksai.STT(
            api_key=key, base_url=f"{vendor.ws_url}/v1", http_session=session
        )
    ),
    "xai": Plugin(xai_plugin),
}


@pytest.fixture
def xai_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put xAI's addresses back afterwards."""
    for name in ("XAI_REST_URL", "XAI_WEBSOCKET_URL"):
        monkeypatch.setattr(xai_stt, name, getattr(xai_stt, name))


@pytest.mark.usefixtures("xai_addresses")
@pytest.mark.parametrize("name", STREAMS)
async def test_a_plugin_hears_the_script(name: str) -> None:
    plugin = STREAMS[name]
    async with (
        Simulator(name, options=plugin.options, tests=SCRIPTS.get(name)) as vendor,
        aiohttp.ClientSession() as session,
    ):
        adapter = plugin.build(vendor, session, KEY)
        stream = adapter.stream(conn_options=ONCE)
        wanted = "".join(vendor.transcript).replace(" ", "")

        def heard(events: list[stt.SpeechEvent]) -> bool:
            return "".join(transcripts(events)).replace(" ", "") == wanted

        pushing = asyncio.ensure_future(speak(stream))
        found = await outcome(stream, until=heard)
        await pushing
        await stream.aclose()
        await adapter.aclose()
    assert found.error is None
    assert heard(found.events), transcripts(found.events)
    assert vendor.audio_bytes() > 0


@pytest.mark.usefixtures("xai_addresses")
@pytest.mark.parametrize("name", STREAMS)
async def test_a_plugin_with_a_wrong_key_is_refused(name: str) -> None:
    plugin = STREAMS[name]
    async with (
        Simulator(name, options=plugin.options, tests=SCRIPTS.get(name)) as vendor,
        aiohttp.ClientSession() as session,
    ):
        adapter = plugin.build(vendor, session, "another-key")
        stream = adapter.stream(conn_options=ONCE)
        pushing = asyncio.ensure_future(speak(stream))
        found = await outcome(stream)
        await pushing
        await stream.aclose()
        await adapter.aclose()
    assert found.error is not None
    assert any("the key is missing or wrong" in problem for problem in vendor.problems)
    assert "another-key" not in str(vendor.wire) + str(vendor.problems)


REQUESTS = {
    "openai": Plugin(
        lambda vendor, session, key: openai.STT(api_key=key, base_url=f"{vendor.url}/v1"),
    ),
    "groq": Plugin(
        lambda vendor, session, key: groq.STT(api_key=key, base_url=f"{vendor.url}/openai/v1"),
    ),
    "deepgram": Plugin(
        lambda vendor, session, key: deepgram.STT(
            api_key=key, base_url=f"{vendor.url}/v1/listen", http_session=session, detect_language=True
        ),
        {"detect_language": True},
    ),
    "elevenlabs": Plugin(
        lambda vendor, session, key: elevenlabs.STT(
            api_key=key, base_url=f"{vendor.url}/v1", http_session=session
        ),
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_plugin_recognizes_the_script(name: str) -> None:
    plugin = REQUESTS[name]
    async with (
        Simulator(name, options=plugin.options, tests=SCRIPTS.get(name)) as vendor,
        aiohttp.ClientSession() as session,
    ):
        adapter = plugin.build(vendor, session, KEY)
        event = await adapter.recognize(tone(0.3), conn_options=ONCE)
        assert vendor.recognize is not None
        assert [event.alternatives[0].text] == vendor.recognize.finals
        await adapter.aclose()
        wrong = plugin.build(vendor, session, "another-key")
        with pytest.raises(APIError):
            await wrong.recognize(tone(0.3), conn_options=ONCE)
        await wrong.aclose()
    assert [entry.value for entry in vendor.wire if entry.what == "reply"] == [200, 401]
