"""What is made when it is asked for: nobody can tell, but for the time it takes."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
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
from specbuilder.protocol.unread import Unread
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
        source_texts=["a", "b"],
        metadata={"x": 1},
    )


def fill_in(found: Any, entry: Any, scope: Any, offset: float, data: stt.SpeechData) -> None:
    data.words = found()
    data.source_texts = entry
    data.metadata = {"x": 1}


def unread(found: Callable[[], list[TimedString]] = some_words) -> Unread:
    return Unread(LanguageCode("en"), "a b", 1.0, 3.0, 0.0, None, fill_in, found, ["a", "b"], None, 0.0)


def reading(text: str) -> Reading:
    return Reading(compile_selector(text), "transcript")


def plan(*, lasting: bool = True, has_words: bool = True, others: bool = False) -> TranscriptPlan:
    return TranscriptPlan(
        text=reading("said"),
        words=WordsPlan(
            each=reading("words"),
            text=reading("text"),
            start=Measure(reading("start")),
            end=Measure(reading("end")),
        )
        if has_words
        else None,
        source_languages=reading("languages") if others else None,
        target_texts=reading("[said]") if others else None,
        metadata={"length": reading("length(said)")} if others else {},
        lasting=lasting,
    )


def built(
    words: Any,
    *,
    place: Callable[[float], float] | None = None,
    **kind: bool,
) -> stt.SpeechData:
    scope = MessageScope({}, "test")
    message = {"said": "abcde", "words": words, "languages": ["de", "en"]}
    (data,) = plan(**kind).build(message, scope, "en", 100.0, place)
    return data


@pytest.mark.parametrize(
    "look",
    [
        lambda data: data.words,
        lambda data: data.source_texts,
        lambda data: data.source_languages,
        lambda data: data.metadata,
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


def test_all_is_made_once_and_may_be_replaced() -> None:
    made = 0

    def count() -> list[TimedString]:
        nonlocal made
        made += 1
        return some_words()

    data = unread(count)
    assert data.text == "a b"
    assert (made, type(data)) == (0, Unread)
    assert data.words is data.words
    assert made == 1
    data = unread(count)
    data.words = None
    assert (data.words, data.source_texts, made) == (None, ["a", "b"], 2)


def test_what_was_written_before_somebody_looked_stays() -> None:
    """livekit's MultiSpeakerAdapter writes the text, and who is the primary speaker."""
    data: stt.SpeechData = unread()
    assert data.is_primary_speaker is None
    data.is_primary_speaker, data.text = True, "[a b]"
    assert type(data) is Unread
    assert data == dataclasses.replace(plain(), is_primary_speaker=True, text="[a b]")
    assert data.is_primary_speaker is True


def test_what_differs_in_its_times_is_told_apart_without_words() -> None:
    data = unread(lambda: pytest.fail("words were made"))
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
@pytest.mark.parametrize("others", [False, True])
def test_they_are_what_they_would_have_been(
    words: Any, place: Callable[[float], float] | None, others: bool
) -> None:
    later, at_once = (built(words, place=place, others=others, lasting=lasting) for lasting in (True, False))
    assert (later.start_time, later.end_time) == (at_once.start_time, at_once.end_time)
    assert later == at_once
    assert later.words != []
    given = [[vars(word) for word in data.words or ()] for data in (later, at_once)]
    assert given[0] == given[1]
    assert at_once.metadata == ({"length": 5} if others else None)


def test_much_waits_and_little_does_not() -> None:
    assert type(built(WORDS)) is Unread
    assert type(built(WORDS[:3])) is stt.SpeechData
    assert type(built(WORDS, lasting=False)) is stt.SpeechData
    assert type(built(WORDS, others=True)) is Unread
    assert type(built(WORDS[:3], others=True)) is stt.SpeechData
    assert type(built(WORDS, has_words=False, others=True)) is Unread
    assert type(built(WORDS, has_words=False, others=True, lasting=False)) is stt.SpeechData
    assert type(built(WORDS, has_words=False)) is stt.SpeechData


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
  transcript:
    text: text
    words: {{each: "words[?start > $shift]", text: "{word}", start: start}}
    source_texts: {source}
    metadata: {{x: "{other}"}}
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
def test_only_what_stays_the_same_waits(text: str, in_band: bool, lasting: bool, tmp_path: Path) -> None:
    path = tmp_path / "words.yaml"
    update = ", update: in_band" if in_band else ""
    message = '{send: {nice: "{{ nice }}"}}' if in_band else "null"
    for at in range(3):
        word, source, other = (text if place == at else "text" for place in range(3))
        path.write_text(
            SPEC.format(word=word, source=source, other=other, update=update, update_message=message)
        )
        stream = load_spec(path).base.stream
        assert stream is not None
        (rule,) = stream.rules.rules
        assert rule.transcript.lasting is lasting
