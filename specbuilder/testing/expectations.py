"""The expecting items of a script: what came since the last one is held against them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from livekit.agents import stt

from ..language.errors import Path
from ..protocol.spec import Spec
from .matching import ANYTHING, align, diff, exact, filled, loose, matches_text
from .stage import Stage
from .views import connect_view, error_view, event_view, frame_view, request_view

__all__ = ["Expectations"]

_USAGE = "recognition_usage"
_EVENTS = frozenset(kind.value for kind in stt.SpeechEventType)


class _Fail(Protocol):
    def __call__(self, path: Path, what: str, expected: str = "", came: str = "", diff: str = "") -> None: ...


class Expectations:
    """Checks the expecting items of one script.

    Arguments:
        fail: told every item that does not hold.
    """

    def __init__(self, spec: Spec, fail: _Fail) -> None:
        self._spec = spec
        self._fail = fail
        self._checks: Mapping[str, Callable[[Any, Stage, Path], None]] = {
            "request": self._request,
            "connect": self._connect,
            "sent": self._sent,
            "events": self._events,
            "error": self._error,
            "ended": self._ended,
        }

    def check(self, word: str, value: Any, stage: Stage, path: Path) -> bool:
        """Check an item.

        Returns whether there is such an item at all.
        """
        check = self._checks.get(word)
        if check is None:
            return False
        check(value, stage, path)
        return True

    def _differ(self, path: Path, what: str, pairs: Sequence[tuple[Any, Any]]) -> None:
        expected, came, text = diff(pairs)
        self._fail(path, what, expected, came, text)

    # -- going out -----------------------------------------------------------------------------------------

    def _request(self, expected: Mapping[str, Any], stage: Stage, path: Path) -> None:
        stage.begin()
        if not stage.requests:
            self._fail(path, "no request was sent" + _why(stage))
            return
        view = request_view(stage.requests.pop(0), expected)
        self._compare(path, "another request was sent", expected, view, _same_request)

    def _connect(self, expected: str | Mapping[str, Any], stage: Stage, path: Path) -> None:
        stage.begin()
        if not stage.connects:
            self._fail(path, "no connection was asked for" + _why(stage))
            return
        wanted = {"get": expected} if isinstance(expected, str) else expected
        view = connect_view(stage.connects.pop(0), wanted)
        self._compare(path, "another connection was asked for", wanted, view, _same_request)

    def _compare(
        self, path: Path, what: str, expected: Any, came: Any, same: Callable[[Any, Any], bool]
    ) -> None:
        if not same(expected, came):
            self._differ(path, what, [(filled(expected, came, same), came)])

    def _sent(self, expected: list[Any], stage: Stage, path: Path) -> None:
        stage.ready()
        frames, stage.frames = stage.frames, []
        plan = stage.plan.stream
        assert plan is not None
        codec = plan.codec
        pairs = align(expected, frames, lambda one, frame: exact(one, frame_view(frame, one, codec)))
        views = [(one, None if frame is None else frame_view(frame, one, codec)) for one, frame in pairs]
        if not all(one is not None and came is not None and exact(one, came) for one, came in views):
            self._differ(
                path,
                f"other messages were sent ({len(frames)} instead of {len(expected)})"
                if len(frames) != len(expected)
                else "other messages were sent",
                [(None if one is None else filled(one, came, exact), came) for one, came in views],
            )

    # -- coming out ----------------------------------------------------------------------------------------

    def _events(self, expected: list[Any], stage: Stage, path: Path) -> None:
        stage.ready()
        events, stage.events = stage.events, []
        wanted = [_as_mapping(item) for item in expected]
        listed = any(_USAGE in item for item in wanted)
        views = [event_view(event, stage.anchor) for event in events if listed or not _is_own(event, stage)]
        pairs = align(wanted, views, _same_event)
        if not all(one is not None and came is not None and _same_event(one, came) for one, came in pairs):
            self._differ(path, "other events came", [_shown_events(one, came) for one, came in pairs])

    def _error(self, expected: Mapping[str, Any], stage: Stage, path: Path) -> None:
        if stage.error is None:
            stage.ready()
        error = stage.settled_error()
        if error is None:
            self._fail(path, "no error came" + _why(stage))
            return
        self.compare_error(error_view(error, self._spec.name), expected, path)

    def compare_error(self, came: Mapping[str, Any], expected: Mapping[str, Any], path: Path) -> None:
        """Hold an error against what an item lists."""

        def same(one: Any, other: Any) -> bool:
            return all(_same_field(key, value, other.get(key)) for key, value in one.items())

        if not same(expected, came):
            self._differ(path, "another error came", [(dict(expected), dict(came))])

    def _ended(self, value: Any, stage: Stage, path: Path) -> None:
        stage.ready()
        if not stage.ended:
            self._fail(path, "it has not ended" + _why(stage))


def _why(stage: Stage) -> str:
    """What may explain that something did not happen."""
    if stage.error is not None:
        return f": an error came, {error_view(stage.error, '')['message']}"
    return ", it has ended" if stage.ended else stage.waiting()


def _same_field(key: str, expected: Any, came: Any) -> bool:
    return matches_text(expected, came) if key == "message" else expected == came


def _same_request(expected: Any, came: Any) -> bool:
    if not isinstance(expected, Mapping) or not isinstance(came, Mapping):
        return matches_text(expected, came)
    for key, value in expected.items():
        found = came.get(key)
        if key in ("json", "subprotocols"):
            same = exact(value, found)
        elif key in ("form", "multipart"):
            same = _same_parts(value, found)
        elif key == "headers":
            same = all(matches_text(text, (found or {}).get(name)) for name, text in value.items())
        else:
            same = matches_text(value, found)
        if not same:
            return False
    return True


def _same_parts(expected: Mapping[str, Any], came: Any) -> bool:
    return all(_same_part(value, came.get(name)) for name, value in expected.items())


def _same_part(expected: Any, came: Any) -> bool:
    if isinstance(expected, Mapping | list):
        return exact(expected, came)
    return bool(expected in (ANYTHING, came))


def _as_mapping(item: Any) -> dict[str, Any]:
    """An expected event with its name as a key; a number for usage is its seconds."""
    if isinstance(item, str):
        return {item: ANYTHING}
    usage = item.get(_USAGE)
    if isinstance(usage, int | float):
        return {**item, _USAGE: {"audio_duration": usage}}
    return dict(item)


def _name(item: Mapping[str, Any]) -> str:
    return next((key for key in item if key in _EVENTS), "")


def _same_event(expected: Mapping[str, Any], came: Mapping[str, Any]) -> bool:
    name = _name(expected)
    if name not in came:
        return False
    for key, value in expected.items():
        found = came.get(key)
        # A bare name says nothing of its value, and neither does null.
        if not (key == name and value is None) and not loose(value, found):
            return False
    return True


def _shown_events(expected: Mapping[str, Any] | None, came: Mapping[str, Any] | None) -> tuple[Any, Any]:
    """The two sides of a diff, the event that came cut down to what was asked of it."""
    if came is None:
        return expected, None
    if expected is None or _name(expected) not in came:
        return expected, {_name(came): came[_name(came)]}
    cut = {key: came.get(key) for key in expected}
    return filled(expected, cut, loose), cut


def _is_own(event: stt.SpeechEvent, stage: Stage) -> bool:
    """Whether a usage event is one that no message of the script makes: the engine counts by itself too."""
    usage = event.recognition_usage
    if event.type is not stt.SpeechEventType.RECOGNITION_USAGE or usage is None:
        return False
    mapped = stage.mapped_usage
    if mapped is not None and mapped.counts_audio:
        return False
    return mapped is None or not (usage.input_tokens or usage.output_tokens)
