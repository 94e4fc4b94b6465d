"""What a `ScriptedVendor` does: the steps of one WebSocket connection and the replies to HTTP requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.support.wire import HttpRequest

__all__ = [
    "Accept",
    "AfterAudio",
    "AfterText",
    "Close",
    "Drop",
    "Hang",
    "NoHandshake",
    "Pause",
    "Refuse",
    "Reply",
    "Script",
    "Send",
    "Step",
    "StopReading",
    "WaitFor",
]

Matcher: TypeAlias = Mapping[str, Any] | str | Callable[[Any], bool]


@dataclass(frozen=True)
class Accept:
    """First step only: answer the handshake with these headers and subprotocol. Without it: with neither."""

    headers: Mapping[str, str] = field(default_factory=dict)
    subprotocol: str | None = None


@dataclass(frozen=True)
class Refuse:
    """First step only: answer the handshake with an HTTP status. Text and bytes as they are, else JSON."""

    status: int
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NoHandshake:
    """First step only: take the TCP connection and never answer the handshake."""


@dataclass(frozen=True)
class Send:
    """Send one message: text and bytes as they are, anything else as JSON text.

    A callable makes it of the frames that have come on this connection.
    """

    message: Any


@dataclass(frozen=True)
class AfterAudio:
    """Wait until that much audio has come on this connection, counted from its start.

    Args:
        seconds: of 16-bit mono audio at `rate` Hz; or
        size: in bytes.
    """

    seconds: float = 0.0
    rate: int = 16000
    size: int = 0

    @property
    def bytes_needed(self) -> int:
        return self.size or round(self.seconds * self.rate) * 2


@dataclass(frozen=True)
class AfterText:
    """Wait for a text frame that matches, after the one the last `AfterText` matched.

    Args:
        match: a mapping (its keys are in the JSON message, with these values), the exact text, or a predicate
            on the message (parsed JSON, else text).
    """

    match: Matcher


@dataclass(frozen=True)
class WaitFor:
    """Wait until the test sets the event."""

    event: asyncio.Event


@dataclass(frozen=True)
class Pause:
    """Do nothing for so many seconds: for vendors whose client looks at the clock."""

    seconds: float


@dataclass(frozen=True)
class Close:
    """Send a close frame."""

    code: int = 1000
    reason: str = ""


@dataclass(frozen=True)
class Drop:
    """Reset the TCP connection: no close frame."""


@dataclass(frozen=True)
class Hang:
    """Last step: go on reading, answer nothing any more, neither pings nor a close frame."""


@dataclass(frozen=True)
class StopReading:
    """Last step: read nothing any more, so the client's writes fill the buffers and stall."""


Step: TypeAlias = (
    Accept
    | Refuse
    | NoHandshake
    | Send
    | AfterAudio
    | AfterText
    | WaitFor
    | Pause
    | Close
    | Drop
    | Hang
    | StopReading
)

Script: TypeAlias = Sequence[Step]
"""The steps of one connection. After the last one the vendor reads on, and answers pings and the close."""


@dataclass(frozen=True)
class Reply:
    """The answer to one HTTP request.

    Args:
        json: sent as JSON when given; a callable gets the request and returns the value
            (`request.header("host")` is the vendor's own address).
        body: sent as it is when `json` is not given.
        delay: seconds before the answer.
        drop: reset the connection instead of answering.
    """

    status: int = 200
    json: Any = None
    body: str | bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False

    def value(self, request: HttpRequest) -> Any:
        """The JSON value for this request."""
        return self.json(request) if callable(self.json) else self.json
