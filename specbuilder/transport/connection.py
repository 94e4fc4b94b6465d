"""The WebSocket connection of the websockets library, made leaner.

Of the library stay the protocol (RFC 6455), the handshake, proxies and TLS. Different are:
- a message goes from the network straight to whoever listens, without queues, tasks or the library's parser;
- a message that goes out is framed and written at once;
- pings need no task: a timer that finds no byte received since its last ping drops the connection, also while
  the write buffer is full (the library's own ping waits behind that buffer, for ever on a dead network);
- a close, whoever began it, ends the reading at once; TCP has a moment to finish and is then aborted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import DATA_OPCODES, CloseCode, Frame, Opcode
from websockets.protocol import Event, State

from .failures import reason
from .framing import TEXT, FrameReader, FrameWriter

__all__ = ["CLOSE_GRACE", "Connection", "quiet_logger"]

CLOSE_GRACE = 0.25
"""Seconds the vendor has to close TCP after the close frames."""


class _QuietLogger(logging.LoggerAdapter):  # type: ignore[type-arg]  # not subscriptable before Python 3.11
    """websockets logs every header and frame at level DEBUG, keys among them; that is never to happen."""

    def isEnabledFor(self, level: int) -> bool:
        return level > logging.DEBUG and super().isEnabledFor(level)


quiet_logger = _QuietLogger(logging.getLogger("specbuilder"), {})


class Connection(ClientConnection):
    """A connection that hands its messages to a listener.

    Arguments:
        max_bytes: of a message.

    Attributes:
        ended: by a close, a broken connection or a violation of the protocol; no message comes after that.
        is_open: messages can be sent: from the handshake until a close frame, ours or the vendor's, the end
            of its data, or a broken connection.
        unanswered: whether it was dropped because no ping was answered.
        lost_by: the error of the operating system that ended the connection, if any.
    """

    def __init__(self, protocol: ClientProtocol, max_bytes: int, **settings: Any) -> None:
        super().__init__(protocol, **settings)
        self.ended = False
        self.unanswered = False
        self.is_open = False
        self.lost_by: BaseException | None = None
        self._listener: Callable[[str | bytes], None] | None = None
        self._at_end: Callable[[], None] | None = None
        self._early: list[str | bytes] = []
        self._answer = bytearray()
        self._answered = False
        self._frames = FrameReader(max_bytes, self._deliver, self._leave_to_library)
        self._writer = FrameWriter()
        self._parts = bytearray()
        self._parts_are_text = False
        self._heard = True
        self._ping_timer: asyncio.TimerHandle | None = None
        self._abort_timer: asyncio.TimerHandle | None = None

    # -- coming in -----------------------------------------------------------------------------------------

    def listen(self, message: Callable[[str | bytes], None], end: Callable[[], None]) -> None:
        """Hand over the messages that have come, and from now on each as it comes.

        Arguments:
            message: must not raise.
            end: called once, behind the last message.
        """
        early, self._early = self._early, []
        self._listener, self._at_end = message, end
        for one in early:
            message(one)
        if self.ended:
            self._say_end()
        elif early:
            self.transport.resume_reading()

    def ignore(self) -> None:
        """Drop whatever comes from now on, and do not tell of the end."""
        if self._early and not self.ended:
            self.transport.resume_reading()
        self._early = []
        self._listener, self._at_end = _dropped, None

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if self._answered:
            self._frames.feed(data)
        else:
            self._read_answer(data)

    def _read_answer(self, data: bytes) -> None:
        """Leave the handshake's answer to the library; frames may begin right behind it."""
        before = len(self._answer)
        self._answer += data
        end = self._answer.find(b"\r\n\r\n", max(0, before - 3))
        head = len(data) if end < 0 else end + 4 - before
        super().data_received(data[:head])
        if end < 0:
            return
        self._answer.clear()
        self._answered = self.is_open = self.protocol.state is State.OPEN
        if self._answered:
            self._frames.feed(data[head:])
        elif head < len(data):
            # The body of a refusal.
            super().data_received(data[head:])

    def _leave_to_library(self, data: bytes) -> None:
        super().data_received(data)
        # The vendor's close frame, or what it did against the protocol.
        if self.protocol.state is State.CLOSING and not self.ended:
            self.finish()

    def process_event(self, event: Event) -> None:
        if not self._answered:
            super().process_event(event)
        elif isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            self._assemble(event)

    def _assemble(self, frame: Frame) -> None:
        """Add a fragment. The protocol limits the size of the whole, and empty fragments cost nothing."""
        if frame.opcode is not Opcode.CONT:
            self._parts_are_text = frame.opcode is Opcode.TEXT
        self._parts += frame.data
        self._frames.fragmented = not frame.fin
        if frame.fin:
            whole, self._parts = self._parts, bytearray()
            self._deliver(TEXT if self._parts_are_text else 0, whole)

    def _deliver(self, opcode: int, data: bytes | bytearray) -> None:
        if self.ended:
            return
        message: str | bytes
        if opcode != TEXT:
            message = bytes(data)
        else:
            try:
                message = str(data, "utf-8")
            except UnicodeDecodeError as error:
                # RFC 6455, section 8.1: text that is not UTF-8 fails the connection.
                self.protocol.parser_exc = error
                self.protocol.fail(CloseCode.INVALID_DATA)
                self.send_data()
                self.finish()
                return
        if self._listener is not None:
            self._listener(message)
            return
        if not self._early:
            self.transport.pause_reading()
        self._early.append(message)

    def finish(self) -> None:
        """End the reading now, and TCP in a moment if the vendor has not done so by then."""
        self._end()
        self._abort_timer = self.loop.call_later(CLOSE_GRACE, self.transport.abort)

    def _end(self) -> None:
        self.is_open = False
        if not self.ended:
            self.ended = True
            self._say_end()

    def _say_end(self) -> None:
        at_end, self._at_end = self._at_end, None
        if at_end is not None:
            at_end()

    def eof_received(self) -> None:
        self.is_open = False
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost_by = exc
        for timer in (self._ping_timer, self._abort_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self._end()

    # -- going out -----------------------------------------------------------------------------------------

    def write(self, message: str | bytes | memoryview) -> None:
        """Write a text message (str) or a binary one; what comes after a failure is dropped."""
        # Between a failure and `connection_lost` asyncio logs every write, and drops it too.
        if not self.transport.is_closing():
            self.transport.write(self._writer.frame(message))

    def say_goodbye(self, code: int) -> None:
        """Write the close frame."""
        self.is_open = False
        self.protocol.send_close(code)
        self.send_data()

    def start_pings(self, seconds: float) -> None:
        """Send a ping every so many seconds; drop the connection when nothing came since the last one."""
        self._ping_timer = self.loop.call_later(seconds, self._ping, seconds)

    def _ping(self, seconds: float) -> None:
        if not self.is_open:
            return
        # While early messages wait for a listener nothing is read, however alive the vendor is.
        if not self._heard and not self._early:
            self.unanswered = True
            self.transport.abort()
            return
        self._heard = False
        self.protocol.send_ping(b"")
        self.send_data()
        self.start_pings(seconds)

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


def _dropped(message: str | bytes) -> None:
    """A message nobody wants any more."""
