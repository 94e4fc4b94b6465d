"""The framing of Microsoft's speech services over WebSocket (subprotocol USP).

Source:
https://docs.microsoft.com/en-us/azure/cognitive-services/speech/api-reference-rest/websocketprotocol,
checked against the frames the Speech SDK 1.53 sends. A text frame is a block of header lines, an empty
line and the body; a binary frame is the length of the header block (u16, big-endian), the block, and the
body:

    Path:speech.context\\r\\nX-RequestId:...\\r\\n\\r\\n{"phraseDetection": ...}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .frames import CodecError, dump_json, framed, is_json_type, load_json

__all__ = ["UspCodec"]

_LINE = "\r\n"


class UspCodec:
    """A message is `{headers, body}`, header names as sent. A body of bytes makes a binary frame.

    A body whose Content-Type is JSON is JSON; any other one is text in a text frame and bytes in a binary
    frame.
    """

    def decode(self, frame: str | bytes) -> Any:
        """See `Codec.decode`."""
        if isinstance(frame, str):
            block, separator, text = frame.partition(_LINE * 2)
            if not separator:
                raise CodecError("no empty line after the headers")
            headers = _read_headers(block)
            return {"headers": headers, "body": _body(headers, text)}
        start = 2
        end = start + int.from_bytes(frame[:start], "big")
        if len(frame) < max(start, end):
            raise CodecError("the binary frame is shorter than its headers")
        headers = _read_headers(_decoded(frame[start:end]))
        return {"headers": headers, "body": _body(headers, bytes(frame[end:]))}

    def encode(self, message: Any) -> str | bytes:
        """See `Codec.encode`."""
        headers, body = framed(message)
        block = "".join(_line(name, value) for name, value in headers.items())
        if isinstance(body, bytes):
            raw = block.encode()
            if len(raw) > 0xFFFF:
                raise CodecError("more than 65535 bytes of headers")
            return len(raw).to_bytes(2, "big") + raw + body
        if body is None:
            body = ""
        elif not isinstance(body, str) or is_json_type(_content_type(headers)):
            body = dump_json(body).decode()
        return block + _LINE + body


def _line(name: str, value: Any) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise CodecError(f"the header {name!r} is no text or number")
    line = f"{name}:{value}"
    # A line end inside would let a value add headers of its own.
    if ":" in name or "\r" in line or "\n" in line:
        raise CodecError("a header cannot hold a line end, nor its name a colon")
    return line + _LINE


def _read_headers(block: str) -> dict[str, str]:
    headers = {}
    for line in block.split(_LINE):
        if line:
            name, colon, value = line.partition(":")
            if not colon:
                raise CodecError("a header line without a colon")
            headers[name.strip()] = value.strip()
    return headers


def _content_type(headers: Mapping[str, Any]) -> Any:
    return next((value for name, value in headers.items() if name.lower() == "content-type"), None)


def _body(headers: Mapping[str, str], body: str | bytes) -> Any:
    if is_json_type(_content_type(headers)):
        return load_json(body) if body else None
    return body


def _decoded(block: bytes) -> str:
    try:
        return block.decode()
    except UnicodeDecodeError as error:
        place = error.start
    raise CodecError(f"the headers are not UTF-8 (wrong at byte {place})")
