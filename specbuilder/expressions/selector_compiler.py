"""Syntax tree of a selector to closures: constants are folded, and what is common takes the short way.

Every node becomes a `Part`. A part that reads neither its item nor the scope has one value for ever, so it is
computed here, at load, and mistakes in it are found here too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from specbuilder.expressions import selector_closures as closures
from specbuilder.expressions.selector_closures import Run
from specbuilder.expressions.selector_code import CodeWriter, functions
from specbuilder.expressions.selector_functions import FUNCTIONS, UNKNOWN, Function
from specbuilder.expressions.selector_parser import Node, SelectorError
from specbuilder.expressions.selector_shapes import CHAINS, IDENTITIES, gains, steps_of
from specbuilder.expressions.selector_values import Scope, SelectorTypeError
from specbuilder.language.errors import did_you_mean

__all__ = ["FAILURES", "Part", "code_writer", "compile_tree", "problem_of"]

_PYTHON_ERRORS: Final = (ArithmeticError, RecursionError, TypeError, ValueError)

FAILURES: Final = (SelectorTypeError, *_PYTHON_ERRORS)
"""What a `CodeWriter`'s expression may raise."""


@dataclass(frozen=True)
class Part:
    """A compiled node.

    Attributes:
        run: the value.
        test: the value's truth as a bool, where there is a shorter way to it than `run`.
        reads_item, reads_scope: whether the value depends on them.
        value: the value of a constant, else UNKNOWN.
        field: the name where the part is one field of the item.
        may_fail: `run` can raise.
    """

    run: Run
    test: Run | None = None
    reads_item: bool = True
    reads_scope: bool = False
    value: Any = UNKNOWN
    field: str | None = None
    may_fail: bool = False

    @property
    def condition(self) -> Run:
        """The value's truth."""
        return self.test or closures.truth_of(self.run)


@dataclass(frozen=True)
class Call:
    """A function expression.

    Attributes:
        function: what is called.
        arguments: node and part of each argument it gets at run time; constant ones may be in it already.
        parts: all of them.
        takes_null: null is an argument like any other.
        reads_scope: it gets the scope before the arguments.
    """

    function: Callable[..., Any]
    arguments: list[tuple[Node, Part]]
    parts: list[Part]
    takes_null: bool
    reads_scope: bool


def compile_tree(tree: Node, *, strict: bool = False) -> Part:
    """Compile the tree of a whole selector; the closures raise SelectorTypeError and nothing else.

    Raises:
        SelectorError: an unknown function, a wrong number of arguments, a constant that can never work.
    """
    try:
        part = _Compiler(strict).part(tree)
        if part.value is UNKNOWN and not strict and gains(tree):
            return _written(tree, part)
    except RecursionError:
        raise SelectorError("the selector is nested too deeply") from None
    if not part.may_fail:
        return part
    return replace(part, run=_guarded(part.run), test=_guarded(part.condition))


def code_writer() -> CodeWriter:
    """A writer whose closures are those of this compiler."""
    return CodeWriter(_Compiler(False))


def _written(tree: Node, part: Part) -> Part:
    """A selector whose value and truth are functions of Python source."""
    writer = code_writer()
    lines = _body("run", writer.expression(tree, "item"), writer)
    lines += _body("test", f"bool({writer.condition(tree, 'item')})", writer)
    names = {"bool": bool, "ERRORS": _PYTHON_ERRORS, "failure": _failure}
    run, test = functions(lines, {**writer.constants, **names}, "run", "test")
    return replace(part, run=run, test=test, may_fail=writer.may_fail)


def _body(name: str, value: str, writer: CodeWriter) -> list[str]:
    lines = [f"def {name}(item, scope):", "    variables = scope.variables"]
    if not writer.may_fail:
        return [*lines, f"    return {value}"]
    return [
        *lines,
        "    try:",
        f"        return {value}",
        "    except ERRORS as error:",
        "        caught = error.__class__",
        # Out here the error has no context, whose text may quote the value.
        "    raise failure(caught)",
    ]


def _failure(caught: type[Exception]) -> SelectorTypeError:
    return SelectorTypeError(f"{caught.__name__} in a function or comparison")


def problem_of(error: Exception) -> str:
    """What to say of one of `FAILURES`: Python's text may quote the value, which is somebody's speech."""
    return str(error if isinstance(error, SelectorTypeError) else _failure(type(error)))


def _guarded(run: Run) -> Run:
    def guarded(item: Any, scope: Scope) -> Any:
        try:
            return run(item, scope)
        except _PYTHON_ERRORS as error:
            caught = type(error)
        # As in `_body`.
        raise _failure(caught)

    return guarded


