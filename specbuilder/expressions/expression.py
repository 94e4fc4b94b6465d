"""One Jinja expression: what stands in a hole of a template, or a condition.

Jinja parses the text, its syntax tree is rewritten to follow the language's rules, and Jinja generates the
code, in its sandbox. Only a name, or a field of a name, is read without Jinja.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.exceptions import TemplateSyntaxError
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from specbuilder.expressions.filters import FILTERS, TESTS, guarded_filter
from specbuilder.expressions.functions import BUILT_IN_FUNCTIONS, call_method
from specbuilder.expressions.operators import arithmetic, compare, concatenate, sign
from specbuilder.expressions.rewriting import HELPERS, Rewriter, dotted_path
from specbuilder.expressions.values import (
    Null,
    Scope,
    TemplateError,
    attempt,
    charge,
    inward,
    kind,
    read_item,
    read_name,
)

__all__ = ["Expression"]

# Deeper than any author writes; Python's own compiler gives up at 200 brackets.
_MAX_DEPTH = 60


@pass_context
def _name(context: Context, name: str) -> Any:
    scope: Scope = context.parent["scope"]
    return read_name(scope, name)


@pass_context
def _function(context: Context, name: str, *args: Any) -> Any:
    scope: Scope = context.parent["scope"]
    function = scope.functions.get(name, BUILT_IN_FUNCTIONS.get(name))
    if function is None:
        raise TemplateError(f"{name}() is not available here")
    if any(argument is None for argument in args):
        return None
    result = attempt(lambda: function(*args), f"{name}() failed on ({', '.join(map(kind, args))})")
    return charge(scope, inward(result))


@pass_context
def _method(context: Context, value: Any, name: str, *args: Any) -> Any:
    return charge(context.parent["scope"], call_method(value, name, *args))


@pass_context
def _arithmetic(context: Context, left: Any, symbol: str, right: Any) -> Any:
    return charge(context.parent["scope"], arithmetic(left, symbol, right))


@pass_context
def _concatenate(context: Context, values: tuple[Any, ...]) -> Any:
    return charge(context.parent["scope"], concatenate(values))


def _slice(value: Any, **bounds: Any) -> Any:
    """`value[start:stop:step]`; `bounds` has only those that are written."""
    if value is None or any(bound is None for bound in bounds.values()):
        return None
    if not isinstance(value, (list, str, bytes)):
        raise TemplateError(f"{kind(value)} has no slices")
    part = slice(*(bounds.get(bound) for bound in ("start", "stop", "step")))
    return attempt(lambda: value[part], "the bounds of a slice are whole numbers, and its step is not 0")


def _list(items: tuple[Any, ...]) -> list[Any]:
    return [_inner(item) for item in items if item is not None]


def _dict(pairs: tuple[tuple[Any, Any], ...]) -> Any:
    kept = [(key, _inner(value)) for key, value in pairs if key is not None and value is not None]
    return attempt(lambda: dict(kept), "a list or mapping cannot be a key")


def _inner(value: Any) -> Any:
    # Inside a list or mapping None is null: nothing was left out before.
    return None if isinstance(value, Null) else value


_helpers: dict[str, Callable[..., Any]] = {
    "$": _name,
    "$()": _function,
    ".": read_item,
    "[:]": _slice,
    ".()": _method,
    "[]": _list,
    "{}": _dict,
    "<>": compare,
    "+-": _arithmetic,
    "-": sign,
    "~": _concatenate,
}
assert _helpers.keys() == HELPERS


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja with our filters and tests only, and nothing it knows by itself."""

    def __init__(self) -> None:
        # The optimizer would compute constant parts while compiling, unbounded.
        super().__init__(optimized=False, autoescape=False, cache_size=0)
        self.globals.clear()
        self.filters = {name: guarded_filter(name) for name in FILTERS} | _helpers
        self.tests = dict(TESTS)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Read a field for Jinja's own `map(attribute=…)`, `sort(attribute=…)` and the like."""
        found = read_item(obj, argument)
        return self.undefined(name=str(argument)) if found is None else found


