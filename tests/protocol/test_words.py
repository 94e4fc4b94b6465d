"""The words of a message, read by one function that is written for the spec."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import NOT_GIVEN

from specbuilder.expressions.selectors import compile_selector
from specbuilder.protocol.measures import Measure
from specbuilder.protocol.reading import MessageScope, Reading
from specbuilder.protocol.words import WordsPlan


class Computed(dict[str, Any]):
    """Variables that are made at every reading, which are counted."""

    read = 0

    def get(self, name: str, default: Any = None) -> Any:
        self.read += 1
        return True


def reading(text: str) -> Reading:
    return Reading(compile_selector(text), "transcript.words")


def plan(unit: str = "s", **fields: Any) -> WordsPlan:
    start, end = (Measure(reading(name), unit) for name in ("start", "end"))
    return WordsPlan(each=reading("words"), start=start, end=end, **fields)


@pytest.mark.parametrize(("words", "read"), [([{}, {"plain": "b"}, {}], 1), ([], 0), (None, 0)])
def test_what_is_no_part_of_a_word_is_read_once_a_message(words: Any, read: int) -> None:
    variables = Computed()
    build = plan(text=reading("$nice && nice || plain")).build
    build(words, MessageScope(variables, "test"), None, 0.0)
    assert variables.read == read
    build(words, MessageScope(variables, "test"), None, 0.0)
    assert variables.read == 2 * read


def test_a_choice_falls_back_word_by_word() -> None:
    build = plan(text=reading("$nice && nice || plain")).build
    words = [{"nice": "A", "plain": "a"}, {"nice": "", "plain": "b"}, "?", {"nice": 3}]
    scope = MessageScope({"nice": True}, "test")
    assert [str(word) for word in build(words, scope, None, 0.0)] == ["A", "b"]
    scope = MessageScope({"nice": False}, "test")
    assert [str(word) for word in build(words, scope, None, 0.0)] == ["a", "b"]


@pytest.mark.parametrize(
    ("unit", "start", "seconds"),
    [
        ("s", 1.5, 1.5),
        ("s", 2, 2.0),
        ("s", "2.5", 2.5),
        ("ms", 1500, 1.5),
        ("ms", 1500.0, 1.5),
        ("ms", "1500", 1.5),
        ("ms", 0, 0.0),
        ("ms", True, NOT_GIVEN),
        ("ms", "soon", NOT_GIVEN),
        ("ticks", 15_000_000, 1.5),
        ("duration", "1.5s", 1.5),
        ("duration", 1.5, 1.5),
        ("s", None, NOT_GIVEN),
    ],
)
def test_times_are_seconds_whatever_they_are_written_in(unit: str, start: Any, seconds: Any) -> None:
    build = plan(unit, text=reading("text")).build
    (word,) = build([{"text": "a", "start": start}], MessageScope({}, "test"), None, 0.0)
    if seconds is NOT_GIVEN:
        assert word.start_time is NOT_GIVEN
    else:
        assert word.start_time == pytest.approx(seconds)
        assert isinstance(word.start_time, float)
    assert word.end_time is NOT_GIVEN


def test_times_are_placed_and_offset() -> None:
    build = plan("ms", text=reading("text"), confidence=reading("confidence")).build
    words = [{"text": "a", "start": 500, "end": 1000, "confidence": 2}]
    (word,) = build(words, MessageScope({}, "test"), lambda time: time + 10, 100.0)
    assert (word.start_time, word.end_time, word.start_time_offset) == (110.5, 111.0, 100.0)
    assert word.confidence == 1.0


def test_a_field_that_fails_is_counted_and_left_out() -> None:
    build = plan(text=reading("text"), speaker=reading("join('', speaker)")).build
    scope = MessageScope({}, "test")
    words = build([{"text": "a", "speaker": 3}, {"text": "b", "speaker": ["x"]}], scope, None, 0.0)
    assert [word.speaker_id for word in words] == [None, "x"]
    assert scope.broken == {"transcript.words": 1}
