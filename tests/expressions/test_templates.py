"""What a template gives: holes, types, nothing and null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specbuilder.expressions.nothing import NOTHING, Nothing
from specbuilder.expressions.templates import (
    StrictMapping,
    TemplateError,
    compile_condition,
    compile_template,
)


def render(text: str, **names: Any) -> Any:
    return compile_template(text).render(names)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{ } }} } {", "{ } }} } {"),
        ("{{ '{' }}", "{"),
        ("{{ '{{' }}x{{ '}}' }}", "{{x}}"),
        ('{{ "a}}b" }}', "a}}b"),
        ("{{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("{{ {'a': {'b': 1}}['a'] }}", {"b": 1}),
        ("a\n{{ 1 }}\n", "a\n1\n"),
        (" {{ 1 }}", " 1"),
        ("{{ 1 }}{{ 2 }}", "12"),
        ("{{ -1 }}", -1),
        ("{{ 'it\\'s' }}", "it's"),
    ],
)
def test_holes_and_braces(text: str, result: Any) -> None:
    assert render(text) == result


@pytest.mark.parametrize(
    "value", [0, 1.0, True, False, "", "0042", "no", "None", b"\x00", [], {}, [None], {"a": None}]
)
def test_a_lone_hole_keeps_type_and_value(value: Any) -> None:
    for text in ("{{ x }}", "{{ x if true }}"):
        result = render(text, x=value)
        assert result == value
        assert type(result) is type(value)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(_json)
def test_any_json_passes_through_a_lone_hole(value: Any) -> None:
    expected = NOTHING if value is None else value
    assert render("{{ x }}", x=value) == expected
    assert render("{{ x or x }}", x=value) == expected
    assert render("{{ x.y }}", x={"y": value}) == expected


def test_large_audio_is_not_copied() -> None:
    audio = bytes(20_000_000)
    assert render("{{ audio.data }}", audio={"data": audio}) is audio


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), (1.0, "1.0"), (0.1, "0.1"), (True, "true"), (False, "false"), ("a", "a"), ("", "")],
)
def test_scalars_inside_text(value: Any, text: str) -> None:
    assert render("<{{ x }}>", x=value) == f"<{text}>"
    assert render("{{ '<' ~ x ~ '>' }}", x=value) == f"<{text}>"


@pytest.mark.parametrize(("value", "hint"), [([1], "json"), ({}, "json"), (b"a", "base64"), (("a",), "json")])
def test_no_form_inside_text(value: Any, hint: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render("ab {{ x }}", x=value)
    assert hint in (caught.value.hint or "")
    assert caught.value.offset == 3


def test_subclasses_and_tuples_become_plain() -> None:
    class Code(str):
        def __str__(self) -> str:
            return "shown"

    result = render("{{ x }}", x=(Code("en"), {"k": (1,)}))
    assert result == ["en", {"k": [1]}]
    assert type(result[0]) is str
    assert render("<{{ x }}>", x=Code("en")) == "<en>"


def test_what_is_not_data_is_refused() -> None:
    with pytest.raises(TemplateError, match="object cannot be sent"):
        render("{{ x }}", x=object())


NOTHINGS = [
    "{{ x }}",
    "{{ none }}",
    "{{ x.y.z }}",
    "{{ m.a }}",
    "{{ m['a'].b }}",
    "{{ m[x] }}",
    "{{ l[7] }}",
    "{{ l[-7] }}",
    "{{ l[x:] }}",
    "{{ x[1:] }}",
    "{{ 'abc'[9] }}",
    "a {{ x }} b {{ 1 }}",
    "{{ 1 if false }}",
    "{{ 1 if x }}",
    "{{ x ~ 'a' }}",
    "{{ 'a' ~ x }}",
    "{{ x + 1 }}",
    "{{ 2 * x }}",
    "{{ -x }}",
    "{{ x | upper }}",
    "{{ x | length }}",
    "{{ x | json }}",
    "{{ x | map('upper') }}",
    "{{ 'a' | hmac(x) }}",
    "{{ ['a'] | map('replace', 'a', x) }}",
    "{{ 'a' | replace('a', x) }}",
    "{{ [] | first }}",
    "{{ x.upper() }}",
    "{{ 'a'.startswith(x) }}",
    "{{ silence(x) }}",
    "{{ base_language(x) }}",
    "{{ x | default(none) }}",
    "{{ '' or none }}",
]


@pytest.mark.parametrize("text", NOTHINGS)
@pytest.mark.parametrize("x", [None, NOTHING, "missing"])
def test_nothing_propagates(text: str, x: Any) -> None:
    names: dict[str, Any] = {"m": {}, "l": [1]}
    if x != "missing":
        names["x"] = x
    assert compile_template(text).render(names, {"silence": lambda ms: bytes(ms)}) is NOTHING


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{{ x | default('a') }}", "a"),
        ("{{ x | d('a') }}", "a"),
        ("{{ x | default }}", ""),
        ("{{ '' | default('a') }}", ""),
        ("{{ '' | default('a', true) }}", "a"),
        ("{{ x | or_null }}", None),
        ("{{ 1 | or_null }}", 1),
        ("{{ x or 'a' }}", "a"),
        ("{{ x is none }}", True),
        ("{{ x is defined }}", False),
        ("{{ x is undefined }}", True),
        ("{{ x is mapping }}", False),
        ("{{ x is sameas false }}", False),
        ("{{ x is not sameas false }}", True),
        ("{{ x is lower }}", False),
        ("{{ x is odd }}", False),
        ("{{ x == none }}", True),
        ("{{ x != 1 }}", True),
        ("{{ x > 0 }}", False),
        ("{{ 0 <= x }}", False),
        ("{{ x in [1] }}", False),
        ("{{ x in 'abc' }}", False),
        ("{{ 'a' in x }}", False),
        ("{{ 'a' not in x }}", True),
        ("{{ not x }}", True),
        ("{{ [1, x, 2] }}", [1, 2]),
        ("{{ [x] }}", []),
        ("{{ (1, x) }}", [1]),
        ("{{ {'a': x, 'b': 2, x: 3} }}", {"b": 2}),
        ("{{ [x | or_null] }}", [None]),
        ("{{ {'a': x | or_null} }}", {"a": None}),
        ("{{ (x | or_null) | json }}", "null"),
        ("{{ rows | map(attribute='a') }}", [1]),
    ],
)
def test_where_nothing_is_seen(text: str, result: Any) -> None:
    assert render(text, rows=[{"a": 1}, {}, {"a": None}]) == result


@pytest.mark.parametrize(
    "text", ["a{{ x | or_null }}", "{{ x | or_null | upper }}", "{{ 'a' ~ (x | or_null) }}"]
)
def test_null_is_no_text(text: str) -> None:
    with pytest.raises(TemplateError, match="null"):
        render(text)


def test_nothing_is_one_false_object() -> None:
    import copy
    import pickle

    assert not NOTHING
    assert repr(NOTHING) == "NOTHING"
    assert list(Nothing) == [NOTHING]
    assert copy.deepcopy({"a": NOTHING})["a"] is NOTHING
    assert pickle.loads(pickle.dumps(NOTHING)) is NOTHING


REPLY = StrictMapping({"a": {"b": 1, "n": None}, "rows": [{"id": 1}], "text": "t"})


@pytest.mark.parametrize(
    "text",
    ["{{ reply.x }}", "x{{ reply.a.x }}", "{{ reply['x'] }}", "{{ reply.rows[0].x }}", "{{ reply.x or 1 }}"],
)
def test_a_missing_field_of_a_reply_is_an_error(text: str) -> None:
    with pytest.raises(TemplateError, match="no field 'x'") as caught:
        render(text, reply=REPLY)
    assert "default(none)" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{{ reply.a.b }}", 1),
        ("{{ reply.a.n }}", NOTHING),
        ("{{ reply.rows[3].x }}", NOTHING),
        ("{{ reply.x | default(none) }}", NOTHING),
        ("{{ reply.a.x.y | default(2) }}", 2),
        ("{{ reply.x | upper | default('U') }}", "U"),
        ("{{ reply.x is defined }}", False),
        ("{{ reply.a }}", {"b": 1, "n": None}),
        ("{{ reply.a.get('x') }}", NOTHING),
    ],
)
def test_reading_a_reply(text: str, result: Any) -> None:
    assert render(text, reply=REPLY) == result


def test_the_argument_of_default_stays_strict() -> None:
    with pytest.raises(TemplateError, match="no field 'y'"):
        render("{{ reply.x | default(reply.y) }}", reply=REPLY)


def test_an_absurdly_nested_reply_is_refused() -> None:
    value: dict[str, Any] = {}
    for _ in range(500):
        value = {"a": value}
    with pytest.raises(TemplateError, match="nested"):
        StrictMapping(value)


@pytest.mark.parametrize("text", ["{{ s.x }}", "{{ (1).x }}", "{{ l.x }}", "{{ b.x }}"])
def test_a_field_of_what_has_none_is_an_error(text: str) -> None:
    with pytest.raises(TemplateError, match="has no field 'x'"):
        render(text, s="text", l=[], b=True)


def test_fields_win_over_methods() -> None:
    assert render("{{ m.items }}", m={"items": 1}) == 1
    assert render("{{ m.items }}", m={}) is NOTHING
    assert render("{{ m.items() }}", m={"a": 1}) == [["a", 1]]


def test_an_absurdly_nested_value_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(TemplateError, match="nested too deeply"):
        render("{{ x }}", x=value)


class Lazy(dict[str, Any]):
    """Names that are computed when they are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        self.read.append(name)
        return 1


