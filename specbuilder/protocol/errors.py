"""What a vendor's verdict means: HTTP replies, in-band messages and close codes all become a status.

The status alone decides whether livekit may try again: 408, 425, 429 and 5xx are retryable, every other 4xx
is fatal.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson
from livekit.agents import APIStatusError

from .dispatch import Dispatch
from .http import Reply
from .measures import Measure
from .reading import MessageScope, Reading

__all__ = ["CloseTable", "ErrorTable", "MessageError", "StatusTable", "parse_retry_after", "status_error"]

BODY_EXCERPT = 2000
"""Characters of a vendor's answer that an error carries."""

LONGEST_WAIT = 60.0
"""Seconds of `Retry-After` that a retry waits; a vendor that asks for more has refused the call."""

NORMAL_CLOSES = frozenset({1000, 1001, 1005})
"""Close codes that are an end and no failure once the input has been finished (RFC 6455, section 7.4)."""


def status_error(
    status: int,
    message: str,
    *,
    request_id: str | None = None,
    body: object | None = None,
    retry_after: float | None = None,
) -> APIStatusError:
    """The livekit error of a verdict.

    Arguments:
        status: HTTP status, or the status a spec maps a message or close code to; outside 300-599 it counts
            as 500. A redirect is
            fatal: following it could carry a key to another host.
        retry_after: seconds the vendor asks to wait; more than a minute makes the error fatal, so that a
            fallback
            takes over at once.
    """
    if not 300 <= status <= 599:
        status = 500
    retryable = status >= 500 or status in (408, 425, 429)
    if retry_after is not None and retry_after > LONGEST_WAIT:
        retryable = False
        message = f"{message} (the vendor asks to wait {retry_after:.0f} s)"
    error = APIStatusError(message, status_code=status, request_id=request_id, body=body, retryable=retryable)
    # livekit's constructor knows 408, 429 and 499 only; 425 (RFC 8470) is as transient and 499 is no
    # vendor's status.
    error.retryable = retryable
    error.retry_after = retry_after  # type: ignore[attr-defined]
    return error


def parse_retry_after(value: str | None, now: float | None = None) -> float | None:
    """Seconds to wait by a `Retry-After` header: seconds or an HTTP date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError):
        return None
    return max(0.0, moment - (time.time() if now is None else now))


def _as_status(value: Any) -> int:
    """A status out of a number or digit text; anything else is the vendor's internal error."""
    if isinstance(value, bool):
        return 500
    try:
        return int(value)
    except (TypeError, ValueError):
        return 500


def _as_text(value: Any) -> str | None:
    if value is None or value is False or value == "":
        return None
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


@dataclass(frozen=True)
class MessageError:
    """A row of `errors.messages`: which message is an error, and what it means."""

    when: Reading
    status: int | Reading
    message: Reading | None


@dataclass(frozen=True)
class StatusTable:
    """Statuses by number and by range of numbers, the first range that fits."""

    codes: Mapping[int, int] = field(default_factory=dict)
    ranges: tuple[tuple[int, int, int], ...] = ()

    def find(self, code: int) -> int | None:
        """The status of a number, if the table has it."""
        if code in self.codes:
            return self.codes[code]
        return next((status for low, high, status in self.ranges if low <= code <= high), None)


@dataclass(frozen=True)
class CloseTable(StatusTable):
    """`errors.close`: what a close code means. Codes that are not listed count as 503."""

    def status(self, code: int) -> int:
        """The status of a close code."""
        return self.find(code) or 503


@dataclass(frozen=True)
class ErrorTable:
    """The `errors` section, compiled.

    Attributes:
        message: where an HTTP error body says what is wrong.
        request_id: where it names the request.
        retry_after: where it says how long to wait, if not in `Retry-After`.
        statuses: HTTP statuses that mean another one.
        messages: rows of in-band errors, first match ends the attempt.
        close: close codes.
        redact: masks secrets in whatever a vendor echoes.
    """

    message: Reading | None = None
    request_id: Reading | None = None
    retry_after: Measure | None = None
    statuses: StatusTable = StatusTable()
    messages: tuple[MessageError, ...] = ()
    close: CloseTable = CloseTable()

    @cached_property
    def _dispatch(self) -> Dispatch[MessageError]:
        return Dispatch(self.messages, lambda row: row.when)

    def status(self, status: int) -> int:
        """What an HTTP status means."""
        return self.statuses.find(status) or status

    def of_message(
        self, message: Any, scope: MessageScope, redact: Callable[[str], str], request_id: str | None = None
    ) -> APIStatusError | None:
        """The error an in-band message is, if any row matches."""
        for row in self._dispatch.find(message):
            if row.when.holds(message, scope):
                status = row.status if isinstance(row.status, int) else _as_status(row.status(message, scope))
                text = row.message and _as_text(row.message(message, scope))
                body = _excerpt(message, redact)
                return status_error(
                    status,
                    redact(text or body),
                    request_id=redact(request_id) if request_id else None,
                    body=body,
                )
        return None

    def of_reply(
        self, reply: Reply, scope: MessageScope, redact: Callable[[str], str], what: str, hint: str = ""
    ) -> APIStatusError:
        """The error of an HTTP reply or refused handshake that is not a success.

        The HTTP status, mapped by `errors.http.status`, is the verdict; the spec only says where the text is.

        Arguments:
            what: what was asked for, where the vendor gives no text.
            hint: put behind the text.
        """
        body = _decoded(reply.body)
        scope.message, scope.headers = body, reply.headers
        text = self.message and _as_text(self.message(body, scope))
        if text is None:
            text = next(
                (
                    found
                    for row in self.messages
                    if row.message is not None
                    and row.when.holds(body, scope)
                    and (found := _as_text(row.message(body, scope)))
                ),
                None,
            )
        request_id = self.request_id and _as_text(self.request_id(body, scope))
        request_id = request_id or reply.headers.get("x-request-id")
        excerpt = _excerpt(body, redact)
        return status_error(
            self.status(reply.status),
            redact(text or excerpt or f"{what}: HTTP {reply.status}") + hint,
            request_id=redact(request_id) if request_id else None,
            body=excerpt or None,
            retry_after=self._wait(reply, body, scope),
        )

    def _wait(self, reply: Reply, body: Any, scope: MessageScope) -> float | None:
        """Seconds to wait by the spec's own place for it, else by the standard header."""
        said = None if self.retry_after is None else self.retry_after.seconds(body, scope)
        return parse_retry_after(reply.headers.get("retry-after")) if said is None else max(0.0, said)

    def of_close(self, code: int, reason: str, redact: Callable[[str], str]) -> APIStatusError:
        """The error of a socket the vendor closed too early or with a failure code."""
        said = f": {redact(reason)}" if reason else ""
        return status_error(
            self.close.status(code),
            f"the vendor closed the connection with code {code}{said}",
            body=f"close code {code}{said}",
        )


def _decoded(body: bytes) -> Any:
    """An HTTP body as JSON, or as text where it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body[: BODY_EXCERPT * 4].decode("utf-8", "replace")


def _excerpt(message: Any, redact: Callable[[str], str]) -> str:
    text = (
        message if isinstance(message, str) else orjson.dumps(message, default=str).decode("utf-8", "replace")
    )
    # Masked before it is cut where readers see it: half a key would not be recognised.
    return redact(text[: BODY_EXCERPT * 4])[:BODY_EXCERPT]
