"""A TCP proxy that loses the first connection in the middle of a sentence."""

from __future__ import annotations

import asyncio
from types import TracebackType
from urllib.parse import urlsplit

__all__ = ["FaultyLine"]


class FaultyLine:
    """Passes bytes on to a server; cuts the first connection, on both sides and without a word.

    Args:
        server: the server's URL.
        cut_after: bytes the first client may send.

    Attributes:
        sent: the bytes that came from each client, in order.
    """

    def __init__(self, server: str, cut_after: int) -> None:
        self._host = urlsplit(server).hostname
        self._port = urlsplit(server).port
        self._cut_after = cut_after
        self._tasks: set[asyncio.Task[None]] = set()
        self.sent: list[int] = []

    async def __aenter__(self) -> FaultyLine:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where clients connect."""
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"ws://{host}:{port}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sent.append(0)
        task = asyncio.ensure_future(self._serve(len(self.sent) - 1, reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        back = asyncio.ensure_future(_pass_on(up_reader, writer))
        try:
            while data := await reader.read(2**14):
                self.sent[number] += len(data)
                if number == 0 and self.sent[0] > self._cut_after:
                    break
                up_writer.write(data)
                await up_writer.drain()
            else:
                await back
        finally:
            back.cancel()
            await asyncio.wait([back])
            for end in (writer, up_writer):
                end.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(2**14):
        writer.write(data)
        await writer.drain()
    writer.close()
