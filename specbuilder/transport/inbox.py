"""Messages between the socket that receives them and the coroutine that reads them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

__all__ = ["Inbox"]

_HIGH = 2**20
_LOW = _HIGH // 4
"""Bytes waiting at which the socket is paused, and resumed."""

_OVERHEAD = 100
"""Bytes a message costs beside its content, so that many tiny ones count."""


class Inbox:
    """A queue of one reader that pauses the socket while too much is waiting.

    Arguments:
        pause, resume: stop and go on reading from the network.
    """

    def __init__(self, pause: Callable[[], object], resume: Callable[[], object]) -> None:
        self.paused = False
        self.ended = False
        self._pause = pause
        self._resume = resume
        self._messages: deque[str | bytes] = deque()
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None

    def put(self, message: str | bytes) -> None:
        """Add a message. After `end()` it is dropped."""
        if self.ended:
            return
        self._messages.append(message)
        self._size += len(message) + _OVERHEAD
        if self._size > _HIGH and not self.paused:
            self.paused = True
            self._pause()
        self._wake()

    def end(self) -> None:
        """Let the reader find the end behind the messages that are there."""
        self.ended = True
        self._wake()

    def discard(self) -> None:
        """Drop what is waiting, and let the network be read on: nobody reads here any more."""
        self._messages.clear()
        self._size = 0
        self._go_on()
        self.end()

    async def get(self) -> str | bytes:
        """The next message. A cancelled `get` has taken none.

        Raises:
            EOFError: there will be no more.
            RuntimeError: somebody else is waiting.
        """
        while not self._messages:
            if self.ended:
                raise EOFError
            if self._waiter is not None:
                raise RuntimeError("two coroutines receive from one WebSocket")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        message = self._messages.popleft()
        self._size -= len(message) + _OVERHEAD
        if self._size <= _LOW:
            self._go_on()
        return message

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _go_on(self) -> None:
        if self.paused:
            self.paused = False
            self._resume()
