"""From a vendor's message to livekit's `SpeechData`, by the `transcript` and `usage` sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from livekit.agents import NOT_GIVEN, LanguageCode, stt
from livekit.agents.types import TimedString

from .measures import Measure, as_label, as_number
from .reading import MessageScope, Reading
from .words import Place, WordsPlan

__all__ = ["TranscriptPlan", "UsagePlan"]


def _clamped(value: Any) -> float:
    number = as_number(value)
    return 0.0 if number is None else min(1.0, max(0.0, number))


def _texts(value: Any) -> list[str] | None:
    if not isinstance(value, list):
        value = [value] if isinstance(value, str) else []
    found = [item for item in value if isinstance(item, str)]
    return found or None


def _codes(value: Any) -> list[LanguageCode] | None:
    texts = _texts(value)
    return [LanguageCode(text) for text in texts] if texts else None


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
            speaker_id=as_label(self.speaker.read(entry, scope)) if self.speaker else None,
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
        return as_label(self.request_id.read(item, scope)) if self.request_id else None


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
            as_number(reading(message, scope)) if reading else None
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
