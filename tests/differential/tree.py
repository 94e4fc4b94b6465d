"""What one side did, as a plain tree of dicts, lists and values that can be compared and corrected."""

from __future__ import annotations

import hashlib
import json
import math
from array import array
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from livekit.agents import APIError, APIStatusError, stt

from tests.support.streams import normalise
from tests.support.vendor import Handshake, HttpRequest, Part, ScriptedVendor, Text, wav_samples

__all__ = ["audio_tree", "change", "error_tree", "event_tree", "value_at", "wire_tree"]


def event_tree(event: stt.SpeechEvent) -> dict[str, Any]:
    """An event without what says nothing."""
    return normalise(event)


def error_tree(error: BaseException | None, fields: Sequence[str]) -> dict[str, Any] | None:
    """The parts of an error that count: `status` (None unless it is an HTTP one), `retryable`, `type`.

    An error that is not one of livekit's kills a stream at once, so it is not retryable and has no status.
    """
    if error is None:
        return None
    status = int(error.status_code) if isinstance(error, APIStatusError) else None
    tree = {
        "type": type(error).__name__,
        "status": status if status is None or 100 <= status <= 599 else f"close {status}",
        "retryable": isinstance(error, APIError) and error.retryable,
    }
    return {name: tree[name] for name in fields}


def audio_tree(samples: bytes, exact: bool = True) -> dict[str, Any]:
    """Audio by its size in bytes and its content: a hash, or unless `exact` the loudness (0..1)."""
    if exact:
        return {"audio": len(samples), "hash": hashlib.sha256(samples).hexdigest()[:16]}
    values = array("h", samples)
    mean_square = sum(value * value for value in values) / max(1, len(values))
    return {"audio": len(samples), "loudness": math.sqrt(mean_square) / 32768}


def wire_tree(
    vendor: ScriptedVendor,
    *,
    headers: Sequence[str],
    ignore: Callable[[Any], bool],
    body: Callable[[Any], Any],
    order: bool,
    chunks: bool,
    exact: bool,
) -> dict[str, Any]:
    """The HTTP requests, and each connection with its messages and the audio between them."""
    return {
        "requests": [
            {**_address(item, headers, order), "method": item.method, "body": body(_body(item))}
            for item in vendor.requests
        ],
        "connections": [
            {
                **_address(item, headers, order),
                "sent": _sent(vendor, item.connection, ignore, exact),
                **({"chunks": [len(chunk) for chunk in vendor.chunks(item.connection)]} if chunks else {}),
            }
            for item in vendor.handshakes
        ],
    }


def _address(request: HttpRequest | Handshake, headers: Sequence[str], order: bool) -> dict[str, Any]:
    pairs = [[name, _parsed(value) if value[:1] in "[{" else value] for name, value in request.pairs]
    return {
        "path": request.path,
        "query": pairs if order else sorted(pairs, key=lambda pair: pair[0]),
        "headers": {name: request.header(name) for name in headers},
    }


def _parsed(value: str) -> Any:
    """A parameter that is JSON, so that its spaces and escapes do not count; else the text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _sent(vendor: ScriptedVendor, connection: int, ignore: Callable[[Any], bool], exact: bool) -> list[Any]:
    """The frames in order; what follows each other as audio is one entry."""
    entries: list[tuple[bool, Any]] = []
    for frame in vendor.frames(connection):
        audio = vendor.read_audio(frame)
        if audio:
            entries.append((True, audio))
        elif not isinstance(frame, Text):
            entries.append((False, {"binary": len(frame.data)}))
        elif not ignore(frame.message):
            entries.append((False, frame.message))
    sent: list[Any] = []
    for is_audio, group in groupby(entries, key=lambda entry: entry[0]):
        values = [value for _, value in group]
        sent += [audio_tree(b"".join(values), exact)] if is_audio else values
    return sent


def _body(request: HttpRequest) -> Any:
    if request.parts is not None:
        return [_part(part) for part in request.parts]
    kind = (request.header("content-type") or "").partition(";")[0]
    if kind == "application/json":
        return json.loads(request.body)
    return _wav(request.body) if request.body[:4] == b"RIFF" else request.body.decode()


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part.value, str):
        return {"name": part.name, "value": part.value}
    return {
        "name": part.name,
        "filename": part.filename,
        "type": part.content_type,
        "value": _wav(part.value) if part.value[:4] == b"RIFF" else part.value.decode(),
    }


def _wav(body: bytes) -> dict[str, Any]:
    rate, channels, samples = wav_samples(body)
    return {"rate": rate, "channels": channels, **audio_tree(samples)}


def value_at(tree: Any, place: str) -> Any:
    """The value at a place such as "wire.connections.0.sent". Raises KeyError or IndexError."""
    for key in place.split("."):
        tree = tree[int(key)] if isinstance(tree, list) else tree[key]
    return tree


def change(tree: Any, place: str, value: Any) -> None:
    """Put a value at a place; a callable gets the old value and returns the new one."""
    path, _, last = place.rpartition(".")
    parent = value_at(tree, path) if path else tree
    key: Any = int(last) if isinstance(parent, list) else last
    parent[key] = value(parent[key]) if callable(value) else value
