"""Selectors as Python source: what runs for every message is one function, not a tree of closures.

Nearly everything is written out; arrays and objects that are constants, and what is nested very deeply, stay
the closures they were compiled to and are called. The closures say what a selector means, here is only a
faster spelling of it; tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from specbuilder.expressions.selector_closures import Run, flat, flat_field
from specbuilder.expressions.selector_functions import FUNCTIONS
from specbuilder.expressions.selector_parser import Node
from specbuilder.expressions.selector_values import equal

__all__ = [
    "CHAINS",
    "IDENTITIES",
    "CodeWriter",
    "function",
    "functions",
    "gains",
    "reads_fields_only",
    "steps_of",
]

CHAINS: Final = frozenset({"subexpression", "index_expression", "pipe"})
IDENTITIES: Final = frozenset({"identity", "current"})

_NUMBERS: Final = frozenset({int, float})

# Python's parser takes 200 brackets inside each other; up to five are written per node.
_DEEPEST: Final = 20

_PLAIN: Final = frozenset({"field", "identity", "current", "literal", "variable"})

_ORDER: Final = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def gains(tree: Node) -> bool:
    """Whether a selector is more than one closure, so that it is worth being written out."""
    kind = tree["type"]
    if kind == "comparator" or kind == "subexpression":
        return any(gains(child) for child in tree["children"])
    return kind not in _PLAIN


def reads_fields_only(tree: Node) -> bool:
    """Whether an item that is no object is to a selector the same as an empty one."""
    kind = tree["type"]
    if kind in CHAINS:
        return reads_fields_only(tree["children"][0])
    if kind in ("field", "literal", "variable"):
        return True
    if kind in ("and_expression", "or_expression", "not_expression", "comparator", "function_expression"):
        # What an `&expression` reads is not this item.
        return all(child["type"] == "expref" or reads_fields_only(child) for child in tree["children"])
    return False


class CompiledPart(Protocol):
    """What the writer has to know of a compiled node."""

    @property
    def run(self) -> Run:
        """Its value."""

    @property
    def may_fail(self) -> bool:
        """Whether `run` can raise."""


class CompiledCall(Protocol):
    """What the writer has to know of a function expression."""

    function: Callable[..., Any]
    takes_null: bool
    reads_scope: bool

    @property
    def arguments(self) -> list[tuple[Node, Any]]:
        """Node and part of each argument."""


class Compiler(Protocol):
    """The compiler of closures."""

    def part(self, node: Node, applied: bool = False) -> Any:
        """Compile a node (a `CompiledPart`)."""

    def call(self, node: Node) -> Any:
        """Look a function expression up (a `CompiledCall`)."""


class CodeWriter:
    """Writes expressions that may stand in one function body.

    The body must have `variables` (the mapping of `$name`) and `scope` at hand, and the names in `constants`
    as its globals.

    Arguments:
        compiler: for what is not written out.

    Attributes:
        may_fail: whether something that was written so far may raise.
        objects: names of variables that surely hold an object.
    """

    def __init__(self, compiler: Compiler) -> None:
        self.constants: dict[str, Any] = {"NUMBERS": _NUMBERS, "flat": flat, "flat_field": flat_field}
        self.may_fail = False
        self.objects: set[str] = set()
        self._compiler = compiler
        self._depth = 0
        self._names = 0

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

    def condition(self, node: Node, item: str, applied: bool = False) -> str:
        """An expression that Python takes for true if and only if the node's value is true in JMESPath."""
        kind = node["type"]
        if self._depth < _DEEPEST:
            if kind == "comparator" or kind == "not_expression":
                return self.expression(node, item, applied)
            if kind in ("and_expression", "or_expression"):
                self._depth += 1
                first, second = (self.condition(child, item) for child in node["children"])
                self._depth -= 1
                return f"({first} {kind.partition('_')[0]} {second})"
        held = self._name("t")
        # Of what Python takes for false only the numbers are true in JMESPath.
        return f"(({held} := {self.expression(node, item, applied)}) or {held}.__class__ in NUMBERS)"

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
        if kind in IDENTITIES:
            return item
        if kind == "literal" and not isinstance(node["value"], list | dict | float):
            return repr(node["value"])
        write: Callable[[Node, str, bool], str] | None = getattr(
            self, "_chain" if kind in CHAINS else f"_write_{kind}", None
        )
        return self._called(node, item, applied) if write is None else write(node, item, applied)

    def _called(self, node: Node, item: str, applied: bool) -> str:
        part: CompiledPart = self._compiler.part(node, applied)
        self.may_fail = self.may_fail or part.may_fail
        return f"{self.constant(part.run)}({item}, scope)"

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}{self._names}"

    # --- paths

    def _write_field(self, node: Node, item: str, applied: bool) -> str:
        return self._field(item, node["value"])

    def _write_variable(self, node: Node, item: str, applied: bool) -> str:
        # A plain look-up where the name is there, which is nearly always; `get` also finds what is computed.
        name = node["value"]
        return f"(variables[{name!r}] if {name!r} in variables else variables.get({name!r}))"

    def _field(self, value: str, name: str) -> str:
        if value in self.objects:
            return f"{value}.get({name!r})"
        return self._of("dict", value, lambda held: f"{held}.get({name!r})")

    def _of(self, kind: str, value: str, use: Callable[[str], str], also: str = "") -> str:
        """What `use` makes of a value of a Python type; None for any other value."""
        if value.isidentifier():
            return f"({use(value)} if isinstance({value}, {kind}){also.format(value)} else None)"
        held = self._name("t")
        return f"({use(held)} if isinstance({held} := {value}, {kind}){also.format(held)} else None)"

    def _chain(self, node: Node, item: str, applied: bool) -> str:
        first, *steps = steps_of(node)
        length = sum(len(step["value"]) if step["type"] == "fields" else 1 for step in steps)
        if self._depth + length > _DEEPEST:
            return self._called(node, item, applied)
        if first["type"] in IDENTITIES and steps:
            first, applied = steps.pop(0), True
        # Each step is written around the ones before it.
        self._depth += length
        value = self._step(first, item, applied)
        for step in steps:
            value = self._step(step, value, True)
        self._depth -= length
        return value

    def _step(self, step: Node, value: str, applied: bool) -> str:
        """The value of a step whose item is a value."""
        kind = step["type"]
        if kind == "field":
            return self._field(value, step["value"])
        if kind == "fields":
            for name in step["value"]:
                value = self._field(value, name)
            return value
        if kind == "index":
            index = step["value"]
            least = index + 1 if index >= 0 else -index
            return self._of("list", value, lambda held: f"{held}[{index}]", f" and len({{}}) >= {least}")
        if kind == "slice":
            part = self.constant(slice(*step["children"]))
            return self._of("list", value, lambda held: f"{held}[{part}]")
        if value.isidentifier():
            return self.expression(step, value, applied)
        held = self._name("t")
        return f"({held} := {value}, {self.expression(step, held, applied)})[1]"

    # --- projections

    def _write_flatten(self, node: Node, item: str, applied: bool) -> str:
        return f"flat({self.expression(node['children'][0], item, applied)})"

    def _write_projection(self, node: Node, item: str, applied: bool) -> str:
        left, right = node["children"]
        if left["type"] == "flatten" and right["type"] == "field":
            base = self.expression(left["children"][0], item, applied)
            return f"flat_field({base}, {right['value']!r})"
        return self._projected(self.expression(left, item, applied), right)

    def _write_value_projection(self, node: Node, item: str, applied: bool) -> str:
        left, right = node["children"]
        values = self._of("dict", self.expression(left, item, applied), lambda held: f"list({held}.values())")
        return self._projected(values, right)

    def _write_filter_projection(self, node: Node, item: str, applied: bool) -> str:
        left, right, condition = node["children"]
        return self._projected(self.expression(left, item, applied), right, condition)

    def _projected(self, array: str, right: Node, condition: Node | None = None) -> str:
        one = self._name("e")
        tests = [] if condition is None else [self.condition(condition, one, applied=True)]
        if right["type"] in IDENTITIES:
            value = one
            tests.append(f"{one} is not None")
        else:
            value = self._name("t")
            tests.append(f"({value} := {self.expression(right, one, applied=True)}) is not None")
        return self._of("list", array, lambda held: f"[{value} for {one} in {held} if {' and '.join(tests)}]")

    # --- new values

    def _write_multi_select_list(self, node: Node, item: str, applied: bool) -> str:
        parts = ", ".join(self.expression(child, item) for child in node["children"])
        return f"(None if {item} is None else [{parts}])" if applied else f"[{parts}]"

    def _write_multi_select_dict(self, node: Node, item: str, applied: bool) -> str:
        pairs = ", ".join(
            f"{pair['value']!r}: {self.expression(pair['children'][0], item)}" for pair in node["children"]
        )
        return f"(None if {item} is None else {{{pairs}}})" if applied else f"{{{pairs}}}"

    # --- conditions

    def _write_and_expression(self, node: Node, item: str, applied: bool) -> str:
        first, second = (self.expression(child, item) for child in node["children"])
        held = self._name("t")
        return f"({second} if ({held} := {first}) or {held}.__class__ in NUMBERS else {held})"

    def _write_or_expression(self, node: Node, item: str, applied: bool) -> str:
        first, second = (self.expression(child, item) for child in node["children"])
        held = self._name("t")
        return f"({held} if ({held} := {first}) or {held}.__class__ in NUMBERS else {second})"

    def _write_not_expression(self, node: Node, item: str, applied: bool) -> str:
        return f"(not {self.condition(node['children'][0], item)})"

    def _write_comparator(self, node: Node, item: str, applied: bool) -> str:
        kind = node["value"]
        left, right = node["children"]
        if kind in _ORDER:
            first, second = self._name("t"), self._name("t")
            # Both are asked for before either is judged, as a failure of the second counts in any case.
            tests = f"({first} := {self.expression(left, item)}).__class__ in NUMBERS, "
            tests += f"({second} := {self.expression(right, item)}).__class__ in NUMBERS"
            return f"({first} {_ORDER[kind]} {second} if ({tests}) == (True, True) else None)"
        sign = "==" if kind == "eq" else "!="
        for literal, other in ((right, left), (left, right)):
            if literal["type"] == "literal" and (
                literal["value"] is None or isinstance(literal["value"], str)
            ):
                # Neither text nor null is equal to a value of another type in Python either.
                return f"({self.expression(other, item)} {sign} {literal['value']!r})"
        # A comparison of deeply nested values runs out of stack.
        self.may_fail = True
        compared = f"{self.constant(equal)}({self.expression(left, item)}, {self.expression(right, item)})"
        return compared if kind == "eq" else f"(not {compared})"

    # --- functions

    def _write_function_expression(self, node: Node, item: str, applied: bool) -> str:
        call: CompiledCall = self._compiler.call(node)
        self.may_fail = True
        values = [self._argument(argument, item) for argument, _ in call.arguments]
        name = self.constant(call.function)
        scope = ["scope"] if call.reads_scope else []
        if call.takes_null or not values:
            return f"{name}({', '.join([*scope, *values])})"
        held = [self._name("t") for _ in values]
        given = [f"({one} := ({value}))" for one, value in zip(held, values, strict=True)]
        # All are asked for before any is judged, as a failure of the last counts in any case.
        tests = f"{given[0]} is None" if len(given) == 1 else f"({', '.join(given)}) and "
        if len(given) > 1:
            tests += f"({' or '.join(f'{one} is None' for one in held)})"
        return f"(None if {tests} else {name}({', '.join([*scope, *held])}))"

    def _argument(self, node: Node, item: str) -> str:
        if node["type"] != "expref":
            return self.expression(node, item)
        one = self._name("e")
        return f"lambda {one}: {self.expression(node['children'][0], one, applied=True)}"


