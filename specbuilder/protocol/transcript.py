"""From a vendor's message to livekit's `SpeechData`, by the `transcript` and `usage` sections."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import NOT_GIVEN, LanguageCode, NotGivenOr, stt
from livekit.agents.types import TimedString

from .reading import MessageScope, Reading

__all__ = ["Measure", "TranscriptPlan", "UsagePlan", "WordsPlan"]

_CLOCK = re.compile(r"^(?:(\d+):)?(?:(\d+):)?(\d+(?:\.\d+)?)s?$")

_SCALES: Mapping[str, float] = {"s": 1.0, "ms": 1e-3, "ticks": 1e-7, "duration": 1.0}
"""Seconds per unit; ticks are the 100 ns of Azure's speech service."""


def _number(value: Any) -> float | None:
    """A finite number out of a number or a text that holds one."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _duration(value: Any) -> float | None:
    """Seconds of "1.5s" (protobuf's JSON form) or "0:01:02.5" (a clock)."""
    if not isinstance(value, str):
        return _number(value)
    match = _CLOCK.match(value.strip())
    if match is None:
        return None
    first, second, seconds = match.groups()
    if second is None:
        return int(first or 0) * 60 + float(seconds)
    return int(first) * 3600 + int(second) * 60 + float(seconds)


@dataclass(frozen=True)
class Measure:
    """A time field: where it stands and its unit."""

    reading: Reading
    unit: str = "s"

    def seconds(self, item: Any, scope: MessageScope) -> float | None:
        """The time in seconds, None where it is not said."""
        value = self.reading(item, scope)
        if type(value) is float or type(value) is int:
            return value * _SCALES[self.unit]
        if value is None or value is False or value == "":
            return None
        number = _duration(value) if self.unit == "duration" else _number(value)
        return None if number is None else number * _SCALES[self.unit]


def _clamped(value: Any) -> float:
    number = _number(value)
    return 0.0 if number is None else min(1.0, max(0.0, number))


def _label(value: Any) -> str | None:
    """A speaker or request id: null and false are "not said", numbers become text."""
    if value is None or value is False or value == "":
        return None
    return value if isinstance(value, str) else str(value)


def _texts(value: Any) -> list[str] | None:
    if not isinstance(value, list):
        value = [value] if isinstance(value, str) else []
    found = [item for item in value if isinstance(item, str)]
    return found or None


def _codes(value: Any) -> list[LanguageCode] | None:
    texts = _texts(value)
    return [LanguageCode(text) for text in texts] if texts else None


@dataclass(frozen=True)
class WordsPlan:
    """`transcript.words`: one `TimedString` per item."""

    each: Reading
    text: Reading | None = None
    start: Measure | None = None
    end: Measure | None = None
    duration: Measure | None = None
    confidence: Reading | None = None
    speaker: Reading | None = None

    def build(
        self, item: Any, scope: MessageScope, place: Callable[[float], float], offset: float
    ) -> list[TimedString]:
        """The words of an item, times placed on the stream's time line."""
        found = self.each(item, scope)
        if not isinstance(found, list):
            return []
        words = []
        for entry in found:
            text = entry if self.text is None else self.text(entry, scope)
            if not isinstance(text, str):
                continue
            start = self.start.seconds(entry, scope) if self.start else None
            end = self.end.seconds(entry, scope) if self.end else None
            if end is None and start is not None and self.duration:
                length = self.duration.seconds(entry, scope)
                end = None if length is None else start + length
            words.append(
                TimedString(
                    text,
                    start_time=NOT_GIVEN if start is None else place(start) + offset,
                    end_time=NOT_GIVEN if end is None else place(end) + offset,
                    confidence=self._confidence(entry, scope),
                    start_time_offset=offset,
                    speaker_id=_label(self.speaker(entry, scope)) if self.speaker else None,
                )
            )
        return words

    def _confidence(self, entry: Any, scope: MessageScope) -> NotGivenOr[float]:
        number = _number(self.confidence(entry, scope)) if self.confidence else None
        return NOT_GIVEN if number is None else min(1.0, max(0.0, number))


def _same(time: float) -> float:
    return time


@dataclass(frozen=True)
class TranscriptPlan:
    """The `transcript` section as it holds for one place of the spec (merged over the outer ones)."""

    each: Reading | None = None
    text: Reading | None = None
    language: Reading | None = None
    confidence: Reading | None = None
    start: Measure | None = None
    end: Measure | None = None
    duration: Measure | None = None
    speaker: Reading | None = None
    request_id: Reading | None = None
    words: WordsPlan | None = None
    metadata: Mapping[str, Reading] = field(default_factory=dict)
    source_languages: Reading | None = None
    source_texts: Reading | None = None
    target_languages: Reading | None = None
    target_texts: Reading | None = None

    def build(
        self,
        item: Any,
        scope: MessageScope,
        *,
        language: str,
        offset: float = 0.0,
        place: Callable[[float], float] = _same,
    ) -> list[stt.SpeechData]:
        """livekit's alternatives of an item; blank ones are left out.

        Arguments:
            language: what to say when the vendor does not.
            offset: seconds added to every time (`start_time_offset` when the event is made).
            place: maps a time of the vendor's to the time line of the input, before the offset.
        """
        if self.text is None:
            return []
        if self.each is None:
            items = [item]
        else:
            found = self.each(item, scope)
            items = found if isinstance(found, list) else [] if found is None else [found]
        built = []
        for entry in items:
            text = self.text(entry, scope)
            if isinstance(text, str) and text and not text.isspace():
                built.append(self._data(text, entry, scope, language, offset, place))
        return built

    def _data(
        self,
        text: str,
        entry: Any,
        scope: MessageScope,
        language: str,
        offset: float,
        place: Callable[[float], float],
    ) -> stt.SpeechData:
        words = self.words.build(entry, scope, place, offset) if self.words else None
        start, end = self.span(entry, scope)
        data = stt.SpeechData(
            language=self._language(entry, scope, language),
            text=text,
            start_time=_first_start(words) if start is None else place(start) + offset,
            end_time=_last_end(words) if end is None else place(end) + offset,
            confidence=_clamped(self.confidence(entry, scope)) if self.confidence else 0.0,
            speaker_id=_label(self.speaker(entry, scope)) if self.speaker else None,
            words=words or None,
        )
        if self.metadata:
            found = {name: reading(entry, scope) for name, reading in self.metadata.items()}
            data.metadata = {name: value for name, value in found.items() if value is not None} or None
        self._runs(data, entry, scope)
        return data

    def _language(self, entry: Any, scope: MessageScope, default: str) -> LanguageCode:
        found = self.language(entry, scope) if self.language else None
        return LanguageCode(found if isinstance(found, str) else default)

    def span(self, entry: Any, scope: MessageScope) -> tuple[float | None, float | None]:
        """Start and end as the vendor says them, in seconds of its own time line."""
        start = self.start.seconds(entry, scope) if self.start else None
        end = self.end.seconds(entry, scope) if self.end else None
        if end is None and start is not None and self.duration:
            length = self.duration.seconds(entry, scope)
            end = None if length is None else start + length
        return start, end

    def _runs(self, data: stt.SpeechData, entry: Any, scope: MessageScope) -> None:
        if self.source_languages:
            data.source_languages = _codes(self.source_languages(entry, scope))
        if self.source_texts:
            data.source_texts = _texts(self.source_texts(entry, scope))
        if self.target_languages:
            data.target_languages = _codes(self.target_languages(entry, scope))
        if self.target_texts:
            data.target_texts = _texts(self.target_texts(entry, scope))

    def request(self, item: Any, scope: MessageScope) -> str | None:
        """The request id this place names, if it names one of its own."""
        return _label(self.request_id(item, scope)) if self.request_id else None


def _first_start(words: list[TimedString] | None) -> float:
    start = words[0].start_time if words else NOT_GIVEN
    return start if isinstance(start, float) else 0.0


def _last_end(words: list[TimedString] | None) -> float:
    end = words[-1].end_time if words else NOT_GIVEN
    return end if isinstance(end, float) else 0.0


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

    def tokens(self, message: Any, scope: MessageScope) -> tuple[int, int]:
        """Input and output tokens of a message; 0 where not said."""
        read = [
            _number(reading(message, scope)) if reading else None
            for reading in (self.input_tokens, self.output_tokens)
        ]
        return int(read[0] or 0), int(read[1] or 0)

    def seconds(self, message: Any, scope: MessageScope, reported: float) -> float:
        """Seconds to report now; of a running total only what exceeds `reported`."""
        if self.total_audio_duration is not None:
            total = self.total_audio_duration.seconds(message, scope)
            return 0.0 if total is None else max(0.0, total - reported)
        if self.audio_duration is not None:
            return self.audio_duration.seconds(message, scope) or 0.0
        return 0.0
