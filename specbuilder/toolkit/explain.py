"""A trace, message by message: which rules matched, what selectors gave, which events came and which not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import stt

from ..expressions.selectors import SelectorTypeError, compile_selector
from ..expressions.trees import Tree
from ..language.errors import format_path
from ..language.loader import load
from ..language.merge import merge_values
from ..protocol.reading import MessageScope
from ..protocol.session import StreamSession
from ..protocol.spec import Spec
from ..protocol.transcript import TranscriptPlan
from ..testing.stage import NotNow, Stage
from ..testing.streaming import StreamStage
from ..testing.views import error_view, event_view
from ..testing.watch import Watch
from .playing import play, stage_for

__all__ = ["Step", "explain", "format_steps"]

_WIDE = 160
_SKIPPED = ("unit", "metadata")


@dataclass(frozen=True)
class Matched:
    """A rule that ran.

    Attributes:
        place: its path in the spec.
        when: its condition, "" for none.
        values: what each selector gave: state by name, fields of transcripts.
        events: the events it made, why one did not come out, and whether it sent something.
    """

    place: str
    when: str
    values: dict[str, Any] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Step:
    """One thing that happened, and what the spec made of it.

    Attributes:
        what: received, closed, reply, ...
        matched: the rules that ran, in order.
        skipped: rules that did not, with why.
        notes: what else held: rows of errors, opening messages, `over`.
        events: what came out.
        error: what it ended with, "" for nothing.
    """

    what: str
    value: Any
    matched: tuple[Matched, ...]
    skipped: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    events: tuple[str, ...]
    error: str


class _Log:
    """What rules do while a message is read, in order. `written` is the spec's value."""

    def __init__(self, written: Mapping[str, Any]) -> None:
        self.rules: list[Matched] = []
        self.rows: list[str] = []
        self.written = written

    def take(self) -> tuple[list[Matched], list[str]]:
        rules, rows = self.rules, self.rows
        self.rules, self.rows = [], []
        return rules, rows

    def reached(self, place: str) -> None:
        if ".emit." in place:
            return
        if place.endswith("stream.over"):
            self.rows.append(f"{place} holds: the vendor has ended this recognition")
        elif place.startswith(("stream.rules", "stream.on_close")) or ".stream." in place:
            when = _at(self.written, place).get("when")
            self.rules.append(Matched(place, "" if when is None else str(when)))
        else:
            self.rows.append(f"{place} matched")

    @property
    def current(self) -> Matched:
        return self.rules[-1] if self.rules else Matched("", "")


class _LoggingWatch(Watch):
    """Tells a log every place as it is reached."""

    def __init__(self, spec: Spec, log: _Log) -> None:
        super().__init__(spec)
        self._log = log

    def _reach(self, place: str) -> None:
        super()._reach(place)
        self._log.reached(place)


def _logging_session(log: _Log, transcripts: _Transcripts) -> type[StreamSession]:
    """A session that tells a log what its rules do."""

    class Session(StreamSession):
        def set_state(self, name: str, value: Any) -> None:
            log.current.values[f"set {name}"] = value
            super().set_state(name, value)

        def add_state(self, name: str, value: Any) -> None:
            log.current.values[f"add {name}"] = value
            super().add_state(name, value)

        def clear_state(self, name: str) -> None:
            log.current.values[f"clear {name}"] = ""
            super().clear_state(name)

        def send(self, message: Tree) -> None:
            super().send(message)
            log.current.events.append("a message to the vendor")

        def emit(self, kind: stt.SpeechEventType, item: Any, transcript: TranscriptPlan) -> None:
            rule = log.current
            found = transcripts.values(rule.place, item, self.scope)
            if kind.value.endswith("_transcript"):
                rule.values.update(found)
            before, speaking = len(self.turn.events), self.turn.speaking
            super().emit(kind, item, transcript)
            if len(self.turn.events) > before:
                rule.events.append(kind.value)
            else:
                rule.events.append(f"{kind.value}: not emitted, {_why(kind, found, speaking)}")

    return Session


def _why(kind: stt.SpeechEventType, found: Mapping[str, Any], speaking: bool) -> str:
    if kind is stt.SpeechEventType.START_OF_SPEECH:
        return "the user is speaking already"
    if kind is stt.SpeechEventType.END_OF_SPEECH:
        return "it waits for the final it ends" if speaking else "nobody is speaking"
    text = found.get("text")
    if text is None or not str(text).strip():
        return f"its text is {json.dumps(text)}"
    return "the same was said just before, or interim results are off"


class _Transcripts:
    """The transcript of each rule as it is written, and what its selectors give.

    Attributes:
        spec: the whole spec with the chosen variant merged in.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.spec = spec

    def written(self, place: str, exchange: str = "stream") -> dict[str, Any]:
        """The merged transcript of a rule."""
        found = merge_values(
            self.spec.get("transcript") or {}, (self.spec.get(exchange) or {}).get("transcript") or {}
        )
        path = place[place.find("stream.") :] if place else ""
        for outer in _outer_places(path):
            found = merge_values(found, _at(self.spec, outer).get("transcript") or {})
        return found

    def values(self, place: str, item: Any, scope: MessageScope, exchange: str = "stream") -> dict[str, Any]:
        """What each selector of a rule's transcript gives for an item; of several alternatives the first."""
        written = self.written(place, exchange)
        each = written.pop("each", None)
        if each is not None:
            items = _read(each, item, scope)
            item = items[0] if isinstance(items, list) and items else None
        found: dict[str, Any] = {}
        for name, text in written.items():
            if name == "words":
                words = _read(text.get("each"), item, scope)
                found["words"] = f"{len(words)} words" if isinstance(words, list) else words
            elif name not in _SKIPPED:
                found[name] = _read(text["value"] if isinstance(text, Mapping) else text, item, scope)
        return found