class _Compiler:
    def __init__(self, strict: bool) -> None:
        self._strict = strict

    def part(self, node: Node, applied: bool = False) -> Part:
        """Compile a node.

        Args:
            applied: the item is the value of what stands before (`a.[b]`), not the message or rule's item.
        """
        kind = node["type"]
        compile_node: Callable[[Node, bool], Part] = getattr(self, "_chain" if kind in CHAINS else f"_{kind}")
        return self._folded(compile_node(node, applied), node)

    def _folded(self, part: Part, node: Node) -> Part:
        if part.reads_item or part.reads_scope or part.value is not UNKNOWN:
            return part
        nowhere: Any = None
        try:
            return _constant(part.run(None, nowhere))
        except RecursionError:
            raise
        except (SelectorTypeError, *_PYTHON_ERRORS) as error:
            if self._strict:
                return part  # JMESPath fails when it gets there, which may be never
            raise SelectorError(str(error), node.get("start", 0), kind="invalid-type") from None

    # --- paths and projections

    def _literal(self, node: Node, applied: bool) -> Part:
        return _constant(node["value"])

    def _current(self, node: Node, applied: bool) -> Part:
        return Part(closures.this)

    _identity = _current

    def _variable(self, node: Node, applied: bool) -> Part:
        return Part(closures.variable(node["value"]), reads_item=False, reads_scope=True)

    def _field(self, node: Node, applied: bool) -> Part:
        return Part(closures.field_path(None, (node["value"],)), field=node["value"])

    def _fields(self, node: Node, applied: bool) -> Part:
        return Part(closures.field_path(None, node["value"]))

    def _index(self, node: Node, applied: bool) -> Part:
        return Part(closures.indexed(closures.this, node["value"]))

    def _slice(self, node: Node, applied: bool) -> Part:
        return Part(closures.sliced(closures.this, slice(*node["children"])))

    def _chain(self, node: Node, applied: bool) -> Part:
        """Nodes of which each reads the value of the one before."""
        first, *steps = steps_of(node)
        if first["type"] in IDENTITIES and steps:
            first, applied = steps.pop(0), True
        part = self.part(first, applied)
        for step in steps:
            part = self._after(part, step)
        return part

    def _after(self, part: Part, step: Node) -> Part:
        if step["type"] == "field":
            return _over(closures.field_path(part.run, (step["value"],)), part)
        if step["type"] == "fields":
            return _over(closures.field_path(part.run, step["value"]), part)
        if step["type"] == "index":
            return _over(closures.indexed(part.run, step["value"]), part)
        if step["type"] == "slice":
            return _over(closures.sliced(part.run, slice(*step["children"])), part)
        outer = self.part(step, applied=True)
        return _over(closures.then(part.run, outer.run), part, outer)

    def _flatten(self, node: Node, applied: bool) -> Part:
        base = self.part(node["children"][0], applied)
        return _over(closures.flattened(base.run), base)

    def _projection(self, node: Node, applied: bool) -> Part:
        left, right = node["children"]
        each = self.part(right, applied=True)
        if left["type"] == "flatten" and each.field is not None:
            base = self.part(left["children"][0], applied)
            return _over(closures.flattened_field(base.run, each.field), base, each)
        base = self.part(left, applied)
        return _over(_projected(base.run, each), base, each)

    def _value_projection(self, node: Node, applied: bool) -> Part:
        base = self.part(node["children"][0], applied)
        each = self.part(node["children"][1], applied=True)
        return _over(_projected(closures.object_values(base.run), each), base, each)

    def _filter_projection(self, node: Node, applied: bool) -> Part:
        left, right, condition = node["children"]
        base = self.part(left, applied)
        each = self.part(right, applied=True)
        test = self.part(condition, applied=True)
        return _over(_projected(closures.filtered(base.run, test.condition), each), base, each, test)

    # --- new values

    def _multi_select_list(self, node: Node, applied: bool) -> Part:
        parts = [self.part(child) for child in node["children"]]
        null_of_null = self._null_of_null(applied)
        run = closures.multi_select_list((part.run for part in parts), null_of_null)
        return self._new_value(run, parts, null_of_null)

    def _multi_select_dict(self, node: Node, applied: bool) -> Part:
        pairs = [(pair["value"], self.part(pair["children"][0])) for pair in node["children"]]
        null_of_null = self._null_of_null(applied)
        fields = [(name, part.field) for name, part in pairs if part.field is not None]
        if len(fields) == len(pairs):
            run = closures.object_of_fields(fields, null_of_null)
        else:
            run = closures.multi_select_object(((name, part.run) for name, part in pairs), null_of_null)
        return self._new_value(run, [part for _, part in pairs], null_of_null)

    def _null_of_null(self, applied: bool) -> bool:
        """JMESPath's `['a', $b]` is null for a null item; ours is not, since `on_close` has no message."""
        return applied or self._strict

    def _new_value(self, run: Run, parts: list[Part], null_of_null: bool) -> Part:
        part = _together(run, parts)
        return replace(part, reads_item=part.reads_item or null_of_null)

    # --- conditions

    def _and_expression(self, node: Node, applied: bool) -> Part:
        left, right = (self.part(child) for child in node["children"])
        test = closures.all_hold(left.condition, right.condition)
        return replace(_together(closures.all_of(left.run, right.run), [left, right]), test=test)

    def _or_expression(self, node: Node, applied: bool) -> Part:
        left, right = (self.part(child) for child in node["children"])
        test = closures.any_holds(left.condition, right.condition)
        return replace(_together(closures.any_of(left.run, right.run), [left, right]), test=test)

    def _not_expression(self, node: Node, applied: bool) -> Part:
        part = self.part(node["children"][0])
        run = closures.negated(part.condition)
        return replace(_over(run, part), test=run)

    def _comparator(self, node: Node, applied: bool) -> Part:
        kind = node["value"]
        left, right = (self.part(child) for child in node["children"])
        if kind not in ("eq", "ne"):
            return _together(closures.in_order(kind, left.run, right.run), [left, right])
        if left.value is not UNKNOWN:
            left, right = right, left
        part = _together(_equality(left, right), [left, right])
        if isinstance(right.value, (list, dict)) or right.value is UNKNOWN:
            part = replace(part, may_fail=True)  # a comparison of deeply nested values runs out of stack
        run = closures.negated(part.run) if kind == "ne" else part.run
        return replace(part, run=run, test=run)

    # --- functions

    def _expref(self, node: Node, applied: bool) -> Part:
        takers = ", ".join(name for name, function in FUNCTIONS.items() if function.expression is not None)
        raise SelectorError(
            "an &expression has no value of its own", node["start"], f"it is an argument of {takers}"
        )

    def _function_expression(self, node: Node, applied: bool) -> Part:
        call = self.call(node)
        runs = [part.run for _, part in call.arguments]
        by = FUNCTIONS[node["value"]].expression
        if by is not None:
            run = closures.called_by(call.function, runs[1 - by], runs[by], takes_null=call.takes_null)
        else:
            scope = (closures.whole_scope,) if call.reads_scope else ()
            run = closures.called(call.function, (*scope, *runs), takes_null=call.takes_null)
        part = replace(_together(run, call.parts), may_fail=True)
        return replace(part, reads_scope=part.reads_scope or call.reads_scope)

    def call(self, node: Node) -> Call:
        """What a function expression calls, and with which arguments."""
        function = self._function(node)
        parts = [
            self._argument(child, function, index == function.expression)
            for index, child in enumerate(node["children"])
        ]
        arguments = list(zip(node["children"], parts, strict=True))
        call = (function.strict if self._strict else None) or function.call
        constants = tuple(part.value for part in parts)
        prepared = self._prepared(function, constants, node)
        if prepared is not None and UNKNOWN in constants:
            call = prepared
            arguments = [argument for argument in arguments if argument[1].value is UNKNOWN]
        takes_null = function.takes_null or self._strict
        return Call(call, arguments, parts, takes_null, function.reads_scope)

    def _function(self, node: Node) -> Function:
        name, start, count = node["value"], node["start"], len(node["children"])
        function = FUNCTIONS.get(name)
        if function is None or (self._strict and not function.standard):
            hint = did_you_mean(name, FUNCTIONS)
            raise SelectorError(f"there is no function {name}()", start, hint, kind="unknown-function")
        if count < function.least or (function.most is not None and count > function.most):
            takes = f"{'at least ' if function.most is None else ''}{function.least}"
            plural = "" if function.least == 1 else "s"
            raise SelectorError(
                f"{name}() takes {takes} argument{plural}, not {count}",
                start,
                f"write {function.usage}",
                kind="invalid-arity",
            )
        return function

    def _argument(self, node: Node, function: Function, is_expression: bool) -> Part:
        if (node["type"] == "expref") is not is_expression:
            what = "needs an &expression" if is_expression else "takes no &expression there"
            start = node.get("start", 0)
            hint = f"write {function.usage}"
            raise SelectorError(f"{function.name}() {what}", start, hint, kind="invalid-type")
        if not is_expression:
            return self.part(node)
        body = self.part(node["children"][0], applied=True)
        return replace(body, reads_item=False, value=UNKNOWN)

    def _prepared(
        self, function: Function, constants: tuple[Any, ...], node: Node
    ) -> Callable[..., Any] | None:
        if function.prepare is None:
            return None
        try:
            return function.prepare(*constants)
        except ValueError as error:
            message = f"{function.name}(): {error}"
            raise SelectorError(message, node["start"], kind="invalid-value") from None


def _constant(value: Any) -> Part:
    return Part(closures.constant(value), reads_item=False, value=value)


def _over(run: Run, base: Part, *each: Part) -> Part:
    """A part that applies `each` to values of `base`, so that only base reads the item."""
    return replace(_together(run, [base, *each]), reads_item=base.reads_item)


def _together(run: Run, parts: list[Part]) -> Part:
    return Part(
        run,
        reads_item=any(part.reads_item for part in parts),
        reads_scope=any(part.reads_scope for part in parts),
        may_fail=any(part.may_fail for part in parts),
    )


def _projected(inner: Run, each: Part) -> Run:
    return closures.projected(inner, None if each.run is closures.this else each.run, each.field)


def _equality(left: Part, right: Part) -> Run:
    if right.value is UNKNOWN:
        return closures.equal_values(left.run, right.run)
    if left.field is not None and isinstance(right.value, str):
        return closures.equals_field_text(left.field, right.value)
    return closures.equals_constant(left.run, right.value)
