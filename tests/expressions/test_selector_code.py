"""Selectors written out as Python source mean what their closures mean."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specbuilder.expressions.selector_compiler import _Compiler
from specbuilder.expressions.selector_parser import parse_selector
from specbuilder.expressions.selectors import SelectorError, SelectorTypeError, compile_selector

_ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "a.b",
        "a.b.c",
        "$x",
        "$y",
        "$x.a",
        "'t'",
        "`0`",
        "`null`",
        "`[]`",
        "@",
        "a[0]",
        "a[-1]",
        "a[:1]",
        "a[::-1].b",
        "b[].a",
        "b[].a | [0]",
        "(@[].a | [0]).b",
        "[].a | [0] | [0]",
        "a[]",
        "a[*].b",
        "a.*",
        "[a, $x]",
        "{k: a, l: b.c}",
        "a.{k: @}",
        "a | [0]",
        "$x[?a].b",
        "length(a)",
        "not_null(a, b, $x)",
        "contains(['t', 'u'], a)",
        "contains(b, a)",
        "contains(['t', `1`], a)",
        "join('', a[?@ != `null`])",
        "max_by(a, &b)",
        "runs(a, &b)[*].length(@)",
        "runs(a, &contains(['t'], b))",
        "groups(a, &b)[*].length(@)",
        "sort_by(a, &b)",
        "map(&[@, $x], a)",
        "min(a[].b)",
        "max(a)",
        "avg(a)",
        "min_by(a, &b)",
        "runs(a, &b == 't')[*].length(@)",
        "runs(a, &@)[0]",
        "groups(a, &@)[0]",
        "a[?b && length(@) > `0`]",
        "a[?length(@) > `0` && b]",
        "a[?b == 't' || c].b",
        "a[?(b | to_string(@))]",
        "a[?!$x || b == $y]",
        "a[?$x && c].b[?$y]",
        "message().a",
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 1, 0.0, 2.5, "", "t", "u"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, st.sampled_from(["&&", "||", "==", "!=", "<", ">="]), inner)
    shape = st.sampled_from(
        [
            "!({})",
            "a[?{}]",
            "a[?$x && {}]",
            "map(&{}, a)",
            "not_null({}, b)",
            "{} && b || c",
            "a[?{}].b",
            "a[*].[{}, b]",
            "({}) | [1]",
            "length({})",
            "[b, $x][] | [?{}]",
        ]
    )
    return pair.map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})") | st.tuples(shape, inner).map(
        lambda parts: parts[0].format(parts[1])
    )


_SELECTORS = st.recursive(_ATOMS, _joined, max_leaves=6)


def _outcome(run: Any, item: Any, scope: Any) -> Any:
    try:
        return run(item, scope)
    except (SelectorTypeError, TypeError, ValueError):
        return SelectorTypeError


@settings(max_examples=1500, deadline=None)
@given(text=_SELECTORS, item=_JSON, x=_JSON, y=_JSON)
def test_source_and_closures_agree(text: str, item: Any, x: Any, y: Any) -> None:
    scope = SimpleNamespace(variables={"x": x, "y": y}, message=item, headers={})
    try:
        closure = _Compiler(False).part(parse_selector(text))
    except SelectorError:
        # A constant part that can never work is found at once, in either spelling.
        with pytest.raises(SelectorError):
            compile_selector(text)
        return
    written = compile_selector(text)
    expected = _outcome(closure.run, item, scope)
    found = _outcome(written.evaluate, item, scope)
    assert found == expected
    assert type(found) is type(expected)
    if expected is not SelectorTypeError:
        assert bool(written.test(item, scope)) == bool(closure.condition(item, scope))


def test_a_deep_selector_is_written_as_far_as_python_reads_it() -> None:
    text = "a"
    for _ in range(60):
        text = f"({text} || b)"
    scope = SimpleNamespace(variables={}, message=None, headers={})
    assert compile_selector(text).evaluate({"b": 3}, scope) == 3


def test_a_long_path_is_written_as_far_as_python_reads_it() -> None:
    scope = SimpleNamespace(variables={}, message=None, headers={})
    item: Any = 3
    for _ in range(80):
        item = [{"a": item}]
    assert compile_selector("@" + "[0].a" * 80).evaluate(item, scope) == 3


def test_texts_of_a_spec_are_only_literals() -> None:
    nasty = "x == 'a\\') or __import__(\\'os\\')' || y"
    scope = SimpleNamespace(variables={}, message=None, headers={})
    assert compile_selector(nasty).evaluate({"y": 1}, scope) == 1


class Computed(dict[str, Any]):
    """Variables that are made at their first reading, as the engine's are; `read` counts the readings."""

    read = 0

    def get(self, name: str, default: Any = None) -> Any:
        self.read += 1
        return 1 if name == "x" else default


