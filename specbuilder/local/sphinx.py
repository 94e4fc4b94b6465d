"""The pocketsphinx engine (BSD-2): the fallback where Moonshine cannot be installed, and far less exact."""

from __future__ import annotations

from typing import Any

from .pool import Pool
from .types import INSTALL, RATE, EngineUnavailable, Span

__all__ = ["SphinxEngine", "load_decoder"]

_LONGEST = 20.0
"""Seconds after which an utterance is ended though speech goes on: its cost and delay stay bounded."""


def load_decoder(**options: Any) -> Any:
    """A silent pocketsphinx `Decoder` with the English model of the package.

    Raises:
        EngineUnavailable: the package cannot be loaded here.
    """
    try:
        from pocketsphinx import Decoder
    except (ImportError, OSError) as error:
        raise EngineUnavailable(f"pocketsphinx cannot be loaded ({error}); {INSTALL}") from error
    return Decoder(loglevel="FATAL", samprate=RATE, **options)


class SphinxEngine:
    """pocketsphinx with its English language model.

    Args:
        threads: how many texts are written at once at most; each further one costs about 90 MB.

    Raises:
        EngineUnavailable: the package cannot be loaded here.
    """

    name = "pocketsphinx-en-us"

    def __init__(self, *, threads: int = 2) -> None:
        self._decoders: Pool[Any] = Pool(load_decoder, threads)
        with self._decoders.borrow():
            pass

    def detector(self) -> _SphinxDetector:
        """A new detector for one stream or file."""
        return _SphinxDetector()

    def text(self, pcm: bytes) -> str:
        """The words in at most 30 s of speech."""
        with self._decoders.borrow() as decoder:
            decoder.start_utt()
            decoder.process_raw(pcm, full_utt=True)
            decoder.end_utt()
            hypothesis = decoder.hyp()
        return hypothesis.hypstr if hypothesis is not None else ""

    def partial_step(self, seconds: float) -> float:
        """At double the length: a text takes a third of its sound's time, so all stay below real time."""
        return max(1.0, seconds)

    def close(self) -> None:
        """Release the models."""
        self._decoders.drain()


class _SphinxDetector:
    def __init__(self) -> None:
        self._fed = 0.0
        self._begin()

    def _begin(self) -> None:
        from pocketsphinx import Endpointer

        self._origin = self._fed
        self._endpointer = Endpointer(window=0.5, sample_rate=RATE)
        self._rest = b""
        self._start: float | None = None

    def feed(self, pcm: bytes) -> list[Span]:
        self._fed += len(pcm) / (2 * RATE)
        pcm = self._rest + pcm
        size = self._endpointer.frame_bytes
        whole = len(pcm) - len(pcm) % size
        self._rest = pcm[whole:]
        spans: list[Span] = []
        for at in range(0, whole, size):
            self._endpointer.process(pcm[at : at + size])
            spans += self._heard(self._fed - (len(pcm) - at - size) / (2 * RATE))
        if self._start is not None:
            spans.append(Span(self._start, self._fed, False))
        return spans

    def _heard(self, now: float) -> list[Span]:
        """What the last frame, ending at `now`, completes."""
        if not self._endpointer.in_speech:
            start, self._start = self._start, None
            return (
                [Span(start, self._origin + self._endpointer.speech_end, True)] if start is not None else []
            )
        if self._start is None:
            self._start = self._origin + self._endpointer.speech_start
        if now - self._start < _LONGEST:
            return []
        span = Span(self._start, now, True)
        self._start = now
        return [span]

    def finish(self) -> list[Span]:
        start = self._start
        self._begin()
        return [Span(start, self._fed, True)] if start is not None else []

    def close(self) -> None:
        """Nothing is held beyond the object itself."""
