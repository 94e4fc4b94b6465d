"""A trace becomes a test of a spec: what the vendor said, and what the spec makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from livekit.agents import stt

from ..protocol.spec import Spec
from ..testing.stage import NotNow, Stage
from ..testing.streaming import StreamStage
from ..testing.views import connect_view, error_view, event_view, frame_view, request_view
from .playing import options_of, play, stage_for

__all__ = ["test_from_trace", "written_test"]

_LONG = 200
"""Characters of a text, or items of a list, in a sent message that are written out."""

_MANY = 12
"""Messages that were sent at once and are written out; more are only audio, and say nothing."""


def test_from_trace(spec: Spec, lines: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """The test that a trace gives, expectations included; it passes with this spec.

    Raises:
        TypeError, ValueError: the spec refuses the options of the trace, or cannot have had this session.
    """
    stage = stage_for(spec, lines)
    streams = isinstance(stage, StreamStage)
    items: list[Any] = []
    try:
        for word, value in play(stage, lines):
            # A recognition begins with its audio, and nothing comes before that.
            if streams or word != "audio":
                items += _came(stage, accepted=word != "refused")
            items.append(word if value is None else {word: value})
        items += _came(stage)
    except NotNow as problem:
        raise ValueError(f"the trace does not fit the spec: {problem}") from None
    test: dict[str, Any] = {"name": name}
    if options := options_of(spec, lines):
        test["options"] = options
    test["stream" if streams else "recognize"] = items
    return test


test_from_trace.__test__ = False  # type: ignore[attr-defined]  # pytest must not take it for a test


def _came(stage: Stage, *, accepted: bool = True) -> Iterator[Any]:
    """Expectations of everything that has come out and was not written yet.

    Arguments:
        accepted: a handshake under way is.
    """
    stage.begin()
    while stage.requests:
        yield {"request": _public(request_view(stage.requests.pop(0), {}))}
    while stage.connects:
        yield {"connect": connect_view(stage.connects.pop(0), {})["get"]}
    if accepted and isinstance(stage, StreamStage) and stage.error is None:
        stage.ready()
    frames, stage.frames = stage.frames, []
    if frames and len(frames) <= _MANY and stage.plan.stream is not None:
        codec = stage.plan.stream.codec
        yield {"sent": [_readable(frame_view(frame, {}, codec)) for frame in frames]}
    elif frames:
        yield {"sent": ["*"] * len(frames)}
    events, stage.events = stage.events, []
    written = [_event(event) for event in events if not _is_own(event, stage)]
    if written:
        yield {"events": written}
    error = stage.settled_error()
    if error is not None:
        view = error_view(error, stage.around.spec.name)
        yield {"error": {key: value for key, value in view.items() if value is not None}}
    if stage.ended:
        yield "ended"


def _readable(value: Any) -> Any:
    """A sent message without what nobody reads: audio, in base64 or not, may be anything."""
    if isinstance(value, bytes):
        return "*"
    if isinstance(value, str):
        return value if len(value) <= _LONG else "*"
    if isinstance(value, Mapping):
        return {key: _readable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_readable(item) for item in value] if len(value) <= _LONG else "*"
    return value


def _public(view: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in view.items() if key in ("get", "post", "delete")}


def _event(event: stt.SpeechEvent) -> Any:
    view = event_view(event, None)
    kind = event.type.value
    if kind == "recognition_usage":
        return {kind: {name: value for name, value in view[kind].items() if value}}
    if not kind.endswith("_transcript"):
        return kind
    shown = {name: view.get(name) for name in ("start", "end", "speaker") if view.get(name)}
    return {kind: view[kind], **{n: round(v, 6) if isinstance(v, float) else v for n, v in shown.items()}}


def _is_own(event: stt.SpeechEvent, stage: Stage) -> bool:
    """Usage that the engine counts by itself is no part of what the vendor said."""
    usage = event.recognition_usage
    if event.type is not stt.SpeechEventType.RECOGNITION_USAGE or usage is None:
        return False
    mapped = stage.mapped_usage
    if mapped is not None and mapped.counts_audio:
        return False
    return mapped is None or not (usage.input_tokens or usage.output_tokens)


def written_test(test: Mapping[str, Any]) -> str:
    """A test as the YAML that goes below `tests:`."""
    lines = [f"  - name: {_flow(test['name'])}"]
    if "options" in test:
        lines.append(f"    options: {_flow(test['options'])}")
    section = "stream" if "stream" in test else "recognize"
    lines.append(f"    {section}:")
    for item in test[section]:
        if isinstance(item, str):
            lines.append(f"      - {item}")
        else:
            word, value = next(iter(item.items()))
            lines.append(f"      - {word}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, width=1_000_000, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
