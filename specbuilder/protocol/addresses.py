"""Where a request goes: addresses of a spec, the caller's `base_url`, and the query.

Encoding follows RFC 3986: everything but unreserved characters is percent-encoded, a space is `%20`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

__all__ = ["Address", "encode_query", "pairs", "parse_base_url", "plain_text", "repeated", "resolve"]

# Characters that stay literal in a path: vendors have `:recognize`, `recognizers/_`, `*` and `@` in theirs.
_PATH_SAFE = "/:@_*"

_SECURE = {"https": True, "wss": True, "http": False, "ws": False}


@dataclass(frozen=True)
class Address:
    """A complete address without its query.

    Attributes:
        scheme: http, https, ws or wss.
        authority: host, with the port where one is written.
        path: percent-encoded, "" or starting with a slash.
        query: what the address itself brought along, already encoded.
    """

    scheme: str
    authority: str
    path: str
    query: str = ""

    @property
    def host(self) -> str:
        """The host without its port, in lower case."""
        return (urlsplit(f"//{self.authority}").hostname or "").lower()

    @property
    def origin(self) -> tuple[bool, str]:
        """Security and authority: what must be equal for headers with keys to be sent."""
        return _SECURE[self.scheme], self.authority.lower()

    @property
    def root(self) -> str:
        """The server itself: the address without path and query."""
        return f"{self.scheme}://{self.authority}/"

    def url(self, query: str = "") -> str:
        """The address as text, with `query` behind its own."""
        whole = "&".join(part for part in (self.query, query) if part)
        return f"{self.scheme}://{self.authority}{self.path}" + (f"?{whole}" if whole else "")


def parse_base_url(text: str) -> Address:
    """A base address: absolute http, https, ws or wss.

    Raises:
        ValueError: it is no such address; the message says why, never with a user name or password.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("not an address: a host or port cannot be read") from None
    if parts.scheme not in _SECURE:
        raise ValueError("must start with http://, https://, ws:// or wss://")
    if not parts.hostname or port == 0:
        raise ValueError("has no host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password")
    return Address(parts.scheme, parts.netloc, parts.path, parts.query)


def _scheme(scheme: str, websocket: bool) -> str:
    secure = _SECURE[scheme]
    if websocket:
        return "wss" if secure else "ws"
    return "https" if secure else "http"


def resolve(
    written: str, base: Address, override: Address | None, *, websocket: bool, from_reply: bool
) -> Address:
    """The address to ask.

    Arguments:
        written: an absolute address, or a path below `base`.
        base: the spec's `base_url`.
        override: the caller's `base_url`: it replaces scheme and authority of every address that the spec
            writes,
            and its path goes before theirs.
        websocket: whether the scheme must be ws/wss or http/https.
        from_reply: an address that came from a vendor's reply is used as it came.
    """
    if "://" in written[:16]:
        parts: SplitResult = urlsplit(written)
        if parts.scheme not in _SECURE:
            raise ValueError(f"{parts.scheme}:// is not http, https, ws or wss")
        address = Address(parts.scheme, parts.netloc, quote(parts.path, safe=_PATH_SAFE + "%"), parts.query)
        if from_reply:
            return Address(_scheme(address.scheme, websocket), address.authority, parts.path, parts.query)
    else:
        path, _, query = written.partition("?")
        path = "/" + path.lstrip("/") if path else ""
        address = Address(
            base.scheme, base.authority, base.path.rstrip("/") + quote(path, safe=_PATH_SAFE + "%"), query
        )
    if override is not None:
        address = Address(
            override.scheme,
            override.authority,
            override.path.rstrip("/") + address.path,
            address.query,
        )
    return Address(_scheme(address.scheme, websocket), address.authority, address.path, address.query)


def repeated(path: str, override: Address) -> str | None:
    """What stands twice in a path: the end of the caller's base address, when the spec's part begins with it.

    Arguments:
        path: the path that was asked, the caller's part before the spec's.
        override: the caller's base address.
    """
    before = override.path.rstrip("/")
    own = path.removeprefix(before) + "/"
    ends = (before[at:] for at, letter in enumerate(before) if letter == "/")
    return next((end for end in ends if own.startswith(f"{end}/")), None)


def plain_text(value: Any, place: str) -> str:
    """A scalar as it goes into a query, header or form: `true`/`false`, numbers as Python writes them.

    Raises:
        ValueError: a mapping, list or bytes; the message names the place and the way out.
    """
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return "null"
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | float):
        return str(value)
    kind = "bytes" if isinstance(value, bytes) else "a mapping" if isinstance(value, Mapping) else "a list"
    raise ValueError(f"{place}: {kind} cannot be sent as text (use `| json`, or `| base64` for bytes)")


def pairs(values: Mapping[str, Any], place: str) -> list[tuple[str, str]]:
    """The name-value pairs of a rendered mapping; a list repeats its name, null is left out."""
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        items: Iterable[Any] = value if isinstance(value, list | tuple) else (value,)
        found.extend((name, plain_text(item, f"{place}.{name}")) for item in items if item is not None)
    return found


def encode_query(values: Mapping[str, Any], place: str = "query") -> str:
    """A query of a rendered mapping, in its order, percent-encoded by RFC 3986 (section 2.1)."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs(values, place))
