"""What was heard in one recording: livekit's events gathered into segments with times."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livekit.agents import stt

__all__ = ["Segment", "Transcript", "Word"]


@dataclass(frozen=True)
class Word:
    """A word with its times in seconds from the start of the recording."""

    text: str
    start: float
    end: float
    confidence: float | None = None
    speaker: str | None = None


@dataclass(frozen=True)
class Segment:
    """A final transcript; times in seconds from the start of the recording."""

    text: str
    start: float
    end: float
    language: str | None = None
    confidence: float | None = None
    speaker: str | None = None
    words: tuple[Word, ...] = ()


@dataclass
class Transcript:
    """The segments of a recording, in the order they came.

    Arguments:
        file: as the caller wrote it.
        spec: the spec's name.
        model: the model that was asked; None when none was.

    Attributes:
        duration: seconds of sound read.
        complete: whether the vendor has heard the whole recording.
        usage: what the vendor (or the engine) counted.
    """

    file: str
    spec: str
    model: str | None
    duration: float = 0.0
    complete: bool = False
    segments: list[Segment] = field(default_factory=list)
    usage: dict[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All text in a row."""
        return " ".join(segment.text for segment in self.segments)

    def add(self, event: stt.SpeechEvent) -> Segment | None:
        """Take in a final transcript or a usage report; the new segment, if the event gave one.

        A final without times is given those since the one before, up to what has been read by now.
        """
        if event.recognition_usage is not None:
            for name, amount in asdict(event.recognition_usage).items():
                if amount:
                    self.usage[name] = self.usage.get(name, 0) + amount
        if event.type.value != "final_transcript" or not event.alternatives:
            return None
        segment = self._segment(event.alternatives[0])
        if segment is not None:
            self.segments.append(segment)
        return segment

    def _segment(self, data: stt.SpeechData) -> Segment | None:
        text = one_line(data.text)
        if not text:
            return None
        words = tuple(_words(data))
        start, end = data.start_time, data.end_time
        if end <= start and words:
            start, end = words[0].start, words[-1].end
        if end <= start:
            start = self.segments[-1].end if self.segments else 0.0
            end = max(start, self.duration)
        return Segment(
            text,
            start,
            end,
            language=str(data.language) or None,
            confidence=data.confidence or None,
            speaker=data.speaker_id,
            words=words,
        )

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON: what is not known is left out, times are in milliseconds' precision."""
        return {
            "file": self.file,
            "spec": self.spec,
            **({"model": self.model} if self.model else {}),
            "duration": round(self.duration, 3),
            "complete": self.complete,
            "text": self.text,
            "segments": [_plain(segment) for segment in self.segments],
            "usage": {name: round(amount, 3) for name, amount in self.usage.items()},
        }


def one_line(text: str) -> str:
    """The text with every run of white space as one blank."""
    return " ".join(text.split())


def _words(data: stt.SpeechData) -> list[Word]:
    """The words that have times; none when any has not, as half a line of words cannot be used."""
    found = []
    for word in data.words or ():
        if not isinstance(word.start_time, float | int) or not isinstance(word.end_time, float | int):
            return []
        confidence = word.confidence if isinstance(word.confidence, float | int) else None
        speaker = word.speaker_id if isinstance(word.speaker_id, str) else None
        found.append(Word(one_line(word), float(word.start_time), float(word.end_time), confidence, speaker))
    return [word for word in found if word.text]


def _plain(part: Segment | Word) -> dict[str, Any]:
    plain: dict[str, Any] = {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in vars(part).items()
        if name != "words" and value is not None
    }
    if isinstance(part, Segment) and part.words:
        plain["words"] = [_plain(word) for word in part.words]
    return plain
