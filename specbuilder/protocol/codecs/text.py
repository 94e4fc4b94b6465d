"""The two codecs without a binary form: JSON (RFC 8259) and plain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .frames import CodecError, dump_json, load_json

__all__ = ["JsonCodec", "TextCodec"]


class JsonCodec:
    """A message is a JSON document in a text frame; a binary frame with one in UTF-8 is read as well."""

    def decode(self, frame: str | bytes) -> Any:
        """See `Codec.decode`."""
        return load_json(frame)

    def encode(self, message: Any) -> str:
        """See `Codec.encode`."""
        return dump_json(message).decode()


class TextCodec:
    """A frame, text or binary in UTF-8, is one text: the message `{text: ...}`.

    Text and `{text: ...}` are written as they are; any other mapping or list becomes JSON, because such
    vendors take their settings as JSON even where they answer in text.
    """

    def decode(self, frame: str | bytes) -> Any:
        """See `Codec.decode`."""
        if isinstance(frame, str):
            return {"text": frame}
        try:
            return {"text": frame.decode()}
        except UnicodeDecodeError as error:
            place = error.start
        raise CodecError(f"not UTF-8 (wrong at byte {place})")

    def encode(self, message: Any) -> str:
        """See `Codec.encode`."""
        if isinstance(message, str):
            return message
        if isinstance(message, Mapping) and message.keys() == {"text"} and isinstance(message["text"], str):
            return message["text"]
        return dump_json(message).decode()
