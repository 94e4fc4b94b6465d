"""`transcript.words`: a vendor's word list as livekit's `TimedString`s.

Most of the work of a message is in its words, so a plan's words are read by one function written for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from livekit.agents import NOT_GIVEN
from livekit.agents.types import TimedString

from ..expressions.selector_code import function
from ..expressions.selector_shapes import reads_fields_only
from ..expressions.selectors import CodeWriter, code_writer
from .field_code import label_lines, seconds_lines, share_lines, span_lines, time_lines, value_lines
from .measures import Measure
from .reading import MessageScope, Reading

__all__ = ["Place", "WordsPlan"]

Place: TypeAlias = Callable[[float], float]
"""Maps a time of the vendor's to the time line of the input."""

EndsReader: TypeAlias = Callable[[Any, Any, MessageScope, float], "tuple[float, float] | None"]

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

    @property
    def fields(self) -> list[Reading | Measure]:
        """What is said of a word."""
        fields = (self.text, self.start, self.end, self.duration, self.confidence, self.speaker)
        return [field for field in fields if field is not None]

    @cached_property
    def ends(self) -> EndsReader:
        """A function of the first and the last entry, scope, and offset in seconds.

        It gives when the words begin and end, 0 where that is not said; None where either entry is no word.
        """
        writer = code_writer()
        is_word = self._text_lines(writer, otherwise="return None")
        lines = [
            "def ends(entry, last, scope, offset):",
            "    variables = scope.variables",
            *("    " + line for line in is_word),
            *("    " + line for line in seconds_lines("start", self.start, writer)),
            "    begin = 0.0 if start is None else start + offset",
            "    entry = last",
            *("    " + line for line in is_word),
            *("    " + line for line in span_lines(self.start, self.end, self.duration, writer)),
            "    return begin, 0.0 if end is None else end + offset",
        ]
        return function(lines, writer.constants, "ends")

    @cached_property
    def build(self) -> WordBuilder:
        """A function of what `each` found, scope, placing of times (None: as they are), offset in seconds."""
        writer = code_writer()
        writer.in_loop = True
        each = [
            *self._text_lines(writer, otherwise="continue"),
            *time_lines(self.start, self.end, self.duration, writer),
            *share_lines("confidence", self.confidence, "NOT_GIVEN", writer),
            *label_lines("speaker", self.speaker, writer),
            "words.append(TimedString(",
            "    text,",
            "    NOT_GIVEN if start is None else start + offset,",
            "    NOT_GIVEN if end is None else end + offset,",
            "    confidence, offset, speaker,",
            "))",
        ]
        lines = [
            "def build(found, scope, place, offset):",
            "    variables = scope.variables",
            "    words = []",
            "    if not isinstance(found, list):",
            "        return words",
            *("    " + line for line in writer.unset()),
            "    for entry in found:",
            *("        " + line for line in each),
            "    return words",
        ]
        names = {"TimedString": TimedString, "NOT_GIVEN": NOT_GIVEN}
        return function(lines, {**writer.constants, **names}, "build")

    def _text_lines(self, writer: CodeWriter, otherwise: str) -> list[str]:
        """Statements that set the `text` of `entry`; `otherwise` is done where that is no word."""
        return [
            *self._object(writer),
            *(["text = entry"] if self.text is None else value_lines("text", self.text, writer)),
            "if not isinstance(text, str):",
            f"    {otherwise}",
        ]

    def _object(self, writer: CodeWriter) -> list[str]:
        """Look once whether the entry is an object, instead of at every field."""
        readings = [field.reading if isinstance(field, Measure) else field for field in self.fields]
        if self.text is None or not all(reads_fields_only(one.selector.tree) for one in readings):
            return []
        writer.objects.add("entry")
        return ["if not isinstance(entry, dict):", "    entry = {}"]
