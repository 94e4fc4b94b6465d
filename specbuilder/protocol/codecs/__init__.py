"""Codecs: how a vendor puts a message into a WebSocket frame. A spec names one with `stream.codec`."""

from __future__ import annotations

from ..named import Named
from .aws_eventstream import AwsEventstreamCodec
from .frames import Codec, CodecError
from .msgpack import MsgpackCodec
from .text import JsonCodec, TextCodec
from .usp import UspCodec
from .volc_v3 import VolcV3Codec

__all__ = ["CODECS", "Codec", "CodecError", "JsonCodec", "codec"]

CODECS: Named[Codec] = Named(
    "codec",
    {
        "json": JsonCodec(),
        "text": TextCodec(),
        "msgpack": MsgpackCodec(),
        "aws_eventstream": AwsEventstreamCodec(),
        "usp": UspCodec(),
        "volc_v3": VolcV3Codec(),
    },
)


def codec(name: str) -> Codec:
    """Return the codec of that name.

    Raises:
        ValueError: there is none.
    """
    return CODECS.get(name)
