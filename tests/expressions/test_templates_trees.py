"""Trees: what is left out, what is sent, `$if` and `$merge`."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specbuilder.expressions.nothing import NOTHING
from specbuilder.expressions.templates import TemplateError
from specbuilder.expressions.trees import TreeErrors, compile_tree

NAMES = {"one": 1, "on": True, "off": False, "none": None, "m": {"a": 1, "b": None}, "empty": {}, "l": [1, 2]}


@pytest.mark.parametrize(
    ("tree", "result"),
    [
        ("text", "text"),
        ("{{ one }}", 1),
        ("{{ x }}", NOTHING),
        (None, None),
        (0, 0),
        (False, False),
        ("", ""),
        ({}, {}),
        ([], []),
        ({"a": "{{ x }}"}, NOTHING),
        ({"a": "{{ x }}", "b": 1}, {"b": 1}),
        ({"a": {"b": {"c": "{{ x }}"}}}, NOTHING),
        ({"a": {}, "b": "{{ x }}"}, {"a": {}}),
        ({"a": None, "b": "{{ x }}"}, {"a": None}),
        ({"a": "{{ x | or_null }}"}, {"a": None}),
        ({"a": "v{{ x }}"}, NOTHING),
        (["{{ x }}"], NOTHING),
        (["{{ x }}", 1, None], [1, None]),
        ([[], "{{ x }}"], [[]]),
        ([["{{ x }}"]], NOTHING),
        ({"a": ["{{ x }}"], "b": "{{ l }}"}, {"b": [1, 2]}),
        ({"$if": "on", "a": 1}, {"a": 1}),
        ({"$if": "off", "a": 1}, NOTHING),
        ({"$if": "x", "a": 1}, NOTHING),
        ({"$if": True, "a": 1}, {"a": 1}),
        ({"$if": False, "a": 1}, NOTHING),
        ({"$if": "on"}, {}),
        ([{"$if": "off", "a": 1}, {"b": 2}], [{"b": 2}]),
        ({"a": {"$if": "off", "b": 1}}, NOTHING),
        ({"$merge": "{{ m }}"}, {"a": 1, "b": None}),
        ({"$merge": "{{ m }}", "a": 2}, {"b": None, "a": 2}),
        ({"a": 2, "$merge": "{{ m }}"}, {"a": 2, "b": None}),
        ({"$merge": "{{ m }}", "a": "{{ x }}"}, {"a": 1, "b": None}),
        ({"$merge": "{{ x }}", "a": 1}, {"a": 1}),
        ({"$merge": "{{ x }}"}, NOTHING),
        ({"$merge": "{{ empty }}"}, {}),
        ({"$merge": {"$if": "off", "a": 1}, "b": 2}, {"b": 2}),
        ({"$if": "on", "$merge": {"a": "{{ one }}"}}, {"a": 1}),
        ({"a": "{{ '{{' }}"}, {"a": "{{"}),
    ],
)
def test_result(tree: Any, result: Any) -> None:
    assert compile_tree(tree).render(NAMES) == result


def test_order_of_keys() -> None:
    tree = compile_tree({"z": 1, "$merge": "{{ m }}", "a": 2, "y": "{{ one }}"})
    assert list(tree.render({"m": {"q": 0, "a": 0, "p": 0}, "one": 1}).items()) == [
        ("z", 1),
        ("q", 0),
        ("p", 0),
        ("a", 2),
        ("y", 1),
    ]


def test_a_skipped_mapping_is_not_evaluated() -> None:
    assert compile_tree({"$if": "off", "a": "{{ 1 / 0 }}"}).render(NAMES) is NOTHING


def test_what_a_tree_uses() -> None:
    tree = compile_tree({"$if": "a.b", "c": ["{{ now() }}", {"$merge": "{{ d }}"}], "e": "x{{ f.g }}"})
    assert tree.names == {"a", "d", "f"}
    assert tree.paths == {("a", "b"), ("d",), ("f", "g")}
    assert tree.functions == {"now"}
    assert not tree.is_constant
    assert compile_tree({"a": [1, "b", None]}).is_constant


def test_results_do_not_share() -> None:
    tree = compile_tree({"a": [], "b": "{{ m }}"})
    names: dict[str, Any] = {"m": {"k": []}}
    first = tree.render(names)
    first["a"].append(1)
    first["b"]["k"].append(1)
    assert tree.render(names) == {"a": [], "b": {"k": []}}


def test_all_errors_are_reported_with_their_paths() -> None:
    with pytest.raises(TreeErrors) as caught:
        compile_tree(
            {
                "a": "{{ x | nofilter }}",
                "b": [1, "{{", {"$if": "", "c": 1}],
                "d": {"$iff": "x", "{{ e }}": 1, 5: 2},
                "f": datetime.date(2024, 1, 1),
                "g": {"$if": 3},
            },
            ("stream", "open"),
        )
    assert [path for path, _ in caught.value.errors] == [
        ("stream", "open", "a"),
        ("stream", "open", "b", 1),
        ("stream", "open", "b", 2, "$if"),
        ("stream", "open", "d", "$iff"),
        ("stream", "open", "d", "{{ e }}"),
        ("stream", "open", "d", "5"),
        ("stream", "open", "f"),
        ("stream", "open", "g", "$if"),
    ]
    assert caught.value.errors[3][1].hint == "did you mean '$if'?"
    assert "stream.open.b[1]: the hole opened here is not closed" in str(caught.value)


@pytest.mark.parametrize("value", ["{{ l }}", "{{ one }}", "text", None, "{{ x | or_null }}"])
def test_only_mappings_are_merged(value: Any) -> None:
    with pytest.raises(TemplateError, match="needs a mapping") as caught:
        compile_tree({"q": {"$merge": value}}, ("json",)).render(NAMES)
    assert caught.value.path == ("json", "q", "$merge")


def test_errors_of_rendering_say_where() -> None:
    with pytest.raises(TemplateError) as caught:
        compile_tree({"a": [1, "b {{ l }}"]}, ("json",)).render(NAMES)
    assert caught.value.path == ("json", "a", 1)
    assert caught.value.offset == 2
    with pytest.raises(TemplateError) as caught:
        compile_tree({"a": {"$if": "one < 'x'"}}).render(NAMES)
    assert caught.value.path == ("a", "$if")


def test_depth_is_bounded() -> None:
    tree: Any = "x"
    for _ in range(5000):
        tree = [tree]
    with pytest.raises(TreeErrors, match="levels deep"):
        compile_tree(tree)


_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_characters="{")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_characters="{$")), inner),
    max_leaves=20,
)


@given(_plain)
def test_a_tree_without_holes_is_sent_as_written(value: Any) -> None:
    tree = compile_tree(value)
    assert tree.is_constant
    assert tree.render({}) == value
