"""What every step primitive is: a computation that may ask for HTTP exchanges and connects to nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeAlias, TypeVar

from ..http import Reply, Request

__all__ = ["Exchange", "Primitive", "PrimitiveError", "quietly", "text_argument"]

T = TypeVar("T")

Exchange: TypeAlias = Generator[Request, Reply, Mapping[str, Any]]
"""Yields requests, is sent the reply of each (any status), returns what the step's name stands for."""

Primitive: TypeAlias = Callable[[Mapping[str, Any], Callable[[], float]], Exchange]
"""A generator function of the rendered `with` mapping and a clock in epoch seconds."""


class PrimitiveError(Exception):
    """A step primitive cannot do its work.

    Neither the message nor anything chained to it holds a key.

    Attributes:
        status: HTTP status of the reply that was refused; None when what the spec or the user gave is wrong.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def text_argument(args: Mapping[str, Any], name: str, primitive: str) -> str:
    """Return an argument that must be a text with something in it.

    Raises:
        PrimitiveError: it is missing, empty or something else; the value is not shown, it may be a key.
    """
    value = args.get(name)
    if not isinstance(value, str) or not value:
        raise PrimitiveError(f"{primitive} needs {name!r} (a text)")
    return value


def quietly(call: Callable[[], T], problem: str) -> T:
    """Call something that handles keys; if it fails, say only what was tried and the type of its error.

    Raises:
        PrimitiveError: `problem`, with nothing chained: the library's own error may quote the key.
    """
    try:
        return call()
    except ImportError as error:
        kind = f"{problem}: the module {error.name} is missing"
    except Exception as error:
        kind = f"{problem} ({type(error).__name__})"
    raise PrimitiveError(kind)
