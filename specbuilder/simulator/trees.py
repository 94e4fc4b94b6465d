"""Places in a vendor's message: its leaves by path, and copies with other values there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

__all__ = ["Place", "get", "is_samples", "leaves", "replaced"]

Place: TypeAlias = tuple[str | int, ...]

_MANY = 64
"""Numbers in a row that are no list of words, times or scores any more."""


def leaves(value: Any, path: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every scalar of a JSON tree with its path, in order; a long list of numbers, as of samples, is one."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and not is_samples(value):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def is_samples(value: list[Any]) -> bool:
    """Whether a list is so long and all numbers that it must be audio."""
    return len(value) >= _MANY and all(isinstance(item, float) for item in value[:_MANY])


def get(value: Any, path: Place) -> Any:
    """What stands at a place; None where there is nothing."""
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def replaced(value: Any, path: Place, new: Any) -> Any:
    """A copy of the tree with another value at one place."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {name: replaced(item, rest, new) if name == key else item for name, item in value.items()}
    return [replaced(item, rest, new) if index == key else item for index, item in enumerate(value)]
