"""A vendor that hears which utterance it is sent, answers with its number, and fails at random.

Every sample of utterance n has the value n + 1. So the vendor knows exactly what it heard, also of audio that
is sent again, and the caller knows exactly what should come back.
"""

from __future__ import annotations

import asyncio
import http
import json
import logging
import random
from itertools import pairwise
from typing import Any

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

__all__ = ["RATE", "SPEC", "FaultyVendor"]

RATE = 16000

SPEC: dict[str, Any] = {
    "spec": 1,
    "name": "soak",
    "base_url": "wss://soak.example",
    "stream": {
        "connect": "/v1",
        "ping": "1s",
        "timeouts": {"write": "5s", "finish": "5s"},
        "keepalive": {"every": "2s", "send": {"type": "alive"}},
        "finish": {"send": {"type": "stop"}, "until": "type == 'done'"},
        "rules": [
            {"when": "type == 'interim'", "emit": "interim_transcript"},
            {"when": "type == 'final'", "emit": ["final_transcript", "end_of_speech"]},
        ],
        "transcript": {"text": "text", "start": "start", "end": "end"},
    },
}


_INTERIM_EVERY = 4
"""Pieces of audio from one interim to the next: five a second, as vendors do."""

_GARBAGE: tuple[str | bytes, ...] = ("{", "[]", '{"type": 7}', b"\x00\xff")


class FaultyVendor:
    """Serves on 127.0.0.1; use it as an async context manager.

    Arguments:
        chance: of a fault, for each piece of audio that comes.
        seed: of the chances.

    Attributes:
        faults: how often each fault was played.
    """

    def __init__(self, chance: float, seed: int) -> None:
        self._chance = chance
        self._random = random.Random(seed)
        self.faults: dict[str, int] = {}

    async def __aenter__(self) -> FaultyVendor:
        # Its own complaints about connections that it breaks itself are of no interest.
        quiet = logging.getLogger("soak.vendor")
        quiet.propagate = False
        quiet.addHandler(logging.NullHandler())
        self._server: Server = await serve(
            self._talk, "127.0.0.1", 0, process_request=self._judge, compression=None, logger=quiet
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close(close_connections=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = next(iter(self._server.sockets)).getsockname()[:2]
        return f"http://{host}:{port}"

    def _plays(self, fault: str, chance: float) -> bool:
        happens = self._random.random() < chance
        if happens:
            self.faults[fault] = self.faults.get(fault, 0) + 1
        return happens

    def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        if self._plays("refused", 10 * self._chance):
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "busy")
        return None

    async def _talk(self, socket: ServerConnection) -> None:
        heard = _Ear()
        try:
            async for message in socket:
                if isinstance(message, str):
                    if json.loads(message)["type"] == "stop":
                        await self._say(socket, heard.rest())
                        await socket.send('{"type": "done"}')
                    continue
                if await self._fails(socket):
                    return
                await self._say(socket, heard.hear(message))
        except ConnectionClosed:
            pass

    async def _fails(self, socket: ServerConnection) -> bool:
        """Play a fault now and then; True when the connection is over."""
        if self._plays("garbage", self._chance):
            await socket.send(self._random.choice(_GARBAGE))
        if self._plays("slow", self._chance):
            await asyncio.sleep(self._random.random())
        if self._plays("reset", self._chance):
            socket.transport.abort()
            return True
        if self._plays("closed", self._chance):
            await socket.close(self._random.choice([1011, 1012, 4000]))
            return True
        return False

    async def _say(self, socket: ServerConnection, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            await socket.send(json.dumps(message))


class _Ear:
    """What was heard on one connection."""

    def __init__(self) -> None:
        self._utterance = 0
        self._began = 0
        self._position = 0
        self._pieces = 0

    def hear(self, pcm: bytes) -> list[dict[str, Any]]:
        """Audio comes in; the utterances that ended in it, and the one that goes on."""
        messages = []
        samples = np.frombuffer(pcm, np.int16)
        edges = [0, *(np.flatnonzero(np.diff(samples)) + 1), len(samples)]
        for begin, end in pairwise(edges):
            value = int(samples[begin])
            if value != self._utterance:
                messages += self.rest()
                self._utterance, self._began = value, self._position
            self._position += int(end - begin)
        self._pieces += 1
        if self._utterance and self._pieces % _INTERIM_EVERY == 0:
            messages.append(self._message("interim"))
        return messages

    def rest(self) -> list[dict[str, Any]]:
        """The utterance that is open, if one is, ended."""
        messages = [self._message("final")] if self._utterance else []
        self._utterance = 0
        return messages

    def _message(self, kind: str) -> dict[str, Any]:
        return {
            "type": kind,
            "text": f"u{self._utterance - 1}",
            "start": self._began / RATE,
            "end": self._position / RATE,
        }
