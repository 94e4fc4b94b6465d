"""Recordings: any file PyAV (FFmpeg) reads becomes frames, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import av
from livekit import rtc

__all__ = ["FRAME_SECONDS", "RATE", "AudioFile", "AudioFileError"]

RATE = 16_000
"""Samples per second of the frames; streams of another rate resample them."""

FRAME_SECONDS = 0.02


class AudioFileError(Exception):
    """A recording cannot be read; the message says why."""


class AudioFile:
    """An open recording; a context manager. Of several audio tracks the first is read.

    Attributes:
        seconds: its length where the file says so.

    Raises:
        AudioFileError: it is not there, or not audio.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise AudioFileError("this is a folder" if path.is_dir() else "there is no such file")
        try:
            # As an absolute path no name can be taken for an address or a device.
            self._container = av.open(str(path.absolute()))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise AudioFileError(f"it cannot be read as audio ({_reason(error)})") from None
        if not self._container.streams.audio:
            self._container.close()
            raise AudioFileError("there is no audio in it")
        length = self._container.duration
        self.seconds = length / av.time_base if length else None

    def __enter__(self) -> AudioFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def frames(self) -> Iterator[rtc.AudioFrame]:
        """The sound as mono frames of 20 ms (the last may be shorter), decoded as they are asked for.

        Raises:
            AudioFileError: the file is damaged here, or holds no sound at all.
        """
        resampler = av.AudioResampler(
            format="s16", layout="mono", rate=RATE, frame_size=round(RATE * FRAME_SECONDS)
        )
        heard = False
        try:
            for decoded in self._container.decode(audio=0):
                heard = True
                yield from map(_frame, resampler.resample(decoded))
            if heard:
                # A resampler that was given nothing has no form yet in which it could flush.
                yield from map(_frame, resampler.resample(None))
        except (av.FFmpegError, ValueError) as error:
            raise AudioFileError(f"its audio is damaged ({_reason(error)})") from None
        if not heard:
            raise AudioFileError("there is no sound in it")


def _frame(piece: av.AudioFrame) -> rtc.AudioFrame:
    samples = piece.to_ndarray().tobytes()
    return rtc.AudioFrame(samples, sample_rate=RATE, num_channels=1, samples_per_channel=len(samples) // 2)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
