"""Secrets: rendered where they belong, and nowhere else."""

from __future__ import annotations

import base64
import copy
import logging
import pickle
import traceback
from typing import Any
from urllib.parse import quote

import pytest

from specbuilder.expressions.secrets import Secret, redact
from specbuilder.expressions.templates import TemplateError, compile_condition, compile_template
from specbuilder.expressions.trees import compile_tree

KEY = "s3cr3t/+ key"


def test_a_secret_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(KEY)
    logging.getLogger("specbuilder").warning("%s %r", secret, secret)
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>20}",
        repr([secret]),
        repr({"k": secret}),
        caplog.text,
    ]
    assert not any(KEY in text for text in shown)
    with pytest.raises(TypeError) as caught:
        pickle.dumps(secret)
    assert KEY not in str(caught.value)


def test_a_secret_is_its_value_to_those_who_ask() -> None:
    secret = Secret(KEY)
    assert secret.reveal() == KEY
    assert secret == Secret(secret) == copy.deepcopy(secret)
    assert secret != KEY
    assert len({secret, Secret(KEY)}) == 1
    assert secret
    assert not Secret("")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{{ k }}", KEY),
        ("Token {{ k }}", f"Token {KEY}"),
        ("{{ 'Token ' ~ k }}", f"Token {KEY}"),
        ("{{ k | upper }}", KEY.upper()),
        ("{{ k | length }}", len(KEY)),
        ("{{ m.k }}", KEY),
        ("{{ m }}", {"k": KEY, "l": [KEY]}),
        ("{{ m.l | first | upper }}", KEY.upper()),
        ("{{ m.l | join(',') }}", KEY),
        ("{{ m | json }}", f'{{"k":"{KEY}","l":["{KEY}"]}}'),
        ("{{ k == '" + KEY + "' }}", True),
    ],
)
def test_templates_reveal(text: str, result: Any) -> None:
    assert (
        compile_template(text).render({"k": Secret(KEY), "m": {"k": Secret(KEY), "l": [Secret(KEY)]}})
        == result
    )


def test_trees_and_conditions_reveal() -> None:
    names = {"k": Secret(KEY)}
    assert compile_tree({"key": "{{ k }}"}).render(names) == {"key": KEY}
    assert compile_condition("k").holds(names)
    assert not compile_condition("k").holds({"k": Secret("")})


@pytest.mark.parametrize(
    "text",
    [
        "{{ k + 1 }}",
        "{{ k.field }}",
        "{{ {}[[k]] }}",
        "{{ k | int | hex }}",
        "{{ k | http_date }}",
        "{{ k | round }}",
        "{{ 'a' | digest(k) }}",
        "{{ [1].index(k) }}",
        "{{ [k, 1] | sort }}",
        "{{ [k] ~ '' }}",
        "{{ '%d' | format(k) }}",
        "{{ k.get('a') }}",
        "{{ silence(k) }}",
        "{{ k < 1 }}",
        "{{ k | bytes ~ '' }}",
        "{{ k[k] }}",
    ],
)
def test_errors_do_not_tell(text: str) -> None:
    def silence(ms: Any) -> bytes:
        raise ValueError(f"not a number: {ms}")

    with pytest.raises(TemplateError) as caught:
        compile_template(text).render({"k": Secret(KEY)}, {"silence": silence})
    error = caught.value
    assert KEY not in "".join(traceback.format_exception(type(error), error, error.__traceback__))
    assert KEY not in repr(error) + str(error) + repr(error.args) + repr(error.__context__) + repr(error.hint)


@pytest.mark.parametrize(
    "written",
    [
        KEY,
        quote(KEY),
        quote(KEY, safe=""),
        "s3cr3t%2F%2B+key",
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(KEY.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(KEY.encode()).decode(),
    ],
)
def test_redact(written: str) -> None:
    assert redact(f"a {written} b {written}", [Secret(KEY)]) == "a *** b ***"


def test_redact_leaves_short_and_hides_whole() -> None:
    assert redact("abc abcd", [Secret("abc")]) == "abc abcd"
    assert redact("abcdefgh", [Secret("abcd"), Secret("abcdefgh")]) == "***"
    assert redact("text", []) == "text"
