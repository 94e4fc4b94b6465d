"""Words in a vendor's own messages: templates with places for texts, times and confidences."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .trees import Place, leaves, replaced

__all__ = ["CannotSay", "Number", "Phrasebook", "Row", "Said", "Template", "Word"]

_CONFIDENCE = 0.9
"""What is said of every word: a recogniser that tells none has to be believed somehow."""


class CannotSay(ValueError):
    """The scene's messages cannot carry other words; the message says why."""


class Word(Protocol):
    """A word and when it was spoken, as the recogniser gives it."""

    @property
    def word(self) -> str: ...

    @property
    def start(self) -> float: ...

    @property
    def end(self) -> float: ...


@dataclass(frozen=True)
class Said:
    """An utterance to be put into messages. Times in seconds of the connection's audio."""

    text: str
    start: float = 0.0
    end: float = 0.0
    words: Sequence[Word] = ()


@dataclass(frozen=True)
class Number:
    """A number in a message: which message, where, and how much of it a second is."""

    message: int
    path: Place
    meaning: str
    per_second: float


@dataclass(frozen=True)
class Row:
    """A list with one item for each word.

    Attributes:
        path: of the list.
        item: what an item looks like.
        texts: places of the word in the item.
        spaced: words carry the space before them.
        numbers: times and confidence in an item, by their meaning.
    """

    message: int
    path: Place
    item: Any
    texts: tuple[Place, ...]
    spaced: bool
    numbers: tuple[tuple[Place, str, float], ...] = ()


@dataclass
class Template:
    """Messages that together give one text."""

    messages: list[Any]
    texts: list[tuple[int, Place]] = field(default_factory=list)
    blanks: list[tuple[int, Place]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    numbers: list[Number] = field(default_factory=list)

    def messages_for(self, said: Said) -> list[Any]:
        """The messages with other words."""
        found = copy.deepcopy(self.messages)

        def put(message: int, path: Place, value: Any) -> None:
            found[message] = replaced(found[message], path, value)

        for message, path in self.blanks:
            put(message, path, "")
        for message, path in self.texts:
            put(message, path, said.text)
        for number in self.numbers:
            put(number.message, number.path, _number(number.meaning, said, number.per_second))
        for row in self.rows:
            put(row.message, row.path, _items(row, said))
        return found


def _number(meaning: str, said: Said | Word, per_second: float) -> float | int:
    seconds = {
        "start": said.start,
        "end": said.end,
        "duration": said.end - said.start,
        "confidence": _CONFIDENCE,
    }[meaning]
    value = round(seconds * per_second, 3)
    # Where a second is many units the vendor counts in whole ones.
    return int(value) if per_second >= 1000 else value


@dataclass(frozen=True)
class _Spoken:
    word: str
    start: float
    end: float


def _items(row: Row, said: Said) -> list[Any]:
    """An item for each word; words without times share those of the text."""
    texts = said.text.split()
    words: Sequence[Word] = said.words
    if len(words) != len(texts):
        length = (said.end - said.start) / max(1, len(texts))
        words = [
            _Spoken(text, said.start + at * length, said.start + (at + 1) * length)
            for at, text in enumerate(texts)
        ]
    items = []
    for at, (text, word) in enumerate(zip(texts, words, strict=True)):
        item = copy.deepcopy(row.item)
        for path in row.texts:
            item = replaced(item, path, f" {text}" if row.spaced and at else text)
        for path, meaning, per_second in row.numbers:
            item = replaced(item, path, _number(meaning, word, per_second))
        items.append(item)
    return items


@dataclass
class Phrasebook:
    """How a vendor says things.

    Attributes:
        begin: its messages before the first word.
        end: its messages after the last one.
        repeats: an interim replaces the one before it; otherwise it is added to it.
        finals: the messages of an utterance's final text.
        interims: those of a text that may still change; None where the vendor has none.
        ids: texts that name an utterance and are new for each.
    """

    begin: list[Any]
    end: list[Any]
    repeats: bool
    finals: Template
    interims: Template | None
    ids: list[Any]

    def interim(self, said: Said, before: str = "", number: int = 0) -> list[Any]:
        """The messages of a text that may still change; none where the vendor has no way to say it.

        Arguments:
            before: the interim text that was said last of this utterance.
            number: of the utterance, from 0.
        """
        if self.interims is None:
            return []
        if before and not self.repeats:
            if not said.text.startswith(before):
                return []
            said = Said(said.text[len(before) :], said.start, said.end)
        messages = self.interims.messages_for(said)
        # What opens an utterance is said once.
        return self._numbered(messages[-1:] if before else messages, number)

    def final(self, said: Said, begun: bool = False, number: int = 0) -> list[Any]:
        """The messages of an utterance's text that will not change.

        Arguments:
            begun: an interim of this utterance has been said.
        """
        messages = self.finals.messages_for(said)
        opening = self.interims.messages[:-1] if begun and self.interims is not None else []
        opened = len(opening) if self.finals.messages[: len(opening)] == opening else 0
        return self._numbered(messages[opened:], number)

    def _numbered(self, messages: list[Any], number: int) -> list[Any]:
        """The messages with ids of their own, where the vendor gives every utterance one."""
        if not number or not self.ids:
            return messages
        for at, message in enumerate(messages):
            for path, value in list(leaves(message)):
                if path and str(path[-1]).lower().endswith("id") and value in self.ids:
                    own = value + number if isinstance(value, int) else f"{value}-{number}"
                    messages[at] = replaced(messages[at], path, own)
        return messages
