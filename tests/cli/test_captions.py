from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from specbuilder.cli.captions import LINE, LONGEST, cues, srt, vtt
from specbuilder.cli.transcript import Segment, Word


def spoken(
    text: str, *, start: float = 0.0, each: float = 0.4, gaps: dict[int, float] | None = None
) -> Segment:
    """A segment whose words (without punctuation) last `each` seconds; `gaps` come before the words named."""
    words, at = [], start
    for index, word in enumerate(text.split()):
        at += (gaps or {}).get(index, 0.0)
        words.append(Word(word.strip(".,?!").lower(), at, at + each))
        at += each
    return Segment(text, start, at, words=tuple(words))


def test_srt() -> None:
    segment = spoken("And so, my fellow Americans: ask not what your country can do for you.")
    assert srt([segment]) == (
        "1\n00:00:00,000 --> 00:00:05,600\n"
        "And so, my fellow Americans: ask not\nwhat your country can do for you.\n"
    )


def test_vtt_escapes_and_hours() -> None:
    text = vtt([Segment("a <b> & c --> d", 3661.5, 3663.0)])
    assert text == "WEBVTT\n\n01:01:01.500 --> 01:01:03.000\na &lt;b&gt; &amp; c --&gt; d\n"
    assert "-->" not in srt([Segment("a --> b", 0, 2)]).splitlines()[2]


def test_nothing_said() -> None:
    assert srt([]) == ""
    assert vtt([]) == "WEBVTT\n"


def test_a_pause_begins_a_new_cue_and_the_words_keep_their_times() -> None:
    found = cues([spoken("one two three four", start=1.0, gaps={2: 2.0})])
    assert [(cue.lines, round(cue.start, 2), round(cue.end, 2)) for cue in found] == [
        (("one two",), 1.0, 2.0),
        (("three four",), 3.8, 4.8),
    ]


def test_a_sentence_that_fills_a_line_ends_the_cue_and_a_short_one_does_not() -> None:
    found = cues([spoken("Yes. It was the best of times and the worst of times. It was", each=0.2)])
    assert [" ".join(cue.lines) for cue in found] == [
        "Yes. It was the best of times and the worst of times.",
        "It was",
    ]


def test_words_written_otherwise_than_the_text() -> None:
    words = (Word("ten", 0.0, 1.0), Word("dollars", 5.0, 6.0))
    found = cues([Segment("$10", 0.0, 6.0, words=words)])
    assert [(cue.lines, cue.start, cue.end) for cue in found] == [(("$10",), 0.0, 6.0)]


def test_a_script_without_blanks_is_broken_by_columns() -> None:
    found = cues([Segment("語" * 60, 0.0, 6.0)])
    assert [[cell_len(line) for line in cue.lines] for cue in found] == [[42, 42], [36]]
    assert "".join(line for cue in found for line in cue.lines) == "語" * 60


def test_a_short_cue_stays_but_never_into_the_next() -> None:
    found = cues([Segment("Hi.", 0.0, 0.2), Segment("Ho.", 0.5, 0.6), Segment("Hm.", 9.0, 9.1)])
    assert [(cue.start, cue.end) for cue in found] == [(0.0, 0.5), (0.5, 1.5), (9.0, 10.0)]


seconds = st.floats(0, 10_000, allow_nan=False)
texts = st.text(min_size=1, max_size=200).filter(lambda text: text.split())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(texts, seconds, st.floats(0, 60)), max_size=8))
def test_whatever_is_said_cues_fit_follow_and_lose_nothing(rows: list[tuple[str, float, float]]) -> None:
    segments = [Segment(" ".join(text.split()), start, start + length) for text, start, length in rows]
    found = cues(segments)
    for cue in found:
        assert 1 <= len(cue.lines) <= 2
        assert all(cell_len(line) <= LINE for line in cue.lines)
        assert cue.start < cue.end
    for cue, following in pairwise(found):
        assert cue.start <= following.start
        assert cue.end <= max(following.start, cue.start + 0.001)
    letters = "".join(line for cue in found for line in cue.lines).replace(" ", "")
    assert len(letters) == sum(len("".join(segment.text.split())) for segment in segments)
    assert re.fullmatch(r"(\d+\n[\d:,]+ --> [\d:,]+\n.+\n(.+\n)?\n?)*", srt(segments)) is not None


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 120), st.floats(0.05, 2.0))
def test_a_cue_of_several_words_stays_no_longer_than_can_be_borne(count: int, each: float) -> None:
    for cue in cues([spoken(" ".join(["word"] * count), each=each)]):
        assert cue.end - cue.start <= max(LONGEST, 1.0) + 1e-6
