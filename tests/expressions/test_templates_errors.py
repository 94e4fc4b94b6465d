"""What is refused when a template is compiled, where, and with which way out; and bounds when it runs."""

from __future__ import annotations

import time
from typing import Any

import pytest

from specbuilder.expressions.templates import (
    MAX_SIZE,
    MAX_SOURCE,
    TemplateError,
    compile_condition,
    compile_template,
)
from specbuilder.expressions.trees import compile_tree


@pytest.mark.parametrize(
    ("text", "message", "offset", "hint"),
    [
        ("ab {{ x", "not closed", 3, "two braces"),
        ("ab {{ 'x }}", "text constant is not closed", 6, ""),
        ("ab {{ }}", "empty hole", 3, ""),
        ("ab {{ x | uper }}", "no filter 'uper'", 8, "'upper'"),
        ("ab {{ x | tojson }}", "no filter 'tojson'", 8, "use json"),
        ("{{ x | pprint }}", "no filter 'pprint'", 5, "use json"),
        ("{{ x | xmlattr }}", "no filter 'xmlattr'", 5, ""),
        ("{{ x | random }}", "no filter 'random'", 5, ""),
        ("{{ x | attr('y') }}", "no filter 'attr'", 5, "value.name"),
        ("ab {{ x is maping }}", "no test 'maping'", 8, "'mapping'"),
        ("{{ x is callable }}", "no test 'callable'", 5, ""),
        ("ab {{ nou() }}", "no function 'nou'", 6, "now"),
        ("{{ range(3) }}", "no function 'range'", 3, ""),
        ("{{ base64(x) }}", "no function 'base64'", 3, "value | base64"),
        ("{{ x.startwith('a') }}", "no method 'startwith'", 4, "'startswith'"),
        ("{{ x.format(1) }}", "no method 'format'", 4, ""),
        ("{{ x.center(9) }}", "no method 'center'", 4, ""),
        ("{{ x.zfill(9) }}", "no method 'zfill'", 4, ""),
        ("{{ x.__class__() }}", "no method '__class__'", 4, ""),
        ("{{ x()() }}", "only functions and methods", 2, ""),
        ("{{ x y }}", "unexpected 'y'", 2, ""),
        ("{{ x, y }}", "unexpected ','", 2, ""),
        ("{{ x | }}", "not complete", 2, ""),
        ("{{ x + }}", "not complete", 2, ""),
        ("{{ (x }}", "not closed", 0, ""),
        ("{{ x) }}", "unexpected '\\)'", 2, ""),
        ("{{ x ? y }}", "unexpected '\\?'", 2, "a if condition"),
        ("{{ x && y }}", "unexpected '&'", 2, "a and b"),
        ("a{% if x %}", "statement or comment", 1, "themselves"),
        ("a{# x #}", "statement or comment", 1, "themselves"),
        ("{{- x }}", "white space", 0, "put a space"),
        ("{{ x -}}", "white space", 0, "put a space"),
        ("{{ x | hmac }}", "does not take these arguments", 5, ""),
        ("{{ x | upper(1) }}", "does not take these arguments", 5, ""),
        ("{{ x | round(digits=1) }}", "does not take these arguments", 5, ""),
        ("{{ x | join(*y) }}", "without \\* and", 2, ""),
        ("{{ now(**y) }}", "without \\* and", 2, ""),
        ("{{ x.split(sep='a') }}", "no named arguments", 2, ""),
        ("{{ x is divisibleby(num=2) }}", "no named arguments", 2, ""),
        ("{{ x | map('joinn') }}", "no filter 'joinn' to apply", 5, "'join'"),
        ("{{ x | map('$') }}", "no filter", 5, ""),
        ("{{ x | map('map', '$') }}", "no filter 'map' to apply", 5, ""),
        ("{{ x | map(y) }}", "must be written out", 5, ""),
        ("{{ x | select('od') }}", "no test 'od' to apply", 5, "'odd'"),
        ("{{ x | selectattr('a', y) }}", "must be written out", 5, ""),
        ("{{ 1e999 }}", "too large", 2, ""),
        ("{{ 0x" + "f" * 2000 + " }}", "bits", 2, ""),
        ("{{ " + "1" * 5000 + " }}", "cannot be read|bits", 2, ""),
        ("{{ " + "(" * 5000 + "x" + ")" * 5000 + " }}", "cannot be read", 2, ""),
        ("{{ " + "x + " * 5000 + "x }}", "nested", 2, ""),
        ("{{ " + "not " * 100 + "x }}", "nested", 2, ""),
        ("x" * (MAX_SOURCE + 1), "longer than", MAX_SOURCE, ""),
    ],
)
def test_refused_when_compiled(text: str, message: str, offset: int, hint: str) -> None:
    with pytest.raises(TemplateError, match=message) as caught:
        compile_template(text)
    assert caught.value.offset == offset
    assert hint in (caught.value.hint or "")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("", "empty condition", 0),
        (" \n", "empty condition", 0),
        (" {{ x }}", "no braces", 1),
        ("x }}", "unexpected", 0),
        ("x and", "not complete", 0),
        ("x | nofilter", "no filter", 2),
        ("x" * (MAX_SOURCE + 1), "longer than", MAX_SOURCE),
    ],
)
def test_refused_conditions(text: str, message: str, offset: int) -> None:
    with pytest.raises(TemplateError, match=message) as caught:
        compile_condition(text)
    assert caught.value.offset == offset


