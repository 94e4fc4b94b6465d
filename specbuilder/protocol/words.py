"""`transcript.words`: a vendor's word list as livekit's `TimedString`s.

Most of the work of a message is in its words, so a plan's words are read by one function written for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from livekit.agents import NOT_GIVEN, NotGivenOr
from livekit.agents.types import TimedString

from ..expressions.selector_code import function, reads_fields_only
from ..expressions.selectors import CodeWriter, code_writer
from .measures import Measure, as_label, as_number
from .reading import MessageScope, Reading

__all__ = ["Place", "WordsPlan"]

Place: TypeAlias = Callable[[float], float]
"""Maps a time of the vendor's to the time line of the input."""

WordBuilder: TypeAlias = Callable[[Any, MessageScope, "Place | None", float], list[TimedString]]


@dataclass(frozen=True)
class WordsPlan:
    """Where the words of a message are, and what each says. Fields that are left out cost nothing."""

    each: Reading
    text: Reading | None = None
    start: Measure | None = None
    end: Measure | None = None
    duration: Measure | None = None
    confidence: Reading | None = None
    speaker: Reading | None = None

    @cached_property
    def build(self) -> WordBuilder:
        """A function of item, scope, placing of times (None: as they are) and offset in seconds."""
        writer = code_writer()
        lines = [
            "def build(item, scope, place, offset):",
            f"    found = {writer.constant(self.each.read)}(item, scope)",
            "    words = []",
            "    if not isinstance(found, list):",
            "        return words",
            "    variables = scope.variables",
            "    for entry in found:",
            *self._object(writer),
            f"        text = {'entry' if self.text is None else _value(self.text, writer)}",
            "        if not isinstance(text, str):",
            "            continue",
            f"        start = {_time(self.start, writer)}",
            f"        end = {_time(self.end, writer)}",
            *self._end_by_duration(writer),
            "        if place is not None:",
            "            start = None if start is None else place(start)",
            "            end = None if end is None else place(end)",
            *self._confidence(writer),
            *self._speaker(writer),
            "        words.append(TimedString(",
            "            text,",
            "            NOT_GIVEN if start is None else start + offset,",
            "            NOT_GIVEN if end is None else end + offset,",
            "            confidence, offset, speaker,",
            "        ))",
            "    return words",
        ]
        names = {"TimedString": TimedString, "NOT_GIVEN": NOT_GIVEN, "float": float}
        return function(lines, {**writer.constants, **names}, "build")

    def _object(self, writer: CodeWriter) -> list[str]:
        """Look once whether the entry is an object, instead of at every field."""
        fields = (self.text, self.start, self.end, self.duration, self.confidence, self.speaker)
        readings = [one.reading if isinstance(one, Measure) else one for one in fields if one is not None]
        if self.text is None or not all(reads_fields_only(one.selector.tree) for one in readings):
            return []
        writer.objects.add("entry")
        return ["        if not isinstance(entry, dict):", "            entry = {}"]

    def _end_by_duration(self, writer: CodeWriter) -> list[str]:
        if self.end is not None or self.duration is None:
            return []
        length = _time(self.duration, writer)
        return [
            f"        length = {length}",
            "        end = None if start is None or length is None else start + length",
        ]

    def _confidence(self, writer: CodeWriter) -> list[str]:
        if self.confidence is None:
            return ["        confidence = NOT_GIVEN"]
        return [
            f"        confidence = {_value(self.confidence, writer)}",
            "        if confidence.__class__ is not float or not 0.0 <= confidence <= 1.0:",
            f"            confidence = {writer.constant(_clamped)}(confidence)",
        ]

    def _speaker(self, writer: CodeWriter) -> list[str]:
        if self.speaker is None:
            return ["        speaker = None"]
        return [
            f"        speaker = {_value(self.speaker, writer)}",
            "        if speaker is not None:",
            f"            speaker = {writer.constant(as_label)}(speaker)",
        ]


def _value(reading: Reading, writer: CodeWriter) -> str:
    """The source of a field's value; where it could raise, the reading that counts and logs it is called."""
    before, writer.may_fail = writer.may_fail, False
    tree = reading.selector.tree
    source = writer.expression(tree, "entry")
    if writer.may_fail:
        null = writer.surely_null(tree, "entry")
        source = f"{writer.constant(reading.read)}(entry, scope)"
        source = f"(None if {null} else {source})" if null else source
    writer.may_fail = before
    return source


def _time(measure: Measure | None, writer: CodeWriter) -> str:
    if measure is None:
        return "None"
    convert = writer.constant(measure.convert)
    value = _value(measure.reading, writer)
    if measure.unit != "s":
        return f"{convert}({value})"
    return f"(time if (time := {value}).__class__ is float else {convert}(time))"


def _clamped(value: Any) -> NotGivenOr[float]:
    number = as_number(value)
    return NOT_GIVEN if number is None else min(1.0, max(0.0, number))