@pytest.mark.parametrize(
    ("text", "values", "read"),
    [
        ("a[?b && $x]", [], 0),
        ("a[?b && $x]", [{"b": 0}, {"b": False}, {}], 1),
        ("a[?b && $x]", [{}, {"b": False}], 0),
        ("a[?!$x || b == 't']", [{}, {}, {"b": "t"}], 1),
        ("a[*].[$x, @]", [{}, {}, {}], 1),
        ("a[*].[b[?$x]]", [{"b": [1, 2]}, {"b": [3]}], 1),
        ("map(&($x || b), a)", [{}, {}], 1),
    ],
)
def test_what_does_not_depend_on_the_element_is_evaluated_once_if_asked_for(
    text: str, values: list[Any], read: int
) -> None:
    variables = Computed()
    scope = SimpleNamespace(variables=variables, message=None, headers={})
    run = compile_selector(text).evaluate
    run({"a": values}, scope)
    assert variables.read == read
    run({"a": values}, scope)
    assert variables.read == 2 * read, "nothing is kept from one message to the next"


def test_what_does_not_depend_on_the_element_fails_only_where_it_is_asked_for() -> None:
    scope = SimpleNamespace(variables={"x": 3}, message=None, headers={})
    selector = compile_selector("a[?b && length($x) > `1`]")
    assert selector.evaluate({"a": [{"b": False}]}, scope) == []
    with pytest.raises(SelectorTypeError):
        selector.evaluate({"a": [{"b": True}]}, scope)


def test_a_failure_has_no_context_that_may_quote_speech() -> None:
    scope = SimpleNamespace(variables={}, message=None, headers={})
    with pytest.raises(SelectorTypeError) as caught:
        compile_selector("exp(a)").evaluate({"a": 1e9}, scope)
    assert str(caught.value) == "OverflowError in a function or comparison"
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("contains(['t'], a)", False),
        ("not_null(a, b)", False),
        ("not_null(a, length(b))", True),
        ("contains(b, a)", True),
        ("a[?b == 't']", False),
    ],
)
def test_whether_a_selector_may_fail_is_known(text: str, fails: bool) -> None:
    assert compile_selector(text).may_fail is fails


@pytest.mark.parametrize("shape", ["map(&{}, a)", "not_null({}, b)", "{} && b || a", "a[?$x && {}]"])
def test_any_depth_is_written_in_a_moment(shape: str) -> None:
    text = "b"
    for _ in range(40):
        text = shape.format(text)
    scope = SimpleNamespace(variables={"x": 1}, message=None, headers={})
    assert compile_selector(text).evaluate({}, scope) is None


@pytest.mark.parametrize("text", ["a && `null`[0]", "[a, `null`.b]", "a || `true` | [a, `null` | [0]]"])
@pytest.mark.filterwarnings("error::SyntaxWarning")
def test_a_part_of_a_constant_makes_python_warn_of_nothing(text: str) -> None:
    assert compile_selector.__wrapped__(text).text == text
