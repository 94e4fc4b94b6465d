from __future__ import annotations

import json
from pathlib import Path

import pytest

from specbuilder import list_specs

from .conftest import ROOT, run

GOOD = """\
spec: 1
base_url: https://a.example
recognize:
  post: /x
  transcript: {text: text}
"""

BROKEN = """\
spec: 1
base_url: https://a.example
recognize:
  post: /x
  transcript: {text: "text[", confidence: $nothing}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a good and a broken spec, other YAML, and hidden things."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".venv").mkdir()
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "deep" / "er" / "bad.yml").write_text(BROKEN)
    (tmp_path / "deep" / "compose.yaml").write_text("services: {spec: 1}\n")
    (tmp_path / ".venv" / "bad.yaml").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_bundled_names_files_and_folders() -> None:
    result = run("validate", "vosk", "deepgram.yaml", ROOT / "specs")
    assert result.exit_code == 0
    assert result.stdout == f"{len(list_specs()) + 2} specs checked: no problems\n"


def test_each_problem_has_its_place(folder: Path) -> None:
    result = run("validate", ".")
    assert result.exit_code == 1
    *issues, summary = result.stdout.splitlines()
    assert [line.split(": ")[:2] for line in issues] == [
        ["deep/er/bad.yml:5:28", "recognize.transcript.text"],
        ["deep/er/bad.yml:5:43", "recognize.transcript.confidence"],
    ]
    assert summary == "2 specs checked: 2 problems in 1 file"


def test_as_json(folder: Path) -> None:
    result = run("validate", "--format", "json", folder / "good.yaml", "deep")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["checked"] == [str(folder / "good.yaml"), "deep/er/bad.yml"]
    assert [(issue["line"], issue["path"]) for issue in report["issues"]] == [
        (5, "recognize.transcript.text"),
        (5, "recognize.transcript.confidence"),
    ]
    assert set(report["issues"][0]) == {"file", "line", "column", "path", "message", "hint"}


def test_as_github_annotations(folder: Path) -> None:
    (folder / "a,b.yaml").write_text('spec: 1\nbase_url: "https://a.example"\n"100%: x": 1\nrecognize: {}\n')
    result = run("validate", "--format", "github", "a,b.yaml")
    assert result.exit_code == 1
    first = result.stdout.splitlines()[0]
    assert first.startswith("::error file=a%2Cb.yaml,line=3,col=1,title=100%25%3A x::unknown key '100%25: x'")


def test_nothing_matched_is_wrong_usage(folder: Path) -> None:
    (folder / "empty").mkdir()
    for name, said in (
        ("empty", "no spec in this folder"),
        ("missing.yaml", "neither a file nor a bundled name"),
        ("deepgrm", "did you mean 'deepgram'?"),
    ):
        result = run("validate", "good.yaml", name)
        assert result.exit_code == 2
        assert said in result.stderr
        assert result.stdout == ""


def test_a_file_that_is_there_wins_over_a_bundled_spec_of_its_name(folder: Path) -> None:
    (folder / "vosk.yaml").write_text(BROKEN)
    assert run("validate", "vosk.yaml").exit_code == 1
    assert run("validate", "vosk").exit_code == 0


def test_a_file_that_cannot_be_read_as_yaml(folder: Path) -> None:
    (folder / "noise.yaml").write_bytes(b"spec: 1\n\xff\xfe: {")
    result = run("validate", "noise.yaml")
    assert result.exit_code == 1
    assert result.stdout.startswith("noise.yaml")
