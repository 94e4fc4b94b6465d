"""Calls of selectors' functions as Python source.

What runs for most messages is written out for what nearly always comes: numbers, one language, one item. For
everything else the function is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from specbuilder.expressions.selector_parser import Node
from specbuilder.expressions.selector_shapes import gives_truth

if TYPE_CHECKING:
    from specbuilder.expressions.selector_code import CodeWriter

__all__ = ["CompiledCall", "call_source"]


class CompiledCall(Protocol):
    """What the writer has to know of a function expression."""

    function: Callable[..., Any]
    takes_null: bool
    reads_scope: bool

    @property
    def arguments(self) -> list[tuple[Node, Any]]:
        """Node and part of each argument that `function` takes."""

    @property
    def parts(self) -> list[Any]:
        """Every argument (`CompiledPart`s), also those that are in the function already."""


def call_source(writer: CodeWriter, node: Node, item: str, call: CompiledCall) -> str:
    """The expression of a function's value.

    Arguments:
        node: the function expression.
        item: the name of the variable that holds the item.
        call: what the compiler knows of it.
    """
    short = _SHORT.get(node["value"])
    source = short(writer, node, item, call) if short else None
    if source is not None:
        return source
    writer.may_fail = True
    name = writer.constant(call.function)
    if any(child["type"] == "expref" for child in node["children"]):
        return _call_by(writer, name, node, item)
    given, held, asked = ["scope"] if call.reads_scope else [], [], []
    for argument, _ in call.arguments:
        value = writer.expression(argument, item)
        if not call.takes_null and (argument["type"] != "literal" or argument["value"] is None):
            held.append(writer.name("t"))
            asked.append(f"({held[-1]} := {value})")
            value = held[-1]
        given.append(value)
    source = f"{name}({', '.join(given)})"
    if not asked:
        return source
    if len(asked) == 1:
        return f"(None if {asked[0]} is None else {source})"
    # All are asked for before any is judged, as a failure of the last counts in any case.
    null = " or ".join(f"{one} is None" for one in held)
    return f"(None if ({', '.join(asked)}) and ({null}) else {source})"


def _call_by(writer: CodeWriter, name: str, node: Node, item: str) -> str:
    """The call of a function with an `&expression`."""
    array, by = sorted(node["children"], key=lambda child: child["type"] == "expref")
    held, one, keys = writer.name("t"), writer.name("e"), writer.name("t")
    given = f"({held} := {writer.expression(array, item)})"
    value, before = writer.loop(lambda: writer.expression(by["children"][0], one, applied=True))
    found = f"({keys} := [{value} for {one} in {held}] if isinstance({held}, list){before} else None)"
    usual = _usual(node["value"], by["children"][0], held, keys)
    if usual is None:
        return f"(None if {given} is None else {name}({held}, {found}))"
    test, result = usual
    return f"(None if {given} is None else {result} if {found} and {test} else {name}({held}, {keys}))"


def _usual(function: str, by: Node, held: str, keys: str) -> tuple[str, str] | None:
    """A test of keys, of which there are some, and what the function gives where it holds: the usual."""
    if function in ("runs", "groups"):
        # Text equals nothing but text in Python too, and so do true and false where no number can be.
        kind = "" if function == "runs" and gives_truth(by) else f"{keys}[0].__class__ is str and "
        return f"{kind}{keys}.count({keys}[0]) == len({keys})", f"[{held}[:]]"
    if function in ("max_by", "min_by"):
        return f"len({keys}) == 1 and {keys}[0].__class__ in SORTABLE", f"{held}[0]"
    return None


def _contains(writer: CodeWriter, node: Node, item: str, call: CompiledCall) -> str | None:
    texts = call.parts[0].value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return None
    held = writer.name("t")
    known = writer.constant(frozenset(texts))
    given = f"({held} := {writer.expression(node['children'][1], item)})"
    return f"(None if {given} is None else isinstance({held}, str) and {held} in {known})"


def _length(writer: CodeWriter, node: Node, item: str, call: CompiledCall) -> str:
    writer.may_fail = True
    held = writer.name("t")
    given = f"({held} := {writer.expression(node['children'][0], item)})"
    other = f"{writer.constant(call.function)}({held})"
    return f"(None if {given} is None else len({held}) if isinstance({held}, SIZED) else {other})"


def _avg(writer: CodeWriter, node: Node, item: str, call: CompiledCall) -> str:
    return _of_numbers(writer, node, item, call, lambda held: f"sum({held}) / len({held})")


def _max(writer: CodeWriter, node: Node, item: str, call: CompiledCall) -> str:
    return _of_numbers(writer, node, item, call, lambda held: f"max({held})")


def _min(writer: CodeWriter, node: Node, item: str, call: CompiledCall) -> str:
    return _of_numbers(writer, node, item, call, lambda held: f"min({held})")


def _of_numbers(
    writer: CodeWriter, node: Node, item: str, call: CompiledCall, use: Callable[[str], str]
) -> str:
    """What `use` makes of an array of numbers; the function is called for anything else."""
    writer.may_fail = True
    held = writer.name("t")
    given = f"({held} := {writer.expression(node['children'][0], item)})"
    known = f"{held}.__class__ is list and {held} and NUMBERS.issuperset(map(type, {held}))"
    other = f"{writer.constant(call.function)}({held})"
    return f"(None if {given} is None else {use(held)} if {known} else {other})"


def _message(writer: CodeWriter, node: Node, item: str, call: CompiledCall) -> str:
    return "scope.message"


def _not_null(writer: CodeWriter, node: Node, item: str, call: CompiledCall) -> str:
    before, writer.may_fail = writer.may_fail, False
    values = [writer.expression(child, item) for child in node["children"]]
    fails, writer.may_fail = writer.may_fail, before or writer.may_fail
    if fails:
        # A failure of the last counts, though the first is not null.
        return f"{writer.constant(call.function)}({', '.join(values)})"
    source = values.pop()
    for value in reversed(values):
        held = writer.name("t")
        source = f"({held} if ({held} := {value}) is not None else {source})"
    return source


_Short: TypeAlias = "Callable[[CodeWriter, Node, str, CompiledCall], str | None]"

_SHORT: Final[Mapping[str, _Short]] = {
    "avg": _avg,
    "contains": _contains,
    "length": _length,
    "max": _max,
    "message": _message,
    "min": _min,
    "not_null": _not_null,
}
"""Functions that are written out; None: not with these arguments."""
