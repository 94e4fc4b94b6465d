"""Random expressions over random JSON: strict mode against the jmespath library, and no alien errors."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import jmespath.exceptions
import jmespath.functions
import jmespath.parser
import jmespath.visitor
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from specbuilder.expressions.selectors import Selector, SelectorError, SelectorTypeError, compile_selector

BUDGET = settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.sampled_from([None, True, False, 0, 1, 2, -1, 2.5, "", "a", "b", "12", "x y"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=14,
)
LITERALS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)

# How often each shape comes is not important; that each comes, alone and inside the others, is.
POSTFIXES = [".a", ".b", "[0]", "[-1]", "[]", "[*]", ".*", "[1:]", "[::-1]", "[:2].a", "[].b", "[*].c"]
ONE = ["abs", "avg", "ceil", "floor", "keys", "length", "max", "min", "reverse", "sort", "sum"]
ONE += ["to_array", "to_number", "to_string", "type", "values", "not_null", "merge"]
TWO = ["contains", "starts_with", "ends_with", "join", "not_null", "merge"]
BY = ["sort_by", "max_by", "min_by"]


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def shape(template: str, *parts: Any) -> st.SearchStrategy[str]:
        return st.tuples(*parts).map(lambda values: template.format(*values))

    operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "&&", "||", "|"])
    return st.one_of(
        shape("{}{}", inner, st.sampled_from(POSTFIXES)),
        shape("({}){}", inner, st.sampled_from(POSTFIXES)),
        shape("{} {} {}", inner, operators, inner),
        shape("({}) {} ({})", inner, operators, inner),
        shape("!{}", inner),
        shape("{}[?{}]", inner, inner),
        shape("{}[?{}].a", inner, inner),
        shape("[{}, {}]", inner, inner),
        shape("{}.[{}, {}]", inner, inner, inner),
        shape("{{a: {}, b: {}}}", inner, inner),
        shape("{}[].{{a: {}}}", inner, inner),
        shape("{}({})", st.sampled_from(ONE), inner),
        shape("{}({}, {})", st.sampled_from(TWO), inner, inner),
        shape("{}({}, &{})", st.sampled_from(BY), inner, inner),
        shape("map(&{}, {})", inner, inner),
    )


ATOMS = st.one_of(
    NAMES,
    NAMES,
    st.just("@"),
    st.sampled_from(["'a'", "'12'", "''", "a.b", "a.b.c", "b[].a"]),
    LITERALS.map(lambda value: f"`{json.dumps(value)}`"),
)
EXPRESSIONS = st.recursive(ATOMS, compound, max_leaves=6)


def typed(value: Any) -> Any:
    """A stand-in, equal only where JMESPath says so; the library compares nested values as Python does."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    if isinstance(value, dict):
        return {name: typed(inner) for name, inner in value.items()}
    return value


class LibraryFunctions(jmespath.functions.Functions):  # type: ignore[misc]
    @jmespath.functions.signature({"types": ["array", "string"]}, {"types": []})  # type: ignore[untyped-decorator]
    def _func_contains(self, subject: Any, search: Any) -> bool:
        if isinstance(subject, str):
            return isinstance(search, str) and search in subject  # the library raises Python's TypeError
        return typed(search) in typed(subject)

    @jmespath.functions.signature({"types": ["object"], "variadic": True})  # type: ignore[untyped-decorator]
    def _func_merge(self, *values: Any) -> Any:
        if not all(isinstance(value, dict) for value in values):
            raise TypeError("merge")  # the library looks at the first only
        return super()._func_merge(*values)


class Library(jmespath.visitor.TreeInterpreter):  # type: ignore[misc]
    """The library as the specification has it: equality looks at types, order only at numbers."""

    def visit_comparator(self, node: Any, value: Any) -> Any:
        left, right = (self.visit(child, value) for child in node["children"])
        if node["value"] in ("eq", "ne"):
            return (typed(left) == typed(right)) is (node["value"] == "eq")
        if type(left) in (int, float) and type(right) in (int, float):
            return self.COMPARATOR_FUNC[node["value"]](left, right)
        return None


