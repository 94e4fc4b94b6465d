"""JMESPath's own compliance suite (github.com/jmespath/jmespath.test), in strict mode."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from specbuilder.expressions.selectors import SelectorError, SelectorTypeError, compile_selector

SCOPE = SimpleNamespace(variables={}, message=None, headers={})


def cases() -> Iterator[Any]:
    for path in sorted(Path(__file__).with_name("jmespath").glob("*.json")):
        for group in json.loads(path.read_text(encoding="utf-8")):
            for case in group["cases"]:
                yield pytest.param(group["given"], case, id=f"{path.stem}: {case['expression'][:60]}")


def outcome(given: Any, expression: str) -> dict[str, Any]:
    """What the suite would write down: a result, or the category of an error."""
    try:
        return {"result": compile_selector(expression, strict=True)(given, SCOPE)}
    except SelectorError as error:
        return {"error": error.kind}
    except SelectorTypeError:
        return {"error": "invalid-type"}


@pytest.mark.filterwarnings("ignore:deprecated string literal:PendingDeprecationWarning")
@pytest.mark.parametrize(("given", "case"), list(cases()))
def test_case(given: Any, case: dict[str, Any]) -> None:
    found = outcome(given, case["expression"])
    if "bench" in case and "result" not in case:
        assert "error" not in found
        return
    expected = {name: case[name] for name in ("result", "error") if name in case}
    # JSON tells true from 1, which Python's == does not.
    assert json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


def test_the_suite_is_there() -> None:
    assert len(list(cases())) == 908
