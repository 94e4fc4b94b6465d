"""Broken specs as data (broken.yaml): expressions, names, units and forgotten parts, each told at its place.

What the YAML reader and the schema say is in tests/language/test_broken_specs.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from specbuilder import validate_spec

CASES = yaml.safe_load((Path(__file__).parent / "broken.yaml").read_text("utf-8"))


def test_there_are_enough_of_them_and_each_is_another() -> None:
    assert len(CASES) >= 50
    assert len({case["name"] for case in CASES}) == len(CASES)
    assert len({case["spec"].replace("▸", "") for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_the_author_is_told(case: dict[str, Any], tmp_path: Path) -> None:
    before, mark, after = case["spec"].partition("▸")
    assert mark
    file = tmp_path / "spec.yaml"
    file.write_text(before + after, encoding="utf-8")
    (issue,) = validate_spec(file)
    assert (issue.line, issue.column) == (before.count("\n") + 1, len(before) - before.rfind("\n"))
    assert (issue.path, issue.message, issue.hint) == (case["path"], case["message"], case["hint"])
