"""The input of a stream: livekit's channel, with a way past it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from livekit.agents.utils import aio

__all__ = ["InputChannel"]

_T = TypeVar("_T")


class InputChannel(aio.Chan[_T]):
    """A channel whose reader may be handed an item at once, instead of being woken for it.

    Waking a task for every frame costs several times what sending the frame does, and delays it by a round of
    the event loop. Items keep their order: none passes another that waits.

    Attributes:
        taker: given an item that nothing waits before; says whether it took it. None: everything waits.
    """

    taker: Callable[[_T], bool] | None = None

    def send_nowait(self, value: _T) -> None:
        """Hand the item over, or let it wait.

        Raises:
            ChanClosed: the input has ended.
        """
        # Attributes, where the base class has methods for them: this runs for every frame of every stream.
        if self.taker is None or self._closed or self._queue or not self.taker(value):
            super().send_nowait(value)
