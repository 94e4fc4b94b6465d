"""What every codec is: one frame to one message and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

import orjson

__all__ = ["Codec", "CodecError", "dump_json", "framed", "is_json_type", "load_json"]


class CodecError(ValueError):
    """A frame is not in the codec's form, or a message cannot be put into it.

    The text says what is wrong and never quotes the frame, which may hold a key or what somebody said.
    """


class Codec(Protocol):
    """Translates between WebSocket frames and messages; keeps no state, so one serves every connection.

    A message is a tree of dict, list, str, int, float, bool and None (JSON's null); codecs of binary
    forms may put `bytes` in it too.
    """

    def decode(self, frame: str | bytes) -> Any:
        """Return the message of a text (str) or binary (bytes) frame.

        Raises:
            CodecError: the frame is not in the form.
        """

    def encode(self, message: Any) -> str | bytes:
        """Return a message as a text (str) or binary (bytes) frame.

        Raises:
            CodecError: the message cannot be put into the form.
        """


def load_json(text: str | bytes) -> Any:
    """Read JSON.

    Two faults of vendors are forgiven: NaN and Infinity, which Python writes for a missing number, become
    None, and a lone half of a character beyond U+FFFF, which comes where a server cuts an emoji in two,
    becomes "?".

    Raises:
        CodecError: it is not JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
    try:
        forgiven = json.loads(text, parse_constant=_no_number)
        return orjson.loads(json.dumps(forgiven, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        pass
    # Raised out here because the parser's own error, which would be its context, holds the whole text.
    raise CodecError(f"not JSON ({len(text)} long, wrong at {place})")


def dump_json(message: Any) -> bytes:
    """Write JSON on one line, without blanks, in UTF-8.

    Raises:
        CodecError: something in it has no JSON form.
    """
    try:
        return orjson.dumps(message)
    except TypeError as error:
        problem = str(error)
    raise CodecError(f"not a JSON value: {problem}")


def is_json_type(content_type: object) -> bool:
    """Whether a Content-Type says JSON (RFC 8259, RFC 6839's suffix +json, Amazon's x-amz-json-1.1)."""
    if not isinstance(content_type, str):
        return False
    subtype = content_type.partition(";")[0].strip().lower().partition("/")[2]
    return subtype == "json" or subtype.endswith("+json") or subtype.startswith("x-amz-json")


def framed(message: Any) -> tuple[Mapping[str, Any], Any]:
    """Return headers and body of a `{headers, body}` message; either may be left out (no headers, None).

    Raises:
        CodecError: the message has not that form.
    """
    if not isinstance(message, Mapping) or not message.keys() <= {"headers", "body"}:
        raise CodecError("a framed message is a mapping of headers and body")
    headers = message.get("headers")
    if headers is not None and not isinstance(headers, Mapping):
        raise CodecError("the headers of a framed message are a mapping")
    return headers or {}, message.get("body")


def _no_number(_: str) -> None:
    return None
