"""Speech to text on this machine: the embedded recogniser, and a server that speaks real vendors'
protocols."""

from __future__ import annotations

from .recogniser import Recogniser, RecogniserStream, load_recogniser
from .server import LocalServer, serve
from .types import EngineUnavailable, Final, Partial, Segment, Transcript, Word
from .wer import corpus_word_error_rate, word_error_rate

__all__ = [
    "EngineUnavailable",
    "Final",
    "LocalServer",
    "Partial",
    "Recogniser",
    "RecogniserStream",
    "Segment",
    "Transcript",
    "Word",
    "corpus_word_error_rate",
    "load_recogniser",
    "serve",
    "word_error_rate",
]
