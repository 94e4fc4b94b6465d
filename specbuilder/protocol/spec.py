"""A loaded spec: what a user's options become, and which plan they choose."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import __version__ as livekit_version

from ..expressions.nothing import NOTHING
from ..expressions.regexes import check_regex
from ..expressions.templates import TemplateError, compile_condition
from ..language.document import Document
from ..language.errors import Issue, SpecError
from ..language.loader import load
from ..language.validation import sort_issues
from .compiler import compile_plan
from .names import Functions, Names
from .options import SCHEMA_WORDS, ApiKey, Option, OptionSet
from .plan import Plan

__all__ = ["Spec", "load_spec", "validate_spec"]

_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


@dataclass(frozen=True, eq=False)
class Spec:
    """A spec, compiled and ready to make adapters of.

    Attributes:
        name: the spec's name.
        docs: the vendor's page.
        options: the declared options and key.
        plans: variants in order, the spec itself last.
        document: the text's values with their places, for tests, `show` and reference pages.
    """

    name: str
    docs: str
    options: OptionSet
    plans: tuple[Plan, ...]
    document: Document = field(repr=False)

    def __repr__(self) -> str:
        return f"<Spec {self.name}>"

    @property
    def base(self) -> Plan:
        """The plan of the spec without any variant."""
        return self.plans[-1]

    def names(self, values: Mapping[str, Any], functions: Functions | None = None) -> Names:
        """The names of option values, for the plan they choose."""
        values = {**values, "livekit_version": livekit_version}
        names = Names(values, computed=self.base.computed, volatile=self.base.volatile, functions=functions)
        plan = self.choose(names)
        if plan is self.base:
            return names
        return Names(values, computed=plan.computed, volatile=plan.volatile, functions=functions)

    def choose(self, names: Names) -> Plan:
        """The first variant whose condition holds, else the spec itself."""
        for plan in self.plans:
            if plan.condition is None or plan.condition.holds(names, names.functions):
                return plan
        return self.base

    def resolve(
        self,
        given: Mapping[str, Any],
        api_key: str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        functions: Functions | None = None,
    ) -> tuple[dict[str, Any], Names, Plan]:
        """Option values, their names and the plan, checked as a whole.

        Arguments:
            given: options by name, as the caller passes them.
            api_key: the caller's key.
            environ: environment variables; the process's by default.

        Raises:
            TypeError: an unknown option.
            ValueError: a value, a combination of values or a missing key.
        """
        checked = self.options.check(given)
        values = self.options.values(checked, api_key, os.environ if environ is None else environ)
        names = self.names(values, functions)
        plan = self.choose(names)
        self._check_computed(names)
        for check in plan.checks:
            if check.condition.holds(names, names.functions):
                raise ValueError(f"{self.name}: {check.error}")
        return values, names, plan

    def _check_computed(self, names: Names) -> None:
        for name, option in self.options.options.items():
            if option.computed and names[name] is not None:
                option.checked(names[name], self.name)

    def constant(self, tree: Any, names: Names, default: Any = None) -> Any:
        """What a tree gives, or the default where it gives nothing."""
        value = NOTHING if tree is None else tree.render(names, names.functions)
        return default if value is NOTHING or value is None else value


def load_spec(source: str | os.PathLike[str] | Mapping[str, Any] | Spec) -> Spec:
    """Load a spec: read, merge, validate and compile everything in it.

    Arguments:
        source: a bundled name ("deepgram" or "deepgram.yaml"), a path, a mapping, or a spec already loaded.

    Raises:
        SpecError: it cannot be used; `.issues` holds every problem found with file, line and column.
    """
    if isinstance(source, Spec):
        return source
    loaded = load(source)
    document = loaded.document
    options = _options(document, loaded.name)
    # A pattern that is none cannot be held against a default.
    issues = _pattern_issues(document) or list(_wrong_defaults(options, document))
    plans: list[Plan] = []
    for text, variant in loaded.variants:
        try:
            condition = compile_condition(text)
        except TemplateError as error:
            index = len(plans)
            issues.append(
                document.issue(("variants", index, "if"), error.message, error.hint, offset=error.offset or 0)
            )
            condition = compile_condition("false")
        plan, found = compile_plan(variant, options, condition)
        plans.append(plan)
        issues += found
    plan, found = compile_plan(document, options, None)
    plans.append(plan)
    issues += found
    if issues:
        raise SpecError(sort_issues(issues, document.file))
    return Spec(loaded.name, str(document.value.get("docs", "")), options, tuple(plans), document)


def validate_spec(source: str | os.PathLike[str] | Mapping[str, Any]) -> list[Issue]:
    """Every problem of a spec; empty when it can be used."""
    try:
        load_spec(source)
    except SpecError as error:
        return list(error.issues)
    return []


def _options(document: Document, name: str) -> OptionSet:
    declared = document.value.get("options") or {}
    key = document.value.get("api_key")
    return OptionSet(
        name,
        {option: _option(option, words) for option, words in declared.items()},
        None if key is None else ApiKey(_variables(key.get("env")), bool(key.get("required", True))),
    )


def _variables(written: str | list[str] | None) -> tuple[str, ...]:
    return (written,) if isinstance(written, str) else tuple(written or ())


def _pattern_issues(document: Document) -> list[Issue]:
    """Options whose `pattern` could take too long on a value."""
    issues = []
    for name, words in (document.value.get("options") or {}).items():
        try:
            check_regex(str(words.get("pattern", "")))
        except ValueError as error:
            issues.append(document.issue(("options", name, "pattern"), str(error)))
    return issues


def _wrong_defaults(options: OptionSet, document: Document) -> Iterator[Issue]:
    """Defaults that a user would be refused."""
    for name, option in options.options.items():
        if option.default is not None:
            try:
                option.checked(option.default, options.spec)
            except ValueError as error:
                message = str(error).removeprefix(f"{options.spec}: option {name}: ")
                yield document.issue(("options", name, "default"), f"this default is refused: {message}")


def _option(name: str, words: Mapping[str, Any]) -> Option:
    default = words.get("default")
    computed = isinstance(default, str) and "{{" in default
    schema = {key: words[key] for key in SCHEMA_WORDS if key in words}
    if "type" not in schema and default is not None and not computed:
        schema["type"] = _TYPES[type(default)]
    return Option(
        name=name,
        schema=schema,
        default=None if computed else default,
        computed=computed,
        role=words.get("role"),
        in_band=words.get("update") == "in_band",
        required=bool(words.get("required", False)),
        env=words.get("env"),
        secret=bool(words.get("secret", False)),
        description=str(words.get("description", "")),
    )
