from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

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
    assert set(report["issues"][0]) == {
        "file",
        "line",
        "column",
        "path",
        "message",
        "hint",
        "code",
        "severity",
    }
    assert {(issue["code"], issue["severity"]) for issue in report["issues"]} == {("SB001", "error")}


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


UNUSED = GOOD.replace("recognize:", "options: {model: a}\nrecognize:")


def test_warnings_are_shown_and_fail_only_when_strict(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(UNUSED)
    result = run("validate", spec)
    assert result.exit_code == 0
    first, last = result.stdout.splitlines()
    assert first.startswith(f"{spec}:3:11: options.model: nothing reads the option 'model' (")
    assert first.endswith(" [SB103]")
    assert last == "1 spec checked: 1 warning in 1 file"
    strict = run("validate", "--strict", spec)
    assert strict.exit_code == 1
    assert "[SB121]" in strict.stdout
    assert strict.stdout.splitlines()[-1] == "1 spec checked: 1 warning, 1 note in 1 file"
    spec.write_text(UNUSED.replace("{model: a}", "{model: a}  # specbuilder: ignore SB103"))
    assert run("validate", spec).stdout == "1 spec checked: no problems\n"


def test_warnings_as_github_annotations(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(UNUSED)
    lines = run("validate", "--strict", "--format", "github", spec).stdout.splitlines()
    assert lines[0].startswith("::notice file=")
    assert lines[1].startswith("::warning file=")
    assert lines[1].endswith("[SB103]")


def test_as_sarif(folder: Path) -> None:
    (folder / "good.yaml").write_text(UNUSED)
    result = run("validate", "--strict", "--format", "sarif", ".")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["version"] == "2.1.0"
    (part,) = report["runs"]
    known = {rule["id"] for rule in part["tool"]["driver"]["rules"]}
    found = {(one["ruleId"], one["level"]) for one in part["results"]}
    assert found == {("SB001", "error"), ("SB103", "warning"), ("SB121", "note")}
    assert {code for code, _ in found} <= known
    first = next(one for one in part["results"] if one["ruleId"] == "SB001")
    place = first["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "deep/er/bad.yml"},
        "region": {"startLine": 5, "startColumn": 28},
    }


def test_as_junit(folder: Path) -> None:
    result = run("validate", "--format", "junit", ".")
    assert result.exit_code == 1
    root = ElementTree.fromstring(result.stdout)
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert set(cases) == {"deep/er/bad.yml", "good.yaml"}
    assert cases["good.yaml"].find("failure") is None
    failure = cases["deep/er/bad.yml"].find("failure")
    assert failure is not None
    assert "deep/er/bad.yml:5:43" in (failure.text or "")


def test_fix_mends_files_and_says_so_on_stderr(folder: Path) -> None:
    (folder / "good.yaml").write_text(GOOD + "docs: x  # specbuilder: ignore SB102\n")
    result = run("validate", "--fix", "good.yaml")
    assert (result.exit_code, result.stdout) == (0, "1 spec checked: no problems\n")
    assert result.stderr == "fixed: good.yaml: 1 finding mended\n"
    assert (folder / "good.yaml").read_text() == GOOD + "docs: x\n"
    assert run("validate", "--fix", "good.yaml", "vosk").stderr == ""
