"""Templates and conditions: how a spec writes.

A template is text with holes; each `{{ hole }}` is one Jinja expression. A hole alone gives its value with
its type; a hole among text gives text. A condition is a Jinja expression without braces. Both are compiled
once, when a spec is loaded, and then rendered with the names of a session.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from specbuilder.expressions.expression import Expression
from specbuilder.expressions.filters import filters
from specbuilder.expressions.functions import FUNCTIONS, functions
from specbuilder.expressions.nothing import NOTHING
from specbuilder.expressions.values import (
    MAX_SIZE,
    Scope,
    StrictMapping,
    TemplateError,
    check_size,
    outward,
    text_of,
)

__all__ = [
    "FUNCTIONS",
    "MAX_SIZE",
    "MAX_SOURCE",
    "Condition",
    "Functions",
    "StrictMapping",
    "Template",
    "TemplateError",
    "compile_condition",
    "compile_template",
    "filters",
    "functions",
]

MAX_SOURCE: Final = 64 * 1024
"""The longest template or condition, in characters."""

Functions: TypeAlias = Mapping[str, Callable[..., Any]]

NO_FUNCTIONS: Final[Functions] = MappingProxyType({})

_Piece: TypeAlias = "str | _Hole"


class _Hole:
    """An expression and where its braces open."""

    __slots__ = ("expression", "offset")

    def __init__(self, expression: Expression, offset: int) -> None:
        self.expression = expression
        self.offset = offset

    def read(self, scope: Scope, use: Callable[[Any, Scope], Any]) -> Any:
        """Evaluate the expression and use its value; an error of either says where."""
        try:
            return use(self.expression.evaluate(scope), scope)
        except TemplateError as error:
            if error.offset is None:
                error.offset = self.offset
            raise


def _text(value: Any, scope: Scope) -> str | None:
    return None if value is None else text_of(value)


class Template:
    """A compiled template; made by `compile_template`.

    Attributes:
        text: what the author wrote.
        names: the names its holes read; functions are not among them.
        paths: the same with the fields read from them: `("audio", "data")`; a bare name is `("model",)`.
        functions: the functions its holes call.
        is_constant: there is no hole.
        is_lone: there is one hole and nothing else, so the value keeps its type.
    """

    __slots__ = ("_pieces", "functions", "is_constant", "is_lone", "names", "paths", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._pieces = _split(text)
        holes = [piece.expression for piece in self._pieces if isinstance(piece, _Hole)]
        self.names: frozenset[str] = frozenset().union(*(hole.names for hole in holes))
        self.paths: frozenset[tuple[str, ...]] = frozenset().union(*(hole.paths for hole in holes))
        self.functions: frozenset[str] = frozenset().union(*(hole.functions for hole in holes))
        self.is_constant = not holes
        self.is_lone = len(self._pieces) == 1 and bool(holes)

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    def render(
        self,
        names: Mapping[str, Any],
        functions: Functions = NO_FUNCTIONS,
        *,
        encode: Callable[[str], str] | None = None,
    ) -> Any:
        """Fill the holes.

        Arguments:
            names: values by name. They may be `Secret`, `StrictMapping`, or computed when read (by
                `names.get`). None and `NOTHING` are both nothing; None inside a list or mapping is null.
            functions: functions by name. `silence` and `wav_header` are known only from here; `now` and
                `uuid` may be replaced by those of a test.
            encode: applied to the text of every hole that stands among text, such as percent-encoding in a
                path.

        Returns `NOTHING`, or the value (None is null).

        Raises:
            TemplateError: a hole cannot be evaluated, or its value cannot stand where it does.
        """
        return self.render_in(Scope(names, functions), encode)

    def render_in(self, scope: Scope, encode: Callable[[str], str] | None = None) -> Any:
        """Fill the holes for a scope that several templates share, so that their size is bounded together."""
        if self.is_constant:
            return self.text
        if self.is_lone:
            hole = self._pieces[0]
            assert isinstance(hole, _Hole)
            return hole.read(scope, outward)
        texts = []
        for piece in self._pieces:
            if isinstance(piece, str):
                texts.append(piece)
                continue
            text = piece.read(scope, _text)
            if text is None:
                return NOTHING
            texts.append(encode(text) if encode else text)
        check_size(sum(map(len, texts)))
        return outward("".join(texts), scope)


class Condition:
    """A compiled condition; made by `compile_condition`.

    Attributes:
        text: what the author wrote.
        names, paths, functions: as of a `Template`.
    """

    __slots__ = ("_expression", "functions", "names", "paths", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._expression = Expression(text)
        self.names = self._expression.names
        self.paths = self._expression.paths
        self.functions = self._expression.functions

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def holds(self, names: Mapping[str, Any], functions: Functions = NO_FUNCTIONS) -> bool:
        """Tell whether the condition holds; nothing, null, false, 0 and what is empty do not.

        Arguments as of `Template.render`.

        Raises:
            TemplateError: the condition cannot be evaluated.
        """
        return self.holds_in(Scope(names, functions))

    def holds_in(self, scope: Scope) -> bool:
        """Tell whether the condition holds in a scope."""
        return bool(self._expression.evaluate(scope))


@lru_cache(maxsize=4096)
def compile_template(text: str) -> Template:
    """Compile a template.

    Raises:
        TemplateError: a hole is not closed or is no expression, or uses a filter, test, function or method
            there is none of.
    """
    _check_length(text)
    return Template(text)


@lru_cache(maxsize=4096)
def compile_condition(text: str) -> Condition:
    """Compile a condition.

    Raises:
        TemplateError: the text is no expression, or uses a filter, test, function or method there is none of.
    """
    _check_length(text)
    if not text.strip():
        raise TemplateError("an empty condition", 0)
    if text.lstrip().startswith("{{"):
        raise TemplateError("a condition has no braces", text.index("{{"), "write the expression alone")
    return Condition(text)


def _check_length(text: str) -> None:
    if len(text) > MAX_SOURCE:
        raise TemplateError(f"longer than {MAX_SOURCE} characters", MAX_SOURCE)


_OPENING = re.compile(r"\{\{|\{%|\{#")
# A text constant, a bracket, or the end of the hole; what is between them does not matter here.
_INSIDE = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\}\}|[{}\[\]()'"]""", re.DOTALL)


