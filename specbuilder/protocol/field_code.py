"""Fields of a transcript as Python source: what is read for every message, in one function written for it."""

from __future__ import annotations

from ..expressions.selectors import CodeWriter
from .measures import Measure, as_label, as_share
from .reading import Reading

__all__ = ["holds", "label_lines", "seconds", "share_lines", "span_lines", "time_lines", "value"]


def value(reading: Reading, writer: CodeWriter, item: str = "entry") -> str:
    """The expression of a field's value; where it could raise, the reading that counts and logs it is called.

    Arguments:
        item: the variable that holds what is read; `scope` and `variables` are at hand too.
    """
    before, writer.may_fail = writer.may_fail, False
    tree = reading.selector.tree
    source = writer.expression(tree, item)
    if writer.may_fail:
        source = f"{writer.constant(reading.read)}({item}, scope)"
        settled = writer.settled(tree, item)
        source = f"({settled[1]} if {settled[0]} else {source})" if settled else source
    writer.may_fail = before
    return source


def holds(reading: Reading, writer: CodeWriter, item: str) -> str:
    """An expression that is true where a condition holds; arguments as of `value`."""
    called = f"{writer.constant(reading.holds)}({item}, scope)"
    if reading.is_watched:
        return called
    before, writer.may_fail = writer.may_fail, False
    tree = reading.selector.tree
    source = writer.condition(tree, item)
    if writer.may_fail:
        settled = writer.settled(tree, item)
        # A part that settles it is null, or false.
        source = f"(not ({settled[0]}) and {called})" if settled else called
    writer.may_fail = before
    return source


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
    lines = [f"start = {seconds(start, writer)}", f"end = {seconds(end, writer)}"]
    if start is None or duration is None:
        return lines
    return [
        *lines,
        "if end is None and start is not None:",
        f"    length = {seconds(duration, writer)}",
        "    end = None if length is None else start + length",
    ]


def seconds(measure: Measure | None, writer: CodeWriter) -> str:
    """The expression of a time of `entry` in seconds, None where it is not said."""
    if measure is None:
        return "None"
    convert = writer.constant(measure.convert)
    found = value(measure.reading, writer)
    if measure.unit == "s":
        return f"(time if (time := {found}).__class__ is float else {convert}(time))"
    scale = measure.convert(1)
    return f"(time * {scale!r} if (time := {found}).__class__ in NUMBERS else {convert}(time))"


def share_lines(name: str, reading: Reading | None, otherwise: str, writer: CodeWriter) -> list[str]:
    """Statements that set a number from 0 to 1.

    Arguments:
        otherwise: the expression of what it is where there is none.
    """
    if reading is None:
        return [f"{name} = {otherwise}"]
    return [
        f"{name} = {value(reading, writer)}",
        f"if {name}.__class__ is not float or not 0.0 <= {name} <= 1.0:",
        f"    {name} = {writer.constant(as_share)}({name})",
        f"    {name} = {otherwise} if {name} is None else {name}",
    ]


def label_lines(name: str, reading: Reading | None, writer: CodeWriter) -> list[str]:
    """Statements that set the label of a speaker, None where it is not said."""
    if reading is None:
        return [f"{name} = None"]
    label = writer.constant(as_label)
    return [f"{name} = {value(reading, writer)}", f"if {name} is not None:", f"    {name} = {label}({name})"]
