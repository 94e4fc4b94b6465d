"""The official plugins, pointed at a scripted vendor, each with the key `test-key`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

import aiohttp
import google.auth.api_key
from google.cloud.speech_v1.services.speech.transports.rest import SpeechRestTransport as RestV1
from google.cloud.speech_v2.services.speech.transports.rest import SpeechRestTransport as RestV2
from livekit.agents import stt
from livekit.plugins import assemblyai, deepgram, gladia, openai, soniox
from livekit.plugins import google as google_stt

from tests.support.vendor import ScriptedVendor

__all__ = [
    "assemblyai_plugin",
    "deepgram_plugin",
    "gladia_plugin",
    "google_plugin",
    "openai_plugin",
    "soniox_plugin",
]

Build: TypeAlias = Callable[[ScriptedVendor, aiohttp.ClientSession], stt.STT[Any]]
KEY = "test-key"


def deepgram_plugin(**options: Any) -> Build:
    """Deepgram /v1/listen, streaming and batch."""
    return lambda vendor, session: deepgram.STT(
        api_key=KEY, base_url=f"{vendor.url}/v1/listen", http_session=session, **options
    )


def assemblyai_plugin(**options: Any) -> Build:
    """AssemblyAI Universal-Streaming."""
    return lambda vendor, session: assemblyai.STT(
        api_key=KEY, base_url=vendor.ws_url, http_session=session, **options
    )


def soniox_plugin(**options: Any) -> Build:
    """Soniox real-time; the options are those of its `STTOptions`."""
    return lambda vendor, session: soniox.STT(
        api_key=KEY,
        base_url=f"{vendor.ws_url}/transcribe-websocket",
        http_session=session,
        params=soniox.STTOptions(**options),
    )


def gladia_plugin(**options: Any) -> Build:
    """Gladia v2 live, for streams and for `recognize()`."""
    return lambda vendor, session: gladia.STT(
        api_key=KEY, base_url=f"{vendor.url}/v2/live", http_session=session, **options
    )


def openai_plugin(**options: Any) -> Build:
    """OpenAI transcriptions, by HTTP or with `use_realtime` by WebSocket."""

    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        plugin = openai.STT(api_key=KEY, base_url=f"{vendor.url}/v1", **options)
        plugin._session = session  # It takes no session, and without one it needs a job's.
        return plugin

    return build


class _RestClient:
    """Google's own REST client in the place of the gRPC client that the plugin would make."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    async def recognize(self, request: Any, timeout: float) -> Any:
        return await asyncio.to_thread(self._transport.recognize, request, timeout=timeout)


def google_plugin(**options: Any) -> Build:
    """Google Speech v1 or v2 over REST: the plugin's requests and its reading of replies, not its gRPC."""

    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        credentials = google.auth.api_key.Credentials(KEY)  # type: ignore[no-untyped-call]
        plugin = google_stt.STT(credentials=credentials, **options)
        transport_class = RestV2 if plugin._config.version == 2 else RestV1

        async def connect(timeout: float) -> Any:
            return _RestClient(
                transport_class(host=vendor.address, credentials=credentials, url_scheme="http")
            )

        plugin._pool._connect_cb = connect
        return plugin

    return build
