"""Audio of any kind in, 16-bit 16 kHz mono PCM out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import av
import av.error

from .types import RATE

__all__ = ["AudioTooLong", "Resampler", "UndecodableAudio", "decode_audio"]


class UndecodableAudio(ValueError):
    """The bytes are not an audio file that can be read."""


class AudioTooLong(ValueError):
    """The recording is longer than allowed."""


def _resampler() -> Any:
    return av.AudioResampler(format="s16", layout="mono", rate=RATE)


def _pcm(frames: list[Any]) -> Iterator[bytes]:
    for frame in frames:
        # A plane is padded for alignment: only the first `samples` are sound.
        yield bytes(frame.planes[0])[: 2 * frame.samples]


def decode_audio(data: bytes, *, max_seconds: float) -> bytes:
    """Decode a whole audio file (WAV, MP3, FLAC, Ogg, MP4, WebM and whatever else FFmpeg reads).

    Args:
        data: the file.
        max_seconds: the longest recording allowed. A few kilobytes can decode to hours of sound, so the
            length is watched while decoding.

    Returns:
        PCM at 16 kHz mono.

    Raises:
        UndecodableAudio: not an audio file, cut off before any sound, or no audio track in it.
        AudioTooLong: longer than `max_seconds`.
    """
    pcm = bytearray()
    resampler = _resampler()
    try:
        with av.open(io.BytesIO(data)) as container:
            if not container.streams.audio:
                raise UndecodableAudio("the file has no audio track")
            for frame in container.decode(container.streams.audio[0]):
                for part in _pcm(resampler.resample(frame)):
                    pcm += part
                if len(pcm) > 2 * RATE * max_seconds:
                    raise AudioTooLong(f"the recording is longer than {max_seconds:g} seconds")
        for part in _pcm(resampler.resample(None)):
            pcm += part
    except av.error.FFmpegError as error:
        # A recording whose last packet is damaged is still worth its sound before that.
        if not pcm:
            raise UndecodableAudio(f"not a readable audio file: {error.strerror}") from None
    return bytes(pcm)


class Resampler:
    """Brings a stream of PCM to 16 kHz, piece by piece.

    Args:
        sample_rate: of the incoming PCM, 1000 to 192000 samples per second.

    Raises:
        ValueError: the rate is outside that range.
    """

    def __init__(self, sample_rate: int) -> None:
        if not 1000 <= sample_rate <= 192_000:
            raise ValueError(f"sample_rate must be from 1000 to 192000, not {sample_rate}")
        self._rate = sample_rate
        self._resampler = _resampler() if sample_rate != RATE else None
        self._odd = b""

    def push(self, pcm: bytes) -> bytes:
        """More PCM; returns what is ready at 16 kHz. A sample split over two pieces is put together again."""
        pcm = self._odd + pcm
        whole = len(pcm) & ~1
        pcm, self._odd = pcm[:whole], pcm[whole:]
        if self._resampler is None or not pcm:
            return pcm
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.sample_rate = self._rate
        frame.planes[0].update(pcm + bytes(frame.planes[0].buffer_size - len(pcm)))
        return b"".join(_pcm(self._resampler.resample(frame)))

    def flush(self) -> bytes:
        """The last samples held inside; more may be pushed afterwards."""
        self._odd = b""
        if self._resampler is None:
            return b""
        last = b"".join(_pcm(self._resampler.resample(None)))
        self._resampler = _resampler()
        return last
