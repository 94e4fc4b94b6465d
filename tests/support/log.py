"""The record of everything a vendor saw, what a test may ask of it, and how to wait for the next entry."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tests.support.wire import (
    Binary,
    Closed,
    Handshake,
    HttpRequest,
    Record,
    Text,
    summary,
)

__all__ = ["WireLog", "wait_for_event"]


class WireLog:
    """The wire in order of arrival.

    Args:
        audio: reads the audio out of a frame, b"" when it has none.
        timeout: seconds `until` waits when it is not told otherwise.

    Attributes:
        wire: every record, in order.
        problems: what went against the script; each fails the test.
        failed: set at the first problem, so that a test need not wait for its own deadline.
        read_audio: the function given as `audio`.
    """

    def __init__(self, audio: Callable[[Text | Binary], bytes], timeout: float) -> None:
        self.wire: list[Record] = []
        self.problems: list[str] = []
        self.failed = asyncio.Event()
        self.timeout = timeout
        self.read_audio = audio
        self._audio_bytes: defaultdict[int, int] = defaultdict(int)
        self._changed = asyncio.Event()

    @property
    def requests(self) -> list[HttpRequest]:
        """The HTTP requests, without handshakes."""
        return [
            item for item in self.wire if isinstance(item, HttpRequest) and not isinstance(item, Handshake)
        ]

    @property
    def handshakes(self) -> list[Handshake]:
        """The WebSocket handshakes, also the refused ones."""
        return [item for item in self.wire if isinstance(item, Handshake)]

    def frames(self, connection: int | None = None) -> list[Text | Binary]:
        """The text and binary frames of one connection (None: of all), in order."""
        return [
            item
            for item in self.wire
            if isinstance(item, (Text, Binary)) and connection in (None, item.connection)
        ]

    def messages(self, connection: int | None = None) -> list[Any]:
        """The text frames that carry no audio: parsed JSON, or the text itself."""
        return [
            frame.message
            for frame in self.frames(connection)
            if isinstance(frame, Text) and not self.read_audio(frame)
        ]

    def chunks(self, connection: int | None = None) -> list[bytes]:
        """The audio of each frame that carried some."""
        return [data for frame in self.frames(connection) if (data := self.read_audio(frame))]

    def audio(self, connection: int | None = None) -> bytes:
        """All audio received, concatenated."""
        return b"".join(self.chunks(connection))

    def audio_bytes(self, connection: int) -> int:
        """How many bytes of audio came on this connection."""
        return self._audio_bytes[connection]

    def closed(self, connection: int) -> Closed | None:
        """How the client left, or None while it is there."""
        return next(
            (item for item in self.wire if isinstance(item, Closed) and item.connection == connection), None
        )

    async def until(self, condition: Callable[[], bool], what: str, timeout: float | None = None) -> None:
        """Wait until the condition holds; it is looked at whenever something arrives.

        Args:
            what: named in the error.
            timeout: seconds; default the log's.

        Raises:
            AssertionError: it did not hold in time, or a step of the script failed.
        """
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while not condition():
            if self.problems or not await self.next_entry(deadline):
                problems = "".join(f"{problem}\n" for problem in self.problems)
                raise AssertionError(f"{problems}waited for {what}; the wire:\n{summary(self.wire)}")

    def record(self, record: Record) -> None:
        """Append what arrived and wake whoever waits."""
        self.wire.append(record)
        if isinstance(record, (Text, Binary)):
            self._audio_bytes[record.connection] += len(self.read_audio(record))
        self._wake()

    def problem(self, text: str) -> None:
        """Note something that fails the test."""
        self.problems.append(text)
        self.failed.set()
        self._wake()

    async def next_entry(self, deadline: float) -> bool:
        """Wait for the next record or problem; False when the deadline (monotonic seconds) passes first."""
        return await wait_for_event(self._changed, deadline - time.monotonic())

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


async def wait_for_event(event: asyncio.Event, timeout: float) -> bool:
    """Wait at most `timeout` seconds; whether the event was set."""
    waiter = asyncio.ensure_future(event.wait())
    try:
        done, _ = await asyncio.wait([waiter], timeout=max(0.0, timeout))
    finally:
        waiter.cancel()
    return bool(done)
