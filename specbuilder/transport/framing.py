"""Data messages as RFC 6455 frames: written whole, and found whole in what the network brings.

Nearly every message is one unfragmented frame: this is the hot path of a connection. Everything else (control
frames, fragments, whatever is against the protocol) is left to the websockets library.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable

from websockets.frames import Opcode

try:
    from websockets.speedups import apply_mask
except ImportError:  # no C extension on this platform
    from websockets.utils import apply_mask

__all__ = ["BINARY", "TEXT", "FrameReader", "FrameWriter"]

TEXT = Opcode.TEXT.value
BINARY = Opcode.BINARY.value

_FIN = 0x80
_MASKED = 0x80
_WHOLE = (_FIN | TEXT, _FIN | BINARY)
"""First byte of a data message in one frame, without any extension's bits."""

_MASK_BYTES = 1024

_head16 = struct.Struct("!BBH").pack
_head64 = struct.Struct("!BBQ").pack


class FrameWriter:
    """Makes masked frames; the masking keys (section 5.3) are drawn many at a time from a strong source."""

    def __init__(self) -> None:
        self._masks = b""
        self._at = _MASK_BYTES

    def frame(self, message: str | bytes | bytearray | memoryview) -> bytes:
        """A whole message, text or binary, as one masked frame (section 5.2)."""
        opcode, data = (TEXT, message.encode()) if isinstance(message, str) else (BINARY, message)
        at = self._at
        if at == _MASK_BYTES:
            self._masks, at = secrets.token_bytes(_MASK_BYTES), 0
        self._at = at + 4
        mask = self._masks[at : at + 4]
        masked = apply_mask(data, mask)
        size = len(masked)
        if size < 126:
            head = bytes((_FIN | opcode, _MASKED | size))
        elif size < 65536:
            head = _head16(_FIN | opcode, _MASKED | 126, size)
        else:
            head = _head64(_FIN | opcode, _MASKED | 127, size)
        return b"".join((head, mask, masked))


class FrameReader:
    """Cuts what a server sends into frames.

    Arguments:
        limit: bytes of a message.
        message: takes opcode and content of a data message that is one frame.
        other: takes the bytes of any other frame; from a frame on that is against the protocol or above the
            limit, everything as it comes.

    Attributes:
        fragmented: a message of several frames is under way, so that data frames belong to `other`.
    """

    def __init__(
        self, limit: int, message: Callable[[int, bytes], None], other: Callable[[bytes], None]
    ) -> None:
        self.fragmented = False
        self._limit = limit
        self._message = message
        self._other = other
        self._waiting = bytearray()
        self._needed = 0
        self._broken = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream; frames that are complete go out in order."""
        if self._waiting:
            self._waiting += data
            if len(self._waiting) < self._needed:
                return
            data = bytes(self._waiting)
            self._waiting.clear()
        at, end = 0, len(data)
        while at < end:
            if self._broken:
                self._other(data[at:])
                return
            begin, after = _extent(data, at, end)
            # Reserved bits, a masked frame, or one too large.
            self._broken = bool(data[at] & 0x70) or begin == 0 or after - begin > self._limit
            if self._broken:
                continue
            if after > end:
                self._waiting += data[at:]
                self._needed = after - at
                return
            if data[at] in _WHOLE and not self.fragmented:
                self._message(data[at] & 0x0F, data[begin:after])
            else:
                self._other(data[at:after])
            at = after


def _extent(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Where the content of the frame at `at` begins (0: it is masked) and ends, as far as that is known."""
    if end - at < 2:
        return at + 2, at + 2
    size = data[at + 1]
    if size < 126:
        return at + 2, at + 2 + size
    if size >= _MASKED:
        return 0, 0
    begin = at + (4 if size == 126 else 10)
    if end < begin:
        return begin, begin
    return begin, begin + int.from_bytes(data[at + 2 : begin], "big")
