"""The functions and methods a template may call.

Both are closed lists, and follow the rule of the filters: nothing as an argument, or as the value a method
belongs to, gives nothing.
"""

from __future__ import annotations

import functools
import time
import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from specbuilder.expressions.filters import base_language, join, replace, settled
from specbuilder.expressions.values import TemplateError, attempt, kind

__all__ = ["BUILT_IN_FUNCTIONS", "FUNCTIONS", "METHODS", "call_method", "functions"]

BUILT_IN_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "base_language": base_language,
        "now": time.time,
        "uuid": lambda: str(uuid.uuid4()),
    }
)
"""The functions that need no session; a rendering may replace them, a test for example the clock."""

_FUNCTION_DOCS: Mapping[str, str] = MappingProxyType(
    {
        "base_language": "the same as the filter",
        "now": "the time in seconds since 1970, with a fraction",
        "silence": "so many milliseconds of silence, as audio is sent: `silence(100)`",
        "uuid": "a new random UUID (RFC 9562, version 4)",
        "wav_header": "the 44 bytes that begin a WAV file of unknown length",
    }
)

FUNCTIONS: Final = frozenset(_FUNCTION_DOCS)
"""The names a template may call."""


def functions() -> Mapping[str, str]:
    """Give every function's name with one line of description."""
    return _FUNCTION_DOCS


_TEXT_METHODS = frozenset(
    {
        *("capitalize", "casefold", "lower", "title", "upper"),
        *("count", "endswith", "find", "rfind", "startswith"),
        *("isalnum", "isalpha", "isdigit", "islower", "isnumeric", "isspace", "isupper"),
        *("lstrip", "removeprefix", "removesuffix", "rstrip", "strip"),
        *("join", "partition", "replace", "rpartition", "rsplit", "split", "splitlines"),
    }
)
_LIST_METHODS = frozenset({"count", "index"})
_MAPPING_METHODS = frozenset({"get", "items", "keys", "values"})

METHODS: Final = _TEXT_METHODS | _LIST_METHODS | _MAPPING_METHODS
"""The methods a template may call, of texts, lists and mappings together."""


def call_method(value: Any, name: str, *args: Any) -> Any:
    """Call a method of a text, list or mapping; nothing as value or argument gives nothing.

    Raises:
        TemplateError: the value has no such method, or the method failed.
    """
    if value is None or any(argument is None for argument in args):
        return None
    if name not in _methods_of(value):
        raise TemplateError(f"{kind(value)} has no method {name!r}")
    run: Callable[..., Any]
    if name == "replace":
        run = functools.partial(replace, value)
    elif name == "join":
        run = functools.partial(join, separator=value)
    else:
        run = getattr(value, name)
    if name in ("startswith", "endswith"):
        # The language has lists only, Python wants a tuple here.
        args = tuple(tuple(argument) if isinstance(argument, list) else argument for argument in args)
    return attempt(lambda: settled(name, run(*args)), f"the method {name!r} failed on {kind(value)}")


def _methods_of(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        return _TEXT_METHODS
    if isinstance(value, (list, tuple)):
        return _LIST_METHODS
    if isinstance(value, Mapping):
        return _MAPPING_METHODS
    return frozenset()
