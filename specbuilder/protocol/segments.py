"""`segments`: a table of numbered texts that a vendor rewrites until they are final."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .limits import MAX_ITEMS, MAX_TEXT, StateOverflow, StateTypeError

__all__ = ["Segment", "SegmentTable", "SegmentsState"]


class Segment(NamedTuple):
    """One text of the table."""

    text: str
    words: int
    """Words the vendor had listed for it, finished ones included; 0 when it lists none."""


class SegmentTable(NamedTuple):
    """The table, and how far it is finished."""

    segments: Mapping[float, Segment] = {}
    finished: float | None = None
    """Id of the last finished segment; those below it are finished too."""
    finished_words: int = 0
    """Words it had when it was finished; later ones belong to what follows."""


class SegmentsState:
    """`segments`: rows `{id, text, words?, replaces?: [from, to]}`.

    Adding rows (one mapping or a list of them) deletes each one's `replaces` range, puts the row, and at
    the end drops what is above the newest id of the rows, because the vendor has taken it back. The value
    is the texts in the order of their ids. `clear` makes all of it final: rows up to there are skipped
    when they come again; only of the last one the words beyond those it had are kept.

    Arguments:
        join: text between segments, and between the remaining words of a finished segment.
    """

    addable = True

    def __init__(self, join: str = "") -> None:
        self._join = join

    def initial(self) -> SegmentTable:
        """See `StateType.initial`."""
        return SegmentTable()

    def set(self, current: SegmentTable, value: Any) -> SegmentTable:
        """See `StateType.set`."""
        return self.add(self.initial(), value)

    def add(self, current: SegmentTable, value: Any) -> SegmentTable:
        """See `StateType.add`."""
        rows = [row for row in (value if isinstance(value, list) else [value]) if row is not None]
        if not rows:
            return current
        segments = dict(current.segments)
        newest = max(_id(row) for row in rows)
        for row in rows:
            self._put(segments, row, current)
        segments = {id_: segment for id_, segment in segments.items() if id_ <= newest}
        if len(segments) > MAX_ITEMS or sum(len(segment.text) for segment in segments.values()) > MAX_TEXT:
            raise StateOverflow(f"more than {MAX_ITEMS} segments or {MAX_TEXT} characters of text")
        return current._replace(segments=segments)

    def clear(self, current: SegmentTable) -> SegmentTable:
        """See `StateType.clear`."""
        if not current.segments:
            return current
        last = max(current.segments)
        return SegmentTable({}, last, current.segments[last].words)

    def value(self, current: SegmentTable) -> str:
        """See `StateType.value`."""
        texts = (segment.text for _, segment in sorted(current.segments.items()))
        return self._join.join(text for text in texts if text)

    def _put(self, segments: dict[float, Segment], row: Mapping[str, Any], current: SegmentTable) -> None:
        id_, text, words = _id(row), _text(row), _words(row)
        if current.finished is not None and id_ < current.finished:
            return
        for replaced in _replaced(row, segments):
            del segments[replaced]
        if id_ == current.finished:
            text = self._join.join(words[current.finished_words :])
            if not text:
                segments.pop(id_, None)
                return
        segments[id_] = Segment(text, len(words))


def _id(row: Any) -> float:
    if not isinstance(row, Mapping):
        raise StateTypeError.of("rows that are mappings", row)
    return _number(row.get("id"), "a number as the id of a row")


def _number(value: Any, wanted: str) -> float:
    # NaN would make the order of the rows meaningless.
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise StateTypeError.of(wanted, value)
    return value


def _text(row: Mapping[str, Any]) -> str:
    text = row.get("text")
    if text is not None and not isinstance(text, str):
        raise StateTypeError.of("text in a row", text)
    return text or ""


def _words(row: Mapping[str, Any]) -> list[str]:
    words = row.get("words")
    if words is None:
        return []
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise StateTypeError.of("a list of texts as the words of a row", words)
    return words


def _replaced(row: Mapping[str, Any], segments: Mapping[float, Segment]) -> list[float]:
    span = row.get("replaces")
    if span is None:
        return []
    if not isinstance(span, list) or len(span) != 2:
        raise StateTypeError.of("[from, to] as what a row replaces", span)
    first, last = (_number(end, "numbers as what a row replaces") for end in span)
    return [id_ for id_ in segments if first <= id_ <= last]
