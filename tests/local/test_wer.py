from __future__ import annotations

import pytest

from specbuilder.local.wer import corpus_word_error_rate, normalise, word_error_rate, word_errors


def test_case_and_punctuation_are_no_errors() -> None:
    assert word_error_rate("and so my fellow americans", "And so, my fellow Americans.") == 0.0


def test_titles_apostrophes_and_hyphens_are_compared_as_spoken() -> None:
    assert normalise("Mr. O’Brien's well-known 'yes'") == ["mister", "o'brien's", "well", "known", "yes"]


def test_numbers_stay_as_they_are_written() -> None:
    assert word_errors("ten meters", "10 meters") == (1, 2)


@pytest.mark.parametrize(
    ("hypothesis", "errors"),
    [("a b c", 0), ("a x c", 1), ("a c", 1), ("a b b c", 1), ("", 3), ("c b a", 2), ("x y z w", 4)],
)
def test_wrong_missing_and_added_words_count_one_each(hypothesis: str, errors: int) -> None:
    assert word_errors("a b c", hypothesis) == (errors, 3)


def test_an_empty_reference() -> None:
    assert word_error_rate("", " ... ") == 0.0
    assert word_error_rate("", "You") == 1.0


def test_a_corpus_weighs_every_word_the_same() -> None:
    assert corpus_word_error_rate([("a", "b"), ("a b c d e f g h i", "a b c d e f g h i")]) == pytest.approx(
        0.1
    )
