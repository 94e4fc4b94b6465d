"""A WebSocket to a vendor: frames out, messages in, every wait with a deadline."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import metadata
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from livekit.agents import get_job_context
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websockets_connect
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidProxy, InvalidStatus, InvalidURI, WebSocketException

from ..protocol.http import Reply
from .connection import CLOSE_GRACE, Connection, quiet_logger
from .deadline import timeout as deadline
from .failures import Redact, as_is, connection_failed, lower_headers, place, timed_out
from .tls import ssl_context

__all__ = ["MAX_BYTES", "ConnectionClosed", "HandshakeRefused", "WebSocket", "connect"]

MAX_BYTES = 16 * 2**20
"""Bytes of a message that are received at most."""

_WRITE_BUFFER = 2**16
"""Bytes waiting to be sent above which the socket is congested; two seconds of 16 kHz audio."""

_WRITES_LATIN1 = b"\xff" in Headers(probe="\xff").serialize()
"""Whether the library writes headers as Latin-1, as it does from its version 17 on, or as UTF-8."""


class HandshakeRefused(Exception):
    """The vendor answered the handshake with something else than a WebSocket.

    Attributes:
        reply: status, headers and body of the answer, a redirect too; nothing in it is masked.
    """

    def __init__(self, url: str, reply: Reply) -> None:
        super().__init__(f"{url} refused the WebSocket with HTTP {reply.status}")
        self.reply = reply


class ConnectionClosed(Exception):
    """The connection is over.

    Attributes:
        code: of the vendor's close frame (RFC 6455, section 7.4), 1005 if it names none; None without one.
        reason: the vendor's words, or, without a close frame, what happened.
        clean: whether the vendor closed with a close frame.
        ping_timeout: whether the vendor was given up because it answered no ping.
    """

    def __init__(self, code: int | None, reason: str, clean: bool, ping_timeout: bool) -> None:
        super().__init__(f"closed with code {code}: {reason}" if clean else f"connection lost: {reason}")
        self.code = code
        self.reason = reason
        self.clean = clean
        self.ping_timeout = ping_timeout


class WebSocket:
    """An open WebSocket. One may listen, any number may send.

    Attributes:
        response_headers: of the handshake, names in lower case.
    """

    def __init__(self, connection: Connection, url: str, redact: Redact) -> None:
        self._connection = connection
        self._url = place(url)
        self._redact = redact
        assert connection.response is not None  # there is one once the handshake is done
        headers = connection.response.headers
        self.response_headers: Mapping[str, str] = lower_headers(headers.raw_items())
        # Two kilobytes for as long as a call lasts.
        connection.request = connection.response = None

    def write(self, frame: str | bytes | memoryview) -> None:
        """Send a text frame (str) or a binary one (bytes) without waiting.

        Whoever writes much awaits `drain` while the socket is `congested`.

        Raises:
            ConnectionClosed: it can no longer be sent.
        """
        connection = self._connection
        if not connection.is_open:
            raise self.closed()
        connection.write(frame)

    @property
    def congested(self) -> bool:
        """Whether more waits to be sent than the vendor has read."""
        return self._connection.paused

    async def drain(self, timeout: float) -> None:
        """Wait until the vendor has read most of what was written.

        Arguments:
            timeout: seconds to wait for a vendor that has stopped reading.

        Raises:
            ConnectionClosed: it broke meanwhile.
            APITimeoutError: the vendor did not read in time.
        """
        if self._connection.paused:
            await self._wait_for_reader(timeout)

    def listen(self, message: Callable[[str | bytes], None], end: Callable[[], None]) -> None:
        """Take the messages: str for a text one, bytes for a binary one, each as it comes.

        Those that have come already are handed over before this returns.

        Arguments:
            message: called with each; it must not raise.
            end: called once, after the last message, when none will come any more; `closed` tells why.
        """
        self._connection.listen(message, end)

    def ignore(self) -> None:
        """Take no more messages, and drop those that wait."""
        self._connection.ignore()

    async def _wait_for_reader(self, timeout: float) -> None:
        in_time = True
        try:
            async with deadline(timeout):
                await self._connection.drain()
        except asyncio.TimeoutError:
            in_time = False
        except OSError:
            pass  # it broke while we waited; the reason is in the connection
        if not self._connection.is_open:
            raise self.closed()
        if not in_time:
            what = "the vendor stopped reading: could not write to"
            raise timed_out(what, self._url, timeout, self._redact)

    async def close(self, code: int = 1000, timeout: float = CLOSE_GRACE) -> None:
        """Say goodbye, give the vendor a moment to answer, and drop the connection. Never fails.

        What is waiting to be received is dropped.

        Arguments:
            code: of our close frame.
            timeout: seconds to wait for the vendor's close frame.
        """
        connection = self._connection
        connection.ignore()
        try:
            if connection.is_open:
                connection.say_goodbye(code)
            await asyncio.wait([connection.connection_lost_waiter], timeout=timeout)
        except (WebSocketException, OSError):
            # A code that may not be sent, or a socket that broke just now: no goodbye then.
            pass
        finally:
            # Also when this was cancelled.
            if not connection.connection_lost_waiter.done():
                connection.transport.abort()
        # An aborted transport closes its socket in the next round of the event loop.
        await asyncio.wait([connection.connection_lost_waiter], timeout=CLOSE_GRACE)

    def closed(self) -> ConnectionClosed:
        """Why it is over, and who ended it."""
        received = self._connection.protocol.close_rcvd
        if received is not None:
            return ConnectionClosed(
                int(received.code), self._redact(received.reason), clean=True, ping_timeout=False
            )
        why = self._redact(self._connection.why_lost())
        return ConnectionClosed(None, why, clean=False, ping_timeout=self._connection.unanswered)


class _Connect(websockets_connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        """Follow none: keys in headers would go to wherever the answer says."""
        return exc


async def connect(
    url: str,
    *,
    headers: Sequence[tuple[str, str]] = (),
    subprotocols: Sequence[str] = (),
    timeout: float,
    ping: float | None = 20.0,
    max_bytes: int = MAX_BYTES,
    proxy: str | Literal[True] | None = True,
    redact: Redact = as_is,
) -> WebSocket:
    """Open a WebSocket.

    Arguments:
        url: ws or wss, already percent-encoded; path and query are sent exactly as they are.
        headers: sent in this order, repeated names too.
        subprotocols: offered to the vendor, the best first.
        timeout: seconds for DNS, TCP, TLS and the handshake together.
        ping: seconds between pings; when nothing comes after one, the connection is given up. None: none.
        max_bytes: size of a message above which the connection is given up.
        proxy: its address; True: that of the livekit job, else of the environment; None: no proxy.
        redact: masks secrets in the texts of errors.

    Raises:
        HandshakeRefused: the vendor answered with another HTTP status than 101.
        APITimeoutError: not open in time.
        APIConnectionError: DNS, proxy, TCP, TLS or the handshake failed; not retryable where the request
            cannot be sent at all.
    """
    failure: Exception
    try:
        async with deadline(timeout):
            connection = await _Connect(
                url,
                subprotocols=list(subprotocols) or None,  # type: ignore[arg-type]  # Subprotocol is a str
                compression=None,
                additional_headers=[_header(name, value) for name, value in headers],
                user_agent_header=_user_agent(),
                proxy=_configured_proxy() if proxy is True else proxy,
                open_timeout=None,
                ping_interval=None,
                max_size=max_bytes,
                write_limit=_WRITE_BUFFER,
                logger=quiet_logger,
                create_connection=cast(type[ClientConnection], _exactly(url, max_bytes)),
                ssl=ssl_context() if urlsplit(url).scheme == "wss" else None,
            )
        socket = WebSocket(cast(Connection, connection), url, redact)
    except InvalidStatus as error:
        response = error.response
        reply = Reply(
            response.status_code, lower_headers(response.headers.raw_items()), bytes(response.body or b"")
        )
        failure = HandshakeRefused(redact(place(url)), reply)
    except (asyncio.TimeoutError, TimeoutError):
        failure = timed_out("no WebSocket to", url, timeout, redact)
    except (WebSocketException, OSError, EOFError, ImportError, ValueError, TypeError) as error:
        # A certificate that does not fit is a ValueError too, and told from our mistakes by being an OSError.
        network = isinstance(error, (WebSocketException, OSError, EOFError))
        retryable = network and not isinstance(error, (InvalidURI, InvalidProxy))
        failure = connection_failed("no WebSocket to", url, error, redact, retryable=retryable)
    else:
        if ping is not None:
            cast(Connection, connection).start_pings(ping)
        return socket
    raise failure


def _exactly(url: str, max_bytes: int) -> Any:
    """Makes connections that ask for the path and query of the address as they are written.

    (The library drops what follows a semicolon in the last part of a path.)
    """
    parts = urlsplit(url)

    def connection(protocol: ClientProtocol, **settings: Any) -> Connection:
        if url.isascii():
            protocol.uri.path, protocol.uri.query = parts.path, parts.query
        return Connection(protocol, max_bytes, **settings)

    return connection


def _header(name: str, value: str) -> tuple[str, str]:
    """A header as the library is to be given it, for UTF-8 on the wire as over HTTP.

    Raises:
        ValueError: a line break, which would begin another header.
    """
    if any(mark in name + value for mark in "\r\n\0"):
        raise ValueError
    return name, value.encode().decode("latin-1") if _WRITES_LATIN1 else value


@cache
def _user_agent() -> str:
    try:
        return f"specbuilder/{metadata.version('specbuilder')}"
    except metadata.PackageNotFoundError:
        return "specbuilder"


_PROXY_VARIABLES = tuple(
    name
    for scheme in ("ws", "wss", "socks", "http", "https")
    for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper())
)
"""What websockets asks for, by way of urllib."""


def _configured_proxy() -> str | Literal[True] | None:
    """The job's proxy; True: the library looks for one, which takes a millisecond; None: there is none."""
    try:
        from_job = get_job_context().proc.http_proxy
    except RuntimeError:
        from_job = None
    if from_job:
        return from_job
    # On these systems there may also be one in the settings of the system.
    if sys.platform in ("darwin", "win32") or any(name in os.environ for name in _PROXY_VARIABLES):
        return True
    return None
