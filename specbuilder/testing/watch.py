"""Which parts of a spec a test reaches.

A copy of the compiled plan notes its rules, events, error rows, opening steps, close codes and `over` as they
are used. Real sessions run the plan itself, so noting costs them nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..expressions.selectors import compile_selector
from ..expressions.templates import NO_FUNCTIONS, Condition, Functions
from ..language.document import Document
from ..language.errors import Mark, Path, format_path
from ..protocol.errors import CloseTable, ErrorTable
from ..protocol.plan import OpenStep, Plan, StreamPlan
from ..protocol.reading import Reading
from ..protocol.rules import Rule, RuleList
from ..protocol.spec import Spec

__all__ = ["Watch", "coverable"]

_Note = Callable[[], None]

_ALWAYS = compile_selector("`true`")


def _noted(reading: Reading | None, place: str, note: _Note) -> Reading:
    """A copy of a condition that tells when it held; None holds always."""
    return Reading(_ALWAYS if reading is None else reading.selector, place).watched(note)


class _NotedCondition(Condition):
    """A condition about options that tells when it held; None holds always."""

    __slots__ = ("_note",)

    def __init__(self, condition: Condition | None, note: _Note) -> None:
        super().__init__("true" if condition is None else condition.text)
        self._note = note

    def holds(self, names: Mapping[str, Any], functions: Functions = NO_FUNCTIONS) -> bool:
        held: bool = super().holds(names, functions)
        if held:
            self._note()
        return held


@dataclass(frozen=True)
class _NotedCloseTable(CloseTable):
    """Close codes that tell which of them was met."""

    note: Callable[[str], None] = lambda code: None

    def status(self, code: int) -> int:
        if code in self.codes:
            self.note(str(code))
        else:
            for low, high, _ in self.ranges:
                if low <= code <= high:
                    self.note(f"{low}-{high}")
                    break
        return super().status(code)


class Watch:
    """Notes which places of a spec are reached."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._plans: dict[int, Plan] = {}
        self._reached: set[str] = set()

    def take(self) -> frozenset[str]:
        """The places reached since the last call."""
        reached, self._reached = frozenset(self._reached), set()
        return reached

    def plan(self, plan: Plan) -> Plan:
        """The copy of one of the spec's plans that notes what is used."""
        found = self._plans.get(id(plan))
        if found is None:
            index = self._spec.plans.index(plan) if plan is not self._spec.base else None
            found = _Copy(self._spec.document, index, self._reach).plan(plan)
            self._plans[id(plan)] = found
        return found

    def _reach(self, place: str) -> None:
        self._reached.add(place)


class _Copy:
    """Copies one plan; `variant` is its index, None for the spec itself."""

    def __init__(self, document: Document, variant: int | None, reach: Callable[[str], None]) -> None:
        self._document = document
        self._variant = variant
        self._reach = reach

    def _place(self, path: Path) -> str:
        """Where something was written: in the variant if it is there, else in the spec it was merged over."""
        own: Path = ("variants", self._variant, *path) if self._variant is not None else path
        return format_path(own if _written(self._document.value, own) else path)

    def _note(self, place: str) -> _Note:
        return lambda: self._reach(place)

    def plan(self, plan: Plan) -> Plan:
        stream = None if plan.stream is None else self._stream(plan.stream)
        return replace(plan, stream=stream, errors=self._errors(plan.errors))

    def _stream(self, plan: StreamPlan) -> StreamPlan:
        return replace(
            plan,
            rules=RuleList(self._rules(plan.rules.rules, ("stream", "rules"))),
            on_close=RuleList(self._rules(plan.on_close.rules, ("stream", "on_close"))),
            over=None if plan.over is None else self._over(plan.over),
            open=tuple(
                self._open(step, self._place(("stream", "open", index)))
                for index, step in enumerate(plan.open)
            ),
        )

    def _over(self, reading: Reading) -> Reading:
        place = self._place(("stream", "over"))
        return _noted(reading, place, self._note(place))

    def _open(self, step: OpenStep, place: str) -> OpenStep:
        if step.wait is not None:
            return replace(step, wait=_noted(step.wait, place, self._note(place)))
        return replace(step, condition=_NotedCondition(step.condition, self._note(place)))

    def _rules(self, rules: tuple[Rule, ...], path: Path) -> tuple[Rule, ...]:
        return tuple(self._rule(rule, (*path, index)) for index, rule in enumerate(rules))

    def _rule(self, rule: Rule, path: Path) -> Rule:
        place = self._place(path)
        return replace(
            rule,
            when=_noted(rule.when, place, self._note(place)),
            emit=tuple(
                (kind, _noted(condition, place, self._note(_event_place(place, kind.value))))
                for kind, condition in rule.emit
            ),
            rules=self._rules(rule.rules, (*path, "rules")),
        )

    def _errors(self, table: ErrorTable) -> ErrorTable:
        rows = []
        for index, row in enumerate(table.messages):
            place = self._place(("errors", "messages", index))
            rows.append(replace(row, when=_noted(row.when, place, self._note(place))))
        close = _NotedCloseTable(
            table.close.codes,
            table.close.ranges,
            lambda code: self._reach(self._place(("errors", "close", code))),
        )
        return replace(table, messages=tuple(rows), close=close)


def _event_place(rule: str, event: str) -> str:
    return f"{rule}.emit.{event}"


def _written(value: Any, path: Path) -> bool:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def coverable(spec: Spec) -> dict[str, Mark]:
    """Every place of a spec's own file that a test can reach, with where it stands.

    What a spec inherits by `extends` is the business of the tests of the spec it was written in.
    """
    document = spec.document
    found: dict[str, Mark] = {}
    sections: list[tuple[Path, Any]] = [((), document.value)]
    sections += [
        (("variants", index), variant) for index, variant in enumerate(document.value.get("variants") or [])
    ]
    for prefix, section in sections:
        for path, text in _places(prefix, section):
            mark = document.mark(path)
            if mark.file == document.file:
                found[text] = mark
    return found


def _places(prefix: Path, section: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    stream, errors = section.get("stream") or {}, section.get("errors") or {}
    for key in ("rules", "on_close"):
        yield from _rule_places(stream.get(key), (*prefix, "stream", key))
    if stream.get("over") is not None:
        yield _named((*prefix, "stream", "over"))
    for index in range(len(stream.get("open") or [])):
        yield _named((*prefix, "stream", "open", index))
    for index in range(len(errors.get("messages") or [])):
        yield _named((*prefix, "errors", "messages", index))
    for code in errors.get("close") or {}:
        yield _named((*prefix, "errors", "close", code))


def _rule_places(rules: Any, path: Path) -> Iterator[tuple[Path, str]]:
    for index, rule in enumerate(rules or []):
        here: Path = (*path, index)
        yield _named(here)
        emit = rule.get("emit") or []
        for event in [emit] if isinstance(emit, str) else emit:
            yield (*here, "emit", event), _event_place(format_path(here), event)
        yield from _rule_places(rule.get("rules"), (*here, "rules"))


def _named(path: Path) -> tuple[Path, str]:
    return path, format_path(path)
