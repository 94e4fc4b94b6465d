"""A few costly objects (models) shared by many threads: made when first needed, lent to one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

__all__ = ["Pool"]

T = TypeVar("T")


class Pool(Generic[T]):
    """Lends out at most `limit` objects.

    Args:
        make: makes one object; called in the borrower's thread.
        limit: how many may exist; a further borrower waits for one to come back.
    """

    def __init__(self, make: Callable[[], T], limit: int) -> None:
        self._make = make
        self._places = threading.BoundedSemaphore(limit)
        self._lock = threading.Lock()
        self._idle: list[T] = []

    @contextmanager
    def borrow(self) -> Iterator[T]:
        """One object for the length of a `with` block; the most recently used one, which is warm."""
        with self._places:
            with self._lock:
                item = self._idle.pop() if self._idle else None
            if item is None:
                item = self._make()
            try:
                yield item
            finally:
                with self._lock:
                    self._idle.append(item)

    def drain(self) -> list[T]:
        """Take all objects out, to be closed. Nobody borrows now or later."""
        with self._lock:
            idle, self._idle = self._idle, []
        return idle
