"""Whatever is done to a spec, loading it gives a spec or a SpecError that names places in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from specbuilder.language.document import Document, from_mapping
from specbuilder.language.errors import SpecError
from specbuilder.language.loader import load
from specbuilder.language.source import parse
from specbuilder.language.validation import validate

DRAFTS = sorted((Path(__file__).parent / "drafts").glob("*.yaml"))
TEXTS = [path.read_text(encoding="utf-8") for path in DRAFTS]
PIECES = st.sampled_from(
    ["'", '"', "{", "}", "[", "]", ": ", " #", "\t", "!", "&a ", "*a", "- ", "\n", "{{", ", ", "é"]
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def check_places(text: str, error: SpecError) -> None:
    lines = text.split("\n")
    assert error.issues
    for issue in error.issues:
        assert issue.line is not None
        assert issue.column is not None
        assert 1 <= issue.line <= len(lines)
        assert 1 <= issue.column <= len(lines[issue.line - 1]) + 1


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TEXTS), st.floats(0, 1), PIECES, st.integers(0, 4))
def test_a_broken_text(text: str, where: float, piece: str, cut: int) -> None:
    at = int(where * len(text))
    broken = text[:at] + piece + text[at + cut :]
    try:
        document = parse(broken, "a.yaml")
    except SpecError as error:
        check_places(broken, error)
    else:
        assert all(issue.line is not None for issue in validate(document))


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, inner in items for found in paths(inner, (*path, key)))]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TEXTS), st.floats(0, 0.999), VALUES)
def test_a_value_of_another_kind(text: str, where: float, value: Any) -> None:
    spec = parse(text, "a.yaml").value
    every = paths(spec)[1:]
    *outer, last = every[int(where * len(every))]
    inner: Any = spec
    for part in outer:
        inner = inner[part]
    inner[last] = value
    spec.pop("extends", None)
    messages: list[str] = []
    try:
        load(spec)
    except SpecError as error:
        messages = [issue.message for issue in error.issues]
    assert all(len(message) < 300 for message in messages)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_a_mapping_comes_back_as_it_was(value: dict[str, Any]) -> None:
    document: Document = from_mapping(value)
    assert document.value == value
