"""Selectors: variables, null, truth, what is refused at load, and what is known beforehand."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from specbuilder.expressions.selectors import (
    Selector,
    SelectorError,
    SelectorTypeError,
    compile_selector,
    functions,
)


def scope(message: Any = None, headers: dict[str, str] | None = None, **variables: Any) -> SimpleNamespace:
    return SimpleNamespace(variables=variables, message=message, headers=headers or {})


def read(text: str, item: Any = None, **variables: Any) -> Any:
    return compile_selector(text)(item, scope(item, **variables))


def refused(text: str) -> SelectorError:
    with pytest.raises(SelectorError) as caught:
        compile_selector(text)
    return caught.value


# --- what vendors' specs say ------------------------------------------------------------------------------


WORDS = [{"text": "hi", "speaker": 1, "end": 0.5}, {"text": "you", "speaker": 1, "end": 0.9}, {"text": "?"}]


@pytest.mark.parametrize(
    ("text", "item", "value"),
    [
        ("type", {"type": "Results"}, "Results"),
        ("channel.alternatives[0].transcript", {"channel": {"alternatives": [{"transcript": "hi"}]}}, "hi"),
        ("words[-1].end", {"words": WORDS[:2]}, 0.9),
        ("words[3].end", {"words": WORDS}, None),
        ("join(' ', words[].text)", {"words": WORDS}, "hi you ?"),
        ("format('S{}', mode(words[].speaker))", {"words": WORDS}, "S1"),
        ("format('S{}', mode(words[].speaker))", {"words": [{}]}, None),
        ("error_code == `3008` && `408` || `500`", {"error_code": 3008}, 408),
        ("error_code == `3008` && `408` || `500`", {}, 500),
        (
            "max_by(segments, &to_number(id)).text",
            {"segments": [{"id": "9", "text": "a"}, {"id": "10"}]},
            None,
        ),
        ("max_by(segments, &to_number(id)).id", {"segments": [{"id": "9"}, {"id": "10"}]}, "10"),
        (
            "segments[].{id: to_number(id), w: words[].word}",
            {"segments": [{"id": "1"}]},
            [{"id": 1, "w": None}],
        ),
        ("join('', ws[].cw[0].w)", {"ws": [{"cw": [{"w": "a"}, {"w": "x"}]}, {"cw": [{"w": "b"}]}]}, "ab"),
        ("contains(['<end>', '<fin>'], text)", {"text": "<fin>"}, True),
        ("type(text) == 'string'", {"text": ""}, True),
        ("speaker != 'UNKNOWN' && speaker", {"speaker": "UNKNOWN"}, False),
        ("results[?type == 'word'].alternatives[0].content", {"results": [{"type": "punctuation"}]}, []),
    ],
)
def test_vendors_selectors(text: str, item: Any, value: Any) -> None:
    assert read(text, item) == value


# --- $name ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$o", {"x": [{"y": 1}, {"y": 2}]}),
        ("$o.x", [{"y": 1}, {"y": 2}]),
        ("$o.x[1].y", 2),
        ("$l[0]", "a"),
        ("$l[-1]", "b"),
        ("$o.x[].y", [1, 2]),
        ("$l[]", ["a", "b"]),
        ("$l[1:]", ["b"]),
        ("$o.*", [[{"y": 1}, {"y": 2}]]),
        ("$none || $l", ["a", "b"]),
        ("$l && t", "b"),
        ("[$l, t]", [["a", "b"], "b"]),
        ("{l: $l[0], t: t}", {"l": "a", "t": "b"}),
        ("[{tokens: [$l, $l][]}]", [{"tokens": ["a", "b", "a", "b"]}]),
        ("items[?k == $l[1]].v", [2]),
        ("items[].[v, $l[0]]", [[1, "a"], [2, "a"]]),
        ("sort_by(items, &lookup($order, k))[0].v", 2),
        ("contains($l, t)", True),
        ("t == $l[1]", True),
        ("!$none", True),
        ("$l | [0]", "a"),
        ("lookup($order, t)", 0),
        ("$none.a[0].b", None),
    ],
)
def test_variables(text: str, value: Any) -> None:
    variables = {"o": {"x": [{"y": 1}, {"y": 2}]}, "l": ["a", "b"], "none": None, "order": {"a": 1, "b": 0}}
    item = {"t": "b", "items": [{"k": "a", "v": 1}, {"k": "b", "v": 2}]}
    assert read(text, item, **variables) == value


def test_a_variable_is_read_at_each_call() -> None:
    selector = compile_selector("sort_by(@, &$sign)")
    with pytest.raises(SelectorTypeError):
        selector([1], scope(sign=None))
    assert selector([1], scope(sign=2)) == [1]


def test_message_and_header_are_of_the_scope() -> None:
    here = scope({"id": 7, "items": [{"x": 1}]}, {"x-request-id": "r1"})
    assert compile_selector("[message().id, x, header('X-Request-ID'), header('no')]")({"x": 1}, here) == [
        7,
        1,
        "r1",
        None,
    ]


# --- null, truth, equality --------------------------------------------------------------------------------


def test_null_in_null_out_for_every_function_but_three() -> None:
    arguments = {"&expression": "&@", "...": "a"}
    for name, line in functions().items():
        names = line.partition("(")[2].partition("):")[0].split(", ")
        given = ", ".join(arguments.get(one, "missing") for one in names if one)
        expected = {"type": "null", "to_string": "null"}.get(name)
        assert read(f"{name}({given})", None) == expected


@pytest.mark.parametrize("text", ["join(', ', @)", "avg(@)", "min(@)", "max(@)", "geomean(@)", "mode(@)"])
def test_nulls_in_an_array_are_skipped(text: str) -> None:
    values = ["a", None, "a"] if "join" in text else [2, None, 2]
    assert read(text, values) == ("a, a" if "join" in text else 2)
    assert read(text, [None]) == ("" if "join" in text else None)


def test_a_list_of_texts_is_there_without_a_message() -> None:
    assert read("[{tokens: [$final, $tail][]}]", None, final=["a"], tail=["b"]) == [{"tokens": ["a", "b"]}]
    assert read("a.[b]", None) is None
    assert read("a | [b]", None) is None
    assert read("@.{x: b}", None) is None
    assert read("{x: b, y: c}", None) == read("{x: b, y: c}", "text") == {"x": None, "y": None}
    assert read("{x: b, y: c}", {"b": 1, "x": 2}) == {"x": 1, "y": None}
    assert read("[a][].{x: b}", {"a": None}) == []
    assert compile_selector("[a]", strict=True)(None, scope()) is None


@pytest.mark.parametrize("value", [None, False, "", [], {}, b""])
def test_false_values(value: Any) -> None:
    assert not compile_selector("a").holds({"a": value}, scope())
    assert compile_selector("!a").holds({"a": value}, scope())
    assert read("a || 'no'", {"a": value}) == "no"
    assert read("a && 'yes'", {"a": value}) == value
    assert not compile_selector("b && a || a").holds({"a": value, "b": 1}, scope())


@pytest.mark.parametrize("value", [0, 0.0, True, "0", "false", [None], {"a": None}, b"x"])
def test_true_values(value: Any) -> None:
    assert compile_selector("a").holds({"a": value}, scope())
    assert not compile_selector("!a").holds({"a": value}, scope())
    assert compile_selector("b || a && a").holds({"a": value}, scope())
    assert read("a || 'no'", {"a": value}) == value


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (False, 0, False),
        (None, False, False),
        ("1", 1, False),
        ([1, [True]], [1.0, [True]], True),
        ([True], [1], False),
        ({"a": 0}, {"a": False}, False),
        ({"a": 0, "b": [2]}, {"b": [2.0], "a": 0}, True),
        ([["array"]], ["array"], False),
        ([], {}, False),
        ("a", b"a", False),
    ],
)
def test_equality_is_deep_and_looks_at_types(left: Any, right: Any, same: bool) -> None:
    item = {"l": left, "r": right, "rs": [right]}
    assert read("l == r", item) is same
    assert read("r == l", item) is same
    assert read("l != r", item) is not same
    assert read("$l == r", item, l=left) is same
    if left is not None:
        assert read("contains(rs, l)", item) is same


def test_equality_with_a_constant_looks_at_types_too() -> None:
    assert [read("a == `1`", {"a": value}) for value in (1, 1.0, True, "1", None)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert [read("a == `true`", {"a": value}) for value in (True, 1, "true")] == [True, False, False]
    assert [read("a == `[1]`", {"a": value}) for value in ([1], [True], [1.0])] == [True, False, True]
    assert [read("contains([`1`, 'x'], a)", {"a": value}) for value in (1.0, True, "x", [1])] == [
        True,
        False,
        True,
        False,
    ]
    assert read("a == `null`", {}) is True
    assert read("a != 'x'", {}) is True
    assert read("a == 'x'", "text") is False


@pytest.mark.parametrize(("left", "right"), [("a", "b"), (True, 0), (None, 1), ([1], [0]), ("1", 0)])
def test_order_is_of_numbers_only(left: Any, right: Any) -> None:
    assert [read(f"l {sign} r", {"l": left, "r": right}) for sign in ("<", "<=", ">", ">=")] == [None] * 4


def test_bytes_of_msgpack_pass_through() -> None:
    assert read("a.b", {"a": {"b": b"\x01"}}) == b"\x01"
    assert read("[type(@), to_string(@)]", b"\xc3\xa9") == ["binary", "é"]


def test_numbers_as_names_are_not_indexes() -> None:
    assert read("a[0]", {"a": {0: "x"}}) is None
    assert read("a[0]", {"a": "x"}) is None


# --- constants --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'x'", "x"),
        ("`[1, 2]`", [1, 2]),
        ("['a', 'b']", ["a", "b"]),
        ("{a: 'x'}", {"a": "x"}),
        ("max(`[1, 2]`)", 2),
        ("`[1, 2, 3]`[?@ > `1`]", [2, 3]),
        ("format('{}-{}', `1`)", "1-1"),
        ('`{"a": {"b": 1}}`.a.b', 1),
        ("'a' || missing", None),
    ],
)
def test_constants(text: str, value: Any) -> None:
    selector = compile_selector(text)
    if value is not None:
        assert selector.is_constant
        assert selector(None, scope()) == value
    else:
        assert not selector.is_constant


@pytest.mark.parametrize(
    "text", ["a", "@", "$a", "message()", "header('a')", "[a]", "`[1]`[?@ == $a]", "map(&$a, `[1]`)"]
)
def test_not_constants(text: str) -> None:
    assert not compile_selector(text).is_constant


@pytest.mark.parametrize("text", ["`[]`", "a || `[]`", "not_null(a, `[]`)", "{a: [`[]`]}.a[0]"])
def test_what_a_receiver_does_to_a_constant_stays_with_it(text: str) -> None:
    read(text, {}).append(1)
    assert read(text, {}) == []


# --- refused at load --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "offset", "message", "hint"),
    [
        ("", 0, "empty", None),
        ("a ||", 4, "too early", None),
        ("a.", 2, "too early", None),
        ("a == 'x", 5, "unclosed ' delimiter", None),
        ("a = 'x'", 2, "unexpected '='", "a comparison is written =="),
        ("a == 5", 5, "unexpected 5", "a number is written `5`"),
        ("a == -1", 5, "unexpected -1", "a number is written `-1`"),
        ("a and b", 2, "unexpected 'and'", "write &&, || and !"),
        ("a & b", 2, "unexpected '&'", '"and" is written &&'),
        ("a ? b", 2, "unexpected '?'", None),
        ("größe", 2, "unexpected 'ö'", "a field name of other characters"),
        ("a.$b", 2, "unexpected '$b'", "lookup(object, $b)"),
        ("$", 0, "unexpected '$'", "followed by a name"),
        ("$1", 0, "unexpected '$'", "followed by a name"),
        ("{{ model }}", 1, "unexpected '{'", "a selector has no {{ }}"),
        ("a == `Results`", 5, "`Results` is not JSON", "text is written 'Results'"),
        ("a == `NaN`", 5, "`NaN` is not JSON", None),
        ('type == "Results"', 8, '"Results" is a field', "text is written 'Results'"),
        ("final == true", 9, "true is the name of a field", "write `true`"),
        ("a == null", 5, "null is the name of a field", "write `null`"),
        ("b || lenght(a)", 5, "no function lenght()", "did you mean 'length'?"),
        ("length(a, b)", 0, "takes 1 argument, not 2", "write length(subject)"),
        ("b || join(a)", 5, "takes 2 arguments, not 1", "write join(separator, array)"),
        ("zip()", 0, "takes at least 1 argument, not 0", "write zip(array, ...)"),
        ("join(a b)", 7, "unexpected 'b'", None),
        ("join(a, )", 8, "unexpected ')'", None),
        ('"length"(a)', 0, "no quotes", "write length(...)"),
        ("$a(b)", 2, "unexpected '('", None),
        ("a[::0]", 2, "step of a slice", None),
        ("a || &b", 5, "no value of its own", "map"),
        ("sort_by(a, b)", 11, "needs an &expression", "write sort_by(array, &expression)"),
        ("length(&b)", 7, "takes no &expression there", "write length(subject)"),
        ("a || abs('x')", 5, "takes a number, not string", None),
        ("exp(`1000`)", 0, "math range error", None),
        ("a || matches(b, '(')", 5, "'(' is no regular expression", None),
        ("replace(a, 'b', '\\1')", 0, "does not fit 'b'", None),
        ("format('{', a)", 0, "a lone { in '{'", None),
        ("format('{} {a}', a)", 0, "both {} and {key}", None),
        ("split(a, '')", 0, "the separator is empty", None),
    ],
)
def test_refused(text: str, offset: int, message: str, hint: str | None) -> None:
    error = refused(text)
    assert message in error.message
    assert error.offset == offset
    assert str(error).startswith(f"{error.message} at character {offset + 1}")
    if hint is not None:
        assert error.hint is not None
        assert hint in error.hint
        assert hint in str(error)


@pytest.mark.parametrize(
    ("text", "offset", "hint"),
    [
        ("!a.b", 0, "write !(a.b)"),
        ("x && !data.is_final && y", 5, "write !(data.is_final)"),
        ("x[?!a.b.c]", 3, "write !(a.b.c)"),
        ("!$a.b", 0, "write !($a.b)"),
        ("!a[0].b", 0, "write !(a[0].b)"),
        ("!words[].text", 0, "write !(words[].text)"),
        ("!words[?final] || x", 0, "write !(words[?final])"),
        ("!message().a == b", 0, "write !(message().a)"),
    ],
)
def test_not_before_a_path_is_refused(text: str, offset: int, hint: str) -> None:
    error = refused(text)
    assert (error.offset, error.hint) == (offset, hint)
    assert compile_selector(text.replace("message()", "m"), strict=True)({}, scope()) is not Ellipsis


@pytest.mark.parametrize(
    "text", ["!a", "!a[0]", "!$a", "!(a.b)", "!length(a)", "!a && b.c", "!!a", 'a."true"', '"x-y" == a']
)
def test_not_refused(text: str) -> None:
    assert compile_selector(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "a",
        "!" * 5000 + "a",
        "a" + "[0]" * 5000,
        "a" + " || a" * 5000,
        "a" + " == a" * 300,
        "a" + ".b" * 300,
        f"`{'[' * 300}{']' * 300}`",
    ],
)
def test_a_monstrous_selector_is_refused(text: str) -> None:
    assert "nested too deeply" in refused(text).message


@pytest.mark.parametrize("text", ["a" + "[0]" * 150, "a" + " || a" * 150, "[" * 60 + "a" + "]" * 60])
def test_a_big_selector_works(text: str) -> None:
    compile_selector(text)({"a": []}, scope())
    assert compile_selector(text).fields == {"a"}


def test_strict_mode_has_no_functions_of_ours_and_no_hints_against_jmespath() -> None:
    with pytest.raises(SelectorError, match="no function strip"):
        compile_selector("strip(a)", strict=True)
    with pytest.raises(SelectorTypeError):
        compile_selector("length(a)", strict=True)({}, scope())
    assert compile_selector("!a.b", strict=True)({}, scope()) is None


# --- errors at run time -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "item", "message"),
    [
        ("avg(a)", {"a": ["secret"]}, "avg() takes an array of numbers, not of string"),
        ("avg(a)", {"a": [1, True]}, "avg() takes an array of numbers, not of boolean and number"),
        ("join('', a)", {"a": ["secret", 1]}, "join() takes an array of strings, not of number and string"),
        ("length(a)", {"a": 1}, "length() takes a string, an array or an object, not number"),
        ("exp(a)", {"a": 1e6}, "OverflowError in a function or comparison"),
        ("ceil(a)", {"a": float("nan")}, "ValueError in a function or comparison"),
    ],
)
def test_a_wrong_type_is_an_error_that_tells_no_value(text: str, item: Any, message: str) -> None:
    selector = compile_selector(text)
    for run in (selector, selector.holds):
        with pytest.raises(SelectorTypeError) as caught:
            run(item, scope())
        assert str(caught.value) == message
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_deeply_nested_values_are_an_error_and_no_crash() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(SelectorTypeError):
        compile_selector("a == b")({"a": deep, "b": [deep]}, scope())


# --- what is known beforehand -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "equalities", "variable_equalities"),
    [
        ("type == 'x'", [(("type",), "x")], []),
        ("'x' == type", [(("type",), "x")], []),
        ("a.b.c == `2`", [(("a", "b", "c"), 2)], []),
        ("a == 'x' && b.c == `true` && d", [(("a",), "x"), (("b", "c"), True)], []),
        ("(a == 'x' && b) && c == `null`", [(("a",), "x"), (("c",), None)], []),
        ("a && message_type == $final_type", [], [(("message_type",), "final_type")]),
        ("$t == a.b", [], [(("a", "b"), "t")]),
        ("a == 'x' || b == 'y'", [], []),
        ("!(a == 'x')", [], []),
        ("a != 'x'", [], []),
        ("$a == 'x'", [], []),
        ("$a.b == 'x'", [], []),
        ("message().a == 'x'", [], []),
        ("a[0] == 'x'", [], []),
        ("a[].b == 'x'", [], []),
        ("a == b", [], []),
        ("a == `[1]`", [], []),
        ("@ | a == 'x'", [], []),
        ("items[?a == 'x']", [], []),
        ("a == $b.c", [], []),
    ],
)
def test_equalities(text: str, equalities: list[Any], variable_equalities: list[Any]) -> None:
    selector = compile_selector(text)
    assert selector.equalities == tuple(equalities)
    assert selector.variable_equalities == tuple(variable_equalities)


@pytest.mark.parametrize(
    ("text", "fields", "variables", "used"),
    [
        ("a.b || c[0].d", "a c", "", ""),
        ("join('', words[?type == $t].text)", "words", "t", "join"),
        ("max_by(segments, &to_number(id)).words[-1]", "segments", "", "max_by to_number"),
        ("[{x: a, y: $b.c}, message().d]", "a", "b", "message"),
        ("@.a | b", "a", "", ""),
        ("@ | a", "a", "", ""),
        ("a.* == $x && !b[1:]", "a b", "x", ""),
        ("`1`", "", "", ""),
    ],
)
def test_names(text: str, fields: str, variables: str, used: str) -> None:
    selector = compile_selector(text)
    assert selector.fields == set(fields.split())
    assert selector.variables == set(variables.split())
    assert selector.functions == set(used.split())


def test_a_selector_is_compiled_once_and_does_not_change() -> None:
    selector = compile_selector("a.b")
    assert compile_selector("a.b") is selector
    assert isinstance(selector, Selector)
    with pytest.raises(dataclasses.FrozenInstanceError):
        selector.text = "c"  # type: ignore[misc]
    assert "evaluate" not in repr(selector)


def test_every_function_has_a_line() -> None:
    lines = functions()
    assert lines["avg"] == "avg(array): mean of numbers; nulls are skipped"
    assert all(line.startswith(f"{name}(") and "): " in line for name, line in lines.items())
    ours = "decode_base64 exp format geomean groups header lookup matches message mode parse_json replace"
    assert {*ours.split(), "runs", "split", "strip", "unique", "zip"} < set(lines)
    assert len(lines) == 26 + 17