def outcome_of_library(text: str, item: Any) -> Any:
    options = jmespath.visitor.Options(custom_functions=LibraryFunctions())
    try:
        tree = jmespath.parser.Parser().parse(text).parsed
        return json.dumps(Library(options).visit(tree, item), sort_keys=True)
    except (jmespath.exceptions.JMESPathError, TypeError):
        return "error"


def outcome(text: str, item: Any, *, strict: bool) -> Any:
    try:
        selector = compile_selector(text, strict=strict)
        value = selector(item, SimpleNamespace(variables={}, message=item, headers={}))
    except (SelectorError, SelectorTypeError):
        return "error"
    return json.dumps(value, sort_keys=True)


@BUDGET
@given(EXPRESSIONS, VALUES)
def test_strict_mode_is_the_library(text: str, item: Any) -> None:
    assert outcome(text, item, strict=True) == outcome_of_library(text, item)


@BUDGET
@given(EXPRESSIONS, VALUES)
def test_holds_is_the_truth_of_the_value(text: str, item: Any) -> None:
    scope = SimpleNamespace(variables={}, message=item, headers={})
    try:
        selector = compile_selector(text, strict=True)
        value = selector(item, scope)
    except (SelectorError, SelectorTypeError):
        return
    assert selector.holds(item, scope) is (value not in (None, "", [], {}) and value is not False)


OURS = ["exp", "geomean", "mode", "strip", "unique", "zip", "parse_json", "decode_base64", "header"]
OUR_EXPRESSIONS = st.recursive(
    ATOMS | st.sampled_from(["$a", "$b.c", "$a[]", "message()", "message().a"]),
    lambda inner: st.one_of(
        compound(inner),
        st.tuples(st.sampled_from(OURS), inner).map("{0[0]}({0[1]})".format),
        st.tuples(st.sampled_from(["format", "matches", "split", "lookup", "zip"]), inner, inner).map(
            "{0[0]}({0[1]}, {0[2]})".format
        ),
        st.tuples(inner, inner, inner).map("replace({0[0]}, {0[1]}, {0[2]})".format),
    ),
    max_leaves=6,
)


def compiled(text: str, *, strict: bool = False) -> Selector | None:
    """The selector; None if it was refused, and then at a place in the text."""
    place, refused = 0, None
    try:
        return compile_selector(text, strict=strict)
    except SelectorError as error:
        place, refused = error.offset, str(error)
    assert refused
    assert 0 <= place <= len(text)
    return None


@BUDGET
@given(OUR_EXPRESSIONS, VALUES, VALUES)
def test_nothing_but_our_errors_leaves_a_selector(text: str, item: Any, other: Any) -> None:
    before = json.dumps([item, other])
    scope = SimpleNamespace(variables={"a": other, "b": item}, message=other, headers={"a": "1"})
    selector = compiled(text)
    if selector is None:
        return
    try:
        first = json.dumps(selector(item, scope), sort_keys=True)
        again = json.dumps(selector(item, scope), sort_keys=True)
        elsewhere = json.dumps(selector(None, scope), sort_keys=True) if selector.is_constant else first
    except SelectorTypeError:
        assert not selector.is_constant
    else:
        assert first == again == elsewhere
    assert json.dumps([item, other]) == before


@BUDGET
@given(EXPRESSIONS, VALUES)
def test_without_functions_and_new_values_both_modes_agree(text: str, item: Any) -> None:
    selector = compiled(text)
    if selector is not None and not selector.functions and ", " not in text and "{" not in text:
        assert outcome(text, item, strict=False) == outcome(text, item, strict=True)


@pytest.mark.filterwarnings("ignore:deprecated string literal:PendingDeprecationWarning")
@BUDGET
@given(st.text(alphabet="ab.[]()*{}:,@&|!<=>?'\"`$ \\01-é\n", max_size=16))
def test_nothing_but_a_selector_error_leaves_the_parser(text: str) -> None:
    assert compiled(text) is None or compiled(text, strict=True) is not None
