"""A trace played through a spec, line by line, on the stage that spec tests use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..protocol.http import Reply
from ..protocol.spec import Spec
from ..testing.clock import DEFAULT_TIME, Clock
from ..testing.recognitions import RecognizeStage
from ..testing.stage import Stage, Surroundings
from ..testing.streaming import StreamStage
from ..testing.views import body_bytes
from ..testing.watch import Watch

__all__ = ["options_of", "play", "stage_for"]

_APP = ("audio", "flush", "end_input")
_VENDOR = ("received", "closed", "reply", "refused")


def options_of(spec: Spec, lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The options a trace was recorded with; secrets are not in it, so required ones get a test's value."""
    given = next((dict(line.get("options") or {}) for line in lines if "spec" in line), {})
    options = spec.options.options.values()
    hidden = (one.name for one in options if one.secret and one.required and one.name not in given)
    return {**given, **dict.fromkeys(hidden, "test-secret")}


def stage_for(
    spec: Spec,
    lines: Sequence[Mapping[str, Any]],
    watch: Watch | None = None,
    stream_stage: type[StreamStage] = StreamStage,
) -> Stage:
    """A stage with the trace's options: a recognition where the trace has no stream.

    Raises:
        TypeError, ValueError: the spec refuses the options.
    """
    options = options_of(spec, lines)
    key = options.pop("api_key", "test-key" if spec.options.api_key is not None else None)
    around = Surroundings(spec, key, Clock(DEFAULT_TIME), watch or Watch(spec), {})
    settings = around.settle(options)
    streams = any(word in line for line in lines for word in ("received", "closed", "end_input", "refused"))
    recognize = settings.plan.recognize
    if recognize is not None and not recognize.over_stream and (not streams or settings.plan.stream is None):
        return RecognizeStage(around, settings)
    return stream_stage(around, settings)


def play(stage: Stage, lines: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Play what the app and the vendor did; gives each action before it is done, as a test writes it."""
    for line in lines:
        word = next((name for name in (*_APP, *_VENDOR) if name in line), None)
        if word is None or stage.over:
            continue
        value = line[word]
        if word == "audio":
            milliseconds = max(1, round(float(value) * 1000))
            yield word, f"{milliseconds}ms"
            stage.audio(milliseconds / 1000)
        elif word in ("flush", "end_input"):
            yield word, None
            getattr(stage, word)()
        elif word in ("reply", "refused"):
            yield word, {"status": value.get("status", 500), "body": value.get("body")}
            getattr(stage, word)(Reply(value.get("status", 500), {}, body_bytes(value.get("body"))))
        elif word == "closed":
            code = value if isinstance(value, int) else 1006
            yield word, code
            stage.closed(code)
        else:
            yield word, value
            stage.received(value)
