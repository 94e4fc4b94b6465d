"""One HTTP request out, one reply in, over aiohttp."""

from __future__ import annotations

import asyncio
import io

import aiohttp
from livekit.agents import APIConnectionError
from livekit.agents.utils import http_context
from multidict import CIMultiDict
from yarl import URL

from ..protocol.http import Reply, Request
from .deadline import timeout as deadline
from .failures import Redact, as_is, connection_failed, lower_headers, timed_out
from .tls import ssl_context

__all__ = ["MAX_BYTES", "HttpSessions", "send"]

MAX_BYTES = 32 * 2**20
"""Bytes of a decoded reply body that are read at most."""

_LARGE = 2**20
"""Bytes above which aiohttp is to write a body in pieces, so that other coroutines run in between."""


async def send(
    session: aiohttp.ClientSession,
    request: Request,
    *,
    timeout: float,
    connect_timeout: float,
    max_bytes: int = MAX_BYTES,
    redact: Redact = as_is,
) -> Reply:
    """Make one request and read its reply.

    Every status is a reply, a redirect too: none is followed, since that could carry a key to another host.
    Nothing is sent that the request does not say, apart from the headers HTTP asks for and the session's own.

    Arguments:
        timeout: seconds for everything, from the first byte sought to the last byte read.
        connect_timeout: seconds of these for a free connection: the session's limit, DNS, TCP and TLS.
        max_bytes: size of the decoded body above which the reply is refused.
        redact: masks secrets in the texts of errors.

    Raises:
        APITimeoutError: a deadline passed.
        APIConnectionError: DNS, TCP, TLS or HTTP failed; not retryable where the request itself cannot be
            sent, or the reply is too large.
    """
    failure: APIConnectionError
    try:
        async with deadline(timeout):
            reply = await _exchange(session, request, connect_timeout, max_bytes)
        if reply is not None:
            return reply
        failure = connection_failed(
            "reply from", request.url, f"larger than {max_bytes} bytes", redact, retryable=False
        )
    except aiohttp.ConnectionTimeoutError:
        failure = timed_out("no connection to", request.url, connect_timeout, redact)
    except (asyncio.TimeoutError, TimeoutError):
        failure = timed_out("no complete reply from", request.url, timeout, redact)
    except (aiohttp.ClientError, OSError, RuntimeError, ValueError, TypeError) as error:
        # RuntimeError: the session was closed. The last two: a request that cannot be sent at all. (But a
        # certificate that does not fit is a ValueError too, and is told from those by being an OSError.)
        network = isinstance(error, (aiohttp.ClientError, OSError, RuntimeError))
        retryable = network and not isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError))
        failure = connection_failed(f"{request.method} to", request.url, error, redact, retryable=retryable)
    raise failure


async def _exchange(
    session: aiohttp.ClientSession, request: Request, connect_timeout: float, max_bytes: int
) -> Reply | None:
    """The exchange itself; None when the reply is too large."""
    body = request.body
    async with session.request(
        request.method,
        URL(request.url, encoded=True),
        headers=CIMultiDict(request.headers),
        data=io.BytesIO(body) if body is not None and len(body) > _LARGE else body,
        allow_redirects=False,
        raise_for_status=False,
        skip_auto_headers=("Content-Type",),
        timeout=aiohttp.ClientTimeout(total=None, connect=connect_timeout),
    ) as response:
        content = bytearray()
        async for piece in response.content.iter_any():
            content += piece
            if len(content) > max_bytes:
                response.close()
                return None
        return Reply(response.status, lower_headers(response.headers.items()), bytes(content))


class HttpSessions:
    """Finds the session to use: the one given, else livekit's of the running job, else one of our own.

    Arguments:
        given: used for everything and never closed by us.
    """

    def __init__(self, given: aiohttp.ClientSession | None = None) -> None:
        self._given = given
        self._own: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> aiohttp.ClientSession:
        """The session for the next request; ask anew for each one, in the task that makes it."""
        if self._given is not None:
            return self._given
        try:
            return http_context.http_session()
        except RuntimeError:
            return self._own_session()

    def _own_session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        # A session belongs to its event loop; one of a loop that has ended cannot be used or closed any more.
        if self._own is None or self._own.closed or self._loop is not loop:
            # The settings of livekit's own session.
            connector = aiohttp.TCPConnector(limit_per_host=50, keepalive_timeout=120, ssl=ssl_context())
            self._own, self._loop = aiohttp.ClientSession(connector=connector), loop
        return self._own

    async def aclose(self) -> None:
        """Close our own session, if there is one. A later `get()` makes a new one."""
        own, self._own = self._own, None
        if own is not None and self._loop is asyncio.get_running_loop():
            await own.close()
