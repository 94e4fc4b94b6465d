"""What goes out over a socket: frames of `send` trees, and audio in the vendor's form."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from pybase64 import b64encode_as_string

from ..expressions.nothing import NOTHING
from ..expressions.trees import Tree
from ..language.durations import parse_duration
from .audio import Chunker, bytes_per_sample, encoder, sample_count
from .codecs import Codec, JsonCodec
from .names import Names
from .pacing import Pacer
from .plan import AudioPlan
from .requests import render_seconds

__all__ = ["AudioFormat", "AudioSender", "Frame", "frames_and_silence", "frames_of"]

Frame: TypeAlias = str | bytes
"""A WebSocket message: text, or binary."""


def frames_of(tree: Tree, names: Names, codec: Codec) -> list[Frame]:
    """The frames a `send` gives: a mapping through the codec, text and bytes verbatim, a list as several."""
    return _frames(tree.render(names, names.functions), codec)


def frames_and_silence(tree: Tree, names: Names, codec: Codec) -> tuple[list[Frame], int]:
    """The frames a `send` gives, and how many bytes of silence, as the wire takes them, are in them."""
    if "silence" not in tree.functions:
        return frames_of(tree, names, codec), 0
    functions, size = names.functions, 0

    def silence(milliseconds: float) -> bytes:
        nonlocal size
        found: bytes = functions["silence"](milliseconds)
        size += len(found)
        return found

    return _frames(tree.render(names, {**functions, "silence": silence}), codec), size


def _frames(value: Any, codec: Codec) -> list[Frame]:
    if value is NOTHING:
        return []
    if isinstance(value, str | bytes):
        return [value]
    if isinstance(value, list):
        return [frame for item in value for frame in _frames(item, codec)]
    return [codec.encode(value)]


def _plain(tree: Tree | None, names: Names, default: Any) -> Any:
    value = NOTHING if tree is None else tree.render(names, names.functions)
    return default if value is NOTHING or value is None else value


@dataclass(frozen=True)
class AudioFormat:
    """The audio a connection sends.

    Attributes:
        sample_rate: in Hz.
        channels: interleaved.
        encoding: name of the sample encoding.
        chunk_bytes: size of a chunk in the encoding; None: as pushed.
        pace: times real time at most; None: as fast as it comes.
        ahead: seconds of audio that may be sent before their time by `pace`.
    """

    sample_rate: int
    channels: int
    encoding: str
    chunk_bytes: int | None
    pace: float | None
    ahead: float

    @classmethod
    def of(cls, plan: AudioPlan, names: Names, default_rate: int) -> AudioFormat:
        """The format by the options.

        Raises:
            ValueError: a template gave a rate, encoding, chunk, pace or duration that is none.
        """
        rate = int(_plain(plan.sample_rate, names, default_rate))
        channels = int(_plain(plan.channels, names, 1))
        encoding = str(_plain(plan.encoding, names, "pcm_s16le"))
        frame_bytes = channels * bytes_per_sample(encoding)
        chunk = (
            plan.chunk
            if isinstance(plan.chunk, int | float | str)
            else plan.chunk.render(names, names.functions)
        )
        pace = _plain(plan.pace, names, None)
        ahead = render_seconds(plan.ahead, names, "stream.audio.ahead")
        return cls(
            rate, channels, encoding, _chunk_bytes(chunk, rate, frame_bytes), pace and float(pace), ahead
        )

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample frame in the encoding."""
        return self.channels * bytes_per_sample(self.encoding)

    @property
    def bytes_per_second(self) -> int:
        """Bytes of a second in the encoding."""
        return self.sample_rate * self.frame_bytes

    def pacer(self) -> Pacer | None:
        """What holds a connection's input to the pace; None: nothing does."""
        if self.pace is None:
            return None
        message = None
        if self.chunk_bytes is not None:
            message = max(1, self.chunk_bytes // self.frame_bytes) * self.channels * 2
        return Pacer(self.pace, self.ahead, self.sample_rate * self.channels * 2, message)


def _chunk_bytes(chunk: Any, rate: int, frame_bytes: int) -> int | None:
    if isinstance(chunk, str) and chunk.endswith("bytes"):
        return int(chunk[: -len("bytes")]) or None
    seconds = float(chunk) if isinstance(chunk, int | float) else parse_duration(chunk)
    return sample_count(seconds, rate) * frame_bytes if seconds > 0 else None


class AudioSender:
    """Turns input samples into frames for one connection.

    A binary frame is the chunk itself; a JSON frame is rendered once, and per chunk only the base64 text is
    put between the bytes before and after it.

    Arguments:
        plan: the `audio` section.
        format: its settings for this connection.
        names: the connection's names.
        codec: for messages that are no JSON text.
    """

    def __init__(self, plan: AudioPlan, format: AudioFormat, names: Names, codec: Codec) -> None:
        self.format = format
        self.index = 0
        self.sent_bytes = 0
        self._send = plan.send
        self._names = names
        self._codec = codec
        self._is_s16le = format.encoding == "pcm_s16le"
        self._encode = encoder(format.encoding)
        self._chunker = Chunker(format.chunk_bytes, format.frame_bytes)
        # Nearly always what is pushed is one chunk.
        self._whole = self._chunker.size
        self._identity = plan.identity
        self._may_split = not plan.per_chunk
        self._first_only = plan.first_chunk_only
        self._split: Callable[[bytes], list[Frame]] | None = None

    @property
    def pending(self) -> int:
        """Bytes that wait for their chunk to be full."""
        return self._chunker.pending

    def push(self, pcm: bytes | bytearray | memoryview) -> list[Frame]:
        """Frames of s16le samples at the format's rate and channels; what fills no chunk waits."""
        data = pcm if self._is_s16le else self._encode(bytes(pcm))
        if len(data) == self._whole and data.__class__ is bytes and not self._chunker.pending:
            if not self._identity:
                return self._message(data)
            self.index += 1
            self.sent_bytes += self._whole
            return [data]
        frames: list[Frame] = []
        for chunk in self._chunker.push(data):
            frames += self._message(chunk)
        return frames

    def flush(self) -> list[Frame]:
        """The frame of the audio that waits, if any."""
        chunk = self._chunker.flush()
        return [] if not chunk else self._message(chunk)

    def _message(self, chunk: bytes) -> list[Frame]:
        index, self.index = self.index, self.index + 1
        frames: list[Frame] = [chunk] if self._identity else self._written(chunk, index)
        # Afterwards: while it is written, `unflushed_ms` is what was sent before this chunk.
        self.sent_bytes += len(chunk)
        return frames

    def _written(self, chunk: bytes, index: int) -> list[Frame]:
        if index > 0 or not self._first_only:
            if self._split is None and self._may_split:
                self._split = self._splitter(index)
            if self._split is not None:
                return self._split(chunk)
        return self._render(chunk, index)

    def _render(self, chunk: bytes, index: int) -> list[Frame]:
        return _frames(self._value(chunk, index), self._codec)

    def _value(self, chunk: bytes, index: int) -> Any:
        audio = {"data": chunk, "index": index, **self._names["audio"]}
        names = self._names.fork(audio=audio)
        return self._send.render(names, names.functions)

    def _splitter(self, index: int) -> Callable[[bytes], list[Frame]] | None:
        """A function that writes the message around the audio, where the template allows it."""
        # Unlike any text a spec holds, and a multiple of three, so that base64 has no padding.
        marker = secrets.token_bytes(48)
        value = self._value(marker, index)
        if not isinstance(value, dict) or not isinstance(self._codec, JsonCodec):
            self._may_split = False
            return None
        token = b64encode_as_string(marker)
        before, found, after = orjson.dumps(value).decode().partition(token)
        if not found or token in after:
            self._may_split = False
            return None

        def write(chunk: bytes) -> list[Frame]:
            return [before + b64encode_as_string(chunk) + after]

        return write