def test_only_the_names_that_are_needed_are_read() -> None:
    names = Lazy()
    assert compile_template("{{ a if b else c }}").render(names) == 1
    assert names.read == ["b", "a"]


@pytest.mark.parametrize(
    ("text", "names", "paths", "functions"),
    [
        ("x", set(), set(), set()),
        ("{{ a }}", {"a"}, {("a",)}, set()),
        ("{{ audio.data | base64 }}", {"audio"}, {("audio", "data")}, set()),
        ("{{ a['b'].c[0].d }}", {"a"}, {("a", "b", "c")}, set()),
        ("{{ a[b] }}", {"a", "b"}, {("a",), ("b",)}, set()),
        ("{{ m.startswith(p.q) }}", {"m", "p"}, {("m",), ("p", "q")}, set()),
        ("{{ now() | http_date }} {{ k }}", {"k"}, {("k",)}, {"now"}),
        ("{{ a.b if a else [c, {'k': d}] }}", set("acd"), {("a",), ("a", "b"), ("c",), ("d",)}, set()),
        ("{{ now }}", {"now"}, {("now",)}, set()),
        ("{{ l[i:j] | map('join', s) }}", set("lijs"), {("l",), ("i",), ("j",), ("s",)}, set()),
    ],
)
def test_what_a_template_uses(text: str, names: set[str], paths: set[Any], functions: set[str]) -> None:
    template = compile_template(text)
    assert template.names == names
    assert template.paths == paths
    assert template.functions == functions


