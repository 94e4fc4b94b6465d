"""The events of a stream: livekit's channel, read by two without a tee."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from livekit.agents import stt
from livekit.agents.utils import aio

__all__ = ["METERED", "EventChannel"]

METERED: Final = frozenset({stt.SpeechEventType.FINAL_TRANSCRIPT, stt.SpeechEventType.RECOGNITION_USAGE})
"""The events livekit's metrics task acts on."""


class EventChannel(aio.Chan[stt.SpeechEvent]):
    """The channel the reader of a stream reads, and a second one for livekit's metrics task.

    livekit puts a tee behind the channel, whose lock and generators take four rounds of the event loop for
    every event: more than reading the vendor's message takes. Most events are interims, which the metrics
    task drops; so they are not handed to it.

    Arguments:
        copied: the types of event the second reader is given.

    Attributes:
        copies: the second reader's channel; the events are in order there too.
    """

    def __init__(self, copied: Collection[stt.SpeechEventType]) -> None:
        super().__init__()
        self.copies: aio.Chan[stt.SpeechEvent] = aio.Chan()
        self._copied = copied

    def send_nowait(self, value: stt.SpeechEvent) -> None:
        """Hand over an event.

        Raises:
            ChanClosed: the stream is over.
        """
        if self.closed:
            raise aio.ChanClosed
        self._queue.append(value)
        if self._gets:
            self._wakeup_next(self._gets)
        if value.type in self._copied:
            self.copies.send_nowait(value)

    async def __anext__(self) -> stt.SpeechEvent:
        """The next event: livekit's own way to it is a coroutine inside another."""
        while not self._queue:
            if self.closed:
                raise StopAsyncIteration
            waiter = self._loop.create_future()
            self._gets.append(waiter)
            try:
                await waiter
            except aio.ChanClosed:
                raise StopAsyncIteration from None
            except asyncio.CancelledError:
                with suppress(ValueError):
                    self._gets.remove(waiter)
                if self._queue:
                    # It may have been woken for an event that another reader is to take now.
                    self._wakeup_next(self._gets)
                raise
        return self._queue.popleft()

    def close(self) -> None:
        """No event will come any more; those that wait can still be read."""
        super().close()
        self.copies.close()

    async def aclose(self) -> None:
        """Close, and drop what nobody has read: livekit does so with its tee when a stream is closed."""
        self.close()
        while not self.empty():
            self.recv_nowait()
