"""Transcripts of which nobody has read all yet: what is seldom read is made when it is first asked for.

A message brings all words of its utterance again, ten times a second, and agents read an interim's text,
language, speaker and times, hardly ever its words, source texts or metadata. Making those is the larger part
of the work of a message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final, SupportsIndex

from livekit.agents import LanguageCode, stt

__all__ = ["Unread"]

_READ_OFTEN: Final = frozenset(
    {
        "language",
        "text",
        "start_time",
        "end_time",
        "confidence",
        "speaker_id",
        "is_primary_speaker",  # livekit's MultiSpeakerAdapter writes it; no vendor says it.
    }
)


class Unread(stt.SpeechData):
    """livekit's `SpeechData` until somebody looks at what was put off, or at all of it; then a plain one.

    Arguments:
        language, text, start_time, end_time, confidence, speaker_id: as of `SpeechData`.
        complete: gets what follows and the transcript, and fills in what is seldom read; it must do the same
            whenever it is called.
        found, entry, scope, offset: as of `TranscriptPlan.complete`.
    """

    # Made for nearly every message: livekit's other fields are left for `_read`, and there is no tuple of
    # arguments, as each object that waits for its reader brings the next collection of garbage nearer.
    def __init__(
        self,
        language: LanguageCode,
        text: str,
        start_time: float,
        end_time: float,
        confidence: float,
        speaker_id: str | None,
        complete: Callable[..., None],
        found: Any,
        entry: Any,
        scope: Any,
        offset: float,
    ) -> None:
        self.language = language
        self.text = text
        self.start_time = start_time
        self.end_time = end_time
        self.confidence = confidence
        self.speaker_id = speaker_id
        self._complete = complete
        self._found = found
        self._entry = entry
        self._scope = scope
        self._offset = offset

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        """What copying, pickling, `vars` and pydantic ask for."""
        return _read(self).__dict__

    def __eq__(self, other: object) -> bool:
        # Most differ in their times, as interims with the same text do, and need no more to be told apart.
        if isinstance(other, stt.SpeechData) and _outline(self) != _outline(other):
            return False
        return _read(self) == other

    __hash__ = None  # type: ignore[assignment]  # As of every dataclass that can be compared.

    def __repr__(self) -> str:
        return repr(_read(self))

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return _read(self).__reduce_ex__(protocol)


def _put_off(name: str) -> Any:
    def read(self: Unread) -> Any:
        return getattr(_read(self), name)

    def write(self: Unread, value: Any) -> None:
        setattr(_read(self), name, value)

    return property(read, write)


for _field in fields(stt.SpeechData):
    if _field.name not in _READ_OFTEN:
        setattr(Unread, _field.name, _put_off(_field.name))


def _outline(data: stt.SpeechData) -> tuple[object, ...]:
    return data.text, data.start_time, data.end_time, data.confidence, data.speaker_id


def _read(data: Unread) -> stt.SpeechData:
    """The same object, from now on a plain `SpeechData` with all there is."""
    complete, given = data._complete, (data._found, data._entry, data._scope, data._offset)
    del data._complete, data._found, data._entry, data._scope, data._offset
    plain: stt.SpeechData = data
    plain.__class__ = stt.SpeechData
    for name, default in vars(stt.SpeechData(plain.language, plain.text)).items():
        plain.__dict__.setdefault(name, default)
    complete(*given, plain)
    return plain
