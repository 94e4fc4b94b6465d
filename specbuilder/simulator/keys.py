"""Whether a client shows its key where the spec puts it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..expressions.secrets import MASK
from .trees import leaves, replaced

__all__ = ["KeyCheck", "Shown", "shown"]

Shown = Mapping[str, str]
"""What a client shows, by place: `header authorization`, `query token`, `message auth.key`."""


def shown(
    headers: Iterable[tuple[str, str]], url: str, messages: Iterable[Any] = (), body: bytes = b""
) -> dict[str, str]:
    """Every text of a request or handshake and its first messages, by place."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name.lower() == "sec-websocket-protocol":
            for item in value.split(","):
                # Offered protocols have no names; those with a key have a prefix or a neighbour.
                found[f"subprotocol {len(found)}"] = item.strip()
        else:
            found[f"header {name.lower()}"] = value
    for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        found[f"query {name}"] = value
    for message in messages:
        for path, value in leaves(message):
            if isinstance(value, str):
                found["message " + ".".join(map(str, path))] = value
    if body and len(body) < 10_000:
        for name, value in parse_qsl(body.decode("latin-1"), keep_blank_values=True):
            found[f"form {name}"] = value
    return found


class KeyCheck:
    """Where the spec shows the key in one request or handshake.

    Arguments:
        expected: what the spec shows there with the key of the simulator.
        key: that key.

    Attributes:
        checked: whether the key is to be seen there at all. A signature made of it is not.
        in_messages: whether it comes in the first messages and not before.
    """

    def __init__(self, expected: Shown, key: str) -> None:
        self._places = {place: value for place, value in expected.items() if _holds(value, key)}
        self.checked = bool(self._places)
        self.in_messages = self.checked and all(place.startswith("message ") for place in self._places)

    def accepts(self, came: Shown) -> bool:
        """Whether everything that holds the key is there and right."""
        for place, value in self._places.items():
            if place.startswith("subprotocol "):
                if value not in (text for name, text in came.items() if name.startswith("subprotocol ")):
                    return False
            elif came.get(place) != value:
                return False
        return True

    def masked(self, message: Any) -> Any:
        """A message of a client's without the key it shows, be it the right one or another."""
        for path, value in list(leaves(message)):
            if isinstance(value, str) and "message " + ".".join(map(str, path)) in self._places:
                message = replaced(message, path, MASK)
        return message

    @property
    def told(self) -> str:
        """The places, for a log."""
        return ", ".join(sorted(self._places))


def _holds(value: str, key: str) -> bool:
    if key in value:
        return True
    # HTTP Basic (RFC 7617) hides the key in base64.
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        return key.encode() in base64.b64decode(rest)
    except (binascii.Error, ValueError):
        return False
