"""The Moonshine engine (PyPI `moonshine-voice`, MIT): English, offline, the model inside the package.

Two kinds of its transcriber are used, each for one job. One only detects speech (it skips the text); the
other only writes text (its detector is off) for the stretch of sound it is given. So where speech begins
and ends, how much sound around it counts, and how often an interim text is made are decided here, and one
text model serves any number of streams.
"""

from __future__ import annotations

import os
import threading
from array import array
from pathlib import Path
from typing import Any

from .pool import Pool
from .types import INSTALL, RATE, EngineUnavailable, Span, seconds_of

__all__ = ["MoonshineEngine"]

# The detector's memory is shared by the whole process and keeps the sound of the call before: half a second
# of silence first brings it to rest. Whatever it still hears ends within that silence and is dropped.
_SETTLE = 0.5
# A line's end lies this far behind the sound that ended it at most; a line that ends earlier is of the call
# before.
_GHOST_END = 0.1
# The model cannot take in less; it is shorter than any word.
_SHORTEST = 0.1
# Its transcript keeps every line of a stream: start afresh now and then, so that it stays short.
_MOST_LINES = 64

_DETECT = {
    "skip_transcription": "true",
    "vad_threshold": "0.3",
    "vad_max_segment_duration": "20",
    "transcription_interval": "0.09",
    "return_audio_data": "false",
}
_WRITE = {"vad_threshold": "0", "vad_max_segment_duration": "30", "return_audio_data": "false"}
_FILES = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")


def _floats(pcm: bytes) -> list[float]:
    return [sample / 32768 for sample in array("h", pcm)]


class MoonshineEngine:
    """Moonshine with a non-streaming model.

    Args:
        model_path: a directory with `encoder_model.ort`, `decoder_model_merged.ort` and `tokenizer.bin`;
            "base" in its name tells the larger architecture. None: the tiny English model inside the
            package.
        threads: how many texts are written at once at most; each further one costs about 100 MB.

    Raises:
        EngineUnavailable: the package cannot be loaded here, or the directory is not a model.
    """

    def __init__(self, model_path: str | Path | None = None, *, threads: int = 2) -> None:
        # One thread per text: the threads of ONNX Runtime only wait for each other on texts this short
        # (half the processor time for the same words). Read when a model is loaded.
        os.environ.setdefault("MOONSHINE_ORT_SINGLE_THREAD", "1")
        try:
            from moonshine_voice.moonshine_api import ModelArch
            from moonshine_voice.transcriber import Transcriber
            from moonshine_voice.utils import get_model_path
        except (ImportError, OSError) as error:
            raise EngineUnavailable(f"moonshine-voice cannot be loaded ({error}); {INSTALL}") from error
        path = Path(model_path) if model_path is not None else Path(get_model_path("tiny-en"))
        missing = [name for name in _FILES if not (path / name).is_file()]
        if missing:
            raise EngineUnavailable(f"no Moonshine model in {path}: {', '.join(missing)} missing")
        arch = ModelArch.BASE if "base" in path.name.lower() else ModelArch.TINY
        self.name = f"moonshine-{path.name}"

        def load(options: dict[str, str]) -> Any:
            # Updates are asked for explicitly, never by the clock of the convenience layer.
            return Transcriber(str(path), arch, update_interval=float("inf"), options=options)

        try:
            self._listener = _Listener(load(_DETECT))
            self._writers: Pool[Any] = Pool(lambda: load(_WRITE), threads)
            with self._writers.borrow():
                pass
        except Exception as error:
            raise EngineUnavailable(f"the Moonshine model in {path} cannot be loaded: {error}") from error

    def detector(self) -> _MoonshineDetector:
        """A new detector for one stream or file."""
        return _MoonshineDetector(self._listener)

    def text(self, pcm: bytes) -> str:
        """The words in at most 30 s of speech."""
        if seconds_of(pcm) < _SHORTEST:
            return ""
        with self._writers.borrow() as writer:
            lines = writer.transcribe_without_streaming(_floats(pcm), RATE).lines
        return " ".join(line.text.strip() for line in lines if line.text.strip())

    def partial_step(self, seconds: float) -> float:
        """Half a second; more for a long utterance, which is written anew each time."""
        return max(0.5, seconds / 8)

    def close(self) -> None:
        """Release the models."""
        self._listener.close()
        for writer in self._writers.drain():
            writer.close()


class _Listener:
    """The detecting transcriber, shared by all detectors.

    Its model keeps the memory of the last sounds once for the whole process, not once a stream. So before a
    detector is heard again after another one, its own last sounds are played to a stream whose lines nobody
    reads.
    """

    def __init__(self, transcriber: Any) -> None:
        self.transcriber = transcriber
        self.lock = threading.Lock()
        self._aside = transcriber.create_stream()
        self._last: object = None

    def remind(self, detector: object, recent: list[float]) -> None:
        """Called under the lock, before `detector` adds the sound that follows `recent`."""
        if detector is not self._last:
            self._last = detector
            if recent:
                self._aside.start()
                self._aside.add_audio(recent, RATE)
                self._aside.update_transcription()
                self._aside.stop()

    def close(self) -> None:
        self._aside.close()
        self.transcriber.close()


class _MoonshineDetector:
    def __init__(self, listener: _Listener) -> None:
        self._listener = listener
        self._fed = 0.0
        self._recent: list[float] = []
        with listener.lock:
            self._stream = listener.transcriber.create_stream()
        self._begin()

    def _begin(self) -> None:
        self._origin = self._fed - _SETTLE
        self._completed = 0
        silence = [0.0] * round(_SETTLE * RATE)
        with self._listener.lock:
            self._listener.remind(self, [])
            self._stream.start()
            self._stream.add_audio(silence, RATE)
            self._stream.update_transcription()
        self._recent = silence

    def feed(self, pcm: bytes) -> list[Span]:
        samples = _floats(pcm)
        self._fed += len(samples) / RATE
        with self._listener.lock:
            self._listener.remind(self, self._recent)
            self._stream.add_audio(samples, RATE)
            lines = self._stream.update_transcription().lines
        self._recent = (self._recent + samples)[-round(_SETTLE * RATE) :]
        spans = self._new(lines)
        if len(lines) >= _MOST_LINES and self._completed == len(lines):
            self._end()
            self._begin()
        return spans

    def finish(self) -> list[Span]:
        spans = self._new(self._end())
        self._begin()
        return spans

    def _end(self) -> list[Any]:
        with self._listener.lock:
            transcript = self._stream.stop()
        return transcript.lines if transcript is not None else []

    def close(self) -> None:
        with self._listener.lock:
            self._stream.close()

    def _new(self, lines: list[Any]) -> list[Span]:
        """The lines not reported as complete yet. One may be marked complete twice, so they are counted."""
        spans = []
        for line in lines[self._completed :]:
            self._completed += line.is_complete
            start = self._origin + line.start_time
            end = start + line.duration
            if end - self._origin > _SETTLE + _GHOST_END:
                spans.append(Span(max(self._origin + _SETTLE, start), end, line.is_complete))
        return spans
