"""A line to a vendor that can be cut, slowed and silenced, byte by byte."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import TracebackType

from tests.support.vendor import ScriptedVendor

__all__ = ["Line", "Shape"]


@dataclass(frozen=True)
class Shape:
    """What the line does to one connection.

    Attributes:
        cut_up: bytes of the client after which both ends are reset.
        cut_down: the same of the vendor.
        hold_up: bytes of the client after which nothing more is read from it.
        hold_down: bytes of the vendor after which nothing more is passed on.
        piece: bytes that are passed on at a time.
    """

    cut_up: int | None = None
    cut_down: int | None = None
    hold_up: int | None = None
    hold_down: int | None = None
    piece: int = 2**14


class Line:
    """Passes bytes between clients and one server; the nth connection has the nth shape, later ones none.

    Attributes:
        count: how many connections were made.
    """

    def __init__(self, vendor: ScriptedVendor, *shapes: Shape) -> None:
        self._vendor = vendor
        self._shapes = shapes
        self._tasks: set[asyncio.Task[None]] = set()
        self.count = 0

    async def __aenter__(self) -> Line:
        # Small buffers, so that a client notices early that nobody reads.
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=2**12)
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
    def _target(self) -> tuple[str, int]:
        host, _, port = self._vendor.address.rpartition(":")
        return host, int(port)

    @property
    def url(self) -> str:
        """Where clients connect."""
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shape = self._shapes[self.count] if self.count < len(self._shapes) else Shape()
        self.count += 1
        task = asyncio.ensure_future(self._serve(shape, reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, shape: Shape, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._target)
        ways = [
            asyncio.ensure_future(_pass_on(reader, up_writer, shape.cut_up, shape.hold_up, shape.piece)),
            asyncio.ensure_future(_pass_on(up_reader, writer, shape.cut_down, shape.hold_down, shape.piece)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if not any(way.result() for way in ways if way.done() and not way.exception()):
                await asyncio.wait(ways)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, up_writer):
                end.transport.abort()


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: int | None, hold: int | None, piece: int
) -> bool:
    """Pass bytes on until the end; True when the line is to be cut."""
    passed = 0
    while data := await reader.read(piece):
        passed += len(data)
        if cut is not None and passed > cut:
            writer.write(data[: cut - passed])
            return True
        if hold is not None and passed > hold:
            await asyncio.Event().wait()
        writer.write(data)
        await writer.drain()
    writer.close()
    return False
