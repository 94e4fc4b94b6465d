"""`specbuilder test`."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from .conftest import run

SPEC = """\
spec: 1
name: demo
base_url: ws://a.example
stream:
  connect: /
  rules:
    - {when: partial, emit: interim_transcript, transcript: {text: partial}}
    - {when: text, emit: [final_transcript, end_of_speech]}
  transcript: {text: text}
tests:
  - name: partials
    stream:
      - connect: /
      - received: {partial: one}
      - events: [start_of_speech, {interim_transcript: one}]
  - name: finals
    stream:
      - connect: /
      - received: {text: one}
      - events: [start_of_speech, {final_transcript: EXPECTED}, end_of_speech]
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "demo.yaml"
    path.write_text(SPEC.replace("EXPECTED", "one"))
    return path


def test_passing_tests_and_their_coverage(spec: Path) -> None:
    result = run("test", spec)
    assert result.exit_code == 0, result.output
    assert "ok   partials" in result.stdout
    assert "2 passed, 0 failed" in result.stdout
    assert "100 %" in result.stdout


def test_a_failing_test_is_exit_1_with_its_place(spec: Path) -> None:
    spec.write_text(SPEC.replace("EXPECTED", "two"))
    result = run("test", spec.parent)
    assert result.exit_code == 1
    assert "FAIL finals" in result.stdout
    assert f"{spec}:20:" in result.stdout
    assert "1 passed, 1 failed" in result.stdout


def test_only_one(spec: Path) -> None:
    spec.write_text(SPEC.replace("EXPECTED", "two"))
    result = run("test", spec, "--only", "partials")
    assert result.exit_code == 0, result.output
    assert "1 passed, 0 failed\n" in result.stdout
    missing = run("test", spec, "--only", "nothing")
    assert missing.exit_code == 2
    assert "there is no test 'nothing'" in missing.stderr


def test_a_spec_that_cannot_be_used_does_not_stop_the_others(spec: Path) -> None:
    (spec.parent / "broken.yaml").write_text("spec: 1\nbase_url: x\nstreem: {}\n")
    result = run("test", spec.parent)
    assert result.exit_code == 1
    assert "unknown key 'streem'" in result.stderr
    assert "2 passed, 0 failed" in result.stdout


def test_nothing_to_test_is_wrong_usage(tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text(SPEC.partition("tests:")[0])
    result = run("test", path)
    assert result.exit_code == 2
    assert "there is no test in these specs" in result.stderr


def test_junit(spec: Path, tmp_path: Path) -> None:
    spec.write_text(SPEC.replace("EXPECTED", "two"))
    (tmp_path / "broken.yaml").write_text("spec: 1\n")
    report = tmp_path / "report.xml"
    result = run("test", tmp_path, "--junit", report)
    assert result.exit_code == 1
    root = ElementTree.fromstring(report.read_text())
    assert (root.get("tests"), root.get("failures")) == ("3", "2")
    cases = {case.get("name"): case.find("failure") for case in root.iter("testcase")}
    assert cases["partials"] is None
    assert cases["load"] is not None
    failure = cases["finals"]
    assert failure is not None
    assert f"{spec}:20:" in str(failure.get("message"))
    assert "two" in str(failure.text)
    assert run("test", spec, "--junit", tmp_path / "no" / "where.xml").exit_code == 2
