"""The WebSocket connection of the websockets library, made leaner.

Of the library stay the protocol (RFC 6455), the handshake, proxies and TLS. Different are:
- a message goes from the parser straight into an `Inbox`, without a queue of frames in between;
- a message that goes out is framed and written at once, with masking keys drawn in advance;
- pings need no task: a timer that finds no byte received since its last ping drops the connection, also while
  the write buffer is full (the library's own ping waits behind that buffer, for ever on a dead network);
- a close, whoever began it, ends the reading at once; TCP has a moment to finish and is then aborted.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import struct
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import DATA_OPCODES, CloseCode, Frame, Opcode
from websockets.protocol import Event, State

from .failures import reason
from .inbox import Inbox

try:
    from websockets.speedups import apply_mask
except ImportError:  # no C extension on this platform
    from websockets.utils import apply_mask

__all__ = ["BINARY", "CLOSE_GRACE", "TEXT", "Connection", "quiet_logger"]

CLOSE_GRACE = 0.25
"""Seconds the vendor has to close TCP after the close frames."""


TEXT = Opcode.TEXT.value
BINARY = Opcode.BINARY.value
_FIN = 0x80
_MASKED = 0x80


class _Masks:
    """Masking keys (RFC 6455, section 5.3): from the system's strong source of chance, many at a time."""

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0

    def next(self) -> bytes:
        """Four bytes nobody can predict."""
        if self._at >= len(self._pool):
            self._pool, self._at = secrets.token_bytes(1024), 0
        self._at += 4
        return self._pool[self._at - 4 : self._at]


class _QuietLogger(logging.LoggerAdapter):  # type: ignore[type-arg]  # not subscriptable before Python 3.11
    """websockets logs every header and frame at level DEBUG, keys among them; that is never to happen."""

    def isEnabledFor(self, level: int) -> bool:
        return level > logging.DEBUG and super().isEnabledFor(level)


quiet_logger = _QuietLogger(logging.getLogger("specbuilder"), {})


class Connection(ClientConnection):
    """A connection whose messages arrive in `inbox`.

    Attributes:
        inbox: complete messages; ended by a close, a broken connection or a violation of the protocol.
        unanswered: whether it was dropped because no ping was answered.
        lost_by: the error of the operating system that ended the connection, if any.
    """

    def __init__(self, protocol: ClientProtocol, **settings: Any) -> None:
        super().__init__(protocol, **settings)
        self.inbox = Inbox(lambda: self.transport.pause_reading(), lambda: self.transport.resume_reading())
        self._masks = _Masks()
        self.unanswered = False
        self.lost_by: BaseException | None = None
        self._parts = bytearray()
        self._parts_are_text = False
        self._heard = True
        self._ping_timer: asyncio.TimerHandle | None = None
        self._abort_timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self.protocol.state is State.OPEN

    def data_received(self, data: bytes) -> None:
        self._heard = True
        super().data_received(data)
        # After the messages of this data: the vendor's close frame, or what it did against the protocol.
        if self.protocol.state is State.CLOSING and not self.inbox.ended:
            self.finish()

    def process_event(self, event: Event) -> None:
        if self.response is None:
            super().process_event(event)
        elif isinstance(event, Frame) and event.opcode in DATA_OPCODES and not self.inbox.ended:
            if event.fin and event.opcode is not Opcode.CONT:
                self._deliver(event.data, event.opcode is Opcode.TEXT)
            else:
                self._assemble(event)

    def _assemble(self, frame: Frame) -> None:
        """Add a fragment. The protocol limits the size of the whole, and empty fragments cost nothing."""
        if frame.opcode is not Opcode.CONT:
            self._parts_are_text = frame.opcode is Opcode.TEXT
        self._parts += frame.data
        if frame.fin:
            whole, self._parts = self._parts, bytearray()
            self._deliver(whole, self._parts_are_text)

    def _deliver(self, data: bytes | bytearray | memoryview, is_text: bool) -> None:
        if not is_text:
            self.inbox.put(bytes(data))
            return
        try:
            text = str(data, "utf-8")
        except UnicodeDecodeError as error:
            # RFC 6455, section 8.1: text that is not UTF-8 fails the connection.
            self.protocol.parser_exc = error
            self.protocol.fail(CloseCode.INVALID_DATA)
            self.send_data()
            self.finish()
        else:
            self.inbox.put(text)

    def write_frame(self, opcode: int, data: bytes | bytearray | memoryview) -> None:
        """Write a whole data message as one masked frame (RFC 6455, section 5.2).

        Arguments:
            opcode: `TEXT` or `BINARY`.
        """
        size = len(data) if isinstance(data, bytes | bytearray) else data.nbytes
        if size < 126:
            head = bytes((_FIN | opcode, _MASKED | size))
        elif size < 65536:
            head = struct.pack("!BBH", _FIN | opcode, _MASKED | 126, size)
        else:
            head = struct.pack("!BBQ", _FIN | opcode, _MASKED | 127, size)
        mask = self._masks.next()
        self.transport.write(b"".join((head, mask, apply_mask(data, mask))))

    def start_pings(self, seconds: float) -> None:
        """Send a ping every so many seconds; drop the connection when nothing came since the last one."""
        self._ping_timer = self.loop.call_later(seconds, self._ping, seconds)

    def _ping(self, seconds: float) -> None:
        if not self.is_open:
            return
        # While the reader is slow nothing is read, however alive the vendor is.
        if not self._heard and not self.inbox.paused:
            self.unanswered = True
            self.transport.abort()
            return
        self._heard = False
        self.protocol.send_ping(b"")
        self.send_data()
        self.start_pings(seconds)

    def finish(self) -> None:
        """End the reading now, and TCP in a moment if the vendor has not done so by then."""
        self.inbox.end()
        self._abort_timer = self.loop.call_later(CLOSE_GRACE, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost_by = exc
        for timer in (self._ping_timer, self._abort_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self.inbox.end()

    def why_lost(self) -> str:
        """Why the connection ended without a close frame of the vendor's."""
        broken = self.protocol.parser_exc
        if self.unanswered:
            return "no answer to a ping"
        if isinstance(broken, PayloadTooBig):
            return "message too large"
        if isinstance(broken, UnicodeDecodeError):
            return "text that is not UTF-8"
        if isinstance(broken, ProtocolError):
            return "violation of the WebSocket protocol"
        if self.protocol.close_sent is not None:
            return "closed on our side"
        return reason(self.lost_by) if self.lost_by is not None else "ended without a close frame"
