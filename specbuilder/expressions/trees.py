"""Trees: mappings and lists with templates at their leaves, as they are sent in bodies, queries and messages.

What is nothing is left out: a key whose value is nothing, a list item that is nothing, and a mapping or
list of which everything was left out. What is written as empty or null is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from specbuilder.expressions.nothing import NOTHING
from specbuilder.expressions.templates import (
    NO_FUNCTIONS,
    Condition,
    Functions,
    Template,
    compile_condition,
    compile_template,
)
from specbuilder.expressions.values import Scope, TemplateError, kind
from specbuilder.language.errors import Path, did_you_mean, format_path

__all__ = ["Tree", "TreeErrors", "compile_tree"]

_IF: Final = "$if"
_MERGE: Final = "$merge"

# Deeper than any request; deeper trees would overflow Python's stack.
_MAX_DEPTH = 100

_Render = Callable[[Scope], Any]


class TreeErrors(ValueError):
    """A tree has errors.

    Attributes:
        errors: every error with the path to it, in the order of the tree.
    """

    def __init__(self, errors: Iterable[tuple[Path, TemplateError]]) -> None:
        self.errors: tuple[tuple[Path, TemplateError], ...] = tuple(errors)
        super().__init__("\n".join(f"{format_path(path)}: {error}" for path, error in self.errors))


class Tree:
    """A compiled tree; made by `compile_tree`.

    Attributes:
        names, paths, functions: as of a `Template`, of all texts and conditions together.
        is_constant: there are no holes, `$if` and `$merge`: it always gives the same.
    """

    __slots__ = ("_render", "functions", "is_constant", "names", "paths")

    def __init__(self, render: _Render, parts: Iterable[Template | Condition]) -> None:
        parts = tuple(parts)
        self._render = render
        self.names: frozenset[str] = frozenset().union(*(part.names for part in parts))
        self.paths: frozenset[tuple[str, ...]] = frozenset().union(*(part.paths for part in parts))
        self.functions: frozenset[str] = frozenset().union(*(part.functions for part in parts))
        self.is_constant = not parts

    def render(self, names: Mapping[str, Any], functions: Functions = NO_FUNCTIONS) -> Any:
        """Give `NOTHING` or the value, with mappings in the order written; None in it is null.

        Arguments as of `Template.render`.

        Raises:
            TemplateError: a text or condition cannot be evaluated; its `path` says which.
        """
        return self._render(Scope(names, functions))


def compile_tree(value: Any, path: Path = ()) -> Tree:
    """Compile a tree.

    Arguments:
        value: what YAML gives: mappings with text as keys, lists, texts with holes, numbers, true, false,
            null.
        path: where it stands in the document; put before the paths of errors.

    Raises:
        TreeErrors: with every error of the tree.
    """
    compiler = _Compiler()
    render = compiler.compile(value, path)
    if compiler.errors:
        raise TreeErrors(compiler.errors)
    return Tree(render, compiler.parts)


def _nothing(scope: Scope) -> Any:
    return NOTHING


class _Compiler:
    """Turns a tree into functions, and goes on after an error to find the others."""

    def __init__(self) -> None:
        self.errors: list[tuple[Path, TemplateError]] = []
        self.parts: list[Template | Condition] = []
        self._depth = 0

    def compile(self, value: Any, path: Path) -> _Render:
        if isinstance(value, str):
            return self._text(value, path)
        if value is None or isinstance(value, (bool, int, float)):
            return lambda scope: value
        if not isinstance(value, (Mapping, list, tuple)):
            return self._error(path, f"{kind(value)} cannot be sent", "put quotes around it")
        if self._depth >= _MAX_DEPTH:
            return self._error(path, f"nested more than {_MAX_DEPTH} levels deep")
        self._depth += 1
        render = self._mapping(value, path) if isinstance(value, Mapping) else self._list(value, path)
        self._depth -= 1
        return render

    def _error(self, path: Path, message: str, hint: str | None = None) -> _Render:
        self.errors.append((path, TemplateError(message, hint=hint)))
        return _nothing

    def _text(self, text: str, path: Path) -> _Render:
        try:
            template = compile_template(text)
        except TemplateError as error:
            self.errors.append((path, error))
            return _nothing
        if template.is_constant:
            return lambda scope: text
        self.parts.append(template)
        return _located(template.render_in, path)

    def _list(self, items: Iterable[Any], path: Path) -> _Render:
        renders = [self.compile(item, (*path, index)) for index, item in enumerate(items)]

        def render(scope: Scope) -> Any:
            values = [value for item in renders if (value := item(scope)) is not NOTHING]
            return values if values or not renders else NOTHING

        return render

    def _mapping(self, value: Mapping[Any, Any], path: Path) -> _Render:
        holds: Callable[[Scope], bool] | None = None
        entries: list[tuple[str, _Render]] = []
        for key, item in value.items():
            here = (*path, str(key))
            if key == _IF:
                holds = self._condition(item, here)
            elif self._is_key(key, here):
                render = self.compile(item, here)
                entries.append((key, _located(_mapping_only(render), here) if key == _MERGE else render))
        build = _builder(entries)
        if holds is None:
            return build
        return lambda scope: build(scope) if holds(scope) else NOTHING

    def _is_key(self, key: Any, path: Path) -> bool:
        if not isinstance(key, str):
            self._error(path, f"a key must be text, not {kind(key)}", "put quotes around it")
        elif "{{" in key:
            self._error(path, "a key has no holes", "use $merge for keys that are computed")
        elif key.startswith("$") and key != _MERGE:
            self._error(path, f"there is no {key!r}", did_you_mean(key, (_IF, _MERGE)))
        else:
            return True
        return False

    def _condition(self, text: Any, path: Path) -> Callable[[Scope], bool]:
        if isinstance(text, bool):
            return lambda scope: text
        try:
            if not isinstance(text, str):
                raise TemplateError(f"a condition must be text, not {kind(text)}")
            condition = compile_condition(text)
        except TemplateError as error:
            self.errors.append((path, error))
            return lambda scope: False
        self.parts.append(condition)
        return _located(condition.holds_in, path)


def _located(render: Callable[[Scope], Any], path: Path) -> Callable[[Scope], Any]:
    """Put the path on errors of rendering."""

    def located(scope: Scope) -> Any:
        try:
            return render(scope)
        except TemplateError as error:
            error.path = error.path or path
            raise

    return located


def _mapping_only(render: _Render) -> _Render:
    def merged(scope: Scope) -> Any:
        value = render(scope)
        if value is NOTHING or isinstance(value, Mapping):
            return value
        raise TemplateError(f"$merge needs a mapping, not {kind(value) if value is not None else 'null'}")

    return merged


def _builder(entries: list[tuple[str, _Render]]) -> _Render:
    """A function that builds a mapping; merged keys go where `$merge` stands, but written keys win."""

    def build(scope: Scope) -> Any:
        given = [(key, value) for key, render in entries if (value := render(scope)) is not NOTHING]
        if entries and not given:
            return NOTHING
        written = {key for key, _ in given if key != _MERGE}
        built: dict[str, Any] = {}
        for key, value in given:
            if key == _MERGE:
                built.update((name, item) for name, item in value.items() if name not in written)
            else:
                built[key] = value
        return built

    return build
