"""What a value is while a template runs, and the only ways values come in and go out.

Inside a running template `None` is "nothing" and `NULL` is an explicit null. Outside, nothing is `NOTHING`
and null is `None`. This module holds the passage between the two and the reading of names, fields and
items. No error raised here carries a value: a value may be a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from specbuilder.expressions.nothing import NOTHING, Nothing
from specbuilder.expressions.secrets import Secret
from specbuilder.language.errors import Path

__all__ = [
    "MAX_SIZE",
    "NULL",
    "Null",
    "Scope",
    "StrictMapping",
    "TemplateError",
    "attempt",
    "charge",
    "check_size",
    "inward",
    "kind",
    "outward",
    "read_item",
    "read_name",
    "text_of",
]

MAX_SIZE: Final = 16 * 1024 * 1024
"""The most a template may give: characters, bytes, or values in lists and mappings."""

# The most that may be built on the way to it: a short expression can build the same large text many times.
_MAX_BUILT = 8 * MAX_SIZE

_MAX_DEPTH = 200


class TemplateError(ValueError):
    """A template, condition or tree is wrong, or cannot be rendered.

    Attributes:
        message: what is wrong; names and types only, never a value.
        offset: where in the text, counted in characters from 0; None where it is not known.
        hint: the way out, or None.
        path: keys and indexes to the text inside the tree that was rendered; empty outside a tree.
    """

    def __init__(self, message: str, offset: int | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint
        self.path: Path = ()

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class Null:
    """The class of `NULL`, which stands for an explicit null while a template runs."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "null"


NULL: Final = Null()


class StrictMapping(dict[str, Any]):
    """A mapping whose fields must exist when a template reads them, with all mappings inside it.

    A vendor's reply to a step is one: a token that is not where the spec says must not turn into a request
    without a token.

    Raises:
        TemplateError: `values` is nested deeper than any reply needs.
    """

    def __init__(self, values: Mapping[str, Any], _depth: int = 0) -> None:
        super().__init__({key: _strict(value, _depth + 1) for key, value in values.items()})


