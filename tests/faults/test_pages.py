"""docs/security.md names tests that exist, docs/operations.md the metrics that are counted."""

from __future__ import annotations

import re
from pathlib import Path

import prometheus_client
import pytest

from specbuilder.adapters import watching

TESTS = Path(__file__).parent.parent
DOCS = TESTS.parent / "docs"


def proofs() -> list[tuple[str, str]]:
    """The file and test of every proof in the table; "" where the whole file is meant."""
    found = []
    for line in (DOCS / "security.md").read_text(encoding="utf-8").splitlines():
        for name in re.findall(r"`([\w/.]*?\.py(?:::\w+)?|::\w+)`", line):
            file, _, test = name.rpartition("::") if "::" in name else (name, "", "")
            file = file or found[-1][0]
            found.append((file, test))
    return found


@pytest.mark.parametrize(("file", "test"), proofs())
def test_a_threat_has_its_test(file: str, test: str) -> None:
    text = (TESTS / file).read_text(encoding="utf-8")
    assert f"def {test}(" in text if test else "def " in text


def test_there_are_proofs() -> None:
    assert len(proofs()) > 20


def test_every_metric_is_documented() -> None:
    page = (DOCS / "operations.md").read_text(encoding="utf-8")
    metrics = [
        value
        for value in vars(watching).values()
        if isinstance(value, prometheus_client.Counter | prometheus_client.Histogram)
    ]
    assert len(metrics) == 8
    for metric in metrics:
        name = next(iter(metric.describe())).name
        assert f"`{name}" in page, name
