"""Adapters that go on where others raise: a failed recognition is an empty transcript (`on_error="empty"`).

livekit's way is to raise, so that its retries, `FallbackAdapter` and a session's error limit see the failure.
Some callers want silence instead. Both are one declared policy; `error` events and logs are the same in both.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar
from typing import Any, ClassVar, Literal, TypeAlias

from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    APIConnectOptions,
    APIError,
    LanguageCode,
    NotGivenOr,
    stt,
)
from livekit.agents.utils import AudioBuffer

from ..protocol.spec import Spec
from .stream import SpecStream
from .stt import SpecSTT

__all__ = ["OnError", "TolerantSTT", "TolerantStream", "checked_policy", "empty_transcript"]

logger = logging.getLogger("specbuilder")

OnError: TypeAlias = Literal["raise", "empty"]
"""What a recognition that failed gives: livekit's error, or an empty final transcript."""

# The adapter whose `recognize()` is running: its retries need to see the error of each attempt.
_recognizing: ContextVar[object] = ContextVar("specbuilder_recognizing", default=None)


def checked_policy(on_error: str) -> OnError:
    """The policy itself.

    Raises:
        ValueError: it is neither "raise" nor "empty".
    """
    if on_error == "raise":
        return "raise"
    if on_error == "empty":
        return "empty"
    raise ValueError(f"on_error must be 'raise' or 'empty', not {on_error!r}")


def empty_transcript(language: str) -> stt.SpeechEvent:
    """A final transcript without text; livekit reads its one alternative unguarded."""
    silent = stt.SpeechData(language=LanguageCode(language), text="")
    return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[silent])


class TolerantStream(SpecStream):
    """A stream that never raises an `APIError` under `on_error="empty"`.

    When livekit's retries are used up, it pauses and goes on as long as there is input: a network that was
    away must not leave an agent deaf. Of what was pushed meanwhile the newest seconds are kept, as many as
    for a replay. It ends quietly where trying again cannot help (a key that is refused).
    """

    async def _main_task(self) -> None:
        while True:
            try:
                await super()._main_task()
                return
            except APIError as error:
                if self._policy == "raise":
                    raise
                failure = error
            logger.warning("%s: the stream failed: %s", self._stt.label, failure)
            if not failure.retryable or self._input_ch.closed:
                return
            # A vendor may be away for hours; livekit's channel has no limit.
            self._keep_newest()
            self._num_retries = 0
            await asyncio.sleep(self._conn_options.retry_interval)

    @property
    def _policy(self) -> OnError:
        assert isinstance(self._stt, TolerantSTT)
        return self._stt.on_error


class TolerantSTT(SpecSTT):
    """A `SpecSTT` with a declared policy for failures.

    Arguments:
        on_error: "empty": recognitions that fail give an empty final transcript, streams go on or end
            quietly; "raise": livekit's errors. Either way the log and the `error` event have the failure.
        arguments: as for `SpecSTT`, with its errors.
    """

    _stream_type: ClassVar[type[SpecStream]] = TolerantStream

    def __init__(self, spec: Spec, *, on_error: OnError = "empty", **arguments: Any) -> None:
        self.on_error = checked_policy(on_error)
        super().__init__(spec, **arguments)

    async def recognize(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.SpeechEvent:
        """Recognize a buffer, with livekit's retries before the policy applies.

        Raises:
            APIError: every attempt failed and the policy is "raise".
        """
        token = _recognizing.set(self)
        try:
            return await super().recognize(buffer, language=language, conn_options=conn_options)
        except APIError as error:
            if self.on_error == "raise":
                raise
            failure = error
        finally:
            _recognizing.reset(token)
        return self._given_up(failure)

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str | None] = NOT_GIVEN,
        conn_options: APIConnectOptions | None = None,
    ) -> stt.SpeechEvent:
        """One attempt. Called directly, not by `recognize`, it applies the policy itself."""
        try:
            return await self._attempt(
                buffer,
                language=NOT_GIVEN if language is None else language,
                conn_options=conn_options or DEFAULT_API_CONNECT_OPTIONS,
            )
        except APIError as error:
            if self.on_error == "raise" or _recognizing.get() is self:
                raise
            failure = error
        self._emit_error(failure, recoverable=False)
        return self._given_up(failure)

    async def _attempt(
        self, buffer: AudioBuffer, *, language: NotGivenOr[str], conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        return await super()._recognize_impl(buffer, language=language, conn_options=conn_options)

    def _given_up(self, failure: APIError) -> stt.SpeechEvent:
        logger.warning("%s: recognition failed, its transcript is empty: %s", self._label, failure)
        return empty_transcript(self.language_of(self._settings.names()))
