"""`diff`, `docs` and `migrate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from specbuilder import list_specs, load_spec, validate_spec
from specbuilder.toolkit.comparing import compare
from specbuilder.toolkit.lint import lint
from specbuilder.toolkit.migrations import MIGRATIONS, migrate
from tests.cli.conftest import run

SPEC = """\
spec: 1
base_url: https://api.example.com
api_key: {env: A_KEY}
headers: {Authorization: "Bearer {{ api_key }}"}
options:
  model: {default: a, enum: [a, b], role: model, description: "The model | its name."}
  words: false
checks: [{if: words and model == 'b', error: b has no words}]
recognize:
  post: /v1
  query: {model: "{{ model }}", words: "{{ words }}"}
  body: "{{ audio.wav }}"
  transcript: {text: text}
errors: {messages: [{when: error, status: 429, message: error}]}
tests: [{name: one, recognize: [reply: {status: 200, body: {text: hi}}, events: [final_transcript: hi]]}]
"""


def differences(folder: Path, old: str, new: str) -> dict[str, tuple[str, bool]]:
    for name, text in (("old", old), ("new", new)):
        (folder / f"{name}.yaml").write_text(text)
    found = compare(load_spec(folder / "old.yaml"), load_spec(folder / "new.yaml"))
    return {f"{one.where} {one.what}": (one.change, one.breaking) for one in found}


@pytest.mark.parametrize(
    ("old", "new", "what", "change", "breaking"),
    [
        ("default: a,", "default: b,", "options model", 'default "a" -> "b"', True),
        ("enum: [a, b]", "enum: [a]", "options model", 'enum ["a", "b"] -> ["a"]', True),
        ("enum: [a, b]", "enum: [a, b, c]", "options model", 'enum ["a", "b"] -> ["a", "b", "c"]', False),
        ("env: A_KEY", "env: B_KEY", "key api_key", "comes from B_KEY instead of A_KEY", True),
        ("  words: false", "  words: false\n  more: 1", "options more", "added", False),
        ("post: /v1", "post: /v2", "spec recognize.post", '"/v1" -> "/v2"', False),
        ("status: 429", "status: 400", "spec errors.messages[0].status", "429 -> 400", False),
        (
            "post: /v1",
            "post: /v2",
            "wire recognize: request",
            "POST https://api.example.com/v1?model=a&words=false\n"
            "-> POST https://api.example.com/v2?model=a&words=false",
            False,
        ),
    ],
)
def test_differences(old: str, new: str, what: str, change: str, breaking: bool, tmp_path: Path) -> None:
    assert old in SPEC
    assert differences(tmp_path, SPEC, SPEC.replace(old, new))[what] == (change, breaking)


def test_no_difference_and_the_exit_codes(tmp_path: Path) -> None:
    assert differences(tmp_path, SPEC, "# a comment\n" + SPEC) == {}
    assert run("diff", tmp_path / "old.yaml", tmp_path / "new.yaml").stdout == "no difference\n"
    assert run("diff", "deepgram", "deepgram").exit_code == 0
    (tmp_path / "new.yaml").write_text(SPEC.replace("default: a,", "default: b,"))
    result = run("diff", tmp_path / "old.yaml", tmp_path / "new.yaml")
    assert result.exit_code == 1
    assert '! options model: default "a" -> "b"' in result.stdout
    parsed = json.loads(run("diff", tmp_path / "old.yaml", tmp_path / "new.yaml", "--json").stdout)
    assert {"where": "options", "what": "model", "change": 'default "a" -> "b"', "breaking": True} in parsed


def test_a_page_about_a_spec(tmp_path: Path) -> None:
    spec, page = tmp_path / "acme.yaml", tmp_path / "acme.md"
    spec.write_text(SPEC)
    assert run("docs", spec, "-o", page).exit_code == 0
    text = page.read_text()
    for part in (
        "# acme\n",
        "the environment variable `A_KEY`",
        '| `model` | string | `"a"` | enum ["a", "b"] | The model \\| its name; model of livekit |',
        "- b has no words",
        "| recognize | POST | `https://api.example.com/v1` |  |",
        "- offline_recognize",
        "| a message where `error` | 429 |",
        "- one\n",
    ):
        assert part in text
    assert run("docs", spec).stdout == text


@pytest.mark.parametrize("name", list_specs())
def test_every_bundled_spec_has_a_page(name: str) -> None:
    text = run("docs", name).stdout
    assert text.startswith(f"# {name}\n")
    assert all(f"| `{option}` |" in text for option in load_spec(name).options.options)


DRAFT = """\
# our vendor
spec: 0   # the draft
base_url: https://api.example.com
headers: {X-Host: "{{ url.host }}", X-Note: "url.host stays"}
stream:
  connect: /v1   # where
  start:
    - send: {type: start}
  # how it ends
  timeouts: {drain: 3s}
  finish: {send: bye}
  on:   # what it says
    - {when: type == 'final', emit: final_transcript}
  transcript: {text: text}
"""


def test_the_first_migration_keeps_comments_and_gives_a_spec_that_loads(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(DRAFT)
    assert [one.code for one in lint(file)] == ["SB131"]
    check = run("migrate", "--check", tmp_path)
    assert (check.exit_code, file.read_text()) == (1, DRAFT)
    assert run("migrate", tmp_path).exit_code == 0
    expected = (
        DRAFT.replace("spec: 0", "spec: 1")
        .replace("{{ url.host }}", "{{ target.host }}")
        .replace("  start:\n", "  open:\n")
        .replace("drain:", "finish:")
        .replace("  on: ", "  rules: ")
    )
    assert file.read_text() == expected
    assert validate_spec(file) == []
    assert run("migrate", "--check", tmp_path).exit_code == 0


def test_fix_migrates_too(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(DRAFT)
    result = run("validate", "--fix", file)
    assert result.exit_code == 0, result.output
    assert file.read_text() == migrate(DRAFT)[0]


def test_what_is_in_the_present_form_or_no_yaml_stays_as_it_is() -> None:
    for text in (SPEC, "spec: [", "", "- a\n", "spec: 0.5\n"):
        assert migrate(text) == (text, [])
    assert len({migration.name for migration in MIGRATIONS}) == len(MIGRATIONS)
