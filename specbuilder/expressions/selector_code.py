"""Selectors as Python source: what runs for every word of every message is one function, not a tree of them.

Paths, variables, constants, `&&`, `||`, `!` and equality with text are written out; whatever else a selector
holds (functions, projections) stays the closure it was compiled to and is called. So there is one meaning of
a selector, and here only a faster spelling of its commonest parts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from specbuilder.expressions.selector_closures import Run
from specbuilder.expressions.selector_functions import FUNCTIONS
from specbuilder.expressions.selector_parser import Node

__all__ = ["WRITTEN", "CodeWriter", "function"]

_CHAINS: Final = frozenset({"subexpression"})
_NUMBERS: Final = frozenset({int, float})

# Python's parser takes 200 brackets inside each other; three are written per node.
_DEEPEST: Final = 20

# What gains by being written out: a selector that is none of these is one closure already.
WRITTEN: Final = frozenset({"and_expression", "or_expression", "not_expression"})


class CodeWriter:
    """Writes expressions that may stand in one function body.

    The body must have `variables` (the mapping of `$name`) and `scope` at hand, and the names in `constants`
    as its globals.

    Arguments:
        closure: compiles a node that is not written out, and says whether it may fail.

    Attributes:
        may_fail: whether something that was written so far may raise.
    """

    def __init__(self, closure: Callable[[Node, bool], tuple[Run, bool]]) -> None:
        self.constants: dict[str, Any] = {"NUMBERS": _NUMBERS}
        self.may_fail = False
        self._closure = closure
        self._depth = 0
        self._temporaries = 0

    def constant(self, value: Any) -> str:
        """A name for a value."""
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name

    def expression(self, node: Node, item: str, applied: bool = False) -> str:
        """The value of a node.

        Arguments:
            item: the name of the variable that holds the item.
            applied: as of the compiler: the item is what a path came to, not the message.
        """
        if self._depth >= _DEEPEST:
            return self._called(node, item, applied)
        self._depth += 1
        try:
            return self._written(node, item, applied)
        finally:
            self._depth -= 1

    def surely_null(self, node: Node, item: str) -> str | None:
        """A condition under which a call gives null without being made: null in, null out.

        None where there is no such condition, or it is no cheaper than the call.
        """
        function = FUNCTIONS.get(node["value"]) if node["type"] == "function_expression" else None
        if function is None or function.takes_null:
            return None
        fields = [child["value"] for child in node["children"] if child["type"] == "field"]
        return f"{self._field(item, fields[0])} is None" if fields else None

    def _written(self, node: Node, item: str, applied: bool) -> str:
        kind = node["type"]
        if kind in ("identity", "current"):
            return item
        if kind == "field":
            return self._field(item, node["value"])
        if kind in _CHAINS:
            return self._chain(node, item, applied)
        if kind == "literal" and (node["value"] is None or isinstance(node["value"], str | bool)):
            return repr(node["value"])
        if kind == "variable":
            return self._variable(node["value"])
        if kind in ("and_expression", "or_expression"):
            return self._choice(node, item)
        if kind == "not_expression":
            return f"(not {self._truth(self.expression(node['children'][0], item))})"
        if kind == "comparator" and (text := self._text_side(node)) is not None:
            sign = "==" if node["value"] == "eq" else "!="
            other, literal = text
            return f"({self.expression(other, item)} {sign} {literal!r})"
        return self._called(node, item, applied)

    def _called(self, node: Node, item: str, applied: bool) -> str:
        run, may_fail = self._closure(node, applied)
        self.may_fail = self.may_fail or may_fail
        return f"{self.constant(run)}({item}, scope)"

    def _temporary(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"

    def _field(self, value: str, name: str) -> str:
        if value.isidentifier():
            return f"({value}.get({name!r}) if isinstance({value}, dict) else None)"
        held = self._temporary()
        return f"({held}.get({name!r}) if isinstance({held} := {value}, dict) else None)"

    def _chain(self, node: Node, item: str, applied: bool) -> str:
        first, *steps = node["children"]
        if any(step["type"] != "field" for step in steps):
            return self._called(node, item, applied)
        value = self.expression(first, item, applied)
        for step in steps:
            value = self._field(value, step["value"])
        return value

    def _variable(self, name: str) -> str:
        # A plain look-up where the name is there, which is nearly always; `get` also finds what is computed.
        return f"(variables[{name!r}] if {name!r} in variables else variables.get({name!r}))"

    def _choice(self, node: Node, item: str) -> str:
        first, second = (self.expression(child, item) for child in node["children"])
        held = self._temporary()
        test = f"(({held} := {first}) or {held}.__class__ in NUMBERS)"
        if node["type"] == "or_expression":
            return f"({held} if {test} else {second})"
        return f"({second} if {test} else {held})"

    def _truth(self, value: str) -> str:
        held = self._temporary()
        return f"(({held} := {value}) or {held}.__class__ in NUMBERS)"

    @staticmethod
    def _text_side(node: Node) -> tuple[Node, str | None] | None:
        """The other side of an equality with a text or null, and that text."""
        if node["value"] not in ("eq", "ne"):
            return None
        left, right = node["children"]
        for literal, other in ((right, left), (left, right)):
            if literal["type"] == "literal" and (
                literal["value"] is None or isinstance(literal["value"], str)
            ):
                return other, literal["value"]
        return None


def function(lines: list[str], constants: dict[str, Any], name: str) -> Callable[..., Any]:
    """The function a body defines.

    Arguments:
        lines: of its source, `def` included. Only what `CodeWriter` wrote and the engine's own text may be in
            it: texts of a spec are there as literals made by `repr`.
        constants: its globals.
        name: of the function.
    """
    space: dict[str, Any] = {
        "__builtins__": {"isinstance": isinstance, "list": list, "str": str, "dict": dict}
    }
    space.update(constants)
    exec(compile("\n".join(lines), f"<{name}>", "exec"), space)
    made: Callable[..., Any] = space[name]
    return made
