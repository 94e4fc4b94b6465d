"""What the embedded recogniser gives back, and what it asks of a speech engine.

Audio is always 16-bit signed little-endian mono PCM in `bytes`; inside this package it is at 16 kHz. Times
are seconds from the start of the file or the stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = [
    "INSTALL",
    "RATE",
    "Cancelled",
    "Detector",
    "Engine",
    "EngineUnavailable",
    "Final",
    "Partial",
    "Segment",
    "Span",
    "Transcript",
    "Word",
    "cut",
    "seconds_of",
]

RATE = 16_000
"""Samples per second that every engine works at."""

INSTALL = "pip install 'specbuilder[embedded]'"


class EngineUnavailable(RuntimeError):
    """No speech engine can be used here; the message says why and what to install."""


class Cancelled(Exception):
    """A transcription was told to stop before its end."""


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word without its punctuation."""

    word: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech; `words` is empty where word times were not asked for."""

    text: str
    start: float
    end: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """The text of a whole recording."""

    text: str
    words: tuple[Word, ...]
    duration: float
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Partial:
    """The text so far of the utterance being spoken; it may still change."""

    text: str


@dataclass(frozen=True, slots=True)
class Final:
    """The text of an utterance that has ended. Times count from the start of the stream."""

    text: str
    start: float
    end: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """Where a detector hears speech. An open span (`complete` false) still grows."""

    start: float
    end: float
    complete: bool


class Detector(Protocol):
    """Finds speech in a stream. Used by one call at a time."""

    def feed(self, pcm: bytes) -> list[Span]:
        """Hear more audio; returns newly completed spans in order, then the open one if there is one."""

    def finish(self) -> list[Span]:
        """End the open span, and be ready for more audio whose times count on."""

    def close(self) -> None:
        """Release what the detector holds."""


class Engine(Protocol):
    """A speech engine. Its methods may be called from several threads at once."""

    name: str

    def detector(self) -> Detector:
        """A new detector for one stream or file."""

    def text(self, pcm: bytes) -> str:
        """The words in at most 30 s of speech; "" where there are none."""

    def partial_step(self, seconds: float) -> float:
        """After an interim text of `seconds` of an utterance: how much more of it before the next one."""

    def close(self) -> None:
        """Release the models. No other method runs or follows."""


def seconds_of(pcm: bytes | bytearray) -> float:
    """The length in seconds of PCM at 16 kHz."""
    return len(pcm) / (2 * RATE)


def cut(pcm: bytes | bytearray, start: float, end: float) -> bytes:
    """The PCM between two times in seconds, on whole samples; times outside are clipped."""
    first = max(0, round(start * RATE))
    return bytes(pcm[2 * first : 2 * max(first, round(end * RATE))])
