"""From a vendor's message to livekit's `SpeechData`, by the `transcript` and `usage` sections."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

from livekit.agents import NOT_GIVEN, LanguageCode, NotGivenOr, stt
from livekit.agents.types import TimedString

from .reading import MessageScope, Read, Reading

Place: TypeAlias = Callable[[float], float]

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


class Measure:
    """A time field: where it stands and its unit.

    Attributes:
        seconds: the time of an item in seconds, None where it is not said.
    """

    __slots__ = ("reading", "seconds", "unit")

    def __init__(self, reading: Reading, unit: str = "s") -> None:
        self.reading = reading
        self.unit = unit
        self.seconds = _seconds(reading.read, unit)


def _seconds(read: Read, unit: str) -> Callable[[Any, MessageScope], float | None]:
    scale = _SCALES[unit]
    number_of = _duration if unit == "duration" else _number

    def seconds(item: Any, scope: MessageScope) -> float | None:
        value = read(item, scope)
        if type(value) is float or type(value) is int:
            return value * scale
        if value is None or value is False or value == "":
            return None
        number = number_of(value)
        return None if number is None else number * scale

    return seconds


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

    @cached_property
    def build(self) -> Callable[[Any, MessageScope, Place | None, float], list[TimedString]]:
        """A function that gives the words of an item, times placed on the stream's time line.

        Most of the work of a message is in its words, so what a spec leaves out costs nothing here.
        """
        each = self.each.read
        text_of = self.text.read if self.text else _itself
        start_of = self.start.seconds if self.start else _nothing
        end_of = self._end()
        confidence_of = self.confidence.read if self.confidence else _nothing
        speaker_of = self.speaker.read if self.speaker else _nothing

        def build(item: Any, scope: MessageScope, place: Place | None, offset: float) -> list[TimedString]:
            found = each(item, scope)
            words: list[TimedString] = []
            if not isinstance(found, list):
                return words
            for entry in found:
                text = text_of(entry, scope)
                if not isinstance(text, str):
                    continue
                start, end = start_of(entry, scope), end_of(entry, scope)
                if place is not None:
                    start = None if start is None else place(start)
                    end = None if end is None else place(end)
                confidence = confidence_of(entry, scope)
                speaker = speaker_of(entry, scope)
                words.append(
                    TimedString(
                        text,
                        NOT_GIVEN if start is None else start + offset,
                        NOT_GIVEN if end is None else end + offset,
                        NOT_GIVEN if confidence is None else _word_confidence(confidence),
                        offset,
                        None if speaker is None else _label(speaker),
                    )
                )
            return words

        return build

    def _end(self) -> Callable[[Any, MessageScope], float | None]:
        if self.end is not None or self.start is None or self.duration is None:
            return self.end.seconds if self.end else _nothing
        start_of, length_of = self.start.seconds, self.duration.seconds

        def end(entry: Any, scope: MessageScope) -> float | None:
            start, length = start_of(entry, scope), length_of(entry, scope)
            return None if start is None or length is None else start + length

        return end


def _word_confidence(value: Any) -> NotGivenOr[float]:
    if type(value) is float and 0.0 <= value <= 1.0:
        return value
    number = _number(value)
    return NOT_GIVEN if number is None else min(1.0, max(0.0, number))


def _itself(entry: Any, scope: MessageScope) -> Any:
    return entry


def _nothing(entry: Any, scope: MessageScope) -> None:
    return None


@lru_cache(maxsize=512)
def _language_code(text: str) -> LanguageCode:
    return LanguageCode(text)


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
        place: Place | None = None,
    ) -> list[stt.SpeechData]:
        """livekit's alternatives of an item; blank ones are left out.

        Arguments:
            language: what to say when the vendor does not.
            offset: seconds added to every time (`start_time_offset` when the event is made).
            place: maps a time of the vendor's to the time line of the input, before the offset; None where
                both are the same.
        """
        if self.text is None:
            return []
        if self.each is None:
            items = [item]
        else:
            found = self.each.read(item, scope)
            items = found if isinstance(found, list) else [] if found is None else [found]
        built = []
        for entry in items:
            text = self.text.read(entry, scope)
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
        place: Place | None,
    ) -> stt.SpeechData:
        words = self.words.build(entry, scope, place, offset) if self.words else None
        start, end = self.span(entry, scope)
        if place is not None:
            start = None if start is None else place(start)
            end = None if end is None else place(end)
        data = stt.SpeechData(
            language=self._language(entry, scope, language),
            text=text,
            start_time=_first_start(words) if start is None else start + offset,
            end_time=_last_end(words) if end is None else end + offset,
            confidence=_clamped(self.confidence.read(entry, scope)) if self.confidence else 0.0,
            speaker_id=_label(self.speaker.read(entry, scope)) if self.speaker else None,
            words=words or None,
        )
        if self.metadata:
            found = {name: reading(entry, scope) for name, reading in self.metadata.items()}
            data.metadata = {name: value for name, value in found.items() if value is not None} or None
        self._runs(data, entry, scope)
        return data

    def _language(self, entry: Any, scope: MessageScope, default: str) -> LanguageCode:
        found = self.language.read(entry, scope) if self.language else None
        return _language_code(found if isinstance(found, str) else default)

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
        return _label(self.request_id.read(item, scope)) if self.request_id else None


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
