"""Usage of a connection: what the vendor says it bills, else the seconds that were sent."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from livekit.agents import stt

from .reading import MessageScope
from .transcript import UsagePlan

__all__ = ["REPORT_EVERY", "UsageCounter"]

REPORT_EVERY = 5.0
"""Seconds between reports of what the engine counts itself."""


class UsageCounter:
    """Counts seconds and tokens and makes RECOGNITION_USAGE events; each second is reported once.

    Arguments:
        plan: where the vendor reports usage, if it does.
        now: monotonic seconds.
        sent: seconds of audio sent on the connection so far.

    Attributes:
        due_at: when the next report of counted seconds is due; infinite where the vendor counts.
    """

    def __init__(self, plan: UsagePlan | None, now: float, sent: Callable[[], float]) -> None:
        self._plan = plan
        self._counts = plan is None or not plan.counts_audio
        self._sent = sent
        self._reported = 0.0
        self.due_at = now + REPORT_EVERY if self._counts else math.inf

    def report(self, now: float, request_id: str) -> stt.SpeechEvent | None:
        """The counted seconds that were not reported yet."""
        if not self._counts:
            return None
        self.due_at = now + REPORT_EVERY
        return self._event(self._unreported(), 0, 0, request_id)

    def _unreported(self) -> float:
        sent, before = self._sent(), self._reported
        self._reported = sent
        return sent - before

    def read(self, message: Any, scope: MessageScope, request_id: str) -> stt.SpeechEvent | None:
        """What a message reports; with tokens alone the counted seconds go along."""
        assert self._plan is not None
        inputs, outputs = self._plan.tokens(message, scope)
        if self._counts:
            return self._event(self._unreported(), inputs, outputs, request_id) if inputs or outputs else None
        seconds = self._plan.seconds(message, scope, self._reported)
        self._reported += seconds
        return self._event(seconds, inputs, outputs, request_id)

    @staticmethod
    def _event(seconds: float, inputs: int, outputs: int, request_id: str) -> stt.SpeechEvent | None:
        if seconds <= 0 and not inputs and not outputs:
            return None
        return stt.SpeechEvent(
            type=stt.SpeechEventType.RECOGNITION_USAGE,
            request_id=request_id,
            recognition_usage=stt.RecognitionUsage(
                audio_duration=max(0.0, seconds), input_tokens=inputs, output_tokens=outputs
            ),
        )
