"""The tests inside every spec we have: the bundled ones and the drafts of the language."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from specbuilder import load_spec
from specbuilder.testing import coverage, format_results, run_tests

ROOT = Path(__file__).parents[2]
DRAFTS = sorted((ROOT / "tests" / "language" / "drafts").glob("*.yaml"))
BUNDLED = sorted((ROOT / "specs").glob("*.yaml"))


@pytest.mark.parametrize("path", [*BUNDLED, *DRAFTS], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_spec_passes_its_own_tests(path: Path) -> None:
    spec = load_spec(path)
    results = run_tests(spec)
    assert len(results) == len(spec.document.value.get("tests") or [])
    assert all(result.passed for result in results), format_results(results)


def test_all_drafts_are_run_in_less_than_a_second() -> None:
    specs = [load_spec(path) for path in DRAFTS]
    started = time.perf_counter()
    count = sum(len(run_tests(spec)) for spec in specs)
    assert count >= 14
    assert time.perf_counter() - started < 1.0


def test_the_soniox_draft_is_covered_whole() -> None:
    spec = load_spec(ROOT / "tests" / "language" / "drafts" / "soniox.yaml")
    found = coverage(spec, run_tests(spec))
    assert (found.percent, found.missed) == (100.0, ())


def test_a_wrong_expectation_in_a_draft_fails_at_its_place(tmp_path: Path) -> None:
    text = (ROOT / "tests" / "language" / "drafts" / "vosk.yaml").read_text(encoding="utf-8")
    broken = text.replace("confidence: 0.61, start", "confidence: 0.16, start")
    assert broken != text
    path = tmp_path / "vosk.yaml"
    path.write_text(broken, encoding="utf-8")
    (result,) = run_tests(load_spec(path))
    (failure,) = result.failures
    line = next(number for number, line in enumerate(broken.splitlines(), 1) if "0.16" in line)
    assert (failure.mark.file, failure.mark.line, failure.mark.column) == (str(path), line, 9)
    assert failure.what == "other events came"
    assert '-{"final_transcript": "one two", "confidence": 0.16, "start": 0.24, "end": 0.63}' in failure.diff
    assert '+{"final_transcript": "one two", "confidence": 0.61, "start": 0.24, "end": 0.63}' in failure.diff
    assert "end_of_speech" in failure.diff
