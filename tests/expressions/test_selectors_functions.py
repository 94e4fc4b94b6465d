"""The functions that selectors have besides JMESPath's, and where JMESPath leaves a choice."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from specbuilder.expressions.regexes import MAX_INPUT, longest_input
from specbuilder.expressions.selectors import SelectorTypeError, compile_selector, functions


def read(text: str, item: Any, **variables: Any) -> Any:
    return compile_selector(text)(item, SimpleNamespace(variables=variables, message=item, headers={}))


@pytest.mark.parametrize(
    ("text", "item", "value"),
    [
        ("exp(@)", 0, 1.0),
        ("geomean(@)", [1, 4], 2.0),
        ("geomean(@)", [3, 0], 0.0),
        ("geomean(@)", [], None),
        ("mode(@)", ["b", "a", "a", "b"], "b"),
        ("mode(@)", [1, True, True], True),
        ("mode(@)", [{"a": 1}, None, {"a": 1.0}, "x"], {"a": 1}),
        ("mode(@)", [], None),
        ("unique(@)", [1, True, 1.0, "1", [1], [1], None, None], [1, True, "1", [1], None]),
        (
            "runs(@, &n)[*].length(@)",
            [{"n": 1}, {"n": 1.0}, {"n": True}, {"x": 2}, {}, {"n": 1}],
            [2, 1, 2, 1],
        ),
        ("runs(@, &n)", [], []),
        (
            "runs(@, &l)[*].join('', [].t)",
            [{"l": "en", "t": "a"}, {"l": "en", "t": "b"}, {"l": "es", "t": "c"}],
            ["ab", "c"],
        ),
        (
            "groups(@, &l)[*].join('', [].t)",
            [{"l": "es", "t": "a"}, {"l": "en", "t": "b"}, {"t": "c"}, {"l": "es", "t": "d"}],
            ["ad", "b"],
        ),
        (
            "groups(@, &n)[*].length(@)",
            [{"n": 1}, {"n": True}, {"n": 1.0}, {"n": [1]}, {"n": [1]}],
            [2, 1, 2],
        ),
        ("groups(@, &n)", [{"n": "a"}, {"n": "a"}], [[{"n": "a"}, {"n": "a"}]]),
        ("groups(@, &n)", [{"n": None}], []),
        ("groups(@, &n)", [], []),
        ("zip(a, b)", {"a": [1, 2, 3], "b": ["x", "y"]}, [[1, "x"], [2, "y"]]),
        ("zip(a)", {"a": [1]}, [[1]]),
        ("strip(@)", " a b\n", "a b"),
        ("split(@, ', ')", "a, b,c", ["a", "b,c"]),
        ("lookup(a, b)", {"a": {"x": 1}, "b": "x"}, 1),
        ("lookup(a, b)", {"a": {"x": 1}, "b": "y"}, None),
        ("parse_json(@)", '{"a": [1.5, null]}', {"a": [1.5, None]}),
        ("parse_json(@)", "{a}", None),
        ("parse_json(@).a", '{"a": 1}', 1),
        ("decode_base64(@)", "aMOp", "hé"),
        ("decode_base64(@)", "aMO", None),
        ("decode_base64(@)", "/w==", None),
        ("decode_base64(@)", "a b=", None),
        ("decode_base64(@)", "é", None),
        ("matches(@, 'b+')", "abba", True),
        ("matches(@, '^b')", "abba", False),
        ("replace(@, '(a)(b)', '\\2\\1')", "abxab", "baxba"),
        ("replace(@, '<[^>]*>', '')", "<v A>hi", "hi"),
        ("to_number(@)", "12", 12),
        ("to_number(@)", " -1.50 ", -1.5),
        ("to_number(@)", "1e3", 1000.0),
        ("to_number(@)", "1_0", None),
        ("to_number(@)", "nan", None),
        ("to_number(@)", "1e999", None),
        ("to_number(@)", "9" * 5000, None),
        ("to_number(@)", "٣", None),
        ("to_number(@)", True, None),
        ("to_string(@)", {"a": ["é", 1.0]}, '{"a":["é",1.0]}'),
        ("contains(@, 'b')", "abc", True),
        ("contains(@, `1`)", "1", False),
        ("max(@)", ["a", None, "b"], "b"),
        ("sort(@)", ["b", "a"], ["a", "b"]),
        (
            "sort_by(@, &n)",
            [{"n": 2, "i": 0}, {"n": 1}, {"n": 2, "i": 1}],
            [{"n": 1}, {"n": 2, "i": 0}, {"n": 2, "i": 1}],
        ),
        ("max_by(@, &n).i", [{"n": 2, "i": 0}, {"n": 2, "i": 1}], 0),
        ('merge(@, `{"b": 2}`)', {"a": 1, "b": 1}, {"a": 1, "b": 2}),
    ],
)
def test_functions(text: str, item: Any, value: Any) -> None:
    assert read(text, item) == value


@pytest.mark.parametrize(
    ("template", "value", "text"),
    [
        ("S{}", 0, "S0"),
        ("S{}", "x", "Sx"),
        ("{}/{}", 1.0, "1.0/1.0"),
        ("{}", True, "true"),
        ("{}", None, None),
        ("{{{}}} }}{{", 1, "{1} }{"),
        ("{speaker_id}: {text}", {"speaker_id": "S1", "text": "hi {}"}, "S1: hi {}"),
        ("{a}{b}", {"a": 1, "b": None}, None),
        ("{a}{b}", {"a": 1}, None),
        ("{a b.c}", {"a b.c": 1}, "1"),
        ("plain", 1, "plain"),
        ("plain", {}, "plain"),
        ("", 1, ""),
    ],
)
def test_format(template: str, value: Any, text: str | None) -> None:
    assert read(f"format('{template}', @)", value) == text
    assert read("format($template, @)", value, template=template) == text


def test_format_of_a_new_object() -> None:
    selector = "format($f, {speaker_id: speaker || 'UU', text: text})"
    assert read(selector, {"text": "hi"}, f="@{speaker_id}: {text}") == "@UU: hi"
    assert read(selector, {}, f="@{speaker_id}: {text}") is None


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("format('{}', @)", {"a": 1}),
        ("format('{}', @)", [1]),
        ("format('{a}', @)", "x"),
        ("format('{a}', @)", {"a": [1]}),
        ("format(@, 'x')", "{"),
        ("format(@, 'x')", 1),
        ("exp(@)", "1"),
        ("exp(@)", True),
        ("geomean(@)", [1, -1]),
        ("geomean(@)", ["a"]),
        ("mode(@)", "aab"),
        ("runs(@, &n)", {"a": 1}),
        ("groups(@, &n)", {"a": 1}),
        ("unique(@)", {"a": 1}),
        ("zip(@, @)", "ab"),
        ("strip(@)", 1),
        ("split('a', @)", ""),
        ("split(@, 'a')", ["a"]),
        ("lookup(@, 'a')", ["a"]),
        ("lookup(`{}`, @)", 1),
        ("parse_json(@)", {"a": 1}),
        ("decode_base64(@)", 1),
        ("matches(@, 'a')", 1),
        ("matches('a', @)", "("),
        ("replace('a', @, 'b')", "("),
        ("replace('a', 'a', @)", "\\1"),
        ("replace(@, 'a', 'b')", ["a"]),
        ("header(@)", 1),
        ("max(@)", [1, "a"]),
        ("sort_by(@, &a)", [{"a": 1}, {"a": "x"}]),
        ("map(&a, @)", "x"),
        ("merge(@, @)", [1]),
        ("sum(@)", [1, None]),
        ("length(@)", b"x"),
    ],
)
def test_wrong_types(text: str, item: Any) -> None:
    with pytest.raises(SelectorTypeError):
        read(text, item)


def test_regular_expressions_see_no_endless_text() -> None:
    for size, found in ((MAX_INPUT, True), (MAX_INPUT + 1, None)):
        text = "a" * size
        assert read("matches(@, 'a$')", text) is found
        assert read("matches(@, $r)", text, r="a$") is found
        assert (read("replace(@, 'a', 'b')", text) is None) is (found is None)


def test_the_more_repeats_the_shorter_the_text() -> None:
    regex = "a*b*$"
    longest = longest_input(regex)
    assert longest < MAX_INPUT
    for text in ("matches(@, 'a*b*$')", "matches(@, $r)"):
        assert read(text, "a" * longest, r=regex) is True
        assert read(text, "a" * (longest + 1), r=regex) is None


def test_a_constant_regular_expression_is_compiled_at_load(monkeypatch: pytest.MonkeyPatch) -> None:
    selector = compile_selector("matches(@, 'compiled (once|early)')")
    monkeypatch.setattr("specbuilder.expressions.selector_texts._pattern", None)
    scope = SimpleNamespace(variables={}, message=None, headers={})
    assert selector("compiled early", scope) is True


def test_confidence_from_logarithms() -> None:
    item = {
        "words": [
            {"type": "word", "logprob": math.log(0.5)},
            {"type": "spacing"},
            {"type": "word", "logprob": 0},
        ]
    }
    assert read("exp(avg(words[?type == 'word'].logprob))", item) == pytest.approx(math.sqrt(0.5))
    assert read("exp(avg(words[?type == 'noise'].logprob))", item) is None


def test_lines_for_readers_are_single() -> None:
    assert not [name for name, line in functions().items() if "\n" in line or line.endswith(".")]
