"""Amazon's event stream encoding, as Amazon Transcribe streaming speaks it over WebSocket: one event a frame.

Source: https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html ("Event stream
encoding") and the Smithy specification https://smithy.io/2.0/aws/amazon-eventstream.html. Numbers are
big-endian:

    total length u32 | headers length u32 | CRC-32 of these 8 bytes u32 | headers | payload | CRC-32 of
    all before u32 header: name length u8, name, type u8, value
"""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Mapping
from typing import Any

from .frames import CodecError, dump_json, framed, is_json_type, load_json

__all__ = ["AwsEventstreamCodec"]

_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_AROUND = _PRELUDE.size + 2 * _CRC.size
"""Bytes of an event that are neither headers nor payload."""

_TRUE, _FALSE, _BYTES, _STRING, _UUID = 0, 1, 6, 7, 9
_NUMBERS = {
    2: struct.Struct(">b"),
    3: struct.Struct(">h"),
    4: struct.Struct(">i"),
    5: struct.Struct(">q"),
    8: struct.Struct(">q"),  # a timestamp, in epoch milliseconds
}
_INT32, _INT64 = 4, 5


class AwsEventstreamCodec:
    """A message is `{headers, body}`; header names keep their colon (`headers.":event-type"`).

    A body whose `:content-type` is JSON is JSON, any other one is bytes; text is written in UTF-8.
    """

    def decode(self, frame: str | bytes) -> Any:
        """See `Codec.decode`."""
        if isinstance(frame, str):
            raise CodecError("not an event: a text frame")
        frame = bytes(frame)
        if len(frame) < _AROUND:
            raise CodecError(f"not an event: {len(frame)} bytes")
        total, headers_size = _PRELUDE.unpack_from(frame)
        if total != len(frame) or headers_size > total - _AROUND:
            raise CodecError("not an event: its lengths do not fit the frame")
        prelude_end, payload_end = _PRELUDE.size, total - _CRC.size
        for end in (prelude_end, payload_end):
            if _CRC.unpack_from(frame, end)[0] != zlib.crc32(frame[:end]):
                raise CodecError("not an event: wrong checksum")
        start = prelude_end + _CRC.size
        headers = _read_headers(frame[start : start + headers_size])
        payload = frame[start + headers_size : payload_end]
        if is_json_type(headers.get(":content-type")):
            return {"headers": headers, "body": load_json(payload) if payload else None}
        return {"headers": headers, "body": payload}

    def encode(self, message: Any) -> bytes:
        """See `Codec.encode`."""
        headers, body = framed(message)
        block = _written_headers(headers)
        payload = _payload(body, is_json_type(headers.get(":content-type")))
        prelude = _PRELUDE.pack(len(block) + len(payload) + _AROUND, len(block))
        event = b"".join((prelude, _CRC.pack(zlib.crc32(prelude)), block, payload))
        return event + _CRC.pack(zlib.crc32(event))


def _payload(body: Any, is_json: bool) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str) and not is_json:
        return body.encode()
    return dump_json(body)


def _read_headers(block: bytes) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    at = 0
    try:
        while at < len(block):
            name_end = at + 1 + block[at]
            name, type_ = _exactly(block, at + 1, name_end).decode(), block[name_end]
            headers[name], at = _read_value(block, type_, name_end + 1)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        problem = type(error).__name__
    else:
        return headers
    raise CodecError(f"not an event: its headers are malformed ({problem})")


def _read_value(block: bytes, type_: int, at: int) -> tuple[Any, int]:
    """Return the value at a place, and where it ends."""
    if type_ in (_TRUE, _FALSE):
        return type_ == _TRUE, at
    if type_ in _NUMBERS:
        return _NUMBERS[type_].unpack_from(block, at)[0], at + _NUMBERS[type_].size
    if type_ == _UUID:
        return str(uuid.UUID(bytes=_exactly(block, at, at + 16))), at + 16
    if type_ not in (_BYTES, _STRING):
        raise CodecError(f"not an event: header type {type_}")
    start = at + 2
    end = start + int.from_bytes(_exactly(block, at, start), "big")
    value = _exactly(block, start, end)
    return value if type_ == _BYTES else value.decode(), end


def _exactly(block: bytes, start: int, end: int) -> bytes:
    if end > len(block):
        raise IndexError
    return block[start:end]


def _written_headers(headers: Mapping[str, Any]) -> bytes:
    parts: list[bytes] = []
    for name, value in headers.items():
        encoded = name.encode()
        if not 0 < len(encoded) < 256:
            raise CodecError(f"an event header's name has 1 to 255 bytes, not {len(encoded)}")
        parts += (bytes((len(encoded),)), encoded, _written_value(name, value))
    return b"".join(parts)


def _written_value(name: str, value: Any) -> bytes:
    if isinstance(value, bool):
        return bytes((_TRUE if value else _FALSE,))
    if isinstance(value, int):
        type_ = _INT32 if -(2**31) <= value < 2**31 else _INT64
        if -(2**63) <= value < 2**63:
            return bytes((type_,)) + _NUMBERS[type_].pack(value)
    elif isinstance(value, str | bytes):
        raw = value.encode() if isinstance(value, str) else value
        if len(raw) < 2**15:
            return struct.pack(">BH", _STRING if isinstance(value, str) else _BYTES, len(raw)) + raw
    raise CodecError(f"the event header {name!r} is no text, number, bytes or true/false that fits")
