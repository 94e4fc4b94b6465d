"""Selectors as Python source: what runs for every message is one function, not a tree of closures.

Nearly everything is written out; arrays and objects that are constants, and what is nested very deeply, stay
the closures they were compiled to and are called. The closures say what a selector means, here is only a
faster spelling of it; tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from keyword import iskeyword
from typing import Any, Final, Protocol

from specbuilder.expressions.selector_calls import call_source
from specbuilder.expressions.selector_closures import Run, flat, flat_field
from specbuilder.expressions.selector_parser import Node
from specbuilder.expressions.selector_shapes import (
    CHAINS,
    IDENTITIES,
    PYTHON_TRUTH,
    needs_object,
    reads_item,
    steps_of,
)
from specbuilder.expressions.selector_values import NUMBERS, equal

__all__ = ["CodeWriter", "function", "functions"]

# Python's parser takes 200 brackets inside each other; up to five are written per node.
_DEEPEST: Final = 20

_BUILTINS: Final = {
    one.__name__: one for one in (dict, float, int, isinstance, len, list, map, max, min, str, sum, type)
}
"""What written source may use of Python's own."""

_ORDER: Final = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


class CompiledPart(Protocol):
    """What the writer has to know of a compiled node."""

    @property
    def run(self) -> Run:
        """Its value."""

    @property
    def value(self) -> Any:
        """The value of a constant."""

    @property
    def may_fail(self) -> bool:
        """Whether `run` can raise."""


class Compiler(Protocol):
    """The compiler of closures."""

    def part(self, node: Node, applied: bool = False) -> Any:
        """Compile a node (a `CompiledPart`)."""

    def call(self, node: Node) -> Any:
        """Look a function expression up (a `CompiledCall`)."""


