"""Templates and conditions as vendors need them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import pytest

from specbuilder.expressions.templates import FUNCTIONS, compile_condition, compile_template, filters
from specbuilder.expressions.trees import compile_tree

_TEXTS = json.loads((Path(__file__).parent / "templates_of_vendors.json").read_text(encoding="utf-8"))


def _names_by_jinja(text: str) -> set[str]:
    environment = jinja2.Environment()
    # What the filters do does not matter here, but Jinja wants to know them.
    environment.filters |= dict.fromkeys(filters(), str)
    return set(jinja2.meta.find_undeclared_variables(environment.parse(text)))


@pytest.mark.parametrize("text", _TEXTS["templates"])
def test_template_compiles_with_its_names(text: str) -> None:
    template = compile_template(text)
    assert template.names | template.functions == _names_by_jinja(text)
    assert template.functions <= FUNCTIONS
    assert {path[0] for path in template.paths} == template.names


@pytest.mark.parametrize("text", _TEXTS["conditions"])
def test_condition_compiles_with_its_names(text: str) -> None:
    condition = compile_condition(text)
    assert condition.names | condition.functions == _names_by_jinja("{{ " + text + " }}")
    assert condition.holds({}) is text.startswith(("not api_key", "not project", "not realtime"))


@pytest.mark.parametrize(
    ("text", "names", "result"),
    [
        ("{{ keywords | map('join', ':') }}", {"keywords": [("a", 1.5), ["b", 2]]}, ["a:1.5", "b:2"]),
        ("{{ replace | items | map('join', ':') }}", {"replace": {"a": "b"}}, ["a:b"]),
        ("{{ codes[1:] or none }}", {"codes": ["en", "de"]}, ["de"]),
        ("{{ [] if detect else language | as_list | base_language }}", {"language": "en-US"}, ["en"]),
        ("{{ (languages | as_list)[:1] }}", {"languages": ("en", "de")}, ["en"]),
        ("{{ {'wav/pcm': 'pcm_s16le', 'wav/alaw': 'alaw'}[encoding] }}", {"encoding": "wav/alaw"}, "alaw"),
        ("{{ 300 - unflushed_ms }}ms", {"unflushed_ms": 120}, "180ms"),
        ("https://{{ '' if at == 'global' else at ~ '-' }}x.com", {"at": "eu"}, "https://eu-x.com"),
        (
            "{{ keywords | records('value', 'boost') }}",
            {"keywords": [("a", 2.0)]},
            [{"value": "a", "boost": 2.0}],
        ),
        ("{{ vad is mapping }}", {"vad": {}}, True),
        ("{{ endpointing_ms or false }}", {"endpointing_ms": 0}, False),
    ],
)
def test_results(text: str, names: dict[str, Any], result: Any) -> None:
    assert compile_template(text).render(names) == result


def test_a_signed_address() -> None:
    """A signature over host, date and request line, in base64 in base64, as iFlytek asks for."""
    functions = {"now": lambda: 784111777.9}
    names: dict[str, Any] = {"target": {"host": "h.example", "path": "/v2"}, "secret": "s", "key": "k"}
    names["date"] = compile_template("{{ now() | http_date }}").render(names, functions)
    assert names["date"] == "Sun, 06 Nov 1994 08:49:37 GMT"
    signed = "host: {{ target.host }}\ndate: {{ date }}\nGET {{ target.path }} HTTP/1.1"
    names["signed"] = compile_template(signed).render(names)
    signature = compile_template("{{ signed | hmac(secret, 'sha256') | base64 }}").render(names)
    message = b"host: h.example\ndate: Sun, 06 Nov 1994 08:49:37 GMT\nGET /v2 HTTP/1.1"
    assert signature == base64.b64encode(hmac.new(b"s", message, hashlib.sha256).digest()).decode()


def test_a_configuration_message() -> None:
    tree = compile_tree(
        {
            "model": "{{ model }}",
            "language_hints": "{{ language_hints | or_null }}",
            "translation": {"$if": "translate", "target": "{{ target }}"},
            "turn_detection": {"$merge": "{{ vad }}", "type": "server_vad"},
            "messages": {"partial": "{{ interim }}", "final": True},
        }
    )
    assert tree.render({"model": "m", "vad": {"type": "none", "threshold": 0.5}, "interim": False}) == {
        "model": "m",
        "language_hints": None,
        "turn_detection": {"threshold": 0.5, "type": "server_vad"},
        "messages": {"partial": False, "final": True},
    }