@pytest.mark.parametrize(
    ("text", "constant", "lone"),
    [("a", True, False), ("", True, False), ("{{ a }}", False, True), ("{{ a }} ", False, False)],
)
def test_kinds_of_templates(text: str, constant: bool, lone: bool) -> None:
    template = compile_template(text)
    assert (template.is_constant, template.is_lone, template.text) == (constant, lone, text)


def test_templates_are_compiled_once() -> None:
    assert compile_template("{{ cached }}") is compile_template("{{ cached }}")
    assert compile_condition("cached") is compile_condition("cached")


def test_holes_are_encoded_but_not_the_text_around() -> None:
    template = compile_template("/a b/{{ x }}")
    assert template.render({"x": "c d"}, encode=lambda text: text.replace(" ", "%20")) == "/a b/c%20d"
    assert compile_template("{{ x }}").render({"x": "c d"}, encode=str.upper) == "c d"


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a", True),
        ("missing", False),
        ("null", False),
        ("empty", False),
        ("zero", False),
        ("missing | or_null", False),
        ("not missing and a", True),
        ("a and not (zero or missing)", True),
        ("codes | length > 1", True),
        ("missing | length > 1", False),
        ("1 < codes | length <= 2", True),
        ("model.startswith(('nova-3', 'nova-2'))", True),
        ("model.startswith(prefixes)", True),
        ("model in ['nova-3']", True),
        ("codes == ('en', 'de')", True),
        ("codes | select('==', 'fr')", False),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    names: Mapping[str, Any] = {
        "a": 1,
        "null": None,
        "empty": [],
        "zero": 0,
        "codes": ["en", "de"],
        "model": "nova-3",
        "prefixes": ("x", "nova"),
    }
    assert compile_condition(text).holds(names) is holds


def test_what_a_condition_uses() -> None:
    condition = compile_condition("audio.index == 0 and now() > since")
    assert condition.names == {"audio", "since"}
    assert condition.paths == {("audio", "index"), ("since",)}
    assert condition.functions == {"now"}
