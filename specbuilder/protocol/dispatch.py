"""Finding the rows of a table that can match a message by one look-up instead of trying each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from .reading import Reading

__all__ = ["Dispatch"]

_Row = TypeVar("_Row")


class Dispatch(Generic[_Row]):
    """Rows with conditions, by the field that most of the conditions tell messages apart by.

    Most vendors put a type into every message, and most rows ask for one value of it; those that do not ask
    can match any message, and keep their place among the others.

    Arguments:
        rows: in the order in which they are to be tried.
        condition: of a row; None: it always holds, or cannot be known from the message.
    """

    __slots__ = ("_path", "_rest", "_table")

    def __init__(self, rows: Sequence[_Row], condition: Callable[[_Row], Reading | None]) -> None:
        asked = [_equalities(condition(row)) for row in rows]
        counts = Counter(path for wanted in asked for path in wanted)
        self._path = max(counts, key=lambda path: counts[path], default=())
        values = {wanted[self._path] for wanted in asked if self._path in wanted}
        self._table = {
            value: tuple(
                row for row, wanted in zip(rows, asked, strict=True) if wanted.get(self._path, value) == value
            )
            for value in values
        }
        self._rest = tuple(row for row, wanted in zip(rows, asked, strict=True) if self._path not in wanted)

    def find(self, message: Any) -> tuple[_Row, ...]:
        """The rows that can match."""
        value = message
        for name in self._path:
            if not isinstance(value, dict):
                return self._rest
            value = value.get(name)
        return self._table.get(value, self._rest) if isinstance(value, str) else self._rest


def _equalities(condition: Reading | None) -> dict[tuple[str, ...], str]:
    """The fields of a message that must equal a text for the condition to hold."""
    if condition is None:
        return {}
    return {path: value for path, value in condition.selector.equalities if isinstance(value, str)}
