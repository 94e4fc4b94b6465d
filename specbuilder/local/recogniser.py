"""The embedded recogniser: speech to text on this machine, to try specs out and to test without a vendor."""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from .alignment import Aligner, spoken_words, spread
from .audio import Resampler
from .moonshine import MoonshineEngine
from .sphinx import SphinxEngine
from .types import (
    RATE,
    Cancelled,
    Detector,
    Engine,
    EngineUnavailable,
    Final,
    Partial,
    Segment,
    Span,
    Transcript,
    Word,
    cut,
    seconds_of,
)

__all__ = ["EngineName", "Recogniser", "RecogniserStream", "load_recogniser"]

logger = logging.getLogger("specbuilder")

EngineName = Literal["auto", "moonshine", "pocketsphinx"]

_PAD = 0.25
"""Seconds of sound around a detected span that go into its text: detectors clip soft sounds."""

_LOOK_BACK = 1.5
"""Seconds. A detector that hears speech begin says that it began less than this long ago."""

_LONGEST_CHUNK = 25.0
"""Seconds. Moonshine loops and invents beyond 30 s."""

_FIRST_PARTIAL = 1.0
"""Seconds of an utterance, the half second before its first sound included: less is guesswork."""

_TITLES = {"mr.", "mrs.", "ms.", "dr.", "st.", "prof."}


def load_recogniser(
    engine: EngineName = "auto", model_path: str | Path | None = None, *, threads: int | None = None
) -> Recogniser:
    """Load the models; takes under a second.

    Args:
        engine: "moonshine", "pocketsphinx", or "auto": Moonshine where it works, else pocketsphinx
            with a warning.
        model_path: a directory with a Moonshine model other than the one inside the package.
        threads: how many texts may be written at once. None: one per processor, at most 4.

    Raises:
        EngineUnavailable: the engine (or both, for "auto") cannot be used here.
        ValueError: an unknown engine, or a `model_path` for pocketsphinx.
    """
    threads = threads or min(4, os.cpu_count() or 1)
    if engine not in ("auto", "moonshine", "pocketsphinx"):
        raise ValueError(f"engine must be 'auto', 'moonshine' or 'pocketsphinx', not {engine!r}")
    if engine == "pocketsphinx" and model_path is not None:
        raise ValueError("model_path is for Moonshine models; pocketsphinx has its own")
    reasons = []
    if engine != "pocketsphinx":
        try:
            return Recogniser(MoonshineEngine(model_path, threads=threads), _aligner())
        except EngineUnavailable as error:
            # A model directory that was asked for by name is never silently replaced.
            if model_path is not None:
                raise
            reasons.append(str(error))
    if engine != "moonshine":
        try:
            sphinx = SphinxEngine(threads=threads)
            if reasons:
                _warn_once(
                    f"{reasons[0]}; the embedded recogniser falls back to pocketsphinx, "
                    "which gets about one word in four wrong"
                )
            return Recogniser(sphinx, _aligner())
        except EngineUnavailable as error:
            reasons.append(str(error))
    raise EngineUnavailable("no speech engine can be used here: " + "; ".join(reasons))


@functools.cache
def _warn_once(message: str) -> None:
    logger.warning("%s", message)


def _aligner() -> Aligner | None:
    try:
        return Aligner()
    except EngineUnavailable as error:
        _warn_once(f"{error}; the embedded recogniser estimates word times from the words' lengths")
        return None


