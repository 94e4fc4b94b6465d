"""Amazon's event streams over HTTP/2, passed on to a WebSocket: one script then serves both of its wires.

A client's HTTP/2 request becomes a handshake, the events in its body become frames, and the frames that come
back become events in the response. Both wires carry the same events; over HTTP/2 each of the client's is
wrapped in one that signs it.
"""

from __future__ import annotations

import asyncio
import json
import socket

import aiohttp
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, RequestReceived, StreamEnded

from tests.transport.vendor import tls_server

__all__ = ["EventStreamBridge"]

_PREFIX = "x-amzn-transcribe-"
_HEAD = 12
_TAIL = 4
"""Bytes of an event before its headers (sizes and their checksum), and after its body (a checksum)."""


class EventStreamBridge:
    """A server on 127.0.0.1 at `port`, for one client.

    Args:
        url: where the WebSocket is, with its path.
        session: makes the connections.
    """

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        tls = tls_server()
        tls.set_alpn_protocols(["h2"])
        serve = asyncio.start_server(self._serve, sock=self._socket, ssl=tls)
        self._serving = asyncio.ensure_future(serve)
        self._clients: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop listening, and let go of the clients."""
        server = await self._serving
        server.close()
        for client in self._clients:
            client.cancel()
        if self._clients:
            await asyncio.wait(self._clients)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            await _Client(self._url, self._session, reader, writer).run()
        finally:
            self._clients.discard(task)
            writer.transport.abort()


class _Client:
    """One HTTP/2 connection, of which every request is a stream of events."""

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._url = url
        self._session = session
        self._reader = reader
        self._writer = writer
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._bodies: dict[int, asyncio.Queue[bytes | None]] = {}
        self._exchanges: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        self._http.initiate_connection()
        self._flush()
        try:
            while data := await self._reader.read(65536):
                for event in self._http.receive_data(data):
                    self._take(event)
                self._flush()
        finally:
            for exchange in self._exchanges:
                exchange.cancel()

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._bodies[event.stream_id] = asyncio.Queue()
            exchange = asyncio.ensure_future(self._exchange(event.stream_id, dict(event.headers)))
            self._exchanges.add(exchange)
            exchange.add_done_callback(self._exchanges.discard)
        elif isinstance(event, DataReceived):
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self._bodies[event.stream_id].put_nowait(event.data)
        elif isinstance(event, StreamEnded):
            self._bodies[event.stream_id].put_nowait(None)

    def _flush(self) -> None:
        self._writer.write(self._http.data_to_send())

    async def _exchange(self, stream: int, headers: dict[str, str]) -> None:
        parameters = {
            name[len(_PREFIX) :]: value for name, value in headers.items() if name.startswith(_PREFIX)
        }
        try:
            websocket = await self._session.ws_connect(self._url, params=parameters)
        except aiohttp.WSServerHandshakeError as error:
            self._refuse(stream, error)
            return
        reply = [(":status", "200"), ("content-type", "application/vnd.amazon.eventstream")]
        self._http.send_headers(stream, reply)
        self._flush()
        upload = asyncio.ensure_future(self._upload(stream, websocket))
        try:
            async for message in websocket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    self._http.send_data(stream, message.data)
                    self._flush()
            if websocket.close_code == aiohttp.WSCloseCode.OK:
                self._http.end_stream(stream)
                self._flush()
            else:
                self._writer.transport.abort()
        finally:
            upload.cancel()
            await websocket.close()

    def _refuse(self, stream: int, error: aiohttp.WSServerHandshakeError) -> None:
        kind = (error.headers or {}).get("x-amzn-errortype", "")
        reply = [(":status", str(error.status)), ("content-type", "application/json")]
        self._http.send_headers(stream, [*reply, ("x-amzn-errortype", kind)])
        self._http.send_data(stream, json.dumps({"Message": "No."}).encode(), end_stream=True)
        self._flush()

    async def _upload(self, stream: int, websocket: aiohttp.ClientWebSocketResponse) -> None:
        waiting = b""
        while (data := await self._bodies[stream].get()) is not None:
            waiting += data
            while len(waiting) >= 4 and len(waiting) >= (size := int.from_bytes(waiting[:4], "big")):
                event, waiting = waiting[:size], waiting[size:]
                headers = int.from_bytes(event[4:8], "big")
                if signed := event[_HEAD + headers : -_TAIL]:
                    await websocket.send_bytes(signed)
