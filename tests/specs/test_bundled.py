"""Every bundled spec is complete: documented, each option used, every place of it reached by its tests."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from specbuilder import Spec, list_specs, load_spec, validate_spec
from specbuilder.language.catalog import bundled_path
from specbuilder.language.schema import schema
from specbuilder.testing import coverage, format_failures, run_tests

SPECS = list_specs()
WITHOUT_KEY = dict.fromkeys(("vosk", "whispercpp_server"), "the server knows no keys")


@cache
def loaded(name: str) -> Spec:
    return load_spec(name)


def text(name: str) -> str:
    path = bundled_path(name)
    assert path is not None
    return Path(path).read_text(encoding="utf-8")


def test_the_eight_are_there() -> None:
    expected = {"assemblyai", "deepgram", "gladia", "google", "openai", "openai_compatible", "soniox", "vosk"}
    assert expected <= set(SPECS)


@pytest.mark.parametrize("name", SPECS)
def test_it_is_documented(name: str) -> None:
    assert validate_spec(name) == []
    spec = loaded(name)
    assert spec.name == name
    assert spec.docs.startswith("https://")
    assert [option.name for option in spec.options.options.values() if not option.description] == []
    if name not in WITHOUT_KEY:
        assert spec.options.api_key is not None
        assert spec.options.api_key.env is not None


@pytest.mark.parametrize("name", SPECS)
def test_editors_find_its_schema(name: str) -> None:
    first = text(name).partition("\n")[0]
    assert first == f"# yaml-language-server: $schema={schema()['$id']}"


@pytest.mark.parametrize("name", SPECS)
def test_every_option_is_used(name: str) -> None:
    """An option that nothing reads is a promise not kept.

    One with a role may be read by the engine alone, one with a single value has nothing to say.
    """
    document = loaded(name).document.value
    rest = json.dumps({key: value for key, value in document.items() if key not in ("options", "tests")})
    defaults = json.dumps([option.get("default") for option in document.get("options", {}).values()])
    for option in loaded(name).options.options.values():
        silent = option.role or len(option.schema.get("enum", ())) == 1
        assert silent or re.search(rf"\b{option.name}\b", rest + defaults), option.name


@pytest.mark.parametrize("name", SPECS)
def test_its_tests_pass_and_reach_all_of_it(name: str) -> None:
    results = run_tests(loaded(name))
    assert results
    assert [format_failures(result) for result in results if not result.passed] == []
    assert [place for place, _ in coverage(loaded(name), results).missed] == []


@pytest.mark.parametrize(
    ("name", "lines", "without_tests"),
    [("deepgram", 140, 110), ("openai_compatible", 75, 40), ("vosk", 70, 35)],
)
def test_it_fits_on_a_page(name: str, lines: int, without_tests: int) -> None:
    found = text(name)
    assert len(found.splitlines()) <= lines
    assert len(found.partition("\ntests:\n")[0].splitlines()) <= without_tests
