"""`growing_text`: for vendors that repeat the whole text so far in every message."""

from __future__ import annotations

from typing import Any, NamedTuple

from .limits import StateTypeError, bounded_text

__all__ = ["GrowingText", "GrowingTextState"]


class GrowingText(NamedTuple):
    """The whole text as it came last, and the part of it that is finished."""

    whole: str = ""
    finished: str = ""
    """What `clear` finished, as the vendor wrote it then or has rewritten it since."""
    cut: int = 0
    """Where in `whole` the unfinished part begins."""


class GrowingTextState:
    """`growing_text`: `add` takes the whole text so far, the value is what follows what `clear` finished.

    A finished part cannot be taken back, but a vendor may rewrite it (a comma, a capital letter) or begin
    anew. So a whole text that does not begin with the finished part is compared with it letter by letter,
    without regard to case, punctuation and spaces:

    - at least half of the finished part is found again: what follows the common beginning is new, from the
      start of a word. Where the vendor changed its mind a word may be said twice, but none is lost.
    - less, or an empty text: the vendor has begun anew, the finished part is forgotten, all of the text
    is new.
    """

    addable = True

    def initial(self) -> GrowingText:
        """See `StateType.initial`."""
        return GrowingText()

    def set(self, current: GrowingText, value: Any) -> GrowingText:
        """See `StateType.set`."""
        return self.add(self.initial(), value)

    def add(self, current: GrowingText, value: Any) -> GrowingText:
        """See `StateType.add`."""
        if value is None:
            return current
        if not isinstance(value, str):
            raise StateTypeError.of("text", value)
        whole, finished = bounded_text(value), current.finished
        if whole.startswith(finished):
            return GrowingText(whole, finished, _past_punctuation(whole, len(finished)) if finished else 0)
        again, cut = _common_beginning(finished, whole)
        if not whole or 2 * _weight(finished[:again]) < _weight(finished):
            return GrowingText(whole)
        if cut == len(whole):
            # Shorter for the moment: the finished part is kept, or its end would be new when it comes back.
            return GrowingText(whole, finished, cut)
        return GrowingText(whole, whole[:cut], cut)

    def clear(self, current: GrowingText) -> GrowingText:
        """See `StateType.clear`."""
        if current.cut == len(current.whole):
            return current
        return GrowingText(current.whole, current.whole, len(current.whole))

    def value(self, current: GrowingText) -> str:
        """See `StateType.value`. The space after the finished part is not part of the value."""
        return current.whole[current.cut :].lstrip()


def _common_beginning(finished: str, whole: str) -> tuple[int, int]:
    """Return how far the two say the same: an index into each; that of `whole` starts a word."""
    at, cut = 0, 0
    while True:
        next_at, next_cut = _next_letter(finished, at), _next_letter(whole, cut)
        if next_at == len(finished):
            return at, _past_punctuation(whole, cut)
        if next_cut == len(whole):
            return at, len(whole)
        if finished[next_at].casefold() != whole[next_cut].casefold():
            break
        at, cut = next_at + 1, next_cut + 1
    return at, _word_start(whole, next_cut)


def _next_letter(text: str, at: int) -> int:
    while at < len(text) and not text[at].isalnum():
        at += 1
    return at


def _past_punctuation(text: str, at: int) -> int:
    """Punctuation right behind a finished part belongs to it: "Hello" became "Hello,"."""
    while at < len(text) and not text[at].isalnum() and not text[at].isspace():
        at += 1
    return at


def _word_start(text: str, at: int) -> int:
    while at > 0 and text[at - 1].isalnum():
        at -= 1
    return at


def _weight(text: str) -> int:
    return sum(map(str.isalnum, text))