def _split(text: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    position = 0
    while opening := _OPENING.search(text, position):
        start = opening.start()
        if opening.group() != "{{":
            raise TemplateError(
                f"{opening.group()!r} begins a statement or comment of Jinja, which templates do not have",
                start,
                f"write {{{{ {opening.group()!r} }}}} for the characters themselves",
            )
        if start > position:
            pieces.append(text[position:start])
        end = _end_of_hole(text, start)
        pieces.append(_hole(text[start + 2 : end], start))
        position = end + 2
    if position < len(text):
        pieces.append(text[position:])
    return pieces


def _end_of_hole(text: str, start: int) -> int:
    """Find the `}}` that closes the hole opened at `start`: outside text constants and brackets."""
    depth = 0
    position = start + 2
    while token := _INSIDE.search(text, position):
        position = token.end()
        symbol = token.group()
        if symbol in ("'", '"'):
            raise TemplateError("a text constant is not closed", token.start())
        if symbol == "}}":
            if depth <= 0:
                return token.start()
            depth -= 1
            position -= 1  # the second brace may close the hole with the next one
        elif symbol in "{[(":
            depth += 1
        elif symbol in "}])":
            depth -= 1
    raise TemplateError("the hole opened here is not closed", start, "write {{ '{{' }} for two braces")


def _hole(source: str, start: int) -> _Hole:
    if not source.strip():
        raise TemplateError("an empty hole", start)
    if source[0] in "-+" or source[-1] in "-+":
        raise TemplateError(
            "braces with - or + control white space in Jinja; templates do not have that",
            start,
            "put a space between the brace and the sign",
        )
    return _Hole(Expression(source, start + 2), start)
