"""Addresses behind which no vendor is."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

__all__ = ["UNREACHABLE", "mute", "nobody", "nowhere", "stranger"]


@contextlib.asynccontextmanager
async def nowhere() -> AsyncIterator[str]:
    """A name that is none."""
    yield "https://no-such-host.invalid"


@contextlib.asynccontextmanager
async def nobody() -> AsyncIterator[str]:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{free.getsockname()[1]}"


@contextlib.asynccontextmanager
async def stranger() -> AsyncIterator[str]:
    """A server whose certificate nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).parent.parent / "transport" / "localhost.pem")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.asynccontextmanager
async def mute() -> AsyncIterator[str]:
    """A server that takes TCP, and does not answer the greeting of TLS."""

    async def read_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(read_on, "127.0.0.1", 0)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


UNREACHABLE = (nobody, nowhere, stranger, mute)
