from __future__ import annotations

import itertools

from specbuilder.local.alignment import Aligner, spoken_words, spread

from .conftest import AUDIO, Recording

# The words of arctic_a0009 and how many phones each has in arctic_a0009_phone.lab, between two silences.
PHONES = {
    "he": 2,
    "turned": 4,
    "sharply": 6,
    "and": 3,
    "faced": 4,
    "gregson": 7,
    "across": 5,
    "the": 2,
    "table": 5,
}


def labelled_starts() -> list[float]:
    """When each word begins by the hand-made labels, whose times are in units of 100 ns."""
    lines = (AUDIO / "arctic_a0009_phone.lab").read_text(encoding="ascii").splitlines()
    starts, at = [], 1
    for phones in PHONES.values():
        starts.append(int(lines[at].split()[0]) / 1e7)
        at += phones
    assert at == len(lines) - 1
    return starts


def test_words_are_found_where_they_are_labelled(recordings: dict[str, Recording]) -> None:
    words = Aligner().align(
        recordings["arctic_a0009"].pcm, "He turned sharply, and faced Gregson across the table.", 5.0
    )
    assert [word.word.lower() for word in words] == list(PHONES)
    off = [abs(word.start - 5.0 - start) for word, start in zip(words, labelled_starts(), strict=True)]
    assert sum(off) / len(off) < 0.03
    assert max(off) < 0.06
    assert all(word.start < word.end for word in words)


def test_unknown_and_hyphened_words_are_aligned_as_one(recordings: dict[str, Recording]) -> None:
    words = Aligner().align(
        recordings["arctic_a0009"].pcm, "He turned sharply and faced Grexqon-Vzzt across the table", 0.0
    )
    assert [word.word for word in words][4:7] == ["faced", "Grexqon-Vzzt", "across"]
    assert abs(words[5].start - labelled_starts()[5]) < 0.06


def test_numbers_are_read_out(recordings: dict[str, Recording]) -> None:
    words = Aligner().align(recordings["go_forward"].pcm, "Go forward $10 meters.", 0.0)
    assert [word.word for word in words] == ["Go", "forward", "10", "meters"]
    assert all(a.end <= b.start + 0.011 for a, b in itertools.pairwise(words))


def test_a_text_that_does_not_fit_is_spread_over_the_sound() -> None:
    words = Aligner().align(bytes(3200), "much more than can be said in a tenth of a second", 1.0)
    assert len(words) == 12
    assert words[0].start == 1.0
    assert words[-1].end == 1.1


def test_no_sound_and_no_text() -> None:
    aligner = Aligner()
    assert aligner.align(b"", "hello", 2.0)[0].start == 2.0
    assert aligner.align(bytes(3200), " — ...", 0.0) == ()


def test_spreading_goes_by_letters() -> None:
    assert [(word.start, word.end) for word in spread(["a", "bbb"], 1.0, 3.0)] == [(1.0, 1.5), (1.5, 3.0)]


def test_spoken_words_lose_only_their_outer_punctuation() -> None:
    assert spoken_words("“Don't,” he said — at 10.30!") == ["Don't", "he", "said", "at", "10.30"]
