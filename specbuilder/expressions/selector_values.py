"""Values as selectors see them: types, truth, equality, and the checks that functions share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

__all__ = [
    "NUMBERS",
    "Scope",
    "SelectorTypeError",
    "as_text",
    "check",
    "check_number",
    "check_numbers",
    "check_sortable",
    "check_text",
    "decode",
    "equal",
    "is_number",
    "key_of",
    "truth",
    "type_name",
    "without_nulls",
]


NUMBERS = frozenset({int, float})
"""The types of JSON's numbers; true and false have another one."""


class SelectorTypeError(Exception):
    """A value of a message is not of the type that a function takes. The text names types, never values."""


class Scope(Protocol):
    """What a selector may see besides its item."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """Values of `$name`; a missing name is null."""

    @property
    def message(self) -> Any:
        """The whole message: `message()`."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the reply or handshake, names in lower case: `header('x')`."""


def is_number(value: Any) -> bool:
    """Whether a value is a number of JSON; true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def truth(value: Any) -> bool:
    """JMESPath's truth: null, false, "", [] and {} are false (so is b""); 0 is true."""
    # Of what Python takes for false only the numbers are true in JMESPath, and false is none of them.
    return bool(value) or value.__class__ in NUMBERS


def equal(left: Any, right: Any) -> bool:
    """JMESPath's equality, deep: 1 equals 1.0, but true does not equal 1 as it does in Python."""
    if isinstance(left, str) or left is None:
        return bool(left == right)
    return bool(key_of(left) == key_of(right))


def key_of(value: Any) -> Any:
    """A hashable stand-in: two values are equal in JMESPath if and only if their stand-ins are in Python."""
    if value is None or value.__class__ is str:
        return value
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return ("array", tuple(map(key_of, value)))
    if isinstance(value, dict):
        return ("object", frozenset((name, key_of(inner)) for name, inner in value.items()))
    return value


def type_name(value: Any) -> str:
    """JMESPath's name of a value's type; `binary` for bytes, which JSON does not have but msgpack does."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    for name, kind in _TYPES:
        if isinstance(value, kind):
            return name
    return "expression" if callable(value) else "unknown"


_TYPES: tuple[tuple[str, type | tuple[type, ...]], ...] = (
    ("string", str),
    ("number", (int, float)),
    ("array", list),
    ("object", dict),
    ("binary", bytes),
)


def as_text(value: Any) -> str:
    """A value as text: a string as it is, anything else as one line of JSON (1.0 stays 1.0)."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=decode)


def decode(value: Any) -> str:
    """Bytes as UTF-8 text; what is no UTF-8 is replaced."""
    return bytes(value).decode("utf-8", "replace")


def without_nulls(values: Any) -> Any:
    """An array without its nulls; anything else as it is, for the check that follows."""
    if isinstance(values, list) and None in values:
        return [value for value in values if value is not None]
    return values


def check(name: str, value: Any, kind: type | tuple[type, ...], expected: str) -> None:
    """Raise SelectorTypeError unless a value is of the kind that the function `name` takes."""
    if not isinstance(value, kind):
        raise SelectorTypeError(f"{name}() takes {expected}, not {type_name(value)}")


def check_number(name: str, value: Any) -> None:
    """Raise SelectorTypeError unless the value is a number."""
    if not is_number(value):
        raise SelectorTypeError(f"{name}() takes a number, not {type_name(value)}")


def check_text(name: str, *values: Any) -> None:
    """Raise SelectorTypeError unless every value is a string."""
    for value in values:
        if not isinstance(value, str):
            raise SelectorTypeError(f"{name}() takes a string, not {type_name(value)}")


def check_numbers(name: str, values: Any) -> None:
    """Raise SelectorTypeError unless the value is an array of numbers."""
    # The set of types is built in C: much faster than a look at every value from Python.
    if isinstance(values, list) and NUMBERS.issuperset(map(type, values)):
        return
    check(name, values, list, "an array of numbers")
    if not all(map(is_number, values)):
        raise SelectorTypeError(f"{name}() takes an array of numbers, not of {_type_names(values)}")


def check_sortable(name: str, values: Any) -> None:
    """Raise SelectorTypeError unless the value is an array of numbers only, or of strings only."""
    if isinstance(values, list):
        for types in (NUMBERS, _TEXTS):
            if types.issuperset(map(type, values)):
                return
    check(name, values, list, "an array of numbers or of strings")
    if not all(map(is_number, values)) and not all(isinstance(value, str) for value in values):
        raise SelectorTypeError(f"{name}() takes numbers only or strings only, not {_type_names(values)}")


_TEXTS = {str}


def _type_names(values: list[Any]) -> str:
    return " and ".join(sorted({type_name(value) for value in values}))
