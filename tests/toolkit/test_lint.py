"""Every lint rule: a spec that has the fault, the place it is told at, and a spec that does not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from specbuilder import list_specs
from specbuilder.toolkit.lint import fix_text, lint, titles

ROOT = Path(__file__).parents[2]

HEAD = "spec: 1\nbase_url: https://api.example.com\n"
BATCH = "recognize: {post: /v1, body: '{{ audio.wav }}', transcript: {text: text}}\n"
BATCH_TEST = """\
tests: [{name: a, recognize: [reply: {status: 200, body: {text: hi}}, events: [final_transcript: hi]]}]
"""
KEY = "api_key: {env: A_KEY}\n"
END = "finish: {send: bye}, rules: [{emit: final_transcript}]}\n"


def stream(rules: str, more: str = "", finish: str = "finish: {send: bye}") -> str:
    return f"stream:\n  connect: /v1\n  {finish}\n  transcript: {{text: text}}\n{more}  rules:\n{rules}"


FINAL = "    - {when: type == 'final', emit: [final_transcript, end_of_speech]}\n"
INTERIM = "    - {when: type == 'interim', emit: interim_transcript}\n"


class Case(NamedTuple):
    """A fault, marked with ▸ where it is told, and the same spec without it."""

    code: str
    name: str
    bad: str
    good: str


CASES = [
    Case("SB001", "unusable", "▸spec: 1\n" + BATCH, HEAD + BATCH),
    Case("SB100", "idle comment", HEAD + "docs: x ▸# specbuilder: ignore SB102\n" + BATCH, HEAD + BATCH),
    Case("SB100", "no code", HEAD + "docs: x ▸# specbuilder: ignore\n" + BATCH, HEAD + BATCH),
    Case(
        "SB101",
        "http",
        "spec: 1\nbase_url: ▸http://api.example.com\n"
        + KEY
        + "headers: {Authorization: '{{ api_key }}'}\n"
        + BATCH,
        "spec: 1\nbase_url: http://127.0.0.1:9\n"
        + KEY
        + "headers: {Authorization: '{{ api_key }}'}\n"
        + BATCH,
    ),
    Case(
        "SB101",
        "ws",
        HEAD + KEY + "stream: {connect: ▸'ws://a.example/x', " + END,
        HEAD + KEY + "stream: {connect: 'wss://a.example/x', " + END,
    ),
    Case(
        "SB102",
        "key in a query",
        HEAD + KEY + "stream: {connect: /a, query: {key: ▸'{{ api_key }}'}, " + END,
        HEAD + KEY + "stream: {connect: /a, headers: {key: '{{ api_key }}'}, " + END,
    ),
    Case(
        "SB102",
        "by way of a variable",
        HEAD + KEY + "vars: {token: '{{ api_key }}'}\nstream: {connect: ▸'/a/{{ token }}', " + END,
        HEAD
        + KEY
        + "vars: {token: \"{{ 'x' | hmac(api_key, 'sha256') | hex }}\"}\n"
        + "stream: {connect: '/a/{{ token }}', "
        + END,
    ),
    Case(
        "SB103",
        "unused option",
        HEAD + "options:\n  ▸model: a\n" + BATCH,
        HEAD + "options:\n  model: a\nheaders: {model: '{{ model }}'}\n" + BATCH,
    ),
    Case(
        "SB104",
        "in-band",
        HEAD
        + "options:\n  ▸a: {default: 1, update: in_band}\n"
        + "headers: {a: '{{ a }}'}\n"
        + stream(FINAL),
        HEAD
        + "options:\n  a: {default: 1, update: in_band}\nheaders: {a: '{{ a }}'}\n"
        + stream(FINAL, "  update: {send: {a: '{{ changed.a }}'}}\n"),
    ),
    Case(
        "SB105",
        "checks of a variant",
        HEAD
        + "options: {a: 1}\nchecks: [{if: a == 2, error: no}]\nvariants:\n"
        + "  - {if: a == 3, ▸checks: [{if: a == 4, error: no}]}\n"
        + BATCH,
        HEAD
        + "options: {a: 1}\nchecks: [{if: a == 2, error: no}]\nvariants:\n"
        + "  - {if: a == 3, checks: [{if: a == 2, error: no}, {if: a == 4, error: no}]}\n"
        + BATCH,
    ),
    Case(
        "SB106",
        "unused variable",
        HEAD + "vars:\n  ▸a: b\n" + BATCH,
        HEAD + "vars:\n  a: b\nheaders: {x: '{{ a }}'}\n" + BATCH,
    ),
    Case(
        "SB106",
        "unused state",
        HEAD + stream(FINAL, "  state:\n    ▸said: {type: text}\n"),
        HEAD + stream(FINAL + "    - {emit: {end_of_speech: $said}}\n", "  state:\n    said: {type: text}\n"),
    ),
    Case(
        "SB107",
        "a number as a duration",
        HEAD + "options: {gap: 5}\n" + stream(FINAL, "  ping: ▸'{{ gap }}'\n"),
        HEAD + "options: {gap: 5}\n" + stream(FINAL, "  ping: '{{ gap }}s'\n"),
    ),
    Case(
        "SB107",
        "a text as a rate",
        HEAD + "options: {rate: '8000'}\n" + stream(FINAL, "  audio: {sample_rate: ▸'{{ rate }}'}\n"),
        HEAD + "options: {rate: 8000}\n" + stream(FINAL, "  audio: {sample_rate: '{{ rate }}'}\n"),
    ),
    Case(
        "SB111",
        "interims claimed",
        HEAD + "capabilities: {▸interim_results: true}\n" + stream(FINAL),
        HEAD + "capabilities: {interim_results: true}\n" + stream(FINAL + INTERIM),
    ),
    Case(
        "SB111",
        "interims as an option",
        HEAD + "options:\n  ▸interim_results: true\nheaders: {i: '{{ interim_results }}'}\n" + stream(FINAL),
        HEAD
        + "options:\n  interim_results: true\nheaders: {i: '{{ interim_results }}'}\n"
        + stream(FINAL + INTERIM),
    ),
    Case(
        "SB112",
        "two values at once",
        HEAD + stream("    - {when: ▸type == 'a' && type == 'b', emit: final_transcript}\n"),
        HEAD + stream("    - {when: type == 'a' || type == 'b', emit: final_transcript}\n"),
    ),
    Case(
        "SB112",
        "against the outer rule",
        HEAD + stream("    - {when: type == 'a', rules: [{when: ▸type == 'b', emit: final_transcript}]}\n"),
        HEAD + stream("    - {when: type == 'a', rules: [{when: kind == 'b', emit: final_transcript}]}\n"),
    ),
    Case(
        "SB112",
        "never true; an item of each is another value",
        HEAD + stream("    - {when: ▸'`false`', emit: final_transcript}\n"),
        HEAD
        + stream(
            "    - {when: type == 'a', rules: [{each: items, when: type == 'b', emit: final_transcript}]}\n"
        ),
    ),
    Case(
        "SB112",
        "an error first",
        HEAD
        + stream("    - {when: ▸type == 'error' && text, emit: final_transcript}\n")
        + "errors: {messages: [{when: type == 'error', status: 500}]}\n",
        HEAD + stream(FINAL) + "errors: {messages: [{when: type == 'error', status: 500}]}\n",
    ),
    Case(
        "SB112",
        "a row behind a wider one",
        HEAD
        + stream(FINAL)
        + "errors: {messages: [{when: error, status: 500}, {when: ▸error && fatal, status: 400}]}\n",
        HEAD
        + stream(FINAL)
        + "errors: {messages: [{when: error && fatal, status: 400}, {when: error, status: 500}]}\n",
    ),
    Case(
        "SB112",
        "a variant twice",
        HEAD
        + "options: {a: 1}\nvariants: [{if: a == 2, headers: {a: x}}, {if: ▸a == 2, headers: {a: y}}]\n"
        + BATCH,
        HEAD
        + "options: {a: 1}\nvariants: [{if: a == 2, headers: {a: x}}, {if: a == 3, headers: {a: y}}]\n"
        + BATCH,
    ),
    Case(
        "SB113",
        "a number as a condition",
        HEAD
        + stream(FINAL)
        + "errors: {messages: [{when: ▸code, status: 500}]}\n"
        + "tests: [{name: a, stream: [received: {code: 7}, error: {status: 500}]}]\n",
        HEAD
        + stream(FINAL)
        + "errors: {messages: [{when: code && code != `0`, status: 500}]}\n"
        + "tests: [{name: a, stream: [received: {code: 7}, error: {status: 500}]}]\n",
    ),
    Case("SB114", "no finish", HEAD + "▸" + stream(FINAL, finish="ping: 20s"), HEAD + stream(FINAL)),
    Case(
        "SB114",
        "a finish that does nothing",
        HEAD + "options: {a: 1}\n" + stream(FINAL, finish="▸finish: {if: a}"),
        HEAD + stream(FINAL, finish="finish: {quiet: 1s}"),
    ),
    Case("SB121", "no tests", "▸" + HEAD + BATCH, HEAD + BATCH + BATCH_TEST),
    Case(
        "SB122",
        "a rule not reached",
        HEAD
        + stream(FINAL + INTERIM.replace("- {", "- ▸{"))
        + "tests: [{name: a, stream: [received: {type: final, text: hi}, events: [start_of_speech, "
        + "final_transcript: hi, end_of_speech]]}]\n",
        HEAD
        + stream(FINAL)
        + "tests: [{name: a, stream: [received: {type: final, text: hi}, events: [start_of_speech, "
        + "final_transcript: hi, end_of_speech]]}]\n",
    ),
    Case(
        "SB123",
        "a test that fails",
        HEAD + BATCH + BATCH_TEST.replace("events: [", "▸events: [").replace("text: hi}", "text: ho}"),
        HEAD + BATCH + BATCH_TEST,
    ),
    Case(
        "SB124",
        "interims not shown",
        HEAD
        + "capabilities: {▸interim_results: true}\n"
        + stream(FINAL + INTERIM)
        + "tests: [{name: a, stream: [received: {type: final, text: hi}]}]\n",
        HEAD
        + "capabilities: {interim_results: true}\n"
        + stream(FINAL + INTERIM)
        + "tests: [{name: a, stream: [received: {type: interim, text: hi}, events: [start_of_speech, "
        + "interim_transcript: hi]]}]\n",
    ),
    Case(
        "SB124",
        "keyterms not shown",
        HEAD
        + "options:\n  ▸words: {type: array, role: keyterms}\nheaders: {w: '{{ words }}'}\n"
        + BATCH
        + BATCH_TEST,
        HEAD
        + "options:\n  words: {type: array, role: keyterms}\nheaders: {w: '{{ words }}'}\n"
        + BATCH
        + BATCH_TEST.replace("name: a,", "name: a, options: {words: [a]},"),
    ),
    Case("SB131", "the draft", "spec: ▸0\nbase_url: https://a.example\n" + BATCH, HEAD + BATCH),
]


def found_in(folder: Path, text: str, code: str) -> list[tuple[int | None, int | None]]:
    file = folder / "spec.yaml"
    file.write_text(text, encoding="utf-8")
    return [(one.issue.line, one.issue.column) for one in lint(file) if one.code == code]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.name}")
def test_a_fault_is_found_at_its_place_and_only_there(case: Case, tmp_path: Path) -> None:
    before = case.bad.partition("▸")[0]
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    assert found_in(tmp_path, case.bad.replace("▸", ""), case.code) == [place]
    assert found_in(tmp_path, case.good, case.code) == []


def test_every_code_has_a_case_and_a_section_in_the_docs() -> None:
    assert {case.code for case in CASES} == set(titles())
    page = (ROOT / "docs" / "lint.md").read_text("utf-8")
    assert re.findall(r"^## (SB\d{3})$", page, re.MULTILINE) == sorted(titles())
    assert len(set(titles().values())) == len(titles())


def test_checks_lost_by_extends(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(HEAD + "options: {a: 1}\nchecks: [{if: a == 2, error: no}]\n" + BATCH)
    child = "spec: 1\nextends: base.yaml\nchecks: [{if: a == 3, error: no}]\n"
    assert found_in(tmp_path, child, "SB105") == [(3, 1)]
    assert found_in(tmp_path, child.replace("[{if: a == 3, error: no}]", "[]"), "SB105") == []


def test_what_is_inherited_is_told_where_it_was_written_only(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(HEAD + "options: {a: 1}\n" + BATCH)
    assert found_in(tmp_path, "spec: 1\nextends: base.yaml\n", "SB103") == []
    assert found_in(tmp_path, "spec: 1\nextends: base.yaml\noptions: {b: 1}\n", "SB103") == [(3, 11)]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "options:\n  model: a  # specbuilder: ignore SB103\n" + BATCH,
        HEAD + "options:\n  # specbuilder: ignore SB106, SB103\n  model: a\n" + BATCH,
        HEAD
        + "options: # specbuilder: ignore SB100\n  model: a # for later; specbuilder: ignore SB103\n"
        + BATCH,
    ],
    ids=["same line", "line above", "not a comment of ours"],
)
def test_comments_ignore_findings_on_their_line(text: str, tmp_path: Path) -> None:
    ours = "# for later" not in text
    assert (found_in(tmp_path, text, "SB103") == []) is ours


def test_a_mapping_is_linted_too() -> None:
    spec = {"spec": 1, "base_url": "https://a.example", "options": {"a": 1}, "recognize": {"post": "/x"}}
    assert {one.code for one in lint(spec)} == {"SB103", "SB121"}


@pytest.mark.parametrize("name", list_specs())
def test_bundled_specs_have_nothing_to_be_found(name: str) -> None:
    assert [str(one) for one in lint(name)] == []


def test_fixes_keep_comments_and_mend_only_what_is_safe(tmp_path: Path) -> None:
    text = (
        "# what this is\nspec: 1\nbase_url: https://api.example.com  # the EU one\n"
        "docs: x  # specbuilder: ignore SB102\n"
        "vars:\n  used: a  # kept\n  # told\n  idle:\n    - b   # goes\n    - c\n  other: d\n"
        "headers: {x: '{{ used }}', y: '{{ other }}'}\n"
        "options:\n  model: a\n" + BATCH
    )
    file = tmp_path / "spec.yaml"
    file.write_text(text)
    fixed, count = fix_text(text, lint(file))
    assert count == 2
    assert fixed == text.replace("  # specbuilder: ignore SB102", "").replace(
        "  idle:\n    - b   # goes\n    - c\n", ""
    )
    file.write_text(fixed)
    assert [one.code for one in lint(file)] == ["SB121", "SB103"]
    assert fix_text(fixed, lint(file)) == (fixed, 0)


def test_what_shares_its_line_is_left_alone(tmp_path: Path) -> None:
    text = HEAD + "vars: {a: b, c: d}\nheaders: {x: '{{ a }}'}\n" + BATCH
    file = tmp_path / "spec.yaml"
    file.write_text(text)
    assert fix_text(text, lint(file)) == (text, 0)
