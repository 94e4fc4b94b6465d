"""Fields of a transcript as Python source: what is read for every message, in one function written for it."""

from __future__ import annotations

from collections.abc import Callable

from ..expressions.selector_parser import Node
from ..expressions.selectors import FAILURES, CodeWriter, problem_of
from .measures import Measure, as_label, as_share
from .reading import Reading

__all__ = [
    "holds_lines",
    "label_lines",
    "seconds_lines",
    "share_lines",
    "span_lines",
    "time_lines",
    "value",
    "value_lines",
]


def value(reading: Reading, writer: CodeWriter, item: str = "entry") -> str:
    """The expression of a field's value; where it could raise, the reading that counts and logs it is called.

    Arguments:
        item: the variable that holds what is read; `scope` and `variables` are at hand too.
    """
    source, fails = _written(reading, writer, item, writer.expression)
    return f"{writer.constant(reading.read)}({item}, scope)" if fails else source


def value_lines(name: str, reading: Reading, writer: CodeWriter, item: str = "entry") -> list[str]:
    """Statements that set a variable to a field's value: `value` without the call."""
    source, fails = _written(reading, writer, item, writer.expression)
    return _set(name, source, fails, reading, writer)


def _set(name: str, source: str, fails: bool, reading: Reading, writer: CodeWriter) -> list[str]:
    """Statements that set a variable; a failure is counted and logged, and gives null."""
    if not fails:
        return [f"{name} = {source}"]
    return [
        "try:",
        f"    {name} = {source}",
        f"except {writer.constant(FAILURES)} as error:",
        f"    {name} = None",
        f"    scope.note_broken({reading.place!r}, {writer.constant(problem_of)}(error))",
    ]


def _written(
    reading: Reading, writer: CodeWriter, item: str, write: Callable[[Node, str], str]
) -> tuple[str, bool]:
    """What a method of the writer writes of a selector, and whether that could raise."""
    before, writer.may_fail = writer.may_fail, False
    source = write(reading.selector.tree, item)
    fails, writer.may_fail = writer.may_fail, before
    return source, fails


def holds_lines(name: str, reading: Reading, writer: CodeWriter, item: str) -> list[str]:
    """Statements that set a variable to whether a condition holds; arguments as of `value_lines`."""
    if reading.is_watched:
        return [f"{name} = {writer.constant(reading.holds)}({item}, scope)"]
    source, fails = _written(reading, writer, item, writer.condition)
    return _set(name, source, fails, reading, writer)


def time_lines(
    start: Measure | None, end: Measure | None, duration: Measure | None, writer: CodeWriter
) -> list[str]:
    """Statements that set `start` and `end`, in seconds of the input; None where they are not said."""
    return [
        *span_lines(start, end, duration, writer),
        "if place is not None:",
        "    start = None if start is None else place(start)",
        "    end = None if end is None else place(end)",
    ]


def span_lines(
    start: Measure | None, end: Measure | None, duration: Measure | None, writer: CodeWriter
) -> list[str]:
    """Statements that set `start` and `end`, in seconds of the vendor's time; None where not said."""
    lines = [*seconds_lines("start", start, writer), *seconds_lines("end", end, writer)]
    if start is None or duration is None:
        return lines
    return [
        *lines,
        "if end is None and start is not None:",
        *("    " + line for line in seconds_lines("length", duration, writer)),
        "    end = None if length is None else start + length",
    ]


def seconds_lines(name: str, measure: Measure | None, writer: CodeWriter) -> list[str]:
    """Statements that set a time of `entry` in seconds, None where it is not said."""
    if measure is None:
        return [f"{name} = None"]
    convert = f"{writer.constant(measure.convert)}({name})"
    lines = value_lines(name, measure.reading, writer)
    if measure.unit == "s":
        return [*lines, f"if {name}.__class__ is not float:", f"    {name} = {convert}"]
    scale = measure.convert(1)
    return [*lines, f"{name} = {name} * {scale!r} if {name}.__class__ in NUMBERS else {convert}"]


def share_lines(name: str, reading: Reading | None, otherwise: str, writer: CodeWriter) -> list[str]:
    """Statements that set a number from 0 to 1.

    Arguments:
        otherwise: the expression of what it is where there is none.
    """
    if reading is None:
        return [f"{name} = {otherwise}"]
    return [
        *value_lines(name, reading, writer),
        f"if {name}.__class__ is not float or not 0.0 <= {name} <= 1.0:",
        f"    {name} = {writer.constant(as_share)}({name})",
        f"    {name} = {otherwise} if {name} is None else {name}",
    ]


def label_lines(name: str, reading: Reading | None, writer: CodeWriter) -> list[str]:
    """Statements that set the label of a speaker, None where it is not said."""
    if reading is None:
        return [f"{name} = None"]
    label = writer.constant(as_label)
    return [*value_lines(name, reading, writer), f"if {name} is not None:", f"    {name} = {label}({name})"]
