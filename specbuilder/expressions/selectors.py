"""Selectors read a vendor's message: JMESPath, `$name` for options and state, and functions for speech.

A selector is compiled once, when the spec is loaded, into plain closures; per message only those run. What
the engine needs to know beforehand (which names and fields are read, which rule a message can concern at all)
is worked out at the same time.

What a selector returns may share arrays and objects with the message or a variable: do not change it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from specbuilder.expressions.selector_closures import Run
from specbuilder.expressions.selector_code import CodeWriter
from specbuilder.expressions.selector_compiler import FAILURES, code_writer, compile_tree, problem_of
from specbuilder.expressions.selector_functions import FUNCTIONS, UNKNOWN
from specbuilder.expressions.selector_parser import Node, SelectorError, parse_selector
from specbuilder.expressions.selector_values import Scope, SelectorTypeError

__all__ = [
    "FAILURES",
    "CodeWriter",
    "Scope",
    "Selector",
    "SelectorError",
    "SelectorTypeError",
    "code_writer",
    "compile_selector",
    "functions",
    "problem_of",
]

Equality: TypeAlias = tuple[tuple[str, ...], Any]


@dataclass(frozen=True, eq=False)
class Selector:
    """A compiled selector; immutable, and safe to share between threads.

    Attributes:
        text: as the author wrote it.
        variables: names read as `$name`.
        functions: names of the functions used.
        fields: first-level fields of the item that are read, as far as they can be known.
        equalities: every `path == constant` among the conditions that `&&` joins at the top, as (path,
            constant). Paths are plain fields of the item; constants are text, numbers, booleans and null. As
            keys of a dict True and 1 are the same, in a selector they are not.
        variable_equalities: the same for `path == $name`, as (path, name).
        is_constant: the value depends on neither item nor scope.
        may_fail: a value of a wrong type can make a call fail.
        evaluate: what a call runs; for those who call it often.
        test: what `holds` runs; likewise.
        tree: the syntax tree, for a `CodeWriter`.
    """

    text: str
    variables: frozenset[str]
    functions: frozenset[str]
    fields: frozenset[str]
    equalities: tuple[Equality, ...]
    variable_equalities: tuple[tuple[tuple[str, ...], str], ...]
    is_constant: bool
    may_fail: bool
    evaluate: Run = field(repr=False)
    test: Run = field(repr=False)
    tree: Node = field(repr=False)

    def __call__(self, item: Any, scope: Scope) -> Any:
        """The value for an item.

        Args:
            item: a JSON value (also with bytes, from msgpack): the message, or an item of `each`.
            scope: variables, whole message and headers.

        Raises:
            SelectorTypeError: a function got a value of a type it does not take.
        """
        return self.evaluate(item, scope)

    def holds(self, item: Any, scope: Scope) -> bool:
        """Whether the value is true in JMESPath: null, false, "", [] and {} are not; 0 is.

        Raises:
            SelectorTypeError: a function got a value of a type it does not take.
        """
        return bool(self.test(item, scope))


@lru_cache(maxsize=4096)
def compile_selector(text: str, *, strict: bool = False) -> Selector:
    """Compile a selector.

    Args:
        text: the selector.
        strict: JMESPath exactly as specified: null is a wrong type for its functions, ours do not exist, and
            spellings that are always null are accepted. For the compliance suite.

    Raises:
        SelectorError: the text is no selector, names an unknown function, gives one a wrong number of
            arguments, or holds a constant that can never work.
    """
    tree = parse_selector(text, strict=strict)
    part = compile_tree(tree, strict=strict)
    nodes = list(_walk(tree))
    pairs = [
        _sides(node) for node in _conjuncts(tree) if node["type"] == "comparator" and node["value"] == "eq"
    ]
    return Selector(
        text=text,
        variables=frozenset(node["value"] for node in nodes if node["type"] == "variable"),
        functions=frozenset(node["value"] for node in nodes if node["type"] == "function_expression"),
        fields=frozenset(_fields(tree)),
        equalities=tuple(
            (path, other["value"])
            for path, other in pairs
            if path and other["type"] == "literal" and not isinstance(other["value"], (list, dict))
        ),
        variable_equalities=tuple(
            (path, other["value"]) for path, other in pairs if path and other["type"] == "variable"
        ),
        is_constant=part.value is not UNKNOWN,
        may_fail=part.may_fail,
        evaluate=part.run,
        test=part.condition,
        tree=tree,
    )


def functions() -> Mapping[str, str]:
    """Every function of selectors by name, with one line about it: `avg(array): mean of numbers; ...`."""
    return {name: f"{function.usage}: {function.doc}" for name, function in FUNCTIONS.items()}


def _walk(tree: Node) -> Iterator[Node]:
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        yield node
        if node["type"] != "slice":  # whose children are numbers
            nodes.extend(node["children"])


def _conjuncts(node: Node) -> Iterator[Node]:
    if node["type"] == "and_expression":
        for child in node["children"]:
            yield from _conjuncts(child)
    else:
        yield node


def _sides(comparator: Node) -> tuple[tuple[str, ...], Node]:
    """The path of one side, () if neither is plain fields of the item, and the other side."""
    left, right = comparator["children"]
    path = _plain_path(left)
    return (path, right) if path else (_plain_path(right), left)


def _plain_path(node: Node) -> tuple[str, ...]:
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] == "subexpression" and all(child["type"] == "field" for child in node["children"]):
        return tuple(child["value"] for child in node["children"])
    return ()


def _fields(node: Node) -> Iterator[str]:
    """Names of the item's own fields that a node reads."""
    kind, children = node["type"], node["children"]
    if kind == "field":
        yield node["value"]
    elif kind in ("subexpression", "index_expression", "pipe"):
        # The first child reads the item, the next one its value; `@` hands the item on.
        first = next((child for child in children if child["type"] not in ("current", "identity")), None)
        if first is not None:
            yield from _fields(first)
    elif kind in ("projection", "value_projection", "filter_projection"):
        yield from _fields(children[0])
    elif kind not in ("expref", "slice"):
        for child in children:
            yield from _fields(child)
