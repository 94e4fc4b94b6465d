"""`ScriptedVendor`: one real server on 127.0.0.1 that plays a vendor and records the whole wire.

    vendor = ScriptedVendor(
        [AfterAudio(seconds=0.1), Send({"type": "final", "text": "hello"}), Close(1011)],   # 1st connection
        [Send({"type": "final", "text": "again"})],                                         # 2nd connection
        replies={"POST /v2/live": [Reply(201, json={"id": "1"})]},
    )
    async with vendor:
        ...  # talk to vendor.url
    assert vendor.messages(0)[-1] == {"type": "CloseStream"}

A step that waits longer than `timeout`, or for a client that has left, a connection or a request nobody
scripted: each fails the test at the end of the `async with`, with the wire as far as it was seen.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, web

from tests.support.connection import Connection, abort
from tests.support.log import WireLog
from tests.support.script import (
    Accept,
    AfterAudio,
    AfterText,
    Close,
    Drop,
    Hang,
    NoHandshake,
    Pause,
    Refuse,
    Reply,
    Script,
    Send,
    StopReading,
    WaitFor,
)
from tests.support.wire import (
    Binary,
    Closed,
    Handshake,
    HttpRequest,
    Part,
    Ping,
    Text,
    base64_audio,
    binary_audio,
    summary,
    wav_samples,
)

__all__ = [
    "Accept",
    "AfterAudio",
    "AfterText",
    "Binary",
    "Close",
    "Closed",
    "Drop",
    "Handshake",
    "Hang",
    "HttpRequest",
    "NoHandshake",
    "Part",
    "Pause",
    "Ping",
    "Refuse",
    "Reply",
    "Script",
    "ScriptedVendor",
    "Send",
    "StopReading",
    "Text",
    "WaitFor",
    "base64_audio",
    "binary_audio",
    "wav_samples",
]


class ScriptedVendor(WireLog):
    """A vendor that follows scripts; use it as an async context manager.

    Args:
        connections: the script of the 1st, 2nd, ... WebSocket connection, whatever its path.
        replies: "METHOD /path" -> replies to the 1st, 2nd, ... such request.
        audio: reads the audio out of a frame (`binary_audio`, or `base64_audio("data", "chunk")`).
        timeout: seconds a step may wait.
        repeat: whether connections beyond the last script follow it again.
    """

    def __init__(
        self,
        *connections: Script,
        replies: Mapping[str, Sequence[Reply]] | None = None,
        audio: Callable[[Text | Binary], bytes] = binary_audio,
        timeout: float = 5.0,
        repeat: bool = False,
    ) -> None:
        super().__init__(audio, timeout)
        self._scripts = connections
        self._replies = {key: list(answers) for key, answers in (replies or {}).items()}
        self._repeat = repeat
        self._opened = 0
        self._handlers: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> ScriptedVendor:
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.address = f"{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        handlers = [task for task in self._handlers if not task.done()]
        for task in handlers:
            task.cancel()
        if handlers:
            await asyncio.wait(handlers, timeout=1.0)
        await self._runner.cleanup()
        if self.problems:
            raise AssertionError("\n".join([*self.problems, "the wire:", summary(self.wire)])) from error

    @property
    def url(self) -> str:
        """Where the vendor listens, without a path: http://127.0.0.1:PORT."""
        return f"http://{self.address}"

    @property
    def ws_url(self) -> str:
        """The same as ws://127.0.0.1:PORT."""
        return f"ws://{self.address}"

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._handle_websocket(request)
            return await self._handle_http(request)
        finally:
            self._handlers.discard(task)

    async def _handle_http(self, request: web.BaseRequest) -> web.StreamResponse:
        record = await _read_request(request)
        self.record(record)
        answers = self._replies.get(f"{record.method} {record.path}")
        if not answers:
            self.problem(f"no reply is scripted for this {record.method} {record.path}")
            return web.Response(status=500, text="not scripted")
        reply = answers.pop(0)
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.drop:
            return abort(request)
        if reply.json is None:
            return web.Response(status=reply.status, body=reply.body, headers=dict(reply.headers))
        return web.json_response(reply.value(record), status=reply.status, headers=dict(reply.headers))

    async def _handle_websocket(self, request: web.BaseRequest) -> web.StreamResponse:
        number = self._opened
        self._opened += 1
        self.record(_read_handshake(request, number))
        script = list(self._script(number))
        first = script.pop(0) if script and isinstance(script[0], (Accept, Refuse, NoHandshake)) else Accept()
        if isinstance(first, Refuse):
            return _refusal(first)
        if isinstance(first, NoHandshake):
            await asyncio.Event().wait()
        assert isinstance(first, Accept)
        socket = web.WebSocketResponse(
            protocols=[first.subprotocol] if first.subprotocol else [],
            autoping=False,
            autoclose=False,
            compress=False,
            max_msg_size=0,
        )
        socket.headers.update(first.headers)
        await socket.prepare(request)
        await Connection(self, number, request, socket).play(script)
        return socket

    def _script(self, number: int) -> Script:
        if number < len(self._scripts):
            return self._scripts[number]
        if self._repeat and self._scripts:
            return self._scripts[-1]
        self.problem(f"no script for connection {number}")
        return [Refuse(500, "not scripted")]


def _refusal(step: Refuse) -> web.Response:
    if isinstance(step.body, (str, bytes)):
        return web.Response(status=step.status, body=step.body, headers=dict(step.headers))
    return web.json_response(step.body, status=step.status, headers=dict(step.headers))


def _headers(request: web.BaseRequest) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers]


def _read_handshake(request: web.BaseRequest, number: int) -> Handshake:
    path, _, query = request.raw_path.partition("?")
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    return Handshake(
        method=request.method,
        path=path,
        query=query,
        headers=_headers(request),
        body=b"",
        at=time.monotonic(),
        subprotocols=[name.strip() for name in offered.split(",") if name.strip()],
        connection=number,
    )


async def _read_request(request: web.BaseRequest) -> HttpRequest:
    path, _, query = request.raw_path.partition("?")
    parts: list[Part] | None = None
    body = b""
    # Not request.read() and request.multipart(): they refuse bodies over 1 MiB.
    if request.content_type == "multipart/form-data":
        parts = await _read_parts(MultipartReader(request.headers, request.content))
    else:
        body = await request.content.read()
    return HttpRequest(
        method=request.method,
        path=path,
        query=query,
        headers=_headers(request),
        body=body,
        parts=parts,
        at=time.monotonic(),
    )


async def _read_parts(reader: MultipartReader) -> list[Part]:
    parts: list[Part] = []
    while (part := await reader.next()) is not None:
        assert isinstance(part, BodyPartReader), "nested multipart bodies are not expected"
        data = bytes(await part.read())
        content_type = part.headers.get("Content-Type")
        is_field = part.filename is None and (content_type or "text/plain").startswith("text/plain")
        parts.append(Part(part.name or "", part.filename, content_type, data.decode() if is_field else data))
    return parts