class CodeWriter:
    """Writes expressions that may stand in one function body.

    The body must have `variables` (the mapping of `$name`) and `scope` at hand, and the names in `constants`
    as its globals. Where `in_loop` was set, the lines of `unset` come before the loop.

    Arguments:
        compiler: for what is not written out.

    Attributes:
        may_fail: whether something that was written so far may raise.
        objects: names of variables that surely hold an object.
        in_loop: whether what is written next runs for each element of an array.
    """

    def __init__(self, compiler: Compiler) -> None:
        self.constants: dict[str, Any] = {
            "NUMBERS": NUMBERS,
            "SIZED": (str, list, dict),
            "SORTABLE": NUMBERS | {str},
            "flat": flat,
            "flat_field": flat_field,
        }
        self.may_fail = False
        self.objects: set[str] = set()
        self.in_loop = False
        self._kept: list[str] = []
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
        return self._once(node, lambda: self._written(node, item, applied))

    def unset(self) -> list[str]:
        """Statements that make what is kept during a loop unknown again."""
        kept, self._kept = self._kept, []
        return [f"{name} = ..." for name in kept]

    def condition(self, node: Node, item: str, applied: bool = False) -> str:
        """An expression that Python takes for true if and only if the node's value is true in JMESPath."""
        if self._depth >= _DEEPEST:
            return self._truth(self.expression(node, item, applied))
        return self._once(node, lambda: self._condition(node, item, applied))

    def _once(self, node: Node, write: Callable[[], str]) -> str:
        """What `write` writes for a node.

        In a loop, what does not depend on the element is evaluated for the first one that asks for it, and
        kept: a selector changes no variable. So nothing fails or is computed that would not be without.
        """
        keeps = self.in_loop and node["type"] != "literal" and not reads_item(node)
        around = self.in_loop
        self.in_loop = around and not keeps
        self._depth += 1
        source = write()
        self._depth -= 1
        self.in_loop = around
        if not keeps:
            return source
        kept = self.name("kept")
        self._kept.append(kept)
        return f"({kept} if {kept} is not ... else ({kept} := {source}))"

    def loop(self, write: Callable[[], str]) -> tuple[str, str]:
        """What `write` writes for each item of an array, and a condition before, which is true."""
        around, self.in_loop = self.in_loop, True
        # A loop counts twice: Python 3.12 crashes on twenty inside each other.
        self._depth += 1
        source = write()
        self._depth -= 1
        self.in_loop = around
        kept = []
        if not around:
            kept, self._kept = self._kept, []
        return source, "".join(f" and ({name} := ...)" for name in kept)

    def _condition(self, node: Node, item: str, applied: bool) -> str:
        kind = node["type"]
        if kind in ("and_expression", "or_expression"):
            first, second = (self.condition(child, item) for child in node["children"])
            return f"({first} {kind.partition('_')[0]} {second})"
        source = self._written(node, item, applied)
        return source if kind in PYTHON_TRUTH else self._truth(source)

    def _truth(self, source: str) -> str:
        held = self.name("t")
        # Of what Python takes for false only the numbers are true in JMESPath.
        return f"(({held} := {source}) or {held}.__class__ in NUMBERS)"

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

    def name(self, kind: str) -> str:
        """A name for a new variable."""
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
        # Python does this faster than a call of `get`.
        if value in self.objects:
            return f"({value}[{name!r}] if {name!r} in {value} else None)"
        return self._of("dict", value, lambda held: f"{held}[{name!r}]", lambda held: f"{name!r} in {held}")

    def _of(
        self, kind: str, value: str, use: Callable[[str], str], also: Callable[[str], str] | None = None
    ) -> str:
        """What `use` makes of a value of a Python type of which `also` is true; None for any other value."""
        # A constant such as None is written like a name, and Python warns of its subscription.
        is_name = value.isidentifier() and not iskeyword(value)
        held = value if is_name else self.name("t")
        given = value if is_name else f"{held} := {value}"
        test = f"isinstance({given}, {kind})" + (f" and {also(held)}" if also else "")
        return f"({use(held)} if {test} else None)"

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
            return self._of(
                "list", value, lambda held: f"{held}[{index}]", lambda held: f"len({held}) >= {least}"
            )
        if kind == "slice":
            part = self.constant(slice(*step["children"]))
            return self._of("list", value, lambda held: f"{held}[{part}]")
        if value.isidentifier():
            return self.expression(step, value, applied)
        held = self.name("t")
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
        held, one = self.name("t"), self.name("e")
        found, before = self.loop(lambda: self._comprehension(held, one, right, condition))
        return f"({found} if isinstance({held} := {array}, list){before} else None)"

    def _comprehension(self, held: str, one: str, right: Node, condition: Node | None) -> str:
        tests = []
        if condition is not None:
            if needs_object(condition):
                self.objects.add(one)
                tests.append(f"isinstance({one}, dict)")
            tests.append(self.condition(condition, one, applied=True))
        if right["type"] in IDENTITIES:
            value = one
            if one not in self.objects:
                tests.append(f"{one} is not None")
        else:
            value = self.name("t")
            tests.append(f"({value} := {self.expression(right, one, applied=True)}) is not None")
        return f"[{value} for {one} in {held} if {' and '.join(tests)}]"

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
        first, second = node["children"]
        held, test = self._asked(first, item)
        return f"({self.expression(second, item)} if {test} else {held})"

    def _write_or_expression(self, node: Node, item: str, applied: bool) -> str:
        first, second = node["children"]
        if first["type"] != "and_expression":
            held, test = self._asked(first, item)
        else:
            # `condition && a || b` is how a choice is written: the condition's own value is never the result.
            condition, chosen = first["children"]
            held, test = self._asked(chosen, item)
            test = f"{self.condition(condition, item)} and {test}"
        return f"({held} if {test} else {self.expression(second, item)})"

    def _asked(self, node: Node, item: str) -> tuple[str, str]:
        """A name for a node's value, and an expression that gives it the value and is true if that is."""
        held = self.name("t")
        given = f"({held} := {self.expression(node, item)})"
        known = node["type"] in PYTHON_TRUTH
        return held, given if known else f"({given} or {held}.__class__ in NUMBERS)"

    def _write_not_expression(self, node: Node, item: str, applied: bool) -> str:
        return f"(not {self.condition(node['children'][0], item)})"

    def _write_comparator(self, node: Node, item: str, applied: bool) -> str:
        kind = node["value"]
        left, right = node["children"]
        if kind in _ORDER:
            first, second = self.name("t"), self.name("t")
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
        return call_source(self, node, item, self._compiler.call(node))


def functions(lines: list[str], constants: dict[str, Any], *names: str) -> list[Callable[..., Any]]:
    """The functions that lines of source define.

    Arguments:
        lines: `def`s included. Only what `CodeWriter` wrote and the engine's own text may be in them: texts
            of a spec are there as literals made by `repr`.
        constants: their globals.
        names: of the functions.
    """
    space: dict[str, Any] = {"__builtins__": _BUILTINS, **constants}
    exec(compile("\n".join(lines), f"<{names[0]}>", "exec"), space)
    return [space[name] for name in names]


def function(lines: list[str], constants: dict[str, Any], name: str) -> Callable[..., Any]:
    """The one function that lines of source define; arguments as of `functions`."""
    (made,) = functions(lines, constants, name)
    return made