class Recogniser:
    """Writes down English speech. Its methods block, and may be called from several threads at once."""

    def __init__(self, engine: Engine, aligner: Aligner | None) -> None:
        self._engine = engine
        self._aligner = aligner

    @property
    def name(self) -> str:
        """The engine and model, as in "moonshine-tiny-en"."""
        return self._engine.name

    def transcribe(self, pcm16: bytes, sample_rate: int, words: bool = False) -> Transcript:
        """Write down a whole recording.

        Args:
            pcm16: 16-bit signed little-endian mono PCM.
            sample_rate: in samples per second, 1000 to 192000.
            words: find when each word was spoken.

        Raises:
            ValueError: the sample rate is out of range.
        """
        segments = tuple(self.segments(pcm16, sample_rate, words))
        return Transcript(
            text=" ".join(segment.text for segment in segments),
            words=tuple(word for segment in segments for word in segment.words),
            duration=len(pcm16) / (2 * sample_rate),
            segments=segments,
        )

    def segments(
        self,
        pcm16: bytes,
        sample_rate: int,
        words: bool = False,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[Segment]:
        """As `transcribe`, one segment after another: a sentence each with `words`, else at most 25 s each.

        Raises:
            Cancelled: `cancelled()`, asked before each second or segment of work, became true.
            ValueError: the sample rate is out of range.
        """
        resampler = Resampler(sample_rate)
        pcm = resampler.push(pcm16) + resampler.flush()
        before = 0.0
        for span in self._chunks(pcm, cancelled):
            if cancelled():
                raise Cancelled
            start = max(before, span.start - _PAD)
            before = min(seconds_of(pcm), span.end + _PAD)
            sound = cut(pcm, start, before)
            text = self.text(sound)
            if not text:
                continue
            if words:
                yield from _sentences(text, self.align(sound, text, start))
            else:
                yield Segment(text, round(span.start, 3), round(min(span.end, seconds_of(pcm)), 3))

    def _chunks(self, pcm: bytes, cancelled: Callable[[], bool]) -> Iterator[Span]:
        """Speech in pieces long enough to be understood in context and short enough for the engine."""
        detector = self._engine.detector()
        try:
            spans: list[Span] = []
            for at in range(0, len(pcm), 2 * RATE):
                if cancelled():
                    raise Cancelled
                spans += (span for span in detector.feed(pcm[at : at + 2 * RATE]) if span.complete)
            spans += detector.finish()
        finally:
            detector.close()
        chunk: Span | None = None
        for span in spans:
            if chunk is not None and span.end - chunk.start <= _LONGEST_CHUNK:
                chunk = Span(chunk.start, span.end, True)
                continue
            if chunk is not None:
                yield chunk
            chunk = span
        if chunk is not None:
            yield chunk

    def stream(self, sample_rate: int, words: bool = True) -> RecogniserStream:
        """Listen to a stream of 16-bit mono PCM.

        Args:
            sample_rate: in samples per second, 1000 to 192000.
            words: give each final its words with times.

        Raises:
            ValueError: the sample rate is out of range.
        """
        return RecogniserStream(self, self._engine, sample_rate, words)

    def text(self, pcm: bytes) -> str:
        """The text of at most 30 s of speech at 16 kHz."""
        return self._engine.text(pcm)

    def align(self, pcm: bytes, text: str, start: float) -> tuple[Word, ...]:
        """The words of `text`, spoken in `pcm` (16 kHz), with times; `pcm` begins at `start` seconds."""
        if self._aligner is not None:
            return self._aligner.align(pcm, text, start)
        return spread(spoken_words(text), start, start + seconds_of(pcm))

    def close(self) -> None:
        """Release the models. No stream or transcription is under way."""
        self._engine.close()


class RecogniserStream:
    """One stream of speech: made by `Recogniser.stream`. Memory stays bounded however long it lasts."""

    def __init__(self, recogniser: Recogniser, engine: Engine, sample_rate: int, words: bool) -> None:
        self._recogniser = recogniser
        self._engine = engine
        self._words = words
        self._resampler = Resampler(sample_rate)
        self._detector: Detector = engine.detector()
        # A server may close the stream while a thread still works on it.
        self._lock = threading.Lock()
        self._closed = False
        self._pcm = bytearray()
        self._base = 0  # bytes of the stream already forgotten, before _pcm
        self._heard = 0.0  # where the last finished utterance ended
        self._partial = ""
        self._partial_due = _FIRST_PARTIAL

    def feed(self, pcm16: bytes) -> list[Partial | Final]:
        """Hear more audio; returns what it changes, in order. A partial comes only where its text is new."""
        with self._lock:
            return self._feed(self._resampler.push(pcm16))

    def finish(self) -> list[Partial | Final]:
        """The audio has ended: write down what was being said, and release the stream."""
        events = self.reset()
        self.close()
        return events

    def reset(self) -> list[Partial | Final]:
        """Write down what was being said as if it had ended, and go on listening; times count on."""
        with self._lock:
            events = self._feed(self._resampler.flush())
            if not self._closed:
                for span in self._detector.finish():
                    events += self._utterance(span)
                self._forget(None)
            return events

    def close(self) -> None:
        """Release the stream; may be called twice. What was being said is dropped."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._detector.close()

    def _feed(self, pcm: bytes) -> list[Partial | Final]:
        if not pcm or self._closed:
            return []
        self._pcm += pcm
        events: list[Partial | Final] = []
        spans = self._detector.feed(pcm)
        for span in spans:
            events += self._utterance(span) if span.complete else self._so_far(span)
        self._forget(spans[-1] if spans and not spans[-1].complete else None)
        return events

    def _sound(self, span: Span) -> tuple[bytes, float]:
        """The audio of a span with a little around it, and where it begins."""
        base = self._base / (2 * RATE)
        start = max(self._heard, base, span.start - _PAD)
        return cut(self._pcm, start - base, span.end + _PAD - base), start

    def _utterance(self, span: Span) -> list[Partial | Final]:
        sound, start = self._sound(span)
        self._heard = span.end
        self._partial, self._partial_due = "", _FIRST_PARTIAL
        text = self._recogniser.text(sound)
        if not text:
            return []
        words = self._recogniser.align(sound, text, start) if self._words else ()
        begin, end = (words[0].start, words[-1].end) if words else (span.start, span.end)
        return [Final(text, round(begin, 3), round(end, 3), words)]

    def _so_far(self, span: Span) -> list[Partial | Final]:
        # A span that begins at once after another one looks back into it.
        length = span.end - max(self._heard, span.start)
        if length < self._partial_due:
            return []
        self._partial_due = length + self._engine.partial_step(length)
        text = self._recogniser.text(self._sound(span)[0])
        if not text or text == self._partial:
            return []
        self._partial = text
        return [Partial(text)]

    def _forget(self, speaking: Span | None) -> None:
        """Drop audio that no coming span can reach."""
        now = self._base / (2 * RATE) + seconds_of(self._pcm)
        keep_from = min(now - _LOOK_BACK, speaking.start - _PAD if speaking is not None else now)
        drop = 2 * round(keep_from * RATE) - self._base
        if drop > 0:
            del self._pcm[:drop]
            self._base += drop


def _sentences(text: str, words: tuple[Word, ...]) -> Iterator[Segment]:
    """Cut a text with word times at the ends of its sentences."""
    written: list[str] = []
    spoken: list[Word] = []
    left = list(words)
    tokens = text.split()
    for i, token in enumerate(tokens, 1):
        written.append(token)
        spoken += [left.pop(0) for _ in spoken_words(token)]
        following = tokens[i][:1] if i < len(tokens) else ""
        ends = not following or (
            token[-1] in ".?!" and token.lower() not in _TITLES and not following.islower()
        )
        if ends and spoken:
            yield Segment(" ".join(written), spoken[0].start, spoken[-1].end, tuple(spoken))
            written, spoken = [], []
