"""Driving HTTP exchanges: their requests are sent, their pauses slept, shared steps run once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from typing import Any

from livekit.agents import APIError

from ..protocol.http import Request
from ..protocol.requests import Action, Pause, Shared
from ..transport.http import HttpSessions, send

__all__ = ["ExchangeDriver"]


class ExchangeDriver:
    """Runs the generators of `protocol.requests` over aiohttp.

    Arguments:
        sessions: where the HTTP session comes from.
        redact: masks secrets in errors.
    """

    def __init__(self, sessions: HttpSessions, redact: Callable[[str], str]) -> None:
        self._sessions = sessions
        self._redact = redact
        self._replies: dict[str, tuple[Any, float]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def run(self, exchange: Generator[Action, Any, Any], connect_timeout: float) -> Any:
        """Run an exchange to its end and return its result.

        Arguments:
            connect_timeout: seconds for DNS, TCP and TLS of each request.

        Raises:
            APIError: a request failed, or the vendor refused it.
        """
        answer: Any = None
        failure: APIError | None = None
        try:
            while True:
                action = exchange.send(answer) if failure is None else exchange.throw(failure)
                answer, failure = None, None
                try:
                    answer = await self._answer(action, connect_timeout)
                except APIError as error:
                    failure = error
        except StopIteration as stop:
            return stop.value
        finally:
            exchange.close()

    async def _answer(self, action: Action, connect_timeout: float) -> Any:
        if isinstance(action, Request):
            return await send(
                self._sessions.get(),
                action,
                timeout=action.timeout,
                connect_timeout=connect_timeout,
                redact=self._redact,
            )
        if isinstance(action, Pause):
            return await asyncio.sleep(action.seconds)
        return await self._shared(action, connect_timeout)

    async def _shared(self, step: Shared, connect_timeout: float) -> Any:
        """The kept reply of a step, or a fresh one; callers of the same step wait for the first one's."""
        lock = self._locks.setdefault(step.key, asyncio.Lock())
        async with lock:
            kept = self._replies.get(step.key)
            if kept is None or kept[1] <= time.time():
                kept = await self.run(step.fetch(), connect_timeout)
                self._forget_expired()
                self._replies[step.key] = kept
            return kept[0]

    def _forget_expired(self) -> None:
        now = time.time()
        for key in [key for key, (_, until) in self._replies.items() if until <= now]:
            del self._replies[key]
            if key in self._locks and not self._locks[key].locked():
                del self._locks[key]

    def forget(self) -> None:
        """Forget every kept reply, because the vendor refused one."""
        self._replies.clear()