_environment = _Environment()


class Expression:
    """A compiled expression.

    Arguments:
        text: the expression, without braces.
        offset: where it begins in what the author wrote, in characters.

    Attributes:
        names: the names it reads.
        paths: the same with the fields read from them, as far as they are literal: `("audio", "data")`.
        functions: the functions it calls.
        evaluate: gives the value for a scope; None is nothing, `NULL` is null. Raises TemplateError.

    Raises:
        TemplateError: the text is no expression, or uses a filter, test, function or method there is none of.
    """

    __slots__ = ("evaluate", "functions", "names", "paths")

    def __init__(self, text: str, offset: int = 0) -> None:
        tree = _parse(text, offset)
        path = dotted_path(tree)
        rewriter = Rewriter(text, offset)
        rewritten = rewriter.visit(tree)
        self.paths = frozenset(rewriter.paths)
        self.names = frozenset(read[0] for read in rewriter.paths)
        self.functions = frozenset(rewriter.functions)
        self.evaluate: Callable[[Scope], Any] = _reader(path) if path else _Generated(rewritten)


def _reader(path: tuple[str, ...]) -> Callable[[Scope], Any]:
    name, *fields = path

    def read(scope: Scope) -> Any:
        value = read_name(scope, name)
        for field in fields:
            value = read_item(value, field, literal=True)
        return value

    return read


class _Generated:
    """An expression as code of Jinja's, generated when it is first needed: most of a spec never is."""

    __slots__ = ("_run", "_tree")

    def __init__(self, tree: nodes.Expr) -> None:
        self._tree = tree
        self._run: Callable[[Scope], Any] | None = None

    def __call__(self, scope: Scope) -> Any:
        run = self._run
        if run is None:
            run = self._run = _generate(self._tree)
        return attempt(lambda: run(scope), "the expression cannot be evaluated")


def _generate(tree: nodes.Expr) -> Callable[[Scope], Any]:
    body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), tree, lineno=1)]
    template = _environment.from_string(nodes.Template(body, lineno=1))

    def run(scope: Scope) -> Any:
        context = template.new_context({"scope": scope}, shared=True)
        # The generated code is a generator of output; there is none, only the assignment.
        for _ in template.root_render_func(context):
            pass
        return context.vars["result"]

    return run


_UNEXPECTED = re.compile(r"unexpected char ('.') at \d+")

_SELECTOR_WORDS = {
    "&": "Jinja writes: a and b",
    "!": "Jinja writes: not a",
    "?": "Jinja writes: a if condition else b",
    "`": "Jinja writes numbers as 1 and texts as 'a'",
    "$": "in Jinja an option is its name alone",
    "@": "Jinja knows options, not the message; a selector reads that",
}
"""What JMESPath or other languages write, and Jinja does not."""


def _parse(text: str, offset: int) -> nodes.Expr:
    complaint, hint = "the expression cannot be read", None
    try:
        parser = Parser(_environment, text, state="variable")
        tree = parser.parse_expression()
        if parser.stream.eos:
            _check_depth(tree, offset)
            return tree
        complaint = f"unexpected {parser.stream.current.value!r} after the expression"
    except TemplateSyntaxError as error:
        complaint = error.message or complaint
        if (found := _UNEXPECTED.match(complaint)) is not None:
            complaint, hint = f"unexpected {found[1]}", _SELECTOR_WORDS.get(found[1][1:-1])
    except (ValueError, RecursionError) as error:
        if isinstance(error, TemplateError):
            raise
    if "end of template" in complaint:
        complaint = "the expression is not complete"
    raise TemplateError(complaint, offset, hint)


def _check_depth(tree: nodes.Node, offset: int) -> None:
    level: list[nodes.Node] = [tree]
    for _ in range(_MAX_DEPTH):
        level = [child for node in level for child in node.iter_child_nodes()]
        if not level:
            return
    raise TemplateError(f"the expression is nested more than {_MAX_DEPTH} levels deep", offset)
