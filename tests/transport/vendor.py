"""A vendor made of raw bytes: a TCP server on 127.0.0.1 that a test scripts, faults included."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import socket
import ssl
import struct
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from websockets.frames import Frame, Opcode

from specbuilder.transport.websocket import WebSocket

__all__ = [
    "CERTIFICATE",
    "KEY",
    "Handler",
    "Mailbox",
    "close_frame",
    "frame",
    "read_frame",
    "read_head",
    "refused_port",
    "reset",
    "said",
    "send",
    "serve",
    "tls_server",
    "until",
    "upgrade",
]

KEY = "sk-test-5up3r-s3cr3t"
"""Given to the code under test as an API key; it may show up nowhere but on the wire."""

CERTIFICATE = str(Path(__file__).with_name("localhost.pem"))
"""A self-signed certificate of 127.0.0.1 with its key, for these tests only."""

Handler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serve(handle: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Answer every connection with `handle` and give the port. A mistake in `handle` fails the test."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await handle(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


def tls_server() -> ssl.SSLContext:
    """The TLS side of a server with `CERTIFICATE`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something to become true; fail after ten seconds."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never became true")


class Mailbox:
    """Messages of a WebSocket one by one; it listens from the first `recv` on."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._queue: asyncio.Queue[str | bytes | None] | None = None

    async def recv(self) -> str | bytes:
        """The next message.

        Raises:
            ConnectionClosed: there is none, and will be none.
        """
        if self._queue is None:
            queue = self._queue = asyncio.Queue()
            self._socket.listen(queue.put_nowait, lambda: queue.put_nowait(None))
        message = await self._queue.get()
        if message is None:
            self._queue.put_nowait(None)
            raise self._socket.closed()
        return message


async def send(socket: WebSocket, frame: str | bytes | memoryview, timeout: float) -> None:
    """Write a message and wait until there is room again; cancelled, it has been written all the same."""
    socket.write(frame)
    await socket.drain(timeout)


@contextlib.contextmanager
def refused_port() -> Iterator[int]:
    """A port nobody listens on, kept from being given to anybody else."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def read_head(reader: asyncio.StreamReader) -> list[str]:
    """The lines of a request up to its body."""
    return (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]


async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *headers: str) -> list[str]:
    """Accept a WebSocket handshake with these headers beside the necessary; the lines of the request."""
    head = await read_head(reader)
    key = next(line.split(": ")[1] for line in head if line.lower().startswith("sec-websocket-key: "))
    # RFC 6455, section 1.3.
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}",
        *headers,
    ]
    writer.write("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
    return head


def frame(content: str | bytes, opcode: Opcode | None = None, fin: bool = True) -> bytes:
    """A frame as a server writes it; text or binary by the content unless an opcode is given."""
    data = content.encode() if isinstance(content, str) else content
    kind = opcode if opcode is not None else Opcode.TEXT if isinstance(content, str) else Opcode.BINARY
    return Frame(kind, data, fin).serialize(mask=False)


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame with a code and words."""
    return frame(struct.pack("!H", code) + reason.encode(), Opcode.CLOSE)


async def read_frame(reader: asyncio.StreamReader) -> tuple[Opcode, bytes]:
    """The next frame of the client: what it is and its content."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
    elif size == 127:
        (size,) = struct.unpack("!Q", await reader.readexactly(8))
    assert second & 0x80, "a client must mask its frames"
    mask = await reader.readexactly(4)
    data = await reader.readexactly(size)
    repeated = (mask * (size // 4 + 1))[:size]
    plain = int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")
    return Opcode(first & 0x0F), plain.to_bytes(size, "big")


def reset(writer: asyncio.StreamWriter) -> None:
    """Break the connection with a TCP reset."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def said(error: BaseException | None) -> str:
    """Everything an exception says, with everything chained to it."""
    if error is None:
        return ""
    lines = [
        str(error),
        repr(error),
        repr(error.args),
        *traceback.format_exception(type(error), error, error.__traceback__),
    ]
    return "\n".join([*lines, said(error.__cause__), said(error.__context__)])
