"""Compiling the expressions of a document: every error is an issue with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..expressions.regexes import check_regex
from ..expressions.selector_parser import Node
from ..expressions.selectors import Selector, SelectorError, compile_selector
from ..expressions.templates import (
    Condition,
    Template,
    TemplateError,
    compile_condition,
    compile_template,
)
from ..expressions.trees import Tree, TreeErrors, compile_tree
from ..language.document import Document
from ..language.durations import parse_duration
from ..language.errors import Issue, Path, did_you_mean, format_path
from .names import BUILTIN_NAMES, COUNTERS
from .reading import Reading

__all__ = ["BATCH_AUDIO", "CHUNK_AUDIO", "STREAM_AUDIO", "ExpressionCompiler", "Scopes", "Visible"]

_T = TypeVar("_T", Template, Condition, Tree)

_NEVER = compile_tree("")
_FALSE = compile_condition("false")
_NULL = compile_selector("`null`")

STREAM_AUDIO = frozenset({"sample_rate", "channels"})
"""Fields of `audio` that are known wherever there is audio at all."""

CHUNK_AUDIO = STREAM_AUDIO | {"data", "index"}
"""Fields of `audio` in `stream.audio.send`."""

BATCH_AUDIO = STREAM_AUDIO | {"data", "wav"}
"""Fields of `audio` in the requests of `recognize`."""

_TARGET_FIELDS = frozenset({"host", "path"})


@dataclass(frozen=True)
class Visible:
    """What expressions of a place may name.

    Attributes:
        templates: names a template may read.
        selectors: names a selector may read as `$name`: no secrets, and nothing made of one.
        audio: fields of `audio` a template may read there.
        changed: fields of `changed`; empty where it is not known.
        hidden: why a name that exists is not seen here.
        changing: those of `selectors` whose value may change during a connection.
    """

    templates: frozenset[str]
    selectors: frozenset[str]
    audio: frozenset[str] = STREAM_AUDIO
    changed: frozenset[str] = frozenset()
    hidden: Mapping[str, str] = field(default_factory=dict)
    changing: frozenset[str] = frozenset()


@dataclass
class Scopes:
    """What the places of one document may name.

    Attributes:
        in_band: options a live connection can change, and with them whatever is computed from options.
    """

    options: frozenset[str]
    secret: frozenset[str]
    variables: frozenset[str]
    steps: frozenset[str] = frozenset()
    state: frozenset[str] = frozenset()
    tainted: frozenset[str] = frozenset()
    in_band: frozenset[str] = frozenset()

    def visible(
        self,
        *,
        steps: bool = True,
        stream: bool = False,
        audio: frozenset[str] = STREAM_AUDIO,
        changed: frozenset[str] = frozenset(),
        target: bool = False,
        close: bool = False,
    ) -> Visible:
        """The names of a kind of place."""
        templates = self.options | self.variables | {"livekit_version", "api_key", "audio"}
        hidden: dict[str, str] = {}
        if steps:
            templates |= self.steps
        else:
            hidden |= dict.fromkeys(self.steps, "a step's reply is there only after its request")
        if stream:
            templates |= self.state | COUNTERS
        else:
            hidden |= dict.fromkeys({*COUNTERS, *self.state}, "it belongs to a stream")
        if target:
            templates |= {"target"}
        else:
            hidden["target"] = "there is no request here"
        if changed:
            templates |= {"changed"}
        else:
            hidden["changed"] = "it belongs to stream.update.send"
        selectors = (templates - self.tainted - (BUILTIN_NAMES - COUNTERS)) | self.steps
        if close:
            selectors |= {"close"}
        else:
            hidden["close"] = "it belongs to stream.over"
        changing = selectors if self.in_band else selectors & (self.state | COUNTERS)
        return Visible(
            frozenset(templates), frozenset(selectors), audio, changed, hidden, frozenset(changing)
        )


class ExpressionCompiler:
    """Compiles one document's expressions and collects what is wrong with them."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.issues: list[Issue] = []

    def complain(
        self, path: Path, message: str, hint: str | None = None, *, offset: int = 0, key: bool = False
    ) -> None:
        """Note a problem at a place."""
        self.issues.append(self.document.issue(path, message, hint, offset=offset, key=key))

    # -- writing -------------------------------------------------------------------------------------------

    def template(self, text: Any, path: Path, visible: Visible) -> Template:
        """A text with holes."""
        try:
            return self._checked(compile_template(str(text)), path, visible)
        except TemplateError as error:
            self.complain(path, error.message, error.hint, offset=error.offset or 0)
            return compile_template("")

    def condition(self, text: Any, path: Path, visible: Visible) -> Condition:
        """A Jinja condition about options."""
        if isinstance(text, bool):
            text = str(text).lower()
        try:
            return self._checked(compile_condition(str(text)), path, visible)
        except TemplateError as error:
            self.complain(path, error.message, error.hint, offset=error.offset or 0)
            return _FALSE

    def tree(self, value: Any, path: Path, visible: Visible) -> Tree:
        """Any YAML with holes."""
        try:
            return self._checked(compile_tree(value, path), path, visible)
        except TreeErrors as errors:
            for place, error in errors.errors:
                self.complain(place, error.message, error.hint, offset=error.offset or 0)
            return _NEVER

    def duration(self, value: Any, path: Path, visible: Visible) -> Template | float:
        """A duration: seconds, or the template that gives one."""
        if isinstance(value, str) and "{{" in value:
            return self.template(value, path, visible)
        try:
            return parse_duration(value)
        except ValueError as error:
            self.complain(path, str(error))
            return 0.0

    def _checked(self, compiled: _T, path: Path, visible: Visible) -> _T:
        for name in sorted(compiled.names - visible.templates):
            self._unknown(name, path, visible, visible.templates, "{{ " + name + " }}")
        fields = {"audio": visible.audio, "changed": visible.changed, "target": _TARGET_FIELDS}
        for read in sorted(compiled.paths):
            allowed = fields.get(read[0])
            if allowed is None or read[0] not in visible.templates:
                continue
            if len(read) == 1 or read[1] not in allowed:
                name = ".".join(read)
                near = (
                    did_you_mean(read[1], allowed)
                    if len(read) > 1
                    else "known: " + ", ".join(sorted(allowed))
                )
                self.complain(self._find(path, name), f"{name!r} is not known here", near)
        return compiled

    def _unknown(self, name: str, path: Path, visible: Visible, known: frozenset[str], written: str) -> None:
        place = self._find(path, name)
        if name in visible.hidden:
            self.complain(place, f"{name!r} is not known here: {visible.hidden[name]}")
        else:
            self.complain(place, f"unknown name {name!r}", did_you_mean(name, known))

    def _find(self, path: Path, name: str) -> Path:
        """The text below a place that mentions a name, so that an issue points at its line."""
        value: Any = self.document.value
        for part in path:
            if isinstance(value, Mapping):
                value = value.get(str(part))
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return path
        return _mention(value, path, name) or path

    # -- reading -------------------------------------------------------------------------------------------

    def selector(self, text: Any, path: Path, visible: Visible) -> Reading:
        """A JMESPath selector."""
        place = format_path(path)
        try:
            selector: Selector = compile_selector(str(text))
        except SelectorError as error:
            self.complain(path, error.message, error.hint, offset=error.offset)
            return Reading(_NULL, place)
        for name in sorted(selector.variables - visible.selectors):
            offset = max(0, str(text).find(f"${name}"))
            if name in visible.hidden or name in visible.templates:
                why = visible.hidden.get(name, "it is, or is made of, a secret, and selectors never see one")
                self.complain(path, f"${name} is not known here: {why}", offset=offset)
            else:
                hint = did_you_mean(name, visible.selectors)
                self.complain(path, f"unknown name ${name}", hint, offset=offset)
        for problem in _regex_problems(selector.tree):
            self.complain(path, problem)
        return Reading(selector, place)


def _regex_problems(node: Node) -> Iterator[str]:
    """What is wrong with the regular expressions of a selector: a vendor's message is run through them."""
    if node.get("value") in ("matches", "replace") and node["type"] == "function_expression":
        pattern = node["children"][1]
        if pattern["type"] != "literal":
            yield f"{node['value']}() takes a regular expression that is written out"
        else:
            try:
                check_regex(str(pattern["value"]))
            except ValueError as error:
                yield str(error)
    for child in node.get("children", ()):
        if isinstance(child, dict):
            yield from _regex_problems(child)


def _mention(value: Any, path: Path, name: str) -> Path | None:
    if isinstance(value, str):
        return path if name in value else None
    items = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in items:
        found = _mention(item, (*path, key), name)
        if found is not None:
            return found
    return None
