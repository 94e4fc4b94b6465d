"""An HTTP exchange as data: what is to be asked, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["METHODS", "Reply", "Request"]

METHODS = ("post", "get", "delete")
"""The methods a spec may name, as it writes them."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, complete to the byte.

    Headers and body carry keys and tokens, so they are not part of the repr; nor is the url, whose query may.
    """

    method: str
    """Upper case: GET, POST, DELETE."""
    url: str = field(repr=False)
    """Absolute and already percent-encoded; it is sent exactly as it is."""
    headers: list[tuple[str, str]] = field(repr=False)
    """In the order to be sent; a name may occur more than once."""
    body: bytes | None = field(repr=False)
    """None: the request has no body."""
    timeout: float = 30.0
    """Seconds the whole exchange may take."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a `Request`, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)
    """The decoded body (content-encoding undone); empty when there is none."""
