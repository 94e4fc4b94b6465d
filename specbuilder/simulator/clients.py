"""What a client sends: its audio, its end of input, and where that differs from what the spec would send."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import orjson

from ..protocol.audio import encoder
from ..protocol.codecs import Codec, CodecError
from ..protocol.sending import AudioFormat, Frame
from .scenes import Scene
from .trees import Place, get, is_samples, leaves

__all__ = ["ClientReader", "request_problems", "samples"]

_SAME = 1000
_LEAST_AUDIO = 32
"""Bytes a value must decode to before it counts as audio."""


def message_of(frame: Frame, codec: Codec) -> Any:
    """The message in a frame: JSON, what the codec finds, or the frame itself."""
    if isinstance(frame, str):
        try:
            return orjson.loads(frame)
        except orjson.JSONDecodeError:
            return frame
    try:
        found = codec.decode(frame)
    except (CodecError, ValueError):
        return frame
    return found if isinstance(found, dict) else frame


class ClientReader:
    """Tells a client's frames apart by what the spec's own would be.

    Arguments:
        scene: shows what the spec would send.
        format: the form of the audio by the spec's options.
    """

    def __init__(self, scene: Scene, format: AudioFormat) -> None:
        stream = scene.settings.plan.stream
        assert stream is not None
        self._codec = stream.codec
        self.format = format
        self._audio_places: set[Place] = set()
        self._binary_audio = False
        for frame in (*scene.spoken, *scene.closing):
            self._learn(frame)
        self._opening = self._messages(scene.opening)
        closing = [message for message in self._messages(scene.closing) if self._bytes(message) is None]
        spoken = [message for message in self._messages(scene.spoken) if self._bytes(message) is not None]
        # A client that only flushes at its end ends with that flush.
        self._kinds = [("finish", one) for one in closing[-1:]]
        self._kinds += [("flush", one) for one in closing[:-1]]
        self._kinds += [("other", one) for one in (*self._opening, *spoken[:1], *spoken[-1:])]

    def _messages(self, frames: Iterable[Frame]) -> list[Any]:
        return [message_of(frame, self._codec) for frame in frames]

    def _learn(self, frame: Frame) -> None:
        message = message_of(frame, self._codec)
        if isinstance(message, bytes):
            self._binary_audio = self._binary_audio or len(message) >= _LEAST_AUDIO
            return
        for path, value in leaves(message):
            data = _decoded(value)
            if data is not None and len(data) >= _LEAST_AUDIO and len(set(data[:64])) == 1:
                # Silence is one byte again and again in every encoding.
                self._audio_places.add(path)

    def _bytes(self, message: Any) -> bytes | None:
        """The audio in a message; None where it is none."""
        if isinstance(message, bytes):
            return message if message and (self._binary_audio or not self._audio_places) else None
        for path in self._audio_places:
            data = _decoded(get(message, path))
            if data:
                return data
        return None

    def audio(self, frame: Frame) -> bytes | None:
        """The audio a frame carries; None where it is another message."""
        return self._bytes(message_of(frame, self._codec))

    def kind(self, frame: Frame) -> str:
        """What a frame means besides the audio it may carry: "finish", "flush" or "other"."""
        message = message_of(frame, self._codec)
        best, kind = 0, "other"
        # Where an end is an audio message without audio, one with audio is none.
        carries = self._bytes(message) is not None
        for name, expected in reversed(self._kinds) if carries else self._kinds:
            likeness = _likeness(message, expected)
            if likeness > best:
                best, kind = likeness, name
        return kind

    @property
    def says_its_end(self) -> bool:
        """Whether the client tells the end of its input at all."""
        return any(kind == "finish" for kind, _ in self._kinds)

    def opening_problems(self, frames: list[Frame]) -> list[str]:
        """How a client's first messages differ from the spec's."""
        found = []
        messages = self._messages(frames)
        for index, expected in enumerate(self._opening):
            if index < len(messages):
                found += _differences(expected, messages[index], f"opening message {index + 1}")
        return found


def _decoded(value: Any) -> bytes | None:
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):
        return np.asarray(value, "<f4").tobytes() if is_samples(value) else None
    if not isinstance(value, str) or len(value) < _LEAST_AUDIO:
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def _likeness(message: Any, expected: Any) -> int:
    """How alike two messages are; 0: not of the same sort.

    Clients put ids, counters and fields of their own into messages, but what tells a message's sort is a text
    or a flag that is set.
    """
    if message == expected:
        return _SAME
    if not isinstance(message, Mapping) or not isinstance(expected, Mapping):
        return 0
    one, other = dict(leaves(expected)), dict(leaves(message))
    if any(value is True and other.get(path) is not True for path, value in one.items()):
        return 0
    equal = [value for path, value in one.items() if path in other and other[path] == value]
    if not any(value is True or (isinstance(value, str) and value) for value in equal):
        return 0
    return len(equal)


def _differences(expected: Any, came: Any, place: str) -> list[str]:
    """Where a message differs, by its leaves; values are not told, for they may be secret."""
    if isinstance(expected, dict) and isinstance(came, dict):
        one, other = dict(leaves(expected)), dict(leaves(came))
        names = {path: ".".join(map(str, path)) for path in (*one, *other)}
        return (
            [f"{place}: {names[path]} is missing" for path in one if path not in other]
            + [f"{place}: {names[path]} is not the spec's" for path in other if path not in one]
            + [
                f"{place}: {names[path]} has another value"
                for path in one
                if path in other and one[path] != other[path]
            ]
        )
    return [] if type(expected) is type(came) else [f"{place}: another kind of message"]


def request_problems(
    expected_url: str, url: str, headers: Mapping[str, str], expected_headers: Iterable[str]
) -> list[str]:
    """How a client's query and header names differ from what the spec would send.

    Arguments:
        headers: the client's, whatever their case.
        expected_headers: names.
    """
    one, other = (
        parse_qsl(urlsplit(address).query, keep_blank_values=True) for address in (expected_url, url)
    )
    names, came = {name for name, _ in one}, {name for name, _ in other}
    found = [f"query: {name} is missing" for name, _ in one if name not in came]
    found += [f"query: {name} is not the spec's" for name, _ in other if name not in names]
    found += [
        f"query: {name} has another value"
        for name in sorted(names & came)
        if sorted(value for key, value in one if key == name)
        != sorted(value for key, value in other if key == name)
    ]
    lower = {name.lower() for name in headers}
    return found + [f"headers: {name} is missing" for name in expected_headers if name.lower() not in lower]


def samples(data: bytes, encoding: str) -> bytes:
    """Encoded audio as 16-bit samples.

    Arguments:
        encoding: pcm_s16le, pcm_s32le, pcm_f32le, alaw or mulaw.
    """
    if encoding == "pcm_s16le":
        return data
    if encoding == "pcm_s32le":
        return bytes((np.frombuffer(data[: len(data) // 4 * 4], "<i4") >> 16).astype("<i2").tobytes())
    if encoding == "pcm_f32le":
        floats = np.frombuffer(data[: len(data) // 4 * 4], "<f4")
        return bytes((np.clip(floats, -1.0, 1.0) * 32767).astype("<i2").tobytes())
    # The engine's own encoder read backwards: for each code, a sample that gives it.
    every = np.arange(-32768, 32768, dtype="<i2")
    codes = np.frombuffer(encoder(encoding)(every.tobytes()), np.uint8)
    table = np.zeros(256, dtype="<i2")
    table[codes] = every
    return bytes(table[np.frombuffer(data, np.uint8)].tobytes())
