"""Words that are made when they are asked for: nobody can tell, but for the time it takes."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from livekit.agents import LanguageCode, stt
from livekit.agents.types import TimedString

from specbuilder import load_spec
from specbuilder.expressions.selectors import compile_selector
from specbuilder.protocol.measures import Measure
from specbuilder.protocol.reading import MessageScope, Reading
from specbuilder.protocol.transcript import TranscriptPlan
from specbuilder.protocol.unread import leave_unread
from specbuilder.protocol.words import WordsPlan

WORDS = [{"text": text, "start": at / 10, "end": at / 10 + 0.1} for at, text in enumerate("abcde")]


def some_words() -> list[TimedString]:
    return [TimedString("a", 1.0, 2.0), TimedString("b", 2.0, 3.0)]


def plain(words: list[TimedString] | None = None) -> stt.SpeechData:
    return stt.SpeechData(
        LanguageCode("en"),
        "a b",
        start_time=1.0,
        end_time=3.0,
        words=some_words() if words is None else words,
    )


def unread() -> stt.SpeechData:
    data = dataclasses.replace(plain(), words=None)
    leave_unread(data, some_words)
    return data


def reading(text: str) -> Reading:
    return Reading(compile_selector(text), "transcript")


def plan(*, lasting: bool = True, text: str = "text") -> TranscriptPlan:
    words = WordsPlan(
        each=reading("words"),
        text=reading(text),
        start=Measure(reading("start")),
        end=Measure(reading("end")),
        lasting=lasting,
    )
    return TranscriptPlan(text=reading("said"), words=words)


def built(
    words: Any, *, lasting: bool = True, place: Callable[[float], float] | None = None
) -> stt.SpeechData:
    scope = MessageScope({}, "test")
    (data,) = plan(lasting=lasting).build({"said": "abcde", "words": words}, scope, "en", 100.0, place)
    return data


@pytest.mark.parametrize(
    "look",
    [
        lambda data: data.words,
        repr,
        vars,
        dataclasses.asdict,
        lambda data: copy.copy(data).words,
        lambda data: copy.deepcopy(data).words,
        lambda data: pickle.loads(pickle.dumps(data)).words,
        lambda data: dataclasses.replace(data, text="c").words,
        lambda data: data == plain(),
        lambda data: plain() == data,
        lambda data: data == unread(),
        lambda data: data != plain([]),
        lambda data: data == "a b",
    ],
)
def test_whoever_looks_sees_a_plain_transcript(look: Callable[[stt.SpeechData], Any]) -> None:
    data = unread()
    assert isinstance(data, stt.SpeechData)
    assert type(data) is not stt.SpeechData
    assert look(data) == look(plain())
    assert type(data) is stt.SpeechData


def test_words_are_made_once_and_may_be_replaced() -> None:
    made = 0

    def count() -> list[TimedString]:
        nonlocal made
        made += 1
        return some_words()

    data = plain()
    leave_unread(data, count)
    assert data.text == "a b"
    assert made == 0
    assert data.words is data.words
    assert made == 1
    leave_unread(data, count)
    data.words = None
    assert (data.words, made, type(data)) == (None, 1, stt.SpeechData)


def test_what_differs_in_its_times_is_told_apart_without_words() -> None:
    data = plain()
    leave_unread(data, partial(pytest.fail, "words were made"))
    assert data != dataclasses.replace(plain(), end_time=4.0)


@pytest.mark.parametrize(
    "words",
    [
        WORDS,
        WORDS[:3],
        WORDS[:1],
        [],
        None,
        [{"start": 0.0}, *WORDS],  # Its first is no word.
        [*WORDS, 3],
        [*WORDS, {"text": "f"}],  # Its last has no time.
        [{"text": 1}, {"text": None}, {}, []],
    ],
)
@pytest.mark.parametrize("place", [None, lambda time: time + 7.0])
def test_they_are_what_they_would_have_been(words: Any, place: Callable[[float], float] | None) -> None:
    later, at_once = built(words, place=place), built(words, place=place, lasting=False)
    assert (later.start_time, later.end_time) == (at_once.start_time, at_once.end_time)
    assert later == at_once
    given = [[vars(word) for word in data.words or ()] for data in (later, at_once)]
    assert given[0] == given[1]


def test_many_words_wait_and_few_do_not() -> None:
    assert type(built(WORDS)) is not stt.SpeechData
    assert type(built(WORDS[:3])) is stt.SpeechData
    assert type(built(WORDS, lasting=False)) is stt.SpeechData


SPEC = """
spec: 1
name: words
base_url: wss://vendor.example
options:
  nice: {{default: true{update}}}
vars: {{wanted: "{{{{ nice }}}}"}}
stream:
  connect: /listen
  state: {{shift: {{type: number}}}}
  update: {update_message}
  rules: [{{emit: interim_transcript}}]
  transcript: {{text: text, words: {{each: "words[?start > $shift]", text: "{text}", start: start}}}}
"""


@pytest.mark.parametrize(
    ("text", "in_band", "lasting"),
    [
        ("text", False, True),
        ("$nice && nice || text", False, True),
        ("$wanted && nice || text", False, True),
        ("$wanted && nice || text", True, False),
        ("text", True, True),
        ("$shift && nice || text", False, False),
        ("$sent_ms && nice || text", False, False),
        ("message().nice || text", False, False),
        ("header('x') || text", False, False),
    ],
)
def test_only_words_that_stay_the_same_wait(text: str, in_band: bool, lasting: bool, tmp_path: Path) -> None:
    path = tmp_path / "words.yaml"
    update = ", update: in_band" if in_band else ""
    message = '{send: {nice: "{{ nice }}"}}' if in_band else "null"
    path.write_text(SPEC.format(text=text, update=update, update_message=message))
    stream = load_spec(path).base.stream
    assert stream is not None
    (rule,) = stream.rules.rules
    assert rule.transcript.words is not None
    assert rule.transcript.words.lasting is lasting
