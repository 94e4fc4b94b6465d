"""`list`, `show` and `schema`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from specbuilder import list_specs
from specbuilder.language import catalog

from .conftest import ROOT, run


def test_list_names_every_bundled_spec() -> None:
    result = run("list", "--json")
    assert result.exit_code == 0
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert sorted(rows) == list_specs()
    assert (rows["google"]["stream"], rows["google"]["batch"]) == (False, True)
    assert rows["vosk"]["stream"] is True
    assert rows["deepgram"]["docs"].startswith("https://")
    lines = run("list").stdout.splitlines()
    assert lines[0].split() == ["NAME", "STREAM", "BATCH", "OPTIONS", "DOCS"]
    assert [line.split()[0] for line in lines[1:]] == list_specs()


def test_list_shows_the_others_when_one_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("deepgram", "vosk"):
        (tmp_path / f"{name}.yaml").write_text((ROOT / "specs" / f"{name}.yaml").read_text("utf-8"), "utf-8")
    (tmp_path / "broken.yaml").write_text("spec: 1\nname: broken\nrecognise: {}\n", "utf-8")
    monkeypatch.setattr(catalog, "specs_folder", lambda: tmp_path)
    result = run("list")
    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["NAME", "deepgram", "vosk"]
    [line] = result.stderr.splitlines()
    assert line.startswith("error: broken.yaml:1:1: missing key 'base_url'")
    result = run("list", "--json")
    assert result.exit_code == 1
    assert [row["name"] for row in json.loads(result.stdout)] == ["deepgram", "vosk"]


def test_show_says_what_an_author_and_a_user_ask() -> None:
    text = run("show", "deepgram").stdout
    assert "DEEPGRAM_API_KEY (not set)" in text
    assert "WebSocket wss://api.deepgram.com/v1/listen" in text
    assert "POST https://api.deepgram.com/v1/listen" in text
    assert "aligned_transcript: word" in text
    row = next(line for line in text.splitlines() if line.startswith("endpointing_ms"))
    assert row.split()[1:5] == ["integer", "25", ">=", "0"]


def test_show_as_json() -> None:
    shown = json.loads(run("show", ROOT / "specs" / "gladia.yaml", "--json").stdout)
    assert shown["name"] == "gladia"
    assert shown["capabilities"]["streaming"] is True
    assert {
        "use": "step session",
        "method": "POST",
        "address": "https://api.gladia.io/v2/live",
        "if": None,
    } in (shown["endpoints"])
    options = {option["name"]: option for option in shown["options"]}
    assert options["region"]["allowed"] == {"enum": ["eu-west", "us-west"]}
    assert options["sample_rate"]["role"] == "sample_rate"


def test_show_names_every_variable_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODEL_API_KEY", raising=False)
    monkeypatch.setenv("META_API_KEY", "k")
    assert "MODEL_API_KEY (not set) or META_API_KEY (set)" in run("show", "meta").stdout
    assert json.loads(run("show", "meta", "--json").stdout)["api_key"]["env"] == [
        "MODEL_API_KEY",
        "META_API_KEY",
    ]


def test_show_never_shows_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tmp_path / "s.yaml"
    spec.write_text(
        "spec: 1\nbase_url: https://a.example\napi_key: {env: A_API_KEY}\n"
        "options:\n  token: {type: string, secret: true, env: A_TOKEN, default: sesame}\n"
        "recognize:\n  post: /x\n  headers: {A: '{{ api_key }}', B: '{{ token }}'}\n"
        "  transcript: {text: text}\n"
    )
    monkeypatch.setenv("A_API_KEY", "open")
    monkeypatch.setenv("A_TOKEN", "simsim")
    for arguments in (("show", spec), ("show", spec, "--json")):
        result = run(*arguments)
        assert result.exit_code == 0
        assert "A_TOKEN" in result.stdout
        assert not any(secret in result.output for secret in ("sesame", "simsim", "open"))


def test_show_of_a_spec_that_needs_options(tmp_path: Path) -> None:
    spec = tmp_path / "s.yaml"
    spec.write_text(
        "spec: 1\nbase_url: https://a.example\noptions:\n  app: {type: string, required: true}\n"
        "recognize:\n  post: /x\n  query: {app: '{{ app }}'}\n  transcript: {text: text}\n"
    )
    result = run("show", spec)
    assert result.exit_code == 0
    assert "depends on options (s: option app is required" in result.stdout
    assert "none needed" in result.stdout


def test_schema_is_the_one_that_specs_are_held_against(tmp_path: Path) -> None:
    printed = json.loads(run("schema").stdout)
    Draft202012Validator.check_schema(printed)
    target = tmp_path / "schema.json"
    assert run("schema", "--output", target).exit_code == 0
    assert json.loads(target.read_text(encoding="utf-8")) == printed
    refused = run("schema", "--output", tmp_path / "none" / "schema.json")
    assert refused.exit_code == 2
    assert "cannot be written" in refused.stderr
