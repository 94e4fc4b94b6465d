"""The time line of one connection: the vendor's seconds, the input's seconds, and the wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Timeline"]


class Timeline:
    """Places the vendor's times.

    A vendor counts the audio it has received. That is the input from where the connection took it up, plus
    any silence the protocol added (a flush that must not be too short), which the input does not have.

    Arguments:
        replayed: seconds of input that are sent again before new audio.
        wall: epoch seconds.
        anchored: told the epoch seconds of the vendor's time zero, once known.

    Attributes:
        last_final_wall: when the speech of the newest final ended, in epoch seconds; None when not known.
    """

    __slots__ = ("_anchor", "_anchored", "_pads", "_replayed", "_wall", "last_final_wall")

    def __init__(
        self,
        replayed: float = 0.0,
        wall: Callable[[], float] = time.time,
        anchored: Callable[[float], None] | None = None,
    ) -> None:
        self._wall = wall
        self._anchored = anchored
        self._replayed = replayed
        self._anchor: float | None = None
        self._pads: list[tuple[float, float]] = []
        self.last_final_wall: float | None = None

    @property
    def start(self) -> float | None:
        """Epoch seconds of the vendor's time zero; None before the first audio was sent."""
        return self._anchor

    def anchor(self) -> None:
        """The first audio leaves now."""
        if self._anchor is None:
            self._anchor = self._wall() - self._replayed
            if self._anchored is not None:
                self._anchored(self._anchor)

    def pad(self, at: float, seconds: float) -> None:
        """Silence of the protocol's own goes out at the vendor's time `at`."""
        self._pads.append((at, seconds))

    def input_time(self, vendor_time: float) -> float:
        """Seconds of input that a time of the vendor's stands for."""
        if not self._pads:
            return vendor_time
        for at, seconds in reversed(self._pads):
            if vendor_time > at:
                vendor_time = max(at, vendor_time - seconds)
        return vendor_time

    @property
    def placing(self) -> Callable[[float], float] | None:
        """`input_time`, or None while both time lines are the same."""
        return self.input_time if self._pads else None

    def wall_time(self, vendor_time: float | None) -> float | None:
        """Epoch seconds of a time of the vendor's, not later than now; None when it is not known."""
        if vendor_time is None or self._anchor is None:
            return None
        return min(self._anchor + self.input_time(vendor_time), self._wall())

    def final(self, end: float) -> float | None:
        """Note the end of a final, in seconds of input (0: not known), and return it on the wall clock."""
        self.last_final_wall = (
            min(self._anchor + end, self._wall()) if end > 0 and self._anchor is not None else None
        )
        return self.last_final_wall