def test_the_deepest_that_is_accepted_runs() -> None:
    for opening, middle, closing in [
        ("[", "1", "]"),
        ("{'a': ", "1", "}"),
        ("(", "1", ") | abs"),
        ("-", "1", ""),
        ("(1 + ", "1", ")"),
        ("(0 < ", "1", ")"),
        ("(1 if ", "1", " else 2)"),
        ("[1, ", "1", "][0:9]"),
    ]:
        for depth in range(100, 0, -1):
            try:
                template = compile_template("{{ " + opening * depth + middle + closing * depth + " }}")
            except TemplateError:
                continue
            assert depth >= 15
            template.render({})
            break


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ 'a' * 10 ** 9 }}", "larger than"),
        ("{{ 10 ** 9 * [1] }}", "larger than"),
        ("{{ 2 ** 99999 }}", "bits"),
        ("{{ 2 ** 2 ** 2 ** 9999 }}", "bits"),
        ("{{ '%1000000000d' % 1 }}", "cannot be computed"),
        ("{{ '%1000000000d' | format(1) }}", "width"),
        ("{{ '%*d' | format(1000000000, 1) }}", "width"),
        ("{{ ('a' * 9000000) ~ ('a' * 9000000) }}", "larger than"),
        ("{{ ('a' * 9000000) + ('a' * 9000000) }}", "larger than"),
        ("{{ 'a' * 9000000 | replace('a', 'bb') }}", "cannot be computed"),
        ("{{ ('a' * 9000000) | replace('a', 'bb') }}", "larger than"),
        ("{{ ('a' * 9000000).replace('a', 'bb') }}", "larger than"),
        ("{{ ('a' * 9000) | list | join('b' * 9000) }}", "larger than"),
        ("{{ ('b' * 9000).join(('a' * 9000) | list) }}", "larger than"),
        ("{{ ('a' * 16000000) | urlencode | upper | json | base64 }}", "larger than"),
        ("{{ [" + "'a' * 16000000," * 4000 + "] }}", "builds more"),
        ("{{ [" + "s ~ 'b'," * 4000 + "] }}", "builds more"),
        ("{{ [" + "s | upper," * 4000 + "] }}", "builds more"),
        ("{{ [" + "s.upper()," * 4000 + "] }}", "builds more"),
        ("{{ [" + "silence(9000000)," * 3000 + "] }}", "builds more"),
        ("{{ [s, s] }}", "larger than"),
        ("{{ [s, s] | json }}", "larger than"),
        ("{{ 1 | round(1000000000, 'ceil') }}", "precision"),
        ("{{ 1 / 0 }}", "cannot be computed"),
        ("{{ (-8) ** 0.5 }}", "cannot be computed"),
        ("{{ 1e308 * 10 ** 400 }}", "cannot be computed"),
        ("{{ 'a' + 1 }}", "text \\+ a number"),
        ("{{ 'a' * 1.5 }}", "cannot be computed"),
        ("{{ [] - [] }}", "cannot be computed"),
        ("{{ -'a' }}", "not a number"),
        ("{{ 1 < 'a' }}", "cannot be put in order"),
        ("{{ 1 in 'a' }}", "cannot be looked for"),
        ("{{ 1 in 2 }}", "cannot be looked for"),
        ("{{ 'abc'['a':] }}", "bounds"),
        ("{{ 'abc'[::0] }}", "bounds"),
        ("{{ 5[1:] }}", "no slices"),
        ("{{ {[1]: 2} }}", "cannot be a key"),
        ("{{ {}[[1]] }}", "cannot be a key"),
        ("{{ 5[0] }}", "no such field or item"),
        ("{{ s.get('a') }}", "text has no method 'get'"),
        ("{{ 5.5.upper() }}", "number has no method"),
        ("{{ [1].index(2) }}", "failed on a list"),
        ("{{ silence('a') }}", "silence\\(\\) failed on \\(text\\)"),
        ("{{ wav_header() }}", "not available"),
        ("{{ [1, 'a'] | sort }}", "'sort' failed on a list"),
        ("{{ 5 | first }}", "'first' failed on a number"),
        ("{{ [[1]] | map('upper') }}", "cannot stand inside text"),
    ],
)
def test_refused_when_rendered(text: str, message: str) -> None:
    names: dict[str, Any] = {"s": "a" * 9_000_000}
    template = compile_template(text)
    before = time.monotonic()
    with pytest.raises(TemplateError, match=message) as caught:
        template.render(names, {"silence": lambda ms: bytes(ms)})
    assert time.monotonic() - before < 10
    assert caught.value.offset is not None
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_the_size_of_several_holes_is_bounded_together() -> None:
    with pytest.raises(TemplateError, match="larger than"):
        compile_template("{{ s }}{{ s }}").render({"s": "a" * 9_000_000})


def test_a_result_of_the_largest_size_is_fine() -> None:
    assert len(compile_template("{{ 'a' * n }}").render({"n": MAX_SIZE})) == MAX_SIZE


def test_the_size_of_a_tree_is_bounded_as_a_whole() -> None:
    tree = compile_tree(["{{ s }}", "{{ s }}"])
    with pytest.raises(TemplateError, match="larger than"):
        tree.render({"s": "a" * (MAX_SIZE // 2 + 1)})
    assert tree.render({"s": "a"}) == ["a", "a"]


def test_nothing_of_python_can_be_reached() -> None:
    names = {"x": "text", "m": {}, "l": []}
    for text in [
        "{{ x.__class__ }}",
        "{{ x['__class__'] }}",
        "{{ l.__class__ }}",
        "{{ l | map(attribute='append') }}",
    ]:
        try:
            result = compile_template(text).render(names)
        except TemplateError:
            continue
        assert result == []
    assert not compile_template("{{ self }}{{ loop }}{{ environment }}{{ context }}").render(names)
    assert not compile_template("{{ m.__class__ }}").render(names)
