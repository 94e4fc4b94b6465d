"""Transcripts whose words nobody has read yet: the words are made when they are first asked for.

A message brings all words of its utterance again, ten times a second, and agents read the text of interims,
hardly ever their words. Making them is the larger part of the work of a message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, SupportsIndex

from livekit.agents import stt
from livekit.agents.types import TimedString

__all__ = ["leave_unread"]


class _Unread(stt.SpeechData):
    """livekit's `SpeechData` until somebody looks at its words, or at all of it; then a plain one."""

    @property
    def words(self) -> list[TimedString] | None:
        return _read(self).words

    @words.setter
    def words(self, value: list[TimedString] | None) -> None:
        self.__class__ = stt.SpeechData  # type: ignore[assignment]
        self.words = value

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        """What copying, pickling, `vars` and pydantic ask for."""
        return _read(self).__dict__

    def __eq__(self, other: object) -> bool:
        # Most differ in their times, as interims with the same text do, and need no words to be told apart.
        if isinstance(other, stt.SpeechData) and _outline(self) != _outline(other):
            return False
        return _read(self) == other

    __hash__ = None  # type: ignore[assignment]  # As of every dataclass that can be compared.

    def __repr__(self) -> str:
        return repr(_read(self))

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return _read(self).__reduce_ex__(protocol)


def leave_unread(data: stt.SpeechData, words: Callable[[], list[TimedString]]) -> None:
    """Put off the making of a transcript's words.

    Arguments:
        words: makes them; it must give the same whenever it is called.
    """
    data.words = words  # type: ignore[assignment]
    data.__class__ = _Unread


def _outline(data: stt.SpeechData) -> tuple[object, ...]:
    return data.text, data.start_time, data.end_time, data.confidence, data.speaker_id


def _read(data: stt.SpeechData) -> stt.SpeechData:
    """The same object, from now on a plain `SpeechData` with its words."""
    data.__class__ = stt.SpeechData
    data.words = data.words() or None  # type: ignore[misc, operator]
    return data
