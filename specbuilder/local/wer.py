"""Word error rate: how far a recogniser's text is from what was said."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["corpus_word_error_rate", "normalise", "word_error_rate", "word_errors"]

_SPOKEN = {"mr": "mister", "mrs": "missus", "dr": "doctor"}
_NOT_A_WORD = re.compile(r"[^\w' ]|_")


def normalise(text: str) -> list[str]:
    """The words of a text as they are compared: lower case, without punctuation, hyphens open.

    Titles are spelled out ("Mr." is "mister"); numbers stay as they are written.
    """
    plain = _NOT_A_WORD.sub(" ", text.lower().replace("’", "'"))
    words = (word.strip("'") for word in plain.split())
    return [_SPOKEN.get(word, word) for word in words if word]


def word_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """The number of wrong, missing and added words, and the number of words in the reference."""
    said, heard = normalise(reference), normalise(hypothesis)
    # The edit distance by rows: row[j] is the distance between said[:i] and heard[:j].
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1], len(said)


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Errors per word of the reference. With an empty reference: 0.0 for an empty hypothesis, else 1.0."""
    return corpus_word_error_rate([(reference, hypothesis)])


def corpus_word_error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """The rate over many (reference, hypothesis) pairs, each weighted by its length."""
    counts = [word_errors(reference, hypothesis) for reference, hypothesis in pairs]
    errors, words = sum(count[0] for count in counts), sum(count[1] for count in counts)
    return errors / words if words else float(errors > 0)
