"""One spec over another: what merges, what is replaced, what null does, and where it was written."""

from __future__ import annotations

from typing import Any

import pytest

from specbuilder.language.errors import Path
from specbuilder.language.merge import expand_options, merge, merge_values, without_nulls
from specbuilder.language.source import parse


def merged(base: str, over: str) -> Any:
    return merge(parse(base, "base.yaml"), parse(over, "over.yaml")).value


@pytest.mark.parametrize(
    ("base", "over", "value"),
    [
        ("headers: {a: 1, b: 2}", "headers: {b: 3, c: 4}", {"headers": {"a": 1, "b": 3, "c": 4}}),
        ("checks: [1, 2]", "checks: [3]", {"checks": [3]}),
        ("headers: {a: 1, b: 2}", "headers: {a: null}", {"headers": {"b": 2}}),
        ("headers: {a: 1}", "headers: null", {}),
        ("headers: {a: 1}", "headers: x", {"headers": "x"}),
        ("recognize: {json: {a: 1}}", "recognize: {json: {b: null}}", {"recognize": {"json": {"b": None}}}),
        ("recognize: {form: {a: 1}}", "recognize: {form: {b: 2}}", {"recognize": {"form": {"b": 2}}}),
        ("recognize: {json: {a: 1}}", "recognize: {json: null}", {"recognize": {}}),
        (
            "stream: {flush: {send: {a: 1}}}",
            "stream: {flush: {send: {b: 1}}}",
            {"stream": {"flush": {"send": {"b": 1}}}},
        ),
        # A query parameter, a header, a state variable may have a payload's name.
        (
            "recognize: {query: {json: 1}}",
            "recognize: {query: {body: 2}}",
            {"recognize": {"query": {"json": 1, "body": 2}}},
        ),
        (
            "stream: {state: {send: {type: text}}}",
            "stream: {state: {send: {per: a}}}",
            {"stream": {"state": {"send": {"type": "text", "per": "a"}}}},
        ),
        (
            "options: {a: {default: {b: 1}}}",
            "options: {a: {default: {c: 1}}}",
            {"options": {"a": {"default": {"c": 1}}}},
        ),
        ("vars: {a: {b: 1}, c: 1}", "vars: {a: {d: 1}, c: null}", {"vars": {"a": {"d": 1}}}),
        # A transcript is merged over an outer one later: its null still has work to do.
        (
            "stream: {transcript: {start: a}}",
            "stream: {transcript: {start: null}}",
            {"stream": {"transcript": {"start": None}}},
        ),
        ("transcript: {start: a}", "transcript: {start: null}", {"transcript": {}}),
    ],
)
def test_merging(base: str, over: str, value: Any) -> None:
    assert merged(base, over) == value


def test_keys_keep_the_order_of_the_base() -> None:
    assert list(merged("headers: {a: 1, b: 2}", "headers: {c: 3, a: 4}")["headers"]) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("path", "key", "place"),
    [
        (("headers", "a"), False, "base.yaml:2:6"),
        (("headers", "b"), False, "over.yaml:2:6"),
        (("headers", "b"), True, "over.yaml:2:3"),
        (("headers",), True, "over.yaml:1:1"),
        (("checks", 0), False, "over.yaml:3:10"),
        (("docs",), False, "base.yaml:5:7"),
    ],
)
def test_places_survive_merging(path: Path, key: bool, place: str) -> None:
    base = parse("headers:\n  a: 1\n  b: 2\nchecks: [1]\ndocs: x\n", "base.yaml")
    over = parse("headers:\n  b: 3\nchecks: [2]\n", "over.yaml")
    document = merge(base, over)
    assert str(document.mark(path, key=key)) == place


def test_merging_leaves_both_as_they_were() -> None:
    base, over = parse("headers: {a: 1}", "base"), parse("headers: {a: null, b: 2}", "over")
    merge(base, over)
    assert base.value == {"headers": {"a": 1}}
    assert base.root.plain() == base.value
    assert over.root.plain() == {"headers": {"a": None, "b": 2}}


def test_nulls_are_dropped_but_in_payloads_and_later_overrides() -> None:
    document = parse(
        "docs:\n"
        "recognize: {json: {a: null}, query: {b: null}}\n"
        "stream:\n"
        "  transcript: {start: null}\n"
        "  rules: [{when: null, emit: a, transcript: {text: null}}, null]\n"
        "  open: [{if: null, send: {a: null}}]\n"
        "tests: [{name: null, stream: [{received: {error: null}}]}]\n"
        "variants: [{if: a, docs: null}]\n",
        "f",
    )
    assert without_nulls(document).value == {
        "recognize": {"json": {"a": None}, "query": {}},
        "stream": {
            "transcript": {"start": None},
            "rules": [{"emit": "a", "transcript": {"text": None}}, None],
            "open": [{"send": {"a": None}}],
        },
        "tests": [{"name": None, "stream": [{"received": {"error": None}}]}],
        "variants": [{"if": "a", "docs": None}],
    }
    assert without_nulls(document, overrides=True).value["stream"]["transcript"] == {}


def test_options_are_written_in_full() -> None:
    document = expand_options(parse("options:\n  a: true\n  b: [x]\n  c: {type: string}\n  d:\n", "f"))
    assert document.value["options"] == {
        "a": {"default": True},
        "b": {"default": ["x"]},
        "c": {"type": "string"},
        "d": None,
    }
    assert str(document.mark(("options", "a", "default"))) == "f:2:6"


def test_a_plain_default_keeps_what_else_the_base_says() -> None:
    base = expand_options(parse("options: {model: {default: a, role: model}}", "f"))
    over = expand_options(parse("options: {model: b}", "g"))
    assert merge(base, over).value["options"] == {"model": {"default": "b", "role": "model"}}


def test_plain_values_merge_alike() -> None:
    outer = {"text": "a", "start": "b", "words": {"each": "c", "text": "d"}}
    inner = {"start": None, "end": None, "words": {"text": None, "start": "e"}, "metadata": {"x": "y"}}
    assert merge_values(outer, inner) == {
        "text": "a",
        "words": {"each": "c", "start": "e"},
        "metadata": {"x": "y"},
    }
    assert outer["words"] == {"each": "c", "text": "d"}
