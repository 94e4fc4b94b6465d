"""How much a state may hold, and what is raised when a vendor sends more or something else."""

from __future__ import annotations

from typing import Any

__all__ = ["MAX_ITEMS", "MAX_TEXT", "StateOverflow", "StateTypeError", "bounded_list", "bounded_text"]

MAX_TEXT = 1024 * 1024
"""Characters; an hour of talk is about 60,000."""

MAX_ITEMS = 100_000


class StateOverflow(Exception):
    """A vendor made a state grow beyond its bound: an error of the vendor's (status 500)."""


class StateTypeError(TypeError):
    """A message gave a state a value of the wrong type; the message breaks the spec and can be skipped."""

    @classmethod
    def of(cls, wanted: str, got: Any) -> StateTypeError:
        """Make the error; it names the type of what came and never quotes it."""
        names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "null"}
        names |= dict.fromkeys((int, float), "a number")
        return cls(f"needs {wanted}, got {names.get(type(got), type(got).__name__)}")


def bounded_text(text: str) -> str:
    """Return the text if a state may hold it.

    Raises:
        StateOverflow: it is longer than `MAX_TEXT`.
    """
    if len(text) > MAX_TEXT:
        raise StateOverflow(f"more than {MAX_TEXT} characters of text")
    return text


def bounded_list(items: list[Any]) -> list[Any]:
    """Return the list if a state may hold it.

    Raises:
        StateOverflow: it has more than `MAX_ITEMS` items.
    """
    if len(items) > MAX_ITEMS:
        raise StateOverflow(f"more than {MAX_ITEMS} items")
    return items
