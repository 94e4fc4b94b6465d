"""Running a spec's tests: scripts against the pure core, without a network and in no time.

A script's items are what the app does (`audio flush end_input update wait`), what the vendor does
(`reply refused received closed`) and what is expected (`request connect sent events error ended`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..language.durations import parse_duration
from ..language.errors import Path
from ..protocol.http import Reply
from ..protocol.spec import Spec
from .clock import DEFAULT_TIME, Clock, parse_time
from .expectations import Expectations
from .recognitions import PushedStage, RecognizeStage
from .results import Coverage, Failure, TestResult
from .stage import NotNow, Stage, Surroundings
from .streaming import StreamStage
from .views import body_bytes, error_view
from .watch import Watch, coverable

__all__ = ["ACTIONS", "coverage", "run_test", "run_tests"]

TEST_KEY = "test-key"
"""The key of a test that gives none."""


def run_tests(spec: Spec, only: str | None = None) -> list[TestResult]:
    """Run the tests of a spec.

    Arguments:
        only: the name of the one test to run.

    Returns:
        a result for each test, in their order. A test that fails is a result, never an exception.
    """
    watch = Watch(spec)
    return [
        _Run(spec, test, ("tests", index), watch).result()
        for index, test in enumerate(_tests(spec))
        if only is None or test["name"] == only
    ]


def run_test(spec: Spec, index: int) -> TestResult:
    """Run one test of a spec, by its place in the list."""
    return _Run(spec, _tests(spec)[index], ("tests", index), Watch(spec)).result()


def _tests(spec: Spec) -> list[Mapping[str, Any]]:
    return spec.document.value.get("tests") or []


def coverage(spec: Spec, results: list[TestResult]) -> Coverage:
    """What the results reached of the spec, and what none of them did."""
    places = coverable(spec)
    reached = frozenset().union(*(result.coverage for result in results)) & places.keys()
    missed = tuple((place, mark) for place, mark in places.items() if place not in reached)
    return Coverage(reached, tuple(sorted(missed, key=lambda one: (one[1].line or 0, one[1].column or 0))))


class _Run:
    """One test."""

    def __init__(self, spec: Spec, test: Mapping[str, Any], path: Path, watch: Watch) -> None:
        self._spec = spec
        self._test = test
        self._path = path
        self._watch = watch
        self._failures: list[Failure] = []

    def result(self) -> TestResult:
        """Run the test."""
        self._watch.take()
        section = "stream" if "stream" in self._test else "recognize"
        try:
            stage = self._stage(section)
            self._play(stage, section)
        except _Stop:
            pass
        return TestResult(
            str(self._test.get("name", "")),
            self._spec.document.mark(self._path),
            tuple(self._failures),
            self._watch.take(),
        )

    def _fail(self, path: Path, what: str, expected: str = "", came: str = "", diff: str = "") -> None:
        self._failures.append(Failure(self._spec.document.mark(path), what, expected, came, diff))

    # -- the stage -----------------------------------------------------------------------------------------

    def _stage(self, section: str) -> Stage:
        options = dict(self._test.get("options") or {})
        default = TEST_KEY if self._spec.options.api_key is not None else None
        key = options.pop("api_key", default)
        around = Surroundings(self._spec, key, Clock(self._time()), self._watch, {})
        try:
            settings = around.settle(options)
            recognize = settings.plan.recognize
            if section == "recognize" and recognize is not None and not recognize.over_stream:
                return RecognizeStage(around, settings)
            if settings.plan.stream is None:
                raise ValueError(f"there is no {section} with these options")
            if section == "recognize":
                return PushedStage(around, settings)
            stage = StreamStage(around, settings)
            if not stage.capable("streaming", settings.names()):
                raise ValueError("there is no stream with these options: capabilities.streaming is false")
            return stage
        except (TypeError, ValueError) as error:
            self._refused(section, error)
            raise _Stop from None

    def _time(self) -> float:
        try:
            return parse_time(self._test.get("at", DEFAULT_TIME))
        except ValueError as error:
            self._fail((*self._path, "at"), f"not a time: {error}")
            raise _Stop from None

    def _refused(self, section: str, error: Exception) -> None:
        """The options were refused: a script may expect just that."""
        script = self._test.get(section) or []
        path = (*self._path, section)
        if len(script) == 1 and isinstance(script[0], Mapping) and "error" in script[0]:
            view = error_view(error, self._spec.name)
            self._expectations().compare_error(view, script[0]["error"], (*path, 0))
        else:
            self._fail((*self._path, "options"), f"the options were refused: {error}")

    def _expectations(self) -> Expectations:
        return Expectations(self._spec, self._fail)

    # -- the script ----------------------------------------------------------------------------------------

    def _play(self, stage: Stage, section: str) -> None:
        expectations = self._expectations()
        for index, item in enumerate(self._test.get(section) or []):
            path = (*self._path, section, index)
            word, value = next(iter(item.items())) if isinstance(item, Mapping) else (item, None)
            action = ACTIONS.get(word)
            if action is not None:
                self._act(stage, path, word, partial(action, stage, value))
            elif not expectations.check(word, value, stage, path):
                self._fail(path, f"there is no step {word!r}")
                raise _Stop
        if stage.error is not None:
            self._fail(self._path, f"an error came that the script does not expect: {_told(stage.error)}")

    def _act(self, stage: Stage, path: Path, word: str, action: Callable[[], None]) -> None:
        if stage.error is not None:
            self._fail(path, f"{word}: an error came before that: {_told(stage.error)}")
            stage.error = None
            raise _Stop
        try:
            action()
        except (NotNow, ValueError) as problem:
            self._fail(path, f"{word}: {problem}")
            raise _Stop from None


class _Stop(Exception):
    """The rest of the script makes no sense any more."""


def _told(error: Exception) -> str:
    view = error_view(error, "")
    status = f"status {view['status']}, " if view.get("status") is not None else ""
    return f"{status}{view['message']}"


def _reply(value: Mapping[str, Any]) -> Reply:
    headers = {str(name).lower(): str(text) for name, text in (value.get("headers") or {}).items()}
    return Reply(value["status"], headers, body_bytes(value.get("body")))


ACTIONS: Mapping[str, Callable[[Stage, Any], None]] = {
    "audio": lambda stage, value: stage.audio(parse_duration(value)),
    "flush": lambda stage, value: stage.flush(),
    "end_input": lambda stage, value: stage.end_input(),
    "update": lambda stage, value: stage.update(value),
    "wait": lambda stage, value: stage.wait(parse_duration(value)),
    "reply": lambda stage, value: stage.reply(_reply(value)),
    "refused": lambda stage, value: stage.refused(_reply(value)),
    "received": lambda stage, value: stage.received(value),
    "closed": lambda stage, value: stage.closed(value),
}
