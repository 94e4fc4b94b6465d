"""Bodies of requests, from a spec's trees to bytes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from urllib.parse import quote_plus

import orjson

from ..expressions.nothing import NOTHING
from ..expressions.trees import Tree
from .addresses import pairs, plain_text
from .names import Names

__all__ = ["BodyKind", "Part", "write_body"]

BodyKind: TypeAlias = Literal["json", "form", "multipart", "body"]


@dataclass(frozen=True)
class Part:
    """One written part of a multipart body; `json` when it is a mapping of the vendor's."""

    name: str
    value: Tree
    filename: Tree | None = None
    type: Tree | None = None
    json: bool = False


def write_body(
    kind: BodyKind | None, body: Tree | tuple[Part, ...] | None, names: Names, place: str
) -> tuple[bytes | None, str | None]:
    """A body and its content type; None for what there is not, and what the spec has to say itself.

    Arguments:
        kind: how it is written.
        body: what the spec has there.
        place: the request's place in the spec, for errors.

    Raises:
        ValueError: a value cannot be written so.
    """
    if body is None:
        return None, None
    if isinstance(body, tuple):
        return _multipart(body, names, place)
    value = body.render(names, names.functions)
    if value is NOTHING:
        return None, None
    if kind == "json":
        return _json_bytes(value, f"{place}.json"), "application/json"
    if kind == "form":
        written = pairs(value, f"{place}.form")
        text = "&".join(f"{quote_plus(name)}={quote_plus(item)}" for name, item in written)
        return text.encode(), "application/x-www-form-urlencoded"
    if isinstance(value, bytes):
        return value, None
    return plain_text(value, f"{place}.body").encode(), None


def _json_bytes(value: Any, place: str) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        raise ValueError(f"{place}: a value cannot be written as JSON (bytes need `| base64`)") from None


def _multipart(parts: Sequence[Part], names: Names, place: str) -> tuple[bytes | None, str | None]:
    """A multipart/form-data body (RFC 7578), parts in the order written."""
    boundary = secrets.token_hex(16)
    written: list[bytes] = []
    for part in parts:
        value = part.value.render(names, names.functions)
        if value is NOTHING:
            continue
        filename = _optional(part.filename, names)
        kind = _optional(part.type, names)
        if part.json:
            items, kind = [_json_bytes(value, f"{place}.multipart.{part.name}")], kind or "application/json"
        else:
            items = value if isinstance(value, list) else [value]
        for item in items:
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(part.name)}"'
            head += f'; filename="{_quoted(filename)}"' if filename else ""
            head += f"\r\nContent-Type: {kind}" if kind else ""
            data = item if isinstance(item, bytes) else plain_text(item, f"{place}.{part.name}").encode()
            written += [head.encode(), b"\r\n\r\n", data, b"\r\n"]
    if not written:
        return None, None
    written.append(f"--{boundary}--\r\n".encode())
    return b"".join(written), f"multipart/form-data; boundary={boundary}"


def _optional(tree: Tree | None, names: Names) -> str | None:
    value = tree.render(names, names.functions) if tree is not None else NOTHING
    return None if value is NOTHING or value is None else str(value)


def _quoted(text: str) -> str:
    """A name in a Content-Disposition header, escaped as browsers do (WHATWG HTML, multipart form data)."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
