"""A refusal in the vendor's own words: a body in which the spec finds the message."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ..protocol.errors import ErrorTable
from ..protocol.http import Reply
from ..protocol.reading import MessageScope
from ..protocol.settings import Settings
from ..testing.views import body_bytes
from .trees import leaves, replaced

__all__ = ["error_message", "refusal"]

_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[0\])*")
_TEXTS = {
    400: "Bad request.",
    401: "Invalid credentials.",
    403: "Not allowed.",
    404: "Not found.",
    429: "Too many requests.",
    500: "Internal error.",
    503: "Service unavailable.",
}


def refusal(settings: Settings, status: int, tests: list[Any]) -> bytes:
    """The body of a refusal, in the shape of one in the spec's tests or by `errors.http.message`.

    A spec that says nothing of it gets a plain text, which the engine takes as the message. How long to wait
    is said in `Retry-After` alone, so that a fault lasts as long as it says.
    """
    text = _TEXTS.get(status, f"Status {status}.")
    errors, scope = settings.plan.errors, MessageScope(settings.names(), "simulator")
    for body in _candidates(errors, tests, text):
        error = errors.of_reply(Reply(status, {}, body), scope, str, "")
        if error.message == text and getattr(error, "retry_after", None) is None:
            return body
    return text.encode()


def _candidates(errors: ErrorTable, tests: list[Any], text: str) -> Iterator[bytes]:
    for shape in _shapes(tests):
        for path, value in leaves(shape):
            if isinstance(value, str):
                yield body_bytes(replaced(shape, path, text))
    readings = [errors.message, *(row.message for row in errors.messages)]
    for reading in readings:
        for path in _PATH.findall(reading.selector.text) if reading is not None else []:
            yield orjson.dumps(_nested(path, text))


def _shapes(tests: list[Any]) -> Iterator[Any]:
    """Bodies of refusals that tests show."""
    for test in tests:
        for item in [*(test.get("stream") or []), *(test.get("recognize") or [])]:
            for word in ("refused", "reply"):
                value = item.get(word) if isinstance(item, Mapping) else None
                if isinstance(value, Mapping) and value.get("status", 200) >= 400 and value.get("body"):
                    yield value["body"]


def _nested(path: str, text: str) -> Any:
    value: Any = text
    for part in reversed(re.split(r"\.", path)):
        name, indexed, _ = part.partition("[")
        value = {name: [value] if indexed else value}
    return value


def error_message(settings: Settings, tests: list[Any], status: int) -> Any:
    """A message of the tests that the spec reads as an error of this status; None where none is known."""
    errors, scope = settings.plan.errors, MessageScope(settings.names(), "simulator")
    for test in tests:
        for item in test.get("stream") or []:
            message = item.get("received") if isinstance(item, Mapping) else None
            if message is not None and not isinstance(message, str):
                error = errors.of_message(message, scope, str)
                if error is not None and error.status_code == status:
                    return message
    return None