def _strict(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise TemplateError(f"a reply nested more than {_MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return StrictMapping(value, depth)
    if isinstance(value, list):
        return [_strict(item, depth + 1) for item in value]
    return value


class Scope:
    """What one rendering can see, how much it has given so far, and how much it has built on the way there.

    Arguments:
        names: values by name; may be a mapping that computes them when they are read.
        functions: functions by name.
    """

    __slots__ = ("built", "functions", "names", "spent")

    def __init__(self, names: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> None:
        self.names = names
        self.functions = functions
        self.spent = 0
        self.built = 0


def attempt(action: Callable[[], Any], complaint: str, hint: str | None = None) -> Any:
    """Run `action`; whatever goes wrong becomes a TemplateError that says only `complaint`."""
    try:
        return action()
    except TemplateError:
        raise
    except Exception:
        # Raised below, outside this block: a chained cause could quote a secret.
        pass
    raise TemplateError(complaint, hint=hint)


def kind(value: Any) -> str:
    """Name the type of a value in words of the language."""
    if value is None or value is NOTHING:
        return "nothing"
    if isinstance(value, Null):
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, (str, Secret)):
        return "text"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "bytes"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, Mapping):
        return "a mapping"
    return f"a {type(value).__name__}"


def inward(value: Any) -> Any:
    """Take a value from outside into a template: secrets are shown, tuples are lists, NOTHING is None."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, Nothing) else value


def outward(value: Any, scope: Scope) -> Any:
    """Hand a template's value out: None becomes NOTHING, NULL None, whatever can be iterated a list.

    Raises:
        TemplateError: the value is not data, or is larger than `MAX_SIZE`, counting what `scope` gave before.
    """
    if value is None:
        return NOTHING
    return attempt(lambda: _plain(value, scope), "the value is nested too deeply")


_SCALARS = frozenset({int, float, bool, bytes, type(None)})


def _plain(value: Any, scope: Scope) -> Any:
    kept = type(value)
    if kept is str:
        _spend(scope, len(value))
        return value
    if kept in _SCALARS:
        _spend(scope, 1)
        return value
    if isinstance(value, Mapping):
        _spend(scope, len(value))
        return {
            _plain_key(key): _plain(item, scope)
            for key, item in value.items()
            if not isinstance(item, Nothing)
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        _spend(scope, len(value))
        return [_plain(item, scope) for item in value if not isinstance(item, Nothing)]
    return _plain_scalar(value, scope)


def _plain_scalar(value: Any, scope: Scope) -> Any:
    _spend(scope, 1)
    if isinstance(value, Null):
        return None
    if isinstance(value, Secret):
        return value.reveal()
    # Subclasses (livekit's LanguageCode, enumerations) are sent as what they are made of.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return value
    raise TemplateError(f"{kind(value)} cannot be sent")


def _plain_key(key: Any) -> str:
    if isinstance(key, (str, int, float)):
        return text_of(key)
    raise TemplateError(f"{kind(key)} cannot be a key")


def _spend(scope: Scope, amount: int) -> None:
    scope.spent += amount
    if scope.spent > MAX_SIZE:
        raise TemplateError(f"the result is larger than {MAX_SIZE} characters")


def check_size(size: float) -> None:
    """Refuse a result of `size` characters, bytes or items before it is built.

    Raises:
        TemplateError: `size` is more than `MAX_SIZE`.
    """
    if size > MAX_SIZE:
        raise TemplateError(f"the result would be larger than {MAX_SIZE} characters")


def charge(scope: Scope, value: Any) -> Any:
    """Count a value that an expression has built, and give it back.

    Raises:
        TemplateError: the expression builds too much.
    """
    scope.built += len(value) if isinstance(value, (str, bytes, list)) else 1
    if scope.built > _MAX_BUILT:
        raise TemplateError(f"the expression builds more than {_MAX_BUILT} characters")
    return value


def text_of(value: Any) -> str:
    """Write a scalar as it stands inside text: numbers in shortest form, true and false in lower case.

    Raises:
        TemplateError: the value has no such form.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, Secret):
        return value.reveal()
    hint = None
    if isinstance(value, (Mapping, list, tuple)):
        hint = "use | json"
    elif isinstance(value, (bytes, bytearray, memoryview)):
        hint = "use | base64 or | hex"
    raise TemplateError(f"{kind(value)} cannot stand inside text", hint=hint)


def read_name(scope: Scope, name: str) -> Any:
    """Read one of the names a rendering can see; nothing when it is not there."""
    return inward(scope.names.get(name))


def read_item(value: Any, key: Any, lenient: bool = False, literal: bool = False) -> Any:
    """Read a field of a mapping or an item of a list or text.

    Arguments:
        value: what is read from; reading from nothing gives nothing.
        key: the field's name or the item's index.
        lenient: a missing field of a `StrictMapping` is nothing instead of an error.
        literal: the key is written in the template, so an error may name it; another may be a secret.

    Raises:
        TemplateError: a missing field of a `StrictMapping`; a field of something that has none.
    """
    if value is None or key is None:
        return None
    if isinstance(value, Mapping):
        # Also keys that cannot be hashed are keys that are not there.
        found = attempt(lambda: value.get(key, NOTHING), f"{kind(key)} cannot be a key")
        if found is NOTHING and isinstance(value, StrictMapping) and not lenient:
            missing = f"field {key!r}" if literal else "such field"
            raise TemplateError(
                f"the reply has no {missing}", hint="add | default(none) if it may be missing"
            )
        return inward(found)
    if isinstance(value, (list, tuple, str)) and isinstance(key, int):
        return inward(value[key]) if -len(value) <= key < len(value) else None
    raise TemplateError(f"{kind(value)} has no {f'field {key!r}' if literal else 'such field or item'}")
