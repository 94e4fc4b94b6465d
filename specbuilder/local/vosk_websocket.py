"""The server's websocket side: the protocol of vosk-server (alphacep/vosk-server, websocket/asr_server.py).

One reply to every binary message and every control message. The two control messages are compared as text,
spaces included, as the real server does: a client that sends `{"eof":1}` must fail here too. Unlike there,
the sample rate of a client that sends no config is 16000, not 8000.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from .alignment import spoken_words
from .openai_http import check_key, too_busy
from .recogniser import Recogniser, RecogniserStream
from .types import RATE, Final, Partial
from .work import Work

__all__ = ["VoskHandler"]

logger = logging.getLogger("specbuilder")

_EOF = '{"eof" : 1}'
_RESET = '{"reset" : 1}'

_LARGEST_MESSAGE = 2**20
"""The limit of the websockets library, which the real server runs on; a larger message closes with 1009."""

_SILENCE = 5.0
"""Seconds without speech after which the real server sends a final without text, again and again."""

_UNNORMALISED = 100.0
"""The confidence of an alternative. The real one is a score well above 1, no probability: so is this."""


class VoskHandler:
    """The handler, around one recogniser.

    Args:
        recogniser: does the work.
        work: the threads it is done in.
        api_key: what `Authorization: Bearer` must carry; None (as the real server): nothing is asked.
        max_streams: open connections; a further handshake is answered 503.
    """

    def __init__(self, recogniser: Recogniser, work: Work, *, api_key: str | None, max_streams: int) -> None:
        self._recogniser = recogniser
        self._work = work
        self._api_key = api_key
        self._max_streams = max_streams
        self._open: set[web.WebSocketResponse] = set()
        self._taken = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection, on any path."""
        ws = web.WebSocketResponse(timeout=2.0, heartbeat=20.0, max_msg_size=_LARGEST_MESSAGE)
        if not ws.can_prepare(request):
            if request.path != "/":
                raise web.HTTPNotFound
            return web.Response(status=426, text="This is a websocket.\n", headers={"Upgrade": "websocket"})
        check_key(request, self._api_key)
        if self._taken >= self._max_streams or self._work.stopping():
            raise too_busy("streams")
        self._taken += 1
        try:
            await ws.prepare(request)
            self._open.add(ws)
            await self._serve(ws)
        finally:
            self._open.discard(ws)
            self._taken -= 1
        return ws

    async def close(self) -> None:
        """Tell every client that the server goes away (1001)."""
        await asyncio.gather(*(ws.close(code=WSCloseCode.GOING_AWAY) for ws in self._open))

    async def _serve(self, ws: web.WebSocketResponse) -> None:
        session = _Session(self._recogniser, self._work)
        try:
            async for message in ws:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    continue
                reply, ended = await session.reply(message.data)
                if reply is not None:
                    await ws.send_str(reply)
                if ended:
                    await ws.close()
        except ConnectionError:
            logger.debug("a vosk client has gone before its answer")
        except Exception as error:
            # The real server's handler dies of whatever it does not understand; its library closes with 1011.
            if not self._work.stopping():
                logger.info("a vosk client is closed with 1011: %s", error)
                await ws.close(code=WSCloseCode.INTERNAL_ERROR)
        finally:
            await session.close()


class _Session:
    """What one connection has said so far."""

    def __init__(self, recogniser: Recogniser, work: Work) -> None:
        self._recogniser = recogniser
        self._work = work
        self._sample_rate = RATE
        self._words = True
        self._alternatives = 0
        self._stream: RecogniserStream | None = None
        self._partial = ""
        self._silence = 0.0

    async def reply(self, message: str | bytes) -> tuple[str | None, bool]:
        """The reply to one message (None: a config has none), and whether it was the last.

        Raises:
            ValueError: a message that the real server would fail on.
        """
        if isinstance(message, str) and "config" in message:
            self._configure(json.loads(message))
            return None, False
        if self._stream is None:
            self._stream = self._recogniser.stream(self._sample_rate, words=True)
        stream = self._stream
        if isinstance(message, bytes):
            events = await self._work.run(lambda: stream.feed(message))
            return self._after_audio(events, len(message) / (2 * self._sample_rate)), False
        if message not in (_EOF, _RESET):
            raise ValueError("neither config, eof nor reset")
        events = await self._work.run(stream.finish if message == _EOF else stream.reset)
        return self._final(events), message == _EOF

    async def close(self) -> None:
        """Release the recogniser's stream, once a thread that still works on it is done."""
        if self._stream is not None:
            await self._work.run(self._stream.close)

    def _configure(self, message: Any) -> None:
        """Take a config message. Once audio has come it changes nothing, as in the real server."""
        config = message["config"] if isinstance(message, dict) else None
        if not isinstance(config, dict):
            raise ValueError("config must be an object")
        # phrase_list is accepted and without effect: Moonshine's vocabulary is open and cannot be steered.
        self._sample_rate = int(float(config.get("sample_rate", self._sample_rate)))
        self._words = bool(config.get("words", self._words))
        self._alternatives = int(config.get("max_alternatives", self._alternatives))

    def _after_audio(self, events: list[Partial | Final], seconds: float) -> str:
        for event in events:
            self._partial = _plain(event.text) if isinstance(event, Partial) else ""
        if any(isinstance(event, Final) for event in events):
            return self._final(events)
        self._silence = 0.0 if self._partial else self._silence + seconds
        if self._silence >= _SILENCE:
            return self._final([])
        return _json({"partial": self._partial})

    def _final(self, events: list[Partial | Final]) -> str:
        finals = [event for event in events if isinstance(event, Final)]
        self._silence = 0.0
        if not any(isinstance(event, Partial) for event in events[-1:]):
            self._partial = ""
        text = " ".join(_plain(final.text) for final in finals)
        times = [
            {"end": word.end, "start": word.start, "word": word.word.lower()}
            for final in finals
            for word in final.words
        ]
        if self._alternatives > 0:
            alternative: dict[str, Any] = {"confidence": _UNNORMALISED, "text": text}
            if times and self._words:
                alternative["result"] = times
            return _json({"alternatives": [alternative]})
        if times and self._words:
            # Moonshine tells no confidence.
            return _json({"result": [{"conf": 1.0, **word} for word in times], "text": text})
        return _json({"text": text})


def _plain(text: str) -> str:
    """As vosk writes: lower case, no punctuation."""
    return " ".join(spoken_words(text)).lower()


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, separators=(",", " : "), ensure_ascii=False)
