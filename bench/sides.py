"""The three sides: a bare aiohttp loop (floor), the official plugin, and ours. Each imports only what it is.

A side opens streams and takes frames; what comes back is counted in `heard`, a text per transcript.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any, Protocol

import aiohttp
from livekit import rtc
from livekit.agents import stt

__all__ = [
    "KEY",
    "RATES",
    "SIDES",
    "AdapterSide",
    "ClockSide",
    "FloorSide",
    "Side",
    "adapter",
    "open_session",
    "side",
]

KEY = "test-key"

RATES = {"deepgram": 16000, "assemblyai": 16000, "soniox": 16000, "openai": 24000}
"""Sample rate of each vendor's stream by default; frames are pushed at it, so that nobody resamples."""

_PATHS = {
    "deepgram": "/v1/listen",
    "assemblyai": "/v3/ws",
    "soniox": "/transcribe-websocket",
    "openai": "/v1/realtime",
}

Heard = Callable[[stt.SpeechEvent], None]


class Side(Protocol):
    """What is measured: so many streams of one vendor."""

    async def open(self) -> int:
        """Open one more stream and return its number."""

    async def push(self, stream: int, frame: rtc.AudioFrame) -> None:
        """Hand a stream 50 ms of audio."""

    async def close(self) -> None:
        """Close everything."""


def open_session() -> aiohttp.ClientSession:
    """A session like livekit's own, without its limit of 50 connections to a host."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=120))


def adapter(vendor: str, name: str, address: str, session: aiohttp.ClientSession) -> stt.STT[Any]:
    """An STT that talks to the given host and port.

    Arguments:
        name: "plugin" or "ours".
    """
    return _ours(vendor, address, session) if name == "ours" else _plugin(vendor, address, session)


def _ours(vendor: str, address: str, session: aiohttp.ClientSession) -> stt.STT[Any]:
    from specbuilder import load_adapter

    options: dict[str, Any] = {"use_realtime": True} if vendor == "openai" else {}
    spec = vendor.removesuffix("_http")
    return load_adapter(spec, api_key=KEY, base_url=f"http://{address}", http_session=session, **options)


def _plugin(vendor: str, address: str, session: aiohttp.ClientSession) -> stt.STT[Any]:
    if vendor == "deepgram":
        from livekit.plugins import deepgram

        return deepgram.STT(api_key=KEY, base_url=f"http://{address}/v1/listen", http_session=session)
    if vendor == "assemblyai":
        from livekit.plugins import assemblyai

        return assemblyai.STT(api_key=KEY, base_url=f"ws://{address}", http_session=session)
    if vendor == "soniox":
        from livekit.plugins import soniox

        url = f"ws://{address}/transcribe-websocket"
        return soniox.STT(api_key=KEY, base_url=url, http_session=session)
    from livekit.plugins import openai

    plugin = openai.STT(api_key=KEY, base_url=f"http://{address}/v1", use_realtime=vendor == "openai")
    plugin._session = session  # It takes no session, and without one it needs a job's.
    return plugin


def unthrottle() -> None:
    """Have the OpenAI plugin let out every interim, as ours does, instead of two a second."""
    from livekit.plugins.openai import stt as plugin

    plugin._delta_transcript_interval = -1.0


class AdapterSide:
    """Streams of an adapter, each with a reader.

    Arguments:
        heard: called with every event.
    """

    def __init__(self, adapter: stt.STT[Any], heard: Heard) -> None:
        self._adapter = adapter
        self._heard = heard
        self._streams: list[stt.RecognizeStream] = []
        self._readers: list[asyncio.Task[None]] = []

    async def open(self) -> int:
        """Open one more stream and return its number."""
        stream = self._adapter.stream()
        self._streams.append(stream)
        self._readers.append(asyncio.create_task(self._read(stream)))
        return len(self._streams) - 1

    async def _read(self, stream: stt.RecognizeStream) -> None:
        async for event in stream:
            self._heard(event)

    async def push(self, stream: int, frame: rtc.AudioFrame) -> None:
        """Hand a stream 50 ms of audio."""
        self._streams[stream].push_frame(frame)

    async def close(self) -> None:
        """Close everything; a reader that failed fails here."""
        for reader in self._readers:
            if reader.done():
                reader.result()
        await asyncio.gather(*(stream.aclose() for stream in self._streams))
        await asyncio.gather(*self._readers)
        await self._adapter.aclose()


class FloorSide:
    """The least a client can do: send the same audio, parse the same messages, and drop them.

    Arguments:
        heard: called with every parsed message.
    """

    def __init__(
        self, vendor: str, address: str, session: aiohttp.ClientSession, heard: Callable[[Any], None]
    ) -> None:
        self._url = f"ws://{address}{_PATHS[vendor]}"
        self._is_base64 = vendor == "openai"
        self._session = session
        self._heard = heard
        self._sockets: list[Any] = []
        self._readers: list[asyncio.Task[None]] = []

    async def open(self) -> int:
        """Open one more stream and return its number."""
        socket = await self._session.ws_connect(self._url, headers={"Authorization": f"Token {KEY}"})
        self._sockets.append(socket)
        self._readers.append(asyncio.create_task(self._read(socket)))
        return len(self._sockets) - 1

    async def _read(self, socket: Any) -> None:
        async for message in socket:
            self._heard(json.loads(message.data))

    async def push(self, stream: int, frame: rtc.AudioFrame) -> None:
        """Hand a stream 50 ms of audio."""
        data = frame.data.tobytes()
        if self._is_base64:
            audio = base64.b64encode(data).decode()
            await self._sockets[stream].send_json({"type": "input_audio_buffer.append", "audio": audio})
        else:
            await self._sockets[stream].send_bytes(data)

    async def close(self) -> None:
        """Close everything; a reader that failed fails here."""
        await asyncio.gather(*(socket.close() for socket in self._sockets))
        await asyncio.gather(*self._readers)


class ClockSide:
    """No streams at all: what the bench's own clock costs."""

    async def open(self) -> int:
        """Nothing is opened."""
        return 0

    async def push(self, stream: int, frame: rtc.AudioFrame) -> None:
        """Nothing is sent."""

    async def close(self) -> None:
        """Nothing is closed."""


SIDES = ("floor", "plugin", "ours")


def side(
    vendor: str, name: str, address: str, session: aiohttp.ClientSession, heard: Callable[[Any], None]
) -> Side:
    """One of `SIDES`, or "clock", for a vendor at that host and port.

    Raises:
        ValueError: there is no such side.
    """
    if name not in (*SIDES, "clock"):
        raise ValueError(f"no side {name!r}; there are {', '.join(SIDES)} and clock")
    if name == "clock":
        return ClockSide()
    if name == "floor":
        return FloorSide(vendor, address, session, heard)
    return AdapterSide(adapter(vendor, name, address, session), heard)
