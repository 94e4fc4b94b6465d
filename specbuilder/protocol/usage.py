"""Usage of a connection: what the vendor says it bills, else the seconds that were sent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from livekit.agents import stt

from ..expressions.selector_code import function
from ..expressions.selectors import CodeWriter, code_writer
from .field_code import seconds_lines, value_lines
from .measures import Measure, as_number
from .reading import MessageScope, Reading

__all__ = ["REPORT_EVERY", "UsageCounter", "UsagePlan"]

REPORT_EVERY = 5.0
"""Seconds between reports of what grows all the time: the engine's count, or a vendor's running total."""


@dataclass(frozen=True)
class UsagePlan:
    """The `usage` section: what the vendor says it has billed."""

    audio_duration: Measure | None = None
    total_audio_duration: Measure | None = None
    input_tokens: Reading | None = None
    output_tokens: Reading | None = None

    @property
    def counts_audio(self) -> bool:
        """Whether the vendor reports seconds; otherwise the engine counts what it has sent."""
        return self.audio_duration is not None or self.total_audio_duration is not None

    @cached_property
    def read(self) -> Callable[[Any, MessageScope], tuple[int, int, float]]:
        """A function of a message and the scope: tokens read and written, and seconds; 0 where not said."""
        writer = code_writer()
        seconds = self.audio_duration or self.total_audio_duration
        body = [
            *_count_lines("inputs", self.input_tokens, writer),
            *_count_lines("outputs", self.output_tokens, writer),
            *seconds_lines("seconds", seconds, writer),
            "return inputs, outputs, seconds or 0.0",
        ]
        head = ["def read(entry, scope):", "    variables = scope.variables"]
        made: Callable[..., Any] = function(
            [*head, *("    " + line for line in body)], writer.constants, "read"
        )
        return made


def _count_lines(name: str, reading: Reading | None, writer: CodeWriter) -> list[str]:
    if reading is None:
        return [f"{name} = 0"]
    count = f"{writer.constant(_count)}({name})"
    return [*value_lines(name, reading, writer), f"if {name}.__class__ is not int:", f"    {name} = {count}"]


def _count(value: Any) -> int:
    return int(as_number(value) or 0)


class UsageCounter:
    """Counts seconds and tokens and makes RECOGNITION_USAGE events; each second is reported once.

    What comes by the piece is reported with the message that says it. A running total, which is another one
    with every message, is held like the seconds the engine counts: livekit makes metrics of each report.

    Arguments:
        plan: where the vendor reports usage, if it does.
        now: monotonic seconds.
        sent: seconds of audio sent on the connection so far.

    Attributes:
        due_at: when what is held is to be reported; infinite where nothing ever is.
    """

    def __init__(self, plan: UsagePlan | None, now: float, sent: Callable[[], float]) -> None:
        self._plan = plan
        self._counts = plan is None or not plan.counts_audio
        self._totals = plan is not None and plan.total_audio_duration is not None
        self._sent = sent
        self._total = 0.0
        self._reported = 0.0
        self._inputs = self._outputs = 0
        self.due_at = now + REPORT_EVERY if self._counts or self._totals else math.inf

    def report(self, now: float, request_id: str) -> stt.SpeechEvent | None:
        """What is held."""
        if self.due_at == math.inf:
            return None
        self.due_at = now + REPORT_EVERY
        inputs, outputs, self._inputs, self._outputs = self._inputs, self._outputs, 0, 0
        return self._event(self._unreported(), inputs, outputs, request_id)

    def _unreported(self) -> float:
        total, before = self._sent() if self._counts else self._total, self._reported
        self._reported = total
        return total - before

    def read(
        self, message: Any, scope: MessageScope, now: float, request_id: str, has_final: bool
    ) -> stt.SpeechEvent | None:
        """What a message reports; with tokens alone the counted seconds go along.

        Arguments:
            has_final: whether the message made a final, with which what is held is reported.
        """
        assert self._plan is not None
        inputs, outputs, seconds = self._plan.read(message, scope)
        if self._totals:
            self._total = max(self._total, seconds)
            self._inputs += inputs
            self._outputs += outputs
            return self.report(now, request_id) if has_final or now >= self.due_at else None
        if self._counts:
            return self._event(self._unreported(), inputs, outputs, request_id) if inputs or outputs else None
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
