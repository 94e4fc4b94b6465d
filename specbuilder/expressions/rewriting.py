"""Jinja's syntax tree, rewritten to follow the rules of the language.

Every place where the language differs from Jinja (nothing propagates, fields may be strict, sizes are
bounded) becomes the call of a helper. Such a call is written as a filter whose name no template can spell,
because Jinja calls filters without further ado; `HELPERS` lists the names. On the way it is noted what an
expression uses, and refused what there is none of.
"""

from __future__ import annotations

import inspect
import math
import re
from typing import Any, Final, NoReturn, cast

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from specbuilder.expressions.filters import FILTERS, LENIENT_FILTERS, REMOVED_FILTERS, TESTS
from specbuilder.expressions.functions import FUNCTIONS, METHODS
from specbuilder.expressions.operators import MAX_BITS
from specbuilder.expressions.values import TemplateError
from specbuilder.language.errors import did_you_mean

__all__ = ["HELPERS", "Rewriter", "dotted_path"]

HELPERS: Final = frozenset({"$", "$()", ".", ".()", "[:]", "[]", "{}", "<>", "+-", "-", "~"})
"""The helpers: name, function, field or item, method, slice, list, mapping, comparisons,
arithmetic, sign, concatenation."""

# Filters that apply a filter or test, and which of their arguments names it.
_APPLYING = {"map": 0, "select": 0, "reject": 0, "selectattr": 1, "rejectattr": 1}


def dotted_path(node: nodes.Node) -> tuple[str, ...]:
    """The dotted path an expression is; empty when it is anything else."""
    if isinstance(node, nodes.Name):
        return (node.name,)
    key: object = None
    if isinstance(node, nodes.Getattr):
        key = node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        key = node.arg.value
    if isinstance(node, (nodes.Getattr, nodes.Getitem)) and isinstance(key, str):
        path = dotted_path(node.node)
        return (*path, key) if path else ()
    return ()


def _helper(name: str, value: nodes.Expr, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, name, list(args), [], None, None, lineno=1)


