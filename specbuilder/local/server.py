"""The embedded recogniser as a server on this machine: specs can be tried against it without a vendor or a
key.

It speaks two protocols of real servers: OpenAI's transcription request over HTTP, and vosk-server's
websocket.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from aiohttp import web

from .openai_http import OpenAIHandlers, answer_errors
from .recogniser import EngineName, Recogniser, load_recogniser
from .vosk_websocket import VoskHandler
from .work import Work

__all__ = ["LocalServer", "serve"]

MAX_UPLOAD = 25 * 2**20
"""Bytes; OpenAI's limit for a file."""


class LocalServer:
    """The server; an async context manager, or `start` and `close`.

    `POST /v1/audio/transcriptions`, `GET /v1/models`, `GET /healthz`, and vosk-server's websocket on any
    path.

    Args:
        host: the address to listen on.
        port: 0 for a free one.
        engine: "auto", "moonshine" or "pocketsphinx".
        model_path: a directory with another Moonshine model.
        max_streams: open websockets; a further handshake is answered 503 with Retry-After.
        max_requests: transcription requests under way; a further one is answered 503 with Retry-After.
        max_upload: bytes of a request body; a larger one is answered 413.
        api_key: what `Authorization: Bearer` must carry, on the websocket too; None: nothing is asked.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        engine: EngineName = "auto",
        model_path: str | Path | None = None,
        max_streams: int = 8,
        *,
        max_requests: int = 8,
        max_upload: int = MAX_UPLOAD,
        api_key: str | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._engine = engine
        self._model_path = model_path
        self._max_streams = max_streams
        self._max_requests = max_requests
        self._max_upload = max_upload
        self._api_key = api_key
        self._recogniser: Recogniser | None = None
        self._runner: web.AppRunner | None = None
        self._work: Work | None = None

    @property
    def url(self) -> str:
        """The base URL, as in "http://127.0.0.1:43210". The websocket is at the same place with "ws:"."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def engine(self) -> str:
        """The engine and model that answer, as in "moonshine-tiny-en"; "" before `start`."""
        return self._recogniser.name if self._recogniser is not None else ""

    async def start(self) -> None:
        """Load the models and listen.

        Raises:
            EngineUnavailable: no speech engine can be used here.
            OSError: the address or port cannot be had.
        """
        # One thread more than models: a job that only detects speech need not wait for two that write text.
        self._work = Work(min(4, os.cpu_count() or 1) + 1)
        try:
            recogniser = await self._work.run(lambda: load_recogniser(self._engine, self._model_path))
            self._recogniser = recogniser
            self._runner = web.AppRunner(
                self._application(recogniser, self._work), access_log=None, shutdown_timeout=5.0
            )
            await self._runner.setup()
            site = web.TCPSite(self._runner, self._host, self._port)
            await site.start()
        except BaseException:
            await self.close()
            raise
        self._port = self._runner.addresses[0][1]

    def _application(self, recogniser: Recogniser, work: Work) -> web.Application:
        http = OpenAIHandlers(
            recogniser,
            work,
            api_key=self._api_key,
            max_requests=self._max_requests,
            max_upload=self._max_upload,
        )
        vosk = VoskHandler(recogniser, work, api_key=self._api_key, max_streams=self._max_streams)
        application = web.Application(middlewares=[answer_errors], client_max_size=self._max_upload)
        application.router.add_post("/v1/audio/transcriptions", http.transcriptions)
        application.router.add_get("/v1/models", http.models)
        application.router.add_get("/healthz", self._health)
        application.router.add_get("/{path:.*}", vosk.handle)
        application.on_shutdown.append(lambda _: vosk.close())
        return application

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "engine": self.engine})

    async def close(self) -> None:
        """Close every stream (1001), end what is under way, release the models. May be called twice."""
        runner, self._runner = self._runner, None
        work, self._work = self._work, None
        recogniser, self._recogniser = self._recogniser, None
        if work is not None:
            work.stop()
        if runner is not None:
            await runner.cleanup()
        if work is not None:
            await work.close()
        if recogniser is not None:
            recogniser.close()

    async def __aenter__(self) -> LocalServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def serve(
    host: str = "127.0.0.1",
    port: int = 2700,
    engine: EngineName = "auto",
    model_path: str | Path | None = None,
    max_streams: int = 8,
    *,
    api_key: str | None = None,
    ready: Callable[[LocalServer], None] | None = None,
) -> None:
    """Run the server until SIGINT or SIGTERM, then shut it down and return. For the main thread.

    Args:
        ready: called once the server listens, with the server.
        host, port, engine, model_path, max_streams, api_key: as for `LocalServer`; 2700 is vosk-server's.

    Raises:
        EngineUnavailable: no speech engine can be used here.
        OSError: the address or port cannot be had.
    """

    async def run() -> None:
        stop = asyncio.Event()
        _on_stop_signals(stop)
        async with LocalServer(host, port, engine, model_path, max_streams, api_key=api_key) as server:
            if ready is not None:
                ready(server)
            await stop.wait()

    asyncio.run(run())


def _on_stop_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:
            # Windows: its event loops take no signal handlers.
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
