"""MessagePack, as Kyutai's moshi-server speaks it.

Source: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

from typing import Any

from .frames import CodecError

__all__ = ["MsgpackCodec"]


class MsgpackCodec:
    """A message is one MessagePack value in a binary frame.

    Numbers with a fraction are written in single precision, which is what speech models take; a timestamp
    is read as epoch seconds.
    """

    def decode(self, frame: str | bytes) -> Any:
        """See `Codec.decode`."""
        if isinstance(frame, str):
            raise CodecError("not MessagePack: a text frame")
        msgpack = _msgpack()
        try:
            return msgpack.unpackb(frame, timestamp=1, ext_hook=_no_extension)
        except (ValueError, msgpack.UnpackException) as error:
            problem = type(error).__name__
        raise CodecError(f"not MessagePack: {problem}")

    def encode(self, message: Any) -> bytes:
        """See `Codec.encode`."""
        msgpack = _msgpack()
        try:
            packed: bytes = msgpack.packb(message, use_single_float=True)
            return packed
        except (TypeError, ValueError, OverflowError) as error:
            problem = type(error).__name__
        raise CodecError(f"not a MessagePack value: {problem}")


def _msgpack() -> Any:
    try:
        import msgpack
    except ImportError:
        pass
    else:
        return msgpack
    raise CodecError("the codec 'msgpack' needs: pip install 'specbuilder[msgpack]'")


def _no_extension(code: int, data: bytes) -> Any:
    raise ValueError("an extension type")
