"""No key of a test is in anything the test run emits: a failure of the run, whatever the tests say.

Looked at are all log records, warnings, captured output of every test (also of passed ones), failure reports,
and the text and body of every `APIError` that is made.
"""

from __future__ import annotations

import base64
import logging
import traceback
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from livekit.agents import APIError

__all__ = ["KEYS", "Taint", "forms_of"]

KEYS = ("acme/Key+0042", "open sesame/42", "taint/Token+4711")
"""The keys of tests that look for leaks; queries and headers write some of their characters otherwise."""

_FIELDS = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime"}
"""What every record has; the rest are its extras."""


def forms_of(key: str) -> set[str]:
    """A key as it is, and as it is written in addresses, headers and reprs."""
    encoded = base64.b64encode(key.encode()).decode().rstrip("=")
    return {key, quote(key), quote(key, safe=""), quote_plus(key), encoded}


class Taint:
    """Looks for keys in texts, and remembers where it found one.

    Attributes:
        found: what emitted a key, without the key; each once.
        looked: how many texts were looked at.
    """

    def __init__(self, keys: tuple[str, ...] = KEYS) -> None:
        self._forms = {form for key in keys for form in forms_of(key)}
        self.found: dict[str, None] = {}
        self.looked = 0

    def look(self, where: str, text: str) -> None:
        """Look at one text."""
        self.looked += 1
        if any(form in text for form in self._forms):
            self.found[where] = None

    def look_at_record(self, record: logging.LogRecord) -> None:
        """Look at a log record: message, traceback and extras."""
        if record.name == "aiohttp.access":
            # The log of the vendors that tests play.
            return
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = f"{record.msg!r} {record.args!r}"
        if record.exc_info and record.exc_info[0] is not None:
            text += "".join(traceback.format_exception(*record.exc_info))
        text += "".join(repr(value) for name, value in vars(record).items() if name not in _FIELDS)
        self.look(f"a log record of {record.name} at {record.pathname}:{record.lineno}", text)


_taint = Taint()
_make_record = logging.Logger.makeRecord
_make_error = APIError.__init__


def _record(self: logging.Logger, *args: Any, **kwargs: Any) -> logging.LogRecord:
    # Not the factory of records: what it makes has no extras yet.
    record = _make_record(self, *args, **kwargs)
    _taint.look_at_record(record)
    return record


def _error(self: APIError, message: str, *args: Any, **kwargs: Any) -> None:
    _make_error(self, message, *args, **kwargs)
    _taint.look(f"{type(self).__name__}", f"{message} {getattr(self, 'body', None)!r}")


def pytest_configure() -> None:
    """Begin to look."""
    logging.Logger.makeRecord = _record  # type: ignore[method-assign]
    APIError.__init__ = _error  # type: ignore[method-assign]


def pytest_unconfigure() -> None:
    """Look no longer."""
    logging.Logger.makeRecord = _make_record  # type: ignore[method-assign]
    APIError.__init__ = _make_error  # type: ignore[method-assign]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Look at what a test printed and how it failed."""
    text = "\n".join(content for title, content in report.sections if "log" not in title)
    _taint.look(f"{report.nodeid} ({report.when})", f"{text}\n{report.longreprtext}")


def pytest_warning_recorded(warning_message: Any, nodeid: str) -> None:
    """Look at a warning."""
    _taint.look(f"a warning in {nodeid}", str(warning_message.message))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that emitted a key."""
    if _taint.found and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say where keys were found."""
    if _taint.found:
        terminalreporter.section("keys in what the run emitted")
        for where in _taint.found:
            terminalreporter.line(where)