def steps_of(node: Node) -> list[Node]:
    """A chain's nodes in order: neighbouring fields are one node, and an `@` after the first is gone."""
    steps: list[Node] = []
    for step in _links(node):
        last = steps[-1] if steps else None
        if last is not None and step["type"] in IDENTITIES:
            continue
        if last is not None and step["type"] == "field" and last["type"] in ("field", "fields"):
            names = (last["value"],) if last["type"] == "field" else last["value"]
            steps[-1] = {"type": "fields", "value": (*names, step["value"])}
        else:
            steps.append(step)
    return steps


def _links(node: Node) -> list[Node]:
    if node["type"] not in CHAINS:
        return [node]
    return [link for child in node["children"] for link in _links(child)]


def functions(lines: list[str], constants: dict[str, Any], *names: str) -> list[Callable[..., Any]]:
    """The functions that lines of source define.

    Arguments:
        lines: `def`s included. Only what `CodeWriter` wrote and the engine's own text may be in them: texts
            of a spec are there as literals made by `repr`.
        constants: their globals.
        names: of the functions.
    """
    builtins = {"isinstance": isinstance, "len": len, "list": list, "str": str, "dict": dict}
    space: dict[str, Any] = {"__builtins__": builtins, **constants}
    exec(compile("\n".join(lines), f"<{names[0]}>", "exec"), space)
    return [space[name] for name in names]


def function(lines: list[str], constants: dict[str, Any], name: str) -> Callable[..., Any]:
    """The one function that lines of source define; arguments as of `functions`."""
    (made,) = functions(lines, constants, name)
    return made
