"""Compiling `transcript` and `usage`: sections are merged over outer ones, and every text keeps its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..language.errors import Path
from .compiling import ExpressionCompiler, Visible
from .measures import Measure
from .reading import Reading
from .transcript import TranscriptPlan
from .usage import UsagePlan
from .words import WordsPlan

__all__ = ["Placed", "TranscriptCompiler"]

_OF_THE_MOMENT = frozenset({"header", "message"})
"""Functions whose value is another one with the next message."""

_TIMES = ("start", "end", "duration")


@dataclass(frozen=True)
class Placed:
    """A written value and where it stands; a mapping holds placed values."""

    value: Any
    path: Path


class TranscriptCompiler:
    """Compiles transcripts; equal ones of many rules are compiled once."""

    def __init__(self, expressions: ExpressionCompiler) -> None:
        self._expressions = expressions
        self._known: dict[str, TranscriptPlan] = {}

    def merged(
        self,
        outer: Mapping[str, Any] | Placed | None,
        outer_path: Path,
        own: Mapping[str, Any] | None,
        path: Path,
    ) -> Placed:
        """A section merged over an outer one: mappings key by key, null deletes."""
        base = outer if isinstance(outer, Placed) else _placed(outer or {}, outer_path)
        return _merge(base, _placed(own, path)) if own else base

    def transcript(self, found: Placed, visible: Visible) -> TranscriptPlan:
        """The plan of a merged section."""
        key = repr((found, sorted(visible.selectors)))
        plan = self._known.get(key)
        if plan is None:
            plan = self._known[key] = self._transcript(found.value, visible)
        return plan

    def _transcript(self, values: Mapping[str, Placed], visible: Visible) -> TranscriptPlan:
        unit = values["unit"].value if "unit" in values else "s"
        fields: dict[str, Any] = {}
        for name, placed in values.items():
            if name in _TIMES:
                fields[name] = self._measure(placed, unit, visible)
            elif name == "words":
                fields[name] = self._words(placed, unit, visible)
            elif name == "metadata":
                fields[name] = {key: self._reading(item, visible) for key, item in placed.value.items()}
            elif name != "unit":
                fields[name] = self._reading(placed, visible)
        plan = TranscriptPlan(**fields)
        return replace(plan, lasting=all(_lasts(field, visible) for field in plan.seldom_read))

    def _words(self, placed: Placed, unit: str, visible: Visible) -> WordsPlan | None:
        values = placed.value
        if "each" not in values:
            self._expressions.complain(placed.path, "'words' needs 'each', the list of words")
            return None
        unit = values["unit"].value if "unit" in values else unit
        fields: dict[str, Any] = {}
        for name, item in values.items():
            if name in _TIMES:
                fields[name] = self._measure(item, unit, visible)
            elif name != "unit":
                fields[name] = self._reading(item, visible)
        return WordsPlan(**fields)

    def _reading(self, placed: Placed, visible: Visible) -> Any:
        return self._expressions.selector(placed.value, placed.path, visible)

    def _measure(self, placed: Placed, unit: str, visible: Visible) -> Measure:
        if isinstance(placed.value, Mapping):
            own = placed.value.get("unit")
            return Measure(self._reading(placed.value["value"], visible), own.value if own else unit)
        return Measure(self._reading(placed, visible), unit)

    def usage(self, section: Mapping[str, Any] | None, path: Path, visible: Visible) -> UsagePlan | None:
        """The plan of a `usage` section."""
        if not section:
            return None
        values = _placed(section, path).value
        unit = section.get("unit", "s")
        fields: dict[str, Any] = {}
        for name, placed in values.items():
            if name.endswith("audio_duration"):
                fields[name] = self._measure(placed, unit, visible)
            elif name != "unit":
                fields[name] = self._reading(placed, visible)
        return UsagePlan(**fields)


def _lasts(field: Reading | Measure, visible: Visible) -> bool:
    """Whether a field of an entry has the same value later on."""
    selector = (field.reading if isinstance(field, Measure) else field).selector
    return not (selector.variables & visible.changing or selector.functions & _OF_THE_MOMENT)


def _placed(value: Any, path: Path) -> Placed:
    if isinstance(value, Mapping):
        return Placed({key: _placed(item, (*path, key)) for key, item in value.items()}, path)
    return Placed(value, path)


def _merge(base: Placed, own: Placed) -> Placed:
    if own.value is None or not isinstance(base.value, Mapping) or not isinstance(own.value, Mapping):
        return own
    merged: dict[str, Placed] = dict(base.value)
    for key, item in own.value.items():
        if item.value is None:
            merged.pop(key, None)
        elif key in merged:
            merged[key] = _merge(merged[key], item)
        else:
            merged[key] = item
    return Placed(merged, own.path)
