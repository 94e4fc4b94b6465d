"""Input that a vendor has not finalized yet, kept so that a new connection can be sent it again."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Final

__all__ = ["FLUSH", "MAX_BYTES", "FlushMark", "ReplayBuffer", "checked_replay"]

MAX_BYTES = 16 * 2**20
"""Bytes of input kept at most, whatever a spec or caller asks for: almost nine minutes at 16 kHz."""


class FlushMark:
    """A flush between two pieces of audio; it has the length of no audio."""

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "FLUSH"


FLUSH: Final = FlushMark()


def checked_replay(seconds: float) -> float:
    """The seconds themselves.

    Raises:
        ValueError: they are negative, endless or no number.
    """
    if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise ValueError(f"replay must be a number of seconds, 0 or more, not {seconds!r}")
    return float(seconds)


class ReplayBuffer:
    """The newest input, audio and flushes in order, bounded by its duration and by `MAX_BYTES`.

    Arguments:
        bytes_per_second: of the s16le input.
        limit: seconds kept; what is older is given up. 0 keeps nothing.

    Attributes:
        start: seconds of input before the first piece that is kept.
    """

    __slots__ = ("_items", "_limit", "_rate", "_size", "_start")

    def __init__(self, bytes_per_second: int, limit: float) -> None:
        self._rate = bytes_per_second
        self._limit = min(int(limit * bytes_per_second), MAX_BYTES)
        self._items: deque[bytes | FlushMark] = deque()
        self._size = 0
        self._start = 0

    @property
    def start(self) -> float:
        """Seconds of input before the first piece that is kept."""
        return self._start / self._rate

    @property
    def seconds(self) -> float:
        """Seconds of audio that are kept."""
        return self._size / self._rate

    def audio(self, pcm: bytes) -> None:
        """Audio goes to the vendor."""
        self._items.append(pcm)
        self._size += len(pcm)
        while self._size > self._limit:
            self._drop()

    def flush(self) -> None:
        """A flush goes to the vendor; one more with no audio in between asks for nothing."""
        if self._items and self._items[-1] is not FLUSH:
            self._items.append(FLUSH)

    def _drop(self) -> None:
        items = self._items
        length = len(items.popleft())
        self._size -= length
        self._start += length
        # A flush with nothing before it has nothing to finalize.
        while items and not items[0]:
            items.popleft()

    def trim(self, until: float) -> None:
        """Give up what lies wholly before a time, in seconds of input: its text is final."""
        # Seconds are not exact in binary: cut off, many would be a byte short and keep a piece too many.
        end = round(until * self._rate)
        items, start = self._items, self._start
        while items and (after := start + len(items[0])) <= end:
            items.popleft()
            start = after
        self._size -= start - self._start
        self._start = start

    def __iter__(self) -> Iterator[bytes | FlushMark]:
        # A copy: pieces are appended while the kept ones are being sent again.
        return iter(tuple(self._items))
