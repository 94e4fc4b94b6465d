"""Whatever fails inside an attempt leaves as livekit's `APIError`."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from livekit.agents import APIConnectionError, APIError

__all__ = ["as_api_error"]

logger = logging.getLogger("specbuilder")


def as_api_error(error: Exception, label: str, redact: Callable[[str], str]) -> APIError:
    """The error to raise for one that is no `APIError` yet.

    A `ValueError` says that the spec, the options and the vendor's replies do not fit together (a step's
    reply without the field an address needs); anything else is a fault of the engine, and logged with its
    place. Neither gets better by trying again.
    """
    if isinstance(error, APIError):
        return error
    text = redact(str(error))
    if not isinstance(error, ValueError):
        # The frames without the values: an exception's text and chain may hold what must not be logged.
        frames = "".join(traceback.format_tb(error.__traceback__))
        logger.error("%s: internal error: %s: %s\n%s", label, type(error).__name__, text, frames)
        text = f"internal error: {type(error).__name__}: {text}"
    return APIConnectionError(f"{label}: {text}", retryable=False)
