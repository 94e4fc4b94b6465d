"""The binary protocol of Volcengine's streaming recognition (`/api/v3/sauc/...`).

Source: https://www.volcengine.com/docs/6561/1354869. Numbers are big-endian:

    version 4 bits, header size in words 4 bits | type 4 bits, flags 4 bits | form 4 bits, compression 4
    bits | 0 sequence i32 (flag 1; negative in the last frame: flags 3) | event i32 (flag 4) | error code
    u32 (errors only) payload size u32 | payload
"""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import Any

from .frames import CodecError, dump_json, framed, load_json

__all__ = ["VolcV3Codec"]

_TYPES = {"request": 0x1, "audio": 0x2, "response": 0x9, "ack": 0xB, "error": 0xF}
_TYPE_NAMES = {number: name for name, number in _TYPES.items()}
_SEQUENCE, _LAST, _EVENT = 1, 2, 4
_RAW, _JSON = 0, 1
_PLAIN, _GZIP = 0, 1
_LARGEST = 16 * 1024 * 1024
"""Bytes a payload may have once decompressed; a few kilobytes of gzip could otherwise become gigabytes."""


class VolcV3Codec:
    """A message is `{headers, body}`.

    Headers: `type` (request, audio, response, ack, error), `sequence`, `last` (true in the last frame),
    `event`, `code` (of an error), and for writing `gzip` (default true). Whoever writes counts: the
    request is 1, the audio 2, 3, ... A body that is JSON on the wire is JSON, an error's is at least
    text, any other one is bytes.
    """

    def decode(self, frame: str | bytes) -> Any:
        """See `Codec.decode`."""
        if isinstance(frame, str):
            raise CodecError("not a Volcengine frame: a text frame")
        try:
            return _read(bytes(frame))
        except (struct.error, IndexError, zlib.error) as error:
            problem = type(error).__name__
        raise CodecError(f"not a Volcengine frame: cut off or not gzip ({problem})")

    def encode(self, message: Any) -> bytes:
        """See `Codec.encode`."""
        headers, body = framed(message)
        kind = headers.get("type")
        if kind not in _TYPES:
            raise CodecError(f"the header 'type' is one of {', '.join(_TYPES)}")
        sequence, event, last = headers.get("sequence"), headers.get("event"), headers.get("last") is True
        flags = _SEQUENCE * (sequence is not None) | _LAST * last | _EVENT * (event is not None)
        is_json = body is not None and not isinstance(body, bytes)
        payload = dump_json(body) if is_json else body or b""
        packed = headers.get("gzip") is not False
        if packed:
            # Level 1: audio hardly shrinks, whatever the effort. A fixed time keeps the bytes reproducible.
            payload = gzip.compress(payload, compresslevel=1, mtime=0)
        form = (_JSON if is_json else _RAW) << 4 | (_GZIP if packed else _PLAIN)
        parts = [bytes((0x11, _TYPES[kind] << 4 | flags, form, 0))]
        try:
            if sequence is not None:
                parts.append(struct.pack(">i", -sequence if last else sequence))
            if event is not None:
                parts.append(struct.pack(">i", event))
            if kind == "error":
                parts.append(struct.pack(">I", headers.get("code", 0)))
        except (struct.error, TypeError):
            raise CodecError("the headers sequence, event and code are whole numbers of 32 bits") from None
        return b"".join((*parts, struct.pack(">I", len(payload)), payload))


def _read(frame: bytes) -> Any:
    at = 4 * (frame[0] & 0xF)
    number, flags, form, compression = frame[1] >> 4, frame[1] & 0xF, frame[2] >> 4, frame[2] & 0xF
    if frame[0] >> 4 != 1 or at < 4 or number not in _TYPE_NAMES:
        raise CodecError("not a Volcengine frame: unknown version or type")
    kind = _TYPE_NAMES[number]
    headers: dict[str, Any] = {"type": kind, "last": bool(flags & _LAST)}
    for name, present, layout in (
        ("sequence", flags & _SEQUENCE, ">i"),
        ("event", flags & _EVENT, ">i"),
        ("code", kind == "error", ">I"),
    ):
        if present:
            (headers[name],) = struct.unpack_from(layout, frame, at)
            at += 4
    if "sequence" in headers:
        # Negative says "last" once more; a spec should not have to know that.
        headers["last"] = headers["last"] or headers["sequence"] < 0
        headers["sequence"] = abs(headers["sequence"])
    if at == len(frame):
        return {"headers": headers, "body": None}
    (size,) = struct.unpack_from(">I", frame, at)
    payload = frame[at + 4 : at + 4 + size]
    if len(payload) != size:
        raise CodecError("not a Volcengine frame: its payload is cut off")
    if compression == _GZIP:
        payload = _unpacked(payload)
    return {"headers": headers, "body": _body(payload, kind, form)}


def _unpacked(payload: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    plain = unpacker.decompress(payload, _LARGEST)
    if unpacker.unconsumed_tail:
        raise CodecError(f"the payload unpacks to more than {_LARGEST} bytes")
    if not unpacker.eof:
        raise zlib.error
    return plain


def _body(payload: bytes, kind: str, form: int) -> Any:
    if form == _JSON:
        return load_json(payload) if payload else None
    return payload.decode("utf-8", "replace") if kind == "error" else payload