class Rewriter(NodeTransformer):
    """Turns Jinja's syntax tree into one that follows the language's rules, and notes what it uses."""

    def __init__(self, text: str, offset: int) -> None:
        self._text = text
        self._offset = offset
        # Whether a missing field of a strict mapping is nothing at the place being visited.
        self._lenient = False
        self.paths: set[tuple[str, ...]] = set()
        self.functions: set[str] = set()

    def _fail(self, message: str, pattern: str = "", hint: str | None = None) -> NoReturn:
        # Jinja's nodes know their line only, so the place is looked for in the text.
        found = re.search(pattern, self._text)
        raise TemplateError(message, self._offset + (found.start() if found else 0), hint)

    def _visited(self, many: list[nodes.Expr]) -> list[nodes.Expr]:
        return [self.visit(node) for node in many]

    def _plain_arguments(self, node: nodes.Call | nodes.Filter | nodes.Test) -> None:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            self._fail("arguments are written one by one, without * and **")

    def visit_Const(self, node: nodes.Const) -> nodes.Expr:
        value = node.value
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            self._fail(f"a number of more than {MAX_BITS} bits")
        if isinstance(value, float) and not math.isfinite(value):
            self._fail("the number is too large")
        return node

    def visit_Name(self, node: nodes.Name) -> nodes.Expr:
        return self._read_path((node.name,))

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Expr:
        path = dotted_path(node)
        if path:
            return self._read_path(path)
        return self._item(self.visit(node.node), nodes.Const(node.attr), literal=True)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:
        path = dotted_path(node)
        if path:
            return self._read_path(path)
        if isinstance(node.arg, nodes.Slice):
            sliced = _helper("[:]", self.visit(node.node))
            bounds = {"start": node.arg.start, "stop": node.arg.stop, "step": node.arg.step}
            written = [(name, bound) for name, bound in bounds.items() if bound is not None]
            # Jinja's annotation says Pair, its parser and its generator mean Keyword.
            sliced.kwargs = [cast(nodes.Pair, nodes.Keyword(name, self.visit(at))) for name, at in written]
            return sliced
        literal = isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str)
        return self._item(self.visit(node.node), self.visit(node.arg), literal)

    def _read_path(self, path: tuple[str, ...]) -> nodes.Expr:
        self.paths.add(path)
        value: nodes.Expr = _helper("$", nodes.Const(path[0]))
        for key in path[1:]:
            value = self._item(value, nodes.Const(key), literal=True)
        return value

    def _item(self, value: nodes.Expr, key: nodes.Expr, literal: bool) -> nodes.Expr:
        return _helper(".", value, key, nodes.Const(self._lenient), nodes.Const(literal))

    def visit_Call(self, node: nodes.Call) -> nodes.Expr:
        self._plain_arguments(node)
        if node.kwargs:
            self._fail("functions and methods take no named arguments")
        called, args = node.node, self._visited(node.args)
        if isinstance(called, nodes.Name):
            if called.name not in FUNCTIONS:
                hint = did_you_mean(called.name, FUNCTIONS)
                if called.name in FILTERS:
                    hint = f"it is a filter: value | {called.name}"
                self._fail(f"there is no function {called.name!r}", rf"\b{re.escape(called.name)}\s*\(", hint)
            self.functions.add(called.name)
            return _helper("$()", nodes.Const(called.name), *args)
        if not isinstance(called, nodes.Getattr):
            self._fail("only functions and methods can be called")
        if called.attr not in METHODS:
            hint = did_you_mean(called.attr, METHODS)
            self._fail(f"there is no method {called.attr!r}", rf"\.\s*{re.escape(called.attr)}\b", hint)
        return _helper(".()", self.visit(called.node), nodes.Const(called.attr), *args)

    def visit_Filter(self, node: nodes.Filter) -> nodes.Expr:
        place = rf"\|\s*{re.escape(node.name)}\b"
        if node.name not in FILTERS:
            hint = REMOVED_FILTERS.get(node.name) or did_you_mean(node.name, FILTERS)
            self._fail(f"there is no filter {node.name!r}", place, hint)
        self._plain_arguments(node)
        if not _accepts(node.name, len(node.args), [str(option.key) for option in node.kwargs]):
            self._fail(f"the filter {node.name!r} does not take these arguments", place)
        self._check_applied(node, place)
        assert node.node is not None  # only a filter block has none
        node.node = self._visit_leniently(node.node, node.name in LENIENT_FILTERS)
        node.args = self._visited(node.args)
        for option in node.kwargs:
            option.value = self.visit(option.value)
        return node

    def _visit_leniently(self, node: nodes.Expr, lenient: bool) -> Any:
        before, self._lenient = self._lenient, self._lenient or lenient
        try:
            return self.visit(node)
        finally:
            self._lenient = before

    def _check_applied(self, node: nodes.Filter, place: str) -> None:
        """Check the filter or test that another filter is told to apply to every item."""
        at = _APPLYING.get(node.name)
        if at is None or len(node.args) <= at:
            return
        # One that applies another in turn is not followed, so what it applies would go unchecked.
        known = FILTERS.keys() - _APPLYING.keys() if node.name == "map" else TESTS.keys()
        applied = node.args[at]
        if not isinstance(applied, nodes.Const):
            self._fail(f"what {node.name!r} applies must be written out, as in map('join')", place)
        if applied.value not in known:
            what = "filter" if node.name == "map" else "test"
            hint = did_you_mean(str(applied.value), known)
            self._fail(f"there is no {what} {applied.value!r} to apply", place, hint)

    def visit_Test(self, node: nodes.Test) -> nodes.Expr:
        if node.name not in TESTS:
            place = rf"\bis\s+(not\s+)?{re.escape(node.name)}\b"
            self._fail(f"there is no test {node.name!r}", place, did_you_mean(node.name, TESTS))
        self._plain_arguments(node)
        if node.kwargs:
            self._fail("tests take no named arguments")
        node.node = self._visit_leniently(node.node, node.name in ("defined", "undefined"))
        node.args = self._visited(node.args)
        return node

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Expr:
        node.expr2 = node.expr2 or nodes.Const(None)
        self.generic_visit(node)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Expr:
        rest: list[nodes.Expr] = []
        for operand in node.ops:
            rest += nodes.Const(operand.op), self.visit(operand.expr)
        return _helper("<>", self.visit(node.expr), *rest)

    def _arithmetic(self, node: nodes.BinExpr) -> nodes.Expr:
        return _helper("+-", self.visit(node.left), nodes.Const(node.operator), self.visit(node.right))

    visit_Add = visit_Sub = visit_Mul = visit_Div = visit_FloorDiv = visit_Mod = visit_Pow = _arithmetic

    def _sign(self, node: nodes.UnaryExpr) -> nodes.Expr:
        return _helper("-", self.visit(node.node), nodes.Const(node.operator))

    visit_Neg = visit_Pos = _sign

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:
        return _helper("~", nodes.Tuple(self._visited(node.nodes), "load"))

    def visit_List(self, node: nodes.List | nodes.Tuple) -> nodes.Expr:
        return _helper("[]", nodes.Tuple(self._visited(node.items), "load"))

    visit_Tuple = visit_List

    def visit_Dict(self, node: nodes.Dict) -> nodes.Expr:
        pairs: list[nodes.Expr] = [
            nodes.Tuple([self.visit(pair.key), self.visit(pair.value)], "load") for pair in node.items
        ]
        return _helper("{}", nodes.Tuple(pairs, "load"))


def _accepts(name: str, count: int, options: list[str]) -> bool:
    run = FILTERS[name].run
    # Jinja's own filters may take a context before the value.
    given = count + (2 if hasattr(inspect.unwrap(run), "jinja_pass_arg") else 1)
    try:
        inspect.signature(run).bind(*range(given), **dict.fromkeys(options))
    except TypeError:
        return False
    return True
