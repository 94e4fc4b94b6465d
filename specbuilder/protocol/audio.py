"""Audio as bytes: encodings, chunks, WAV headers, silence.

Audio enters as signed 16-bit little-endian samples (s16le), interleaved by channel, and leaves as the vendor
wants it. A sample frame is one sample of every channel.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..language.errors import did_you_mean

__all__ = [
    "ENCODINGS",
    "ENDLESS",
    "Chunker",
    "Encoder",
    "bytes_per_sample",
    "encoder",
    "sample_count",
    "silence",
    "wav",
    "wav_header",
]

Encoder: TypeAlias = Callable[[bytes], bytes]

ENDLESS = 0x7FFFFFFF
"""The size a WAV header states for a stream whose end is not known."""

_WAV_FORMAT_PCM = 1


def encoder(name: str) -> Encoder:
    """Return the function that turns s16le bytes (whole samples) into the encoding called `name`.

    Raises:
        ValueError: no such encoding.
    """
    return _encoding(name)[0]


def bytes_per_sample(name: str) -> int:
    """Return how many bytes one sample of one channel takes in the encoding called `name`.

    Raises:
        ValueError: no such encoding.
    """
    return _encoding(name)[1]


def sample_count(seconds: float, sample_rate: int) -> int:
    """Return the number of samples nearest to a duration (a half rounds up; 0 for a negative duration)."""
    # A float product like 0.0005 s * 48 kHz may miss the half by one bit; rounding it off first does not.
    return max(0, math.floor(round(seconds * sample_rate, 6) + 0.5))


def silence(ms: float, sample_rate: int, channels: int = 1, encoding: str = "pcm_s16le") -> bytes:
    """Return silence in an encoding; empty when `ms` is not positive.

    Raises:
        ValueError: no such encoding.
    """
    _, size, zero = _encoding(encoding)
    return zero * (sample_count(ms / 1000, sample_rate) * channels * size)


def wav_header(sample_rate: int, channels: int, bits: int = 16, data_bytes: int | None = None) -> bytes:
    """Return the 44 bytes before the samples of a PCM WAV file.

    Source: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0", 1991.

    Arguments:
        sample_rate: in Hz.
        channels: interleaved channels.
        bits: of one sample, a multiple of 8.
        data_bytes: size of the samples that follow; None for a stream without known end, whose sizes are
            `ENDLESS`.

    Raises:
        ValueError: more data than the format's 32-bit sizes can state.
    """
    if data_bytes is not None and not 0 <= data_bytes <= 0xFFFFFFFF - 36:
        raise ValueError("a WAV file holds less than 4 GiB")
    riff_size, data_size = (ENDLESS, ENDLESS) if data_bytes is None else (36 + data_bytes, data_bytes)
    frame_bytes = channels * bits // 8
    form = struct.pack(
        "<HHIIHH", _WAV_FORMAT_PCM, channels, sample_rate, sample_rate * frame_bytes, frame_bytes, bits
    )
    return struct.pack("<4sI4s4sI16s4sI", b"RIFF", riff_size, b"WAVE", b"fmt ", 16, form, b"data", data_size)


def wav(pcm: bytes, sample_rate: int, channels: int) -> bytes:
    """Return s16le samples as a complete WAV file."""
    return wav_header(sample_rate, channels, 16, len(pcm)) + pcm


class Chunker:
    """Cuts a stream of bytes into chunks of one size, whatever sizes it comes in.

    Chunks are `bytes` of their own: a caller may reuse its buffer after `push`, and a chunk kept for
    sending again keeps nothing else alive. A byte is copied once, at the border of two pushes twice, and
    not at all when what was pushed is one chunk already.

    Arguments:
        bytes_per_chunk: size of a chunk, rounded down to whole sample frames (at least one); None: as pushed.
        frame_bytes: size of one sample frame, which is never split.

    Attributes:
        size: of a chunk in bytes; None: as pushed.
        pending: bytes pushed and not yet returned.
    """

    __slots__ = ("_held", "frame_bytes", "pending", "size")

    def __init__(self, bytes_per_chunk: int | None, frame_bytes: int) -> None:
        self.frame_bytes = frame_bytes
        self.size = None if bytes_per_chunk is None else max(frame_bytes, self._whole(bytes_per_chunk))
        self._held: list[bytes] = []
        self.pending = 0

    def push(self, data: bytes | bytearray | memoryview) -> list[bytes]:
        """Take bytes in and return the chunks that are now complete, in order."""
        view = memoryview(data).cast("B")
        size = self.size or self._whole(self.pending + len(view))
        missing = size - self.pending
        if not view or missing <= 0 or missing > len(view):
            self._hold(data if type(data) is bytes else bytes(view))
            return []
        if not self._held and len(view) == size and type(data) is bytes:
            return [data]
        chunks = [b"".join((*self._held, view[:missing]))]
        chunks += [bytes(view[at : at + size]) for at in range(missing, len(view) - size + 1, size)]
        rest = (len(view) - missing) % size
        self._held, self.pending = [], 0
        self._hold(bytes(view[len(view) - rest :]))
        return chunks

    def flush(self) -> bytes | None:
        """Return what is held as a partial chunk, None when there is none.

        A sample frame of which only a part has come stays held for the next `push`.
        """
        whole = self._whole(self.pending)
        if not whole:
            return None
        held = b"".join(self._held)
        self._held, self.pending = [], 0
        self._hold(held[whole:])
        return held[:whole]

    def _whole(self, size: int) -> int:
        return size - size % self.frame_bytes

    def _hold(self, data: bytes) -> None:
        if data:
            self._held.append(data)
            self.pending += len(data)


def _encoding(name: str) -> tuple[Encoder, int, bytes]:
    try:
        return _ENCODINGS[name]
    except KeyError:
        hint = did_you_mean(name, _ENCODINGS)
    raise ValueError(f"unknown audio encoding {name!r} ({hint})")


def _same(pcm: bytes) -> bytes:
    return pcm


def _int32(pcm: bytes) -> bytes:
    samples: bytes = (np.frombuffer(pcm, "<i2").astype("<i4") << 16).tobytes()
    return samples


def _float32(pcm: bytes) -> bytes:
    samples: bytes = (np.frombuffer(pcm, "<i2").astype("<f4") / np.float32(32768)).tobytes()
    return samples


def _alaw(pcm: bytes) -> bytes:
    return _looked_up(_alaw_table(), pcm)


def _mulaw(pcm: bytes) -> bytes:
    return _looked_up(_mulaw_table(), pcm)


def _looked_up(table: NDArray[np.uint8], pcm: bytes) -> bytes:
    samples: bytes = table[np.frombuffer(pcm, "<u2")].tobytes()
    return samples


@functools.cache
def _alaw_table() -> NDArray[np.uint8]:
    """The A-law byte of every 16-bit sample: ITU-T G.711, table 1; ties as in the reference code G.191."""
    sample, sign = _samples()
    # Magnitudes of 16 and more are a segment (the place of the highest bit) and the four bits below it;
    # smaller ones are steps of the smallest size, and so are those of the first segment.
    magnitude = np.where(sample < 0, ~sample, sample) >> 4
    exponent = np.maximum(_bit_length(magnitude) - 5, 0)
    step = magnitude >> exponent
    code = np.where(magnitude > 15, (exponent << 4) + step, step)
    table: NDArray[np.uint8] = ((code | sign) ^ 0x55).astype(np.uint8)
    return table


@functools.cache
def _mulaw_table() -> NDArray[np.uint8]:
    """The mu-law byte of every 16-bit sample: ITU-T G.711, table 2; ties as in the reference code G.191."""
    sample, sign = _samples()
    # A bias of 33 makes every segment start at a power of two; what is louder than the law can say is cut.
    magnitude = np.minimum((np.where(sample < 0, ~sample, sample) >> 2) + 33, 0x1FFF)
    segment = _bit_length(magnitude) - 6
    step = (magnitude >> (segment + 1)) & 0xF
    table: NDArray[np.uint8] = ((0x7F ^ ((segment << 4) | step)) | sign).astype(np.uint8)
    return table


def _samples() -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """All 16-bit samples in the order of their unsigned value, and the sign bit both laws give them."""
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    return sample, np.where(sample >= 0, 0x80, 0).astype(np.int32)


def _bit_length(values: NDArray[np.int32]) -> NDArray[np.int32]:
    lengths: NDArray[np.int32] = np.frexp(values.astype(np.float64))[1].astype(np.int32)
    return lengths


# Encoder, bytes of one sample of one channel, byte that repeated is silence.
_ENCODINGS: dict[str, tuple[Encoder, int, bytes]] = {
    "pcm_s16le": (_same, 2, b"\x00"),
    "pcm_s32le": (_int32, 4, b"\x00"),
    "pcm_f32le": (_float32, 4, b"\x00"),
    "alaw": (_alaw, 1, b"\xd5"),
    "mulaw": (_mulaw, 1, b"\xff"),
}

ENCODINGS = tuple(_ENCODINGS)
"""Names of the known encodings."""
