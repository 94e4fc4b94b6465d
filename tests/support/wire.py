"""What went over the wire to a `ScriptedVendor`, as records in the order they arrived."""

from __future__ import annotations

import base64
import binascii
import io
import json
import wave
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

__all__ = [
    "Binary",
    "Closed",
    "Handshake",
    "HttpRequest",
    "Part",
    "Ping",
    "Record",
    "Text",
    "base64_audio",
    "binary_audio",
    "is_subset",
    "lookup",
    "summary",
    "wav_samples",
]

Pairs: TypeAlias = list[tuple[str, str]]


@dataclass(frozen=True)
class Part:
    """One part of a multipart body; `value` is text for a part without a file name and without own type."""

    name: str
    filename: str | None
    content_type: str | None
    value: str | bytes


@dataclass(frozen=True)
class HttpRequest:
    """A request with its whole body. `query` is the text after `?`, exactly as sent."""

    method: str
    path: str
    query: str
    headers: Pairs
    body: bytes
    parts: list[Part] | None = None
    at: float = 0.0

    @property
    def pairs(self) -> Pairs:
        """The query as decoded pairs, in order; empty values are kept."""
        return parse_qsl(self.query, keep_blank_values=True)

    @property
    def json(self) -> Any:
        """The body read as JSON. Raises ValueError when it is not."""
        return json.loads(self.body)

    @property
    def form(self) -> Pairs:
        """The body read as application/x-www-form-urlencoded pairs, in order."""
        return parse_qsl(self.body.decode(), keep_blank_values=True)

    def header(self, name: str) -> str | None:
        """The first header of that name (any case), or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True)
class Handshake(HttpRequest):
    """The request that asks for a WebSocket; `connection` counts from 0."""

    subprotocols: list[str] = field(default_factory=list)
    connection: int = 0


@dataclass(frozen=True)
class Text:
    """A text frame. `json` is its parsed value, or None when it is not JSON."""

    text: str
    connection: int
    at: float
    json: Any = None

    @property
    def message(self) -> Any:
        """The parsed JSON, else the text itself."""
        return self.text if self.json is None else self.json


@dataclass(frozen=True)
class Binary:
    """A binary frame."""

    data: bytes
    connection: int
    at: float


@dataclass(frozen=True)
class Ping:
    """A WebSocket ping from the client."""

    connection: int
    at: float


@dataclass(frozen=True)
class Closed:
    """The client left: with a close frame (`code`), or without one (None)."""

    code: int | None
    reason: str
    connection: int
    at: float


Record: TypeAlias = HttpRequest | Text | Binary | Ping | Closed


def binary_audio(record: Text | Binary) -> bytes:
    """The audio of vendors that take raw binary frames."""
    return record.data if isinstance(record, Binary) else b""


def base64_audio(*path: str) -> Callable[[Text | Binary], bytes]:
    """The audio of vendors that take it as base64 in a JSON message.

    Args:
        path: keys from the message to the text, e.g. `"data", "chunk"`.
    """

    def read(record: Text | Binary) -> bytes:
        value = lookup(record.json, path) if isinstance(record, Text) else None
        try:
            return base64.b64decode(value, validate=True) if isinstance(value, str) else b""
        except binascii.Error:
            return b""

    return read


def lookup(value: Any, path: Sequence[str]) -> Any:
    """Follow keys into nested mappings; None where one is missing."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def is_subset(expected: Any, actual: Any) -> bool:
    """Whether `actual` has every key of `expected` with an equal value; likewise inside of mappings."""
    if isinstance(expected, Mapping):
        return isinstance(actual, Mapping) and all(
            key in actual and is_subset(value, actual[key]) for key, value in expected.items()
        )
    return bool(expected == actual)


def wav_samples(body: bytes) -> tuple[int, int, bytes]:
    """A WAV file as (sample rate in Hz, channels, 16-bit samples)."""
    with wave.open(io.BytesIO(body)) as file:
        return file.getframerate(), file.getnchannels(), file.readframes(file.getnframes())


def summary(records: Iterable[Record]) -> str:
    """The wire as text for a failed test, one line a record, long ones cut."""
    lines = [_line(record) for record in records]
    shown = lines if len(lines) <= 40 else [*lines[:20], f"... {len(lines) - 40} more ...", *lines[-20:]]
    return "\n".join(f"  {line[:300]}" for line in shown) or "  (nothing)"


def _line(record: Record) -> str:
    if isinstance(record, HttpRequest):
        kind = f"#{record.connection} handshake" if isinstance(record, Handshake) else "request"
        query = f"?{record.query}" if record.query else ""
        return f"{kind} {record.method} {record.path}{query} ({len(record.body)} bytes)"
    head = f"#{record.connection}"
    if isinstance(record, Text):
        return f"{head} text {record.text}"
    if isinstance(record, Binary):
        return f"{head} binary {len(record.data)} bytes"
    if isinstance(record, Closed):
        return f"{head} client closed {record.code} {record.reason}"
    return f"{head} ping"
