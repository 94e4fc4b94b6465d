"""What is said when the network fails: livekit's own errors, with the place and the cause and nothing secret.

An address is reduced to scheme, host, port and path, because queries carry keys. Of the cause only its type
and the system's text for it are kept, because messages of network libraries quote addresses and headers. The
errors are to be raised outside of the `except` block that made them: then the library's exception, which
holds the request, is not even their context.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import TypeAlias
from urllib.parse import urlsplit

from livekit.agents import APIConnectionError, APITimeoutError

__all__ = ["Redact", "as_is", "connection_failed", "lower_headers", "place", "reason", "timed_out"]

Redact: TypeAlias = Callable[[str], str]
"""Masks the secrets in a text."""


def as_is(text: str) -> str:
    """The `Redact` of a caller without secrets."""
    return text


def place(url: str) -> str:
    """An address without user, query and fragment: `wss://host:443/v1/listen`."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return "an invalid address"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}{parts.path}"


def reason(error: BaseException) -> str:
    """The type of an error and, where it comes from the operating system or TLS, that one's text."""
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
    if inner is None and type(error).__name__ == "InvalidMessage":
        # websockets: "no valid HTTP response"; why is in the cause.
        inner = error.__cause__
    error = inner if isinstance(inner, BaseException) else error
    text = _text(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _text(error: BaseException) -> str | None:
    if isinstance(error, ssl.SSLError):
        # What is wrong with the certificate, or OpenSSL's name of the failure; neither is there on every one.
        return getattr(error, "verify_message", None) or getattr(error, "reason", None)
    if isinstance(error, socket.gaierror):
        return error.strerror
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    # asyncio's summary of all addresses tried, a missing package, an early end: fixed texts, IP addresses.
    if type(error) in (OSError, ImportError, EOFError):
        return str(error)
    return None


def connection_failed(
    what: str, url: str, error: BaseException | str, redact: Redact, *, retryable: bool = True
) -> APIConnectionError:
    """The error of a connection that could not be made or broke.

    Arguments:
        what: what could not be done, with the address to follow: "could not connect to".
        error: the cause, or its description.
    """
    why = error if isinstance(error, str) else reason(error)
    return APIConnectionError(redact(f"{what} {place(url)}: {why}"), retryable=retryable)


def timed_out(what: str, url: str, seconds: float, redact: Redact) -> APITimeoutError:
    """The error of a deadline that passed.

    Arguments:
        what: what did not happen in time, with the address to follow: "no reply from".
        seconds: the deadline.
    """
    return APITimeoutError(redact(f"{what} {place(url)} within {seconds:g} s"))


def lower_headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name; a repeated one has its values joined with commas (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
