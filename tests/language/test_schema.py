"""The schema itself: valid, small, every key described, nothing open by accident."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from specbuilder.language import reference as reference_module
from specbuilder.language.reference import reference
from specbuilder.language.schema import child, resolve, schema

FREE_MAPPINGS = {"metadata", "form", "multipart", "headers", "options", "update"}
KINDS = {"template", "tree", "selector", "condition", "duration"}


def parts(node: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from parts(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from parts(value, f"{path}/{index}")


def test_it_is_a_json_schema_of_a_page() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["$id"] == "https://specbuilder.dev/schema/v1.json"
    assert len(json.dumps(schema())) < 60_000


def test_every_key_is_described() -> None:
    bare = [
        f"{path}/{key}"
        for path, node in parts(schema())
        for key, part in (node.get("properties") or {}).items()
        if isinstance(part, dict) and "/if/" not in f"{path}/" and not resolve(part).get("description")
    ]
    assert bare == []


def test_no_mapping_is_open_by_accident() -> None:
    open_ones = {
        path.rsplit("/", 1)[-1]
        for path, node in parts(schema())
        if node.get("type") == "object" and "additionalProperties" not in node and "/if" not in path
    }
    assert open_ones <= FREE_MAPPINGS


def test_every_reference_leads_somewhere() -> None:
    for _, node in parts(schema()):
        if "$ref" in node:
            assert "$ref" not in resolve(node)


def test_kinds_of_expressions() -> None:
    assert {node["x-expression"] for _, node in parts(schema()) if "x-expression" in node} == KINDS


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (("stream", "rules", 0, "when"), "selector"),
        (("stream", "rules", 0, "rules", 1, "transcript", "words", "start", "value"), "selector"),
        (("stream", "rules", 0, "emit", "end_of_speech"), "selector"),
        (("recognize", "query", "model"), "template"),
        (("recognize", "query", "$if"), "condition"),
        (("stream", "steps", 0, "json"), "tree"),
        (("stream", "timeouts", "ready"), "duration"),
        (("vars", "a"), "tree"),
        (("errors", "messages", 0, "status"), "selector"),
        (("checks", 0, "if"), "condition"),
        (("checks", 0, "error"), None),
    ],
)
def test_what_a_path_holds(path: tuple[str | int, ...], kind: str | None) -> None:
    node: Any = schema()
    for part in path:
        node = child(node, part)
        assert node is not None
    assert node.get("x-expression") == kind


def test_the_reference_in_docs_holds_every_key_of_the_schema() -> None:
    committed = Path(reference_module.__file__).parents[2] / "docs" / "spec-reference.md"
    # Tables of other layers may follow the keys.
    assert committed.read_text(encoding="utf-8").startswith(reference()), "run: make docs"


def test_tables_of_other_layers_are_appended() -> None:
    text = reference({"Functions of selectors": {"exp(number)": "e to the power | of it"}})
    assert text.startswith(reference())
    assert text.endswith(
        "## Functions of selectors\n\n| name | meaning |\n|---|---|\n"
        "| `exp(number)` | e to the power \\| of it |\n"
    )
