"""Traces: what went over the wire of a session, one JSON object a line.

A line has `t` (seconds since the beginning) and one thing that happened, in the words of spec tests: the
app's `audio` (seconds), `flush`, `end_input`; the vendor's `received`, `closed`, `reply`, `refused`; what
went out: `request`, `sent`; and `error`. The first line has `spec` and `options`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..protocol.codecs import Codec, CodecError
from ..protocol.sending import Frame

__all__ = ["Trace", "TraceError", "read_trace", "shown_frame"]

_LONG = 400
"""Characters of a text in a sent message that are kept: audio in base64 says nothing to a reader."""


class TraceError(ValueError):
    """A file is no trace; the message names the line."""


class Trace:
    """A trace that grows.

    Arguments:
        clock: seconds, from anywhere.
        redact: masks secrets in a text.
    """

    def __init__(self, clock: Callable[[], float], redact: Callable[[str], str]) -> None:
        self.lines: list[dict[str, Any]] = []
        self._clock = clock
        self._redact = redact
        self._began = clock()

    def add(self, word: str, value: Any, **more: Any) -> None:
        """Note something that happened now; secrets in it are masked."""
        moment = round(self._clock() - self._began, 3)
        if word == "audio" and self.lines and "audio" in self.lines[-1]:
            # Audio comes in small pieces; what matters is how much came before what.
            self.lines[-1]["audio"] = round(self.lines[-1]["audio"] + value, 6)
            return
        line = {"t": moment, word: value, **more}
        self.lines.append(json.loads(self._redact(json.dumps(line, ensure_ascii=False))))

    def text(self) -> str:
        """The lines of the file."""
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self.lines)


def read_trace(path: Path) -> list[dict[str, Any]]:
    """The lines of a trace file.

    Raises:
        TraceError: it cannot be read, or a line is no JSON object.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TraceError(f"{path} cannot be read: {error}") from None
    return list(_lines(text, path))


def _lines(text: str, path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise TraceError(f"{path}:{number}: not JSON: {error}") from None
        if not isinstance(value, dict):
            raise TraceError(f"{path}:{number}: expected a JSON object")
        yield value


def shown_frame(frame: Frame, codec: Codec, *, whole: bool) -> Any:
    """A frame as a trace has it: the message in it, its text, or what a spec test writes for bytes.

    Arguments:
        whole: keep everything (what the vendor said), else shorten what is long.
    """
    if isinstance(frame, str):
        try:
            value = json.loads(frame)
        except ValueError:
            value = frame
        return value if whole else _shortened(value)
    if whole:
        try:
            return json.loads(json.dumps(codec.decode(frame)))
        except (CodecError, TypeError, ValueError):
            return {"base64": base64.b64encode(frame).decode()}
    return f"{len(frame)} bytes"


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _LONG else f"{value[:40]}… ({len(value)} characters)"
    if isinstance(value, Mapping):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    return value
