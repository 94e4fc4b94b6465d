"""Filters, functions and methods."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from specbuilder.expressions.filters import FILTERS, REMOVED_FILTERS
from specbuilder.expressions.functions import METHODS
from specbuilder.expressions.templates import (
    FUNCTIONS,
    StrictMapping,
    TemplateError,
    compile_template,
    filters,
    functions,
)

CASES: list[tuple[str, Any]] = [
    ("{{ -2 | abs }}", 2),
    ("{{ 'a' | as_list }}", ["a"]),
    ("{{ ['a'] | as_list }}", ["a"]),
    ("{{ pair | as_list }}", ["a", 1.5]),
    ("{{ 'hé' | base64 }}", "aMOp"),
    ("{{ raw | base64 }}", "AP8="),
    ("{{ 'en-US' | base_language }}", "en"),
    ("{{ 'zh_CN' | base_language }}", "zh"),
    ("{{ 'multi' | base_language }}", "multi"),
    ("{{ ['en-US', 'de', 'en-GB'] | base_language }}", ["en", "de"]),
    ("{{ base_language('es-419') }}", "es"),
    ("{{ 'hé' | bytes }}", b"h\xc3\xa9"),
    ("{{ raw | bytes }}", b"\x00\xff"),
    ("{{ 'aB' | capitalize }}", "Ab"),
    ("{{ [1, 2] | count }}", 2),
    ("{{ 'x' | d('y') }}", "x"),
    ("{{ 'x' | default('y') }}", "x"),
    ("{{ {'b': 1, 'a': 2} | dictsort }}", [["a", 2], ["b", 1]]),
    ("{{ 'abc' | digest('md5') | hex }}", "900150983cd24fb0d6963f7d28e17f72"),
    ("{{ 'abc' | digest | hex }}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("{{ [1, 2] | first }}", 1),
    ("{{ '1.5' | float }}", 1.5),
    ("{{ '%s-%.2f-%03d' | format(true, 1.005, 7) }}", "true-1.00-007"),
    ("{{ '%(a)s' | format(a=1) }}", "1"),
    ("{{ samples | floats }}", [0.0, -0.5]),
    ("{{ raw | hex }}", "00ff"),
    # RFC 4231, test case 2, and RFC 2202's for MD5.
    (
        "{{ 'what do ya want for nothing?' | hmac('Jefe', 'sha256') | hex }}",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    ("{{ 'what do ya want for nothing?' | hmac('Jefe', 'md5') | hex }}", "750c783e6ab0b503eaa86e310a5db738"),
    ("{{ 784111777 | http_date }}", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("{{ '12.7' | int }}", 12),
    ("{{ 784111777.9 | iso_date }}", "1994-11-06T08:49:37Z"),
    ("{{ {'a': 1} | items }}", [["a", 1]]),
    ("{{ ['a', 1.0, true] | join('-') }}", "a-1.0-true"),
    ("{{ rows | join(',', 'id') }}", "2,1"),
    ("{{ [1, [none | or_null]] | join }}", TemplateError),
    ('{{ {"a": [1, 1.0, true, "é\\"", x | or_null]} | json }}', '{"a":[1,1.0,true,"é\\"",null]}'),
    ("{{ raw | json }}", TemplateError),
    ("{{ [1, 2] | last }}", 2),
    ("{{ {'a': 1} | length }}", 1),
    ("{{ 'ab' | list }}", ["a", "b"]),
    ("{{ true | lower }}", "true"),
    ("{{ [pair, pair] | map('join', ':') }}", ["a:1.5", "a:1.5"]),
    ("{{ rows | map(attribute='id') | sort }}", [1, 2]),
    ("{{ [1, 3, 2] | max }}", 3),
    ("{{ [1, 3, 2] | min }}", 1),
    ("{{ 2.0 | number }}", "2"),
    ("{{ 2.50 | number }}", "2.5"),
    ("{{ 7 | number }}", "7"),
    ("{{ 1e22 | number }}", "1e+22"),
    ("{{ 'a' | number }}", TemplateError),
    ("{{ true | number }}", TemplateError),
    ("{{ 1 | or_null }}", 1),
    (
        "{{ [pair, ['b'], 'c', {'d': 1}] | records('v', 'w') }}",
        [{"v": "a", "w": 1.5}, {"v": "b"}, {"v": "c"}, {"d": 1}],
    ),
    ("{{ [pair] | records('v') }}", TemplateError),
    ("{{ [1, 2, 3] | reject('odd') }}", [2]),
    ("{{ rows | rejectattr('id', '==', 1) | map(attribute='id') }}", [2]),
    ("{{ 'aaa' | replace('a', 'b', 2) }}", "bba"),
    ("{{ [1, 2] | reverse }}", [2, 1]),
    ("{{ 'ab' | reverse }}", "ba"),
    ("{{ 2.567 | round(1) }}", 2.6),
    ("{{ 2.1 | round(0, 'ceil') | int }}", 3),
    ("{{ [1, 2, 3] | select('odd') | length }}", 2),
    ("{{ rows | selectattr('id', 'gt', 1) }}", [{"id": 2}]),
    ("{{ rows | selectattr('no') }}", []),
    ("{{ [2, 1] | sort }}", [1, 2]),
    ("{{ rows | sort(attribute='id') }}", [{"id": 1}, {"id": 2}]),
    ("{{ 1.0 | string }}", "1.0"),
    ("{{ [1] | string }}", TemplateError),
    ("{{ [1, 2] | sum }}", 3),
    ("{{ 'a b' | title }}", "A B"),
    ("{{ ' a ' | trim }}", "a"),
    ("{{ 'abcdefghij' | truncate(5, true, '', 0) }}", "abcde"),
    ("{{ ['a', 'b', 'a'] | unique }}", ["a", "b"]),
    ("{{ 'aé' | upper }}", "AÉ"),
    ("{{ 'a b&c' | urlencode }}", "a%20b%26c"),
    ("{{ true | urlencode }}", "true"),
    ("{{ 'a b' | wordcount }}", 2),
    ("{{ 'a' | digest('crc') }}", TemplateError),
    ("{{ 1 | hex }}", TemplateError),
    ("{{ raw | floats }}", TemplateError),
    ("{{ 1 | base_language }}", TemplateError),
    ("{{ 1e30 | http_date }}", TemplateError),
    ("{{ 'now' | iso_date }}", TemplateError),
]


@pytest.mark.parametrize(("text", "result"), CASES)
def test_filter(text: str, result: Any) -> None:
    names = {
        "raw": b"\x00\xff",
        "samples": bytes(4) + b"\x00\x00\x00\xbf",
        "pair": ("a", 1.5),
        "rows": [{"id": 2}, {"id": 1}],
    }
    template = compile_template(text)
    if result is TemplateError:
        with pytest.raises(TemplateError) as caught:
            template.render(names)
        assert caught.value.__context__ is None
    else:
        assert template.render(names) == result


def test_every_filter_is_tested_and_described() -> None:
    tested = {name for text, _ in CASES for name in re.findall(r"\| (\w+)", text)}
    assert tested >= set(filters())
    assert set(filters()) == set(FILTERS)
    assert all(0 < len(doc) < 100 and "\n" not in doc for doc in filters().values())
    assert not set(FILTERS) & set(REMOVED_FILTERS)


def test_fields_of_a_reply_are_strict_for_filters_too() -> None:
    names = {"reply": StrictMapping({"rows": [{"id": 1}, {}]})}
    with pytest.raises(TemplateError, match="no such field"):
        compile_template("{{ reply.rows | map(attribute='id') }}").render(names)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{{ 'aB'.upper() }}", "AB"),
        ("{{ 'a,b'.split(',') }}", ["a", "b"]),
        ("{{ 'a-b'.partition('-') }}", ["a", "-", "b"]),
        ("{{ 'nova-3'.startswith(['x', 'nova']) }}", True),
        ("{{ 'nova-3'.removeprefix('nova-') }}", "3"),
        ("{{ 'aa'.replace('a', 'b', 1) }}", "ba"),
        ("{{ '-'.join([1, true]) }}", "1-true"),
        ("{{ [1, 2].index(2) }}", 1),
        ("{{ {'a': 1}.keys() }}", ["a"]),
        ("{{ {'a': 1}.values() }}", [1]),
        ("{{ {'a': 1}.items() }}", [["a", 1]]),
        ("{{ {'a': 1}.get('b', 2) }}", 2),
    ],
)
def test_methods(text: str, result: Any) -> None:
    assert compile_template(text).render({}) == result


def test_no_method_changes_or_formats_anything() -> None:
    forbidden = {
        "append",
        "clear",
        "extend",
        "pop",
        "update",
        "format",
        "format_map",
        "center",
        "ljust",
        "rjust",
    }
    assert not METHODS & (forbidden | {"zfill", "expandtabs", "translate", "encode", "to_bytes"})


def test_functions() -> None:
    assert set(functions()) == FUNCTIONS
    assert uuid.UUID(compile_template("{{ uuid() }}").render({})).version == 4
    assert compile_template("{{ now() > 1700000000 }}").render({}) is True


def test_functions_given_to_a_rendering() -> None:
    given: dict[str, Callable[..., Any]] = {
        "now": lambda: 5,
        "silence": lambda ms: bytes(ms),
        "wav_header": lambda: b"RIFF",
    }
    assert compile_template("{{ now() }}").render({}, given) == 5
    assert compile_template("{{ silence(2) }}").render({}, given) == b"\0\0"
    assert compile_template("{{ wav_header() + silence(1) }}").render({}, given) == b"RIFF\0"


def test_an_option_may_have_the_name_of_a_function() -> None:
    assert compile_template("{{ now }} {{ now() }}").render({"now": "x"}, {"now": lambda: 5}) == "x 5"
