"""What a simulator says of its own accord: given sentences, or what the embedded recogniser hears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .conversation import Speaker
from .words import Phrasebook, Said

if TYPE_CHECKING:
    from ..local.recogniser import Recogniser

__all__ = ["Hearing", "Saying"]

_SENTENCE = 0.1
"""Seconds of audio after which a given sentence is said."""


class _Turn:
    """The utterance under way, as the vendor has said it so far."""

    def __init__(self, book: Phrasebook) -> None:
        self._book = book
        self._before = ""
        self._number = 0

    def interim(self, said: Said) -> list[Any]:
        messages = self._book.interim(said, self._before, self._number)
        if messages:
            self._before = said.text
        return messages

    def final(self, said: Said) -> list[Any]:
        messages = self._book.final(said, bool(self._before), self._number)
        self._before, self._number = "", self._number + 1
        return messages


class Saying(Speaker):
    """Says sentences one after the other while audio comes; what is left is said at the end."""

    def __init__(self, book: Phrasebook, sentences: Sequence[str], bytes_per_second: int) -> None:
        self._book = book
        self._turn = _Turn(book)
        self._left = list(sentences)
        self._rate = bytes_per_second
        self._heard = 0
        self._said_at = 0.0

    def begin(self) -> list[Any]:
        return self._book.begin

    async def hear(self, pcm: bytes) -> list[Any]:
        self._heard += len(pcm)
        messages: list[Any] = []
        while self._left and self._heard / self._rate >= self._said_at + _SENTENCE:
            messages += self._next()
        return messages

    def _next(self) -> list[Any]:
        text = self._left.pop(0)
        start, self._said_at = self._said_at, self._said_at + _SENTENCE
        words = text.split()
        said = Said(text, start, self._said_at)
        half = Said(" ".join(words[: max(1, len(words) // 2)]), start, self._said_at)
        return [*self._turn.interim(half), *self._turn.final(said)]

    async def flush(self) -> list[Any]:
        messages: list[Any] = []
        while self._left:
            messages += self._next()
        return messages

    def end(self) -> list[Any]:
        return self._book.end


class Hearing(Speaker):
    """Says what the recogniser hears."""

    def __init__(self, book: Phrasebook, recogniser: Recogniser, sample_rate: int) -> None:
        self._book = book
        self._turn = _Turn(book)
        self._stream = recogniser.stream(sample_rate)

    def begin(self) -> list[Any]:
        return self._book.begin

    async def hear(self, pcm: bytes) -> list[Any]:
        return await self._heard(lambda: self._stream.feed(pcm))

    async def flush(self) -> list[Any]:
        return await self._heard(self._stream.reset)

    async def _heard(self, listen: Callable[[], Sequence[Any]]) -> list[Any]:
        from ..local.types import Final

        messages: list[Any] = []
        for event in await asyncio.to_thread(listen):
            if isinstance(event, Final):
                messages += self._turn.final(Said(event.text, event.start, event.end, event.words))
            else:
                messages += self._turn.interim(Said(event.text))
        return messages

    def end(self) -> list[Any]:
        self._stream.close()
        return self._book.end
