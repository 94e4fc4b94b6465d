"""From a vendor's message to livekit's `SpeechData`, by the `transcript` section."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

from livekit.agents import NOT_GIVEN, LanguageCode, stt
from livekit.agents.types import TimedString

from ..expressions.selector_code import function
from ..expressions.selectors import CodeWriter, code_writer
from .field_code import label_lines, share_lines, time_lines, value, value_lines
from .measures import Measure, as_label
from .reading import MessageScope, Reading
from .unread import Unread
from .words import Place, WordsPlan

__all__ = ["TranscriptPlan"]

TranscriptBuilder: TypeAlias = Callable[[Any, MessageScope, str, float, "Place | None"], list[stt.SpeechData]]

_FEW_WORDS = 3
"""Words that are made at once; putting them off would cost as much."""


def _texts(value: Any) -> list[str] | None:
    if not isinstance(value, list):
        value = [value] if isinstance(value, str) else []
    found = [item for item in value if isinstance(item, str)]
    return found or None


@lru_cache(maxsize=512)
def _language_code(text: str) -> LanguageCode:
    return LanguageCode(text)


def _codes(value: Any) -> list[LanguageCode] | None:
    texts = _texts(value)
    return [_language_code(text) for text in texts] if texts else None


def _said(found: dict[str, Any]) -> dict[str, Any] | None:
    return {name: value for name, value in found.items() if value is not None} or None


_LISTS: Mapping[str, Callable[[Any], Any]] = {
    "source_languages": _codes,
    "source_texts": _texts,
    "target_languages": _codes,
    "target_texts": _texts,
}
"""Fields that are lists, and what makes them of a value."""


@dataclass(frozen=True)
class TranscriptPlan:
    """The `transcript` section as it holds for one place of the spec (merged over the outer ones).

    Attributes:
        lasting: what is seldom read (words, source and target texts, metadata) depends on nothing but its
            entry in the message and on options that stay as they are: it is the same whenever it is made.
    """

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
    lasting: bool = False

    @property
    def seldom_read(self) -> list[Reading | Measure]:
        """Where the words' fields, the source and target texts, and the metadata are."""
        lists: list[Reading | None] = [getattr(self, name) for name in _LISTS]
        words = self.words.fields if self.words else []
        return [*(one for one in lists if one is not None), *self.metadata.values(), *words]

    @cached_property
    def build(self) -> TranscriptBuilder:
        """A function that gives livekit's alternatives of an item; blank ones are left out.

        Its arguments: the item; the scope; the language to name when the vendor names none; the offset, in
        seconds, added to every time (`start_time_offset` when the event is made); and what maps a time of the
        vendor's to the time line of the input, before the offset (None where both are the same).
        """
        if self.text is None:
            return _no_alternatives
        writer = code_writer()
        each = ["found = [item]"] if self.each is None else value_lines("found", self.each, writer, "item")
        lines = [
            "def build(item, scope, language, offset, place):",
            "    variables = scope.variables",
            "    built = []",
            *("    " + line for line in each),
            "    for entry in found if found.__class__ is list else listed(found):",
            *("        " + line for line in self._lines(writer)),
            "    return built",
        ]
        names = {
            "SpeechData": stt.SpeechData,
            "Unread": Unread,
            "first_start": _first_start,
            "language_code": _language_code,
            "last_end": _last_end,
            "listed": _listed,
        }
        built: TranscriptBuilder = function(lines, {**writer.constants, **names}, "build")
        return built

    def _lines(self, writer: CodeWriter) -> list[str]:
        """What is done for an entry."""
        assert self.text is not None
        named = value_lines("named", self.language, writer) if self.language else ["named = None"]
        return [
            *value_lines("text", self.text, writer),
            "if not isinstance(text, str) or not text or text.isspace():",
            "    continue",
            *self._words_lines(writer),
            *time_lines(self.start, self.end, self.duration, writer),
            *named,
            *share_lines("confidence", self.confidence, "0.0", writer),
            *label_lines("speaker", self.speaker, writer),
            "code = language_code(named if isinstance(named, str) else language)",
            "first, last = first if start is None else start + offset, last if end is None else end + offset",
            *self._data_lines(writer),
            "built.append(data)",
        ]

    def _data_lines(self, writer: CodeWriter) -> list[str]:
        """Statements that make `data`; where it lasts, what is seldom read is put off."""
        fields = "code, text, first, last, confidence, speaker"
        others = self._others_lines(writer)
        plain = [f"data = SpeechData({fields}, None, words or None)", *others]
        if not self.lasting or (self.words is None and not others):
            return plain
        found = "found" if self.words else "None"
        unread = f"data = Unread({fields}, {writer.constant(self.complete)}, {found}, entry, scope, offset)"
        if self.words is None:
            return [unread]
        return ["if ends is None:", *("    " + line for line in plain), "else:", f"    {unread}"]

    @cached_property
    def complete(self) -> Callable[..., None]:
        """A function that adds to a transcript what was put off.

        Its arguments: what was found as words; the item; the scope; the offset in seconds; the transcript.
        """
        writer = code_writer()
        lines = ["def complete(found, entry, scope, offset, data):", "    variables = scope.variables"]
        if self.words is not None:
            words = f"{writer.constant(self.words.build)}(found, scope, None, offset)"
            lines.append(f"    data.words = {words} or None")
        lines += ["    " + line for line in self._others_lines(writer)]
        made: Callable[..., None] = function(lines, writer.constants, "complete")
        return made

    def _others_lines(self, writer: CodeWriter) -> list[str]:
        """Statements that add to `data` what few vendors say, and few read."""
        lines = [
            f"data.{name} = {writer.constant(convert)}({value(reading, writer)})"
            for name, convert in _LISTS.items()
            if (reading := getattr(self, name)) is not None
        ]
        if self.metadata:
            pairs = ", ".join(f"{name!r}: {value(one, writer)}" for name, one in self.metadata.items())
            lines.append(f"data.metadata = {writer.constant(_said)}({{{pairs}}})")
        return lines

    def _words_lines(self, writer: CodeWriter) -> list[str]:
        """Statements that set `words` and their ends; of many that last only the ends, and what makes all."""
        if self.words is None:
            return ["words, first, last = None, 0.0, 0.0"]
        build = writer.constant(self.words.build)
        lines = value_lines("found", self.words.each, writer)
        made = [
            f"words = {build}(found, scope, place, offset)",
            "first, last = first_start(words), last_end(words)",
        ]
        if not self.lasting:
            return [*lines, *made]
        return [
            *lines,
            "ends = None",
            f"if place is None and isinstance(found, list) and len(found) > {_FEW_WORDS}:",
            f"    ends = {writer.constant(self.words.ends)}(found[0], found[-1], scope, offset)",
            "if ends is None:",
            *("    " + line for line in made),
            "else:",
            "    words, (first, last) = None, ends",
        ]

    def span(self, entry: Any, scope: MessageScope) -> tuple[float | None, float | None]:
        """Start and end as the vendor says them, in seconds of its own time line."""
        start = self.start.seconds(entry, scope) if self.start else None
        end = self.end.seconds(entry, scope) if self.end else None
        if end is None and start is not None and self.duration:
            length = self.duration.seconds(entry, scope)
            end = None if length is None else start + length
        return start, end

    def request(self, item: Any, scope: MessageScope) -> str | None:
        """The request id this place names, if it names one of its own."""
        return as_label(self.request_id.read(item, scope)) if self.request_id else None


def _no_alternatives(
    item: Any, scope: MessageScope, language: str, offset: float, place: Place | None
) -> list[stt.SpeechData]:
    return []


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [] if found is None else [found]


def _first_start(words: list[TimedString] | None) -> float:
    start = words[0].start_time if words else NOT_GIVEN
    return start if isinstance(start, float) else 0.0


def _last_end(words: list[TimedString] | None) -> float:
    end = words[-1].end_time if words else NOT_GIVEN
    return end if isinstance(end, float) else 0.0