def _read(text: Any, item: Any, scope: MessageScope) -> Any:
    try:
        return compile_selector(str(text))(item, scope)
    except SelectorTypeError as error:
        return f"<{error}>"


def _outer_places(place: str) -> Iterator[str]:
    """The place of a rule and of those it is nested in, outermost first."""
    parts = place.split(".rules")
    for count in range(1, len(parts)):
        yield ".rules".join(parts[: count + 1])
    if len(parts) == 1 and place:
        yield place


def _at(value: Any, place: str) -> Mapping[str, Any]:
    """What stands at a place written as a path; an empty mapping where nothing does."""
    for part in place.replace("[", ".").replace("]", "").split("."):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, Mapping):
            value = value.get(part)
    return value if isinstance(value, Mapping) else {}


# -- steps -------------------------------------------------------------------------------------------------


def explain(source: Any, spec: Spec, lines: Sequence[Mapping[str, Any]]) -> Iterator[Step]:
    """What the spec makes of a trace.

    Arguments:
        source: where the spec came from.

    Raises:
        TypeError, ValueError: the spec refuses the options of the trace.
    """
    log, transcripts = _Log(spec.document.value), _Transcripts(spec.document.value)

    class Explained(StreamStage):
        session_type = _logging_session(log, transcripts)

    stage = stage_for(spec, lines, _LoggingWatch(spec, log), Explained)
    if stage.settings.plan is not spec.base:
        # The chosen variant, merged in.
        transcripts.spec = load(source).variants[spec.plans.index(stage.settings.plan)][1].value
    before: tuple[str, Any] | None = None
    try:
        for action in play(stage, lines):
            # The action before this one is done by now.
            if before is not None:
                yield _step(*before, stage, log, transcripts)
            before = action
    except NotNow as problem:
        stage.error = stage.error or ValueError(str(problem))
    if before is not None:
        yield _step(*before, stage, log, transcripts)


def _step(word: str, value: Any, stage: Stage, log: _Log, transcripts: _Transcripts) -> Step:
    rules, rows = log.take()
    events, stage.events = stage.events, []
    error = stage.settled_error()
    if word == "reply" and events and not rules:
        given = transcripts.values("", value.get("body"), MessageScope({}, ""), "recognize")
        rules = [Matched("recognize.transcript", "", given)]
    skipped = _skipped(transcripts.spec, value, {rule.place for rule in rules}) if word == "received" else ()
    return Step(
        word,
        value,
        tuple(rules),
        tuple(skipped),
        tuple(rows),
        tuple(_event_text(event, stage) for event in events),
        "" if error is None else _error_text(error),
    )


def _skipped(spec: Mapping[str, Any], message: Any, ran: set[str]) -> Iterator[tuple[str, str]]:
    for index, rule in enumerate((spec.get("stream") or {}).get("rules") or []):
        place = format_path(("stream", "rules", index))
        if not any(name == place or name.endswith(f".{place}") for name in ran):
            yield place, _reason(str(rule.get("when", "")), message)


def _reason(when: str, message: Any) -> str:
    """Why a condition does not hold, as far as a field's value tells it."""
    if not when:
        return "'each' gives no items"
    for field_path, wanted in compile_selector(when).equalities:
        value = message
        for name in field_path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if value != wanted:
            return f"{'.'.join(field_path)} is {_short(value)}, not {_short(wanted)}"
    return f"{when} does not hold"


def _event_text(event: stt.SpeechEvent, stage: Stage) -> str:
    view = event_view(event, stage.anchor)
    kind = event.type.value
    if not kind.endswith("_transcript"):
        return kind
    times = f" {view['start']:g}-{view['end']:g} s" if view.get("end") else ""
    return f"{kind} {_short(view[kind])}{times}"


def _error_text(error: Exception) -> str:
    view = error_view(error, "")
    status = f"status {view['status']}, " if view.get("status") is not None else ""
    again = "" if "retryable" not in view else ", retryable" if view["retryable"] else ", fatal"
    return f"{status}{view['message']}{again}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _WIDE else text[: _WIDE - 1] + "…"


def format_steps(steps: Sequence[Step]) -> str:
    """Steps as text for people."""
    lines: list[str] = []
    for number, step in enumerate(steps, 1):
        lines.append(f"{number:>4} {step.what}" + ("" if step.value is None else f" {_short(step.value)}"))
        lines += [f"       {note}" for note in step.notes]
        for rule in step.matched:
            lines.append(f"       {rule.place}" + (f"  when {rule.when}" if rule.when else ""))
            lines += [
                f"         {name}" + ("" if name.startswith("clear ") else f" = {_short(value)}")
                for name, value in rule.values.items()
            ]
            lines += [f"         -> {event}" for event in rule.events]
        lines += [f"       not {place}: {why}" for place, why in step.skipped]
        lines += [f"     * {event}" for event in step.events]
        if step.what == "received" and not (step.matched or step.notes or step.events or step.error):
            lines.append("       ignored: no rule matched")
        if step.error:
            lines.append(f"     ! {step.error}")
    return "\n".join(lines)
