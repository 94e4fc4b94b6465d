"""HTTP exchanges of a test: requests wait for the script's replies, pauses only move the clock."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from ..protocol.http import Reply, Request
from ..protocol.requests import Action, Pause
from .clock import Clock

__all__ = ["Kept", "flattened"]

Kept = dict[str, tuple[Any, float]]
"""Replies of shared steps by key, with their expiry in epoch seconds."""


def flattened(
    exchange: Generator[Action, Any, Any], clock: Clock, kept: Kept
) -> Generator[Request, Reply, Any]:
    """The exchange with nothing but requests left to answer; returns what the exchange returns.

    Arguments:
        kept: replies of shared steps; fresh ones are put there.
    """
    answer: Any = None
    while True:
        try:
            action = exchange.send(answer)
        except StopIteration as stop:
            return stop.value
        if isinstance(action, Request):
            answer = yield action
        elif isinstance(action, Pause):
            clock.now += action.seconds
            answer = None
        else:
            found = kept.get(action.key)
            if found is None or found[1] <= clock.wall():
                found = yield from flattened(action.fetch(), clock, kept)
                kept[action.key] = found
            answer = found[0]
