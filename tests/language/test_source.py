"""YAML 1.2 scalars, positions and bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from specbuilder.language import source
from specbuilder.language.document import MAX_DEPTH, MAX_NODES, from_mapping
from specbuilder.language.errors import Issue, SpecError
from specbuilder.language.source import MAX_BYTES, parse, read_file

SCALARS: list[tuple[str, Any]] = [
    ("no", "no"), ("on", "on"), ("yes", "yes"), ("off", "off"), ("y", "y"), ("N", "N"),
    ("true", True), ("False", False), ("TRUE", True), ("tRUE", "tRUE"),
    ("~", None), ("null", None), ("Null", None), ("", None), ("none", "none"),
    ("0", 0), ("-3", -3), ("+3", 3), ("12", 12), ("0o17", 15), ("0x1f", 31), ("0b1", "0b1"),
    ("0123", "0123"), ("007", "007"), ("1:30", "1:30"), ("1_000", "1_000"), ("00.5", "00.5"),
    ("1.0", 1.0), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("-1.5E-2", -0.015), ("1.2.3", "1.2.3"),
    ("2023-11-14", "2023-11-14"), ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z"), ("=", "="),
    ("'no'", "no"), ("'1'", "1"), ('"null"', "null"), ('"\\u00e9"', "é"), ("Hello you", "Hello you"),
    ("18446744073709551615", 18446744073709551615), ("-9223372036854775808", -9223372036854775808),
]  # fmt: skip


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def any_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """libyaml, and PyYAML's own scanner where libyaml is missing."""
    monkeypatch.setattr(source, "_LOADER", getattr(yaml, request.param))


def refusal(text: str) -> Issue:
    with pytest.raises(SpecError) as caught:
        parse(text, "a.yaml")
    (issue,) = caught.value.issues
    return issue


@pytest.mark.usefixtures("any_loader")
@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_a_scalar_is_read_as_yaml_1_2(text: str, value: Any) -> None:
    read = parse(f"a: {text}\n", "a.yaml").value["a"]
    assert (type(read), read) == (type(value), value)


def test_close_codes_are_text_keys() -> None:
    assert parse("{1008: 401, 4000-4999: 503, on: 1}", "f").value == {"1008": 401, "4000-4999": 503, "on": 1}


def test_anchors_are_copied() -> None:
    value = parse("a: &x {b: [1]}\nc: *x\n", "f").value
    assert value == {"a": {"b": [1]}, "c": {"b": [1]}}
    value["a"]["b"].append(2)
    assert value["c"] == {"b": [1]}


@pytest.mark.usefixtures("any_loader")
def test_places_of_keys_values_and_characters() -> None:
    text = (
        "a:\n"
        "  b: 'it''s x'\n"
        '  "é c": "\\u00e9\\n x"\n'
        "  list: [é, {d: plain text}]\n"
        "  lines: |\n"
        "    one\n"
        "      two\n"
        "  long: one\n"
        "    two\n"
    )
    document = parse(text, "a.yaml")

    def place(*path: str | int, offset: int = 0, key: bool = False) -> tuple[int | None, int | None]:
        mark = document.mark(path, offset, key=key)
        return mark.line, mark.column

    assert place("a") == (2, 3)
    assert place("a", key=True) == (1, 1)
    assert place("a", "b", key=True) == (2, 3)
    assert document.value["a"]["b"][5] == "x"
    assert place("a", "b", offset=5) == (2, 13)
    assert document.value["a"]["é c"][3] == "x"
    assert place("a", "é c", offset=3) == (3, 20)
    assert place("a", "list", 0) == (4, 10)
    assert place("a", "list", 1, "d", offset=6) == (4, 23)
    assert document.value["a"]["lines"][6] == "t"
    assert place("a", "lines", offset=6) == (7, 7)
    assert document.value["a"]["long"][4] == "t"
    assert place("a", "long", offset=4) == (9, 5)


def test_a_path_that_is_not_there_falls_back_to_its_ancestor() -> None:
    document = parse("a:\n  b: 1\n", "a.yaml")
    assert str(document.mark(("a", "x", 3, "y"), key=True)) == "a.yaml:1:1"
    assert str(document.mark(("a", "b", "c"), 2)) == "a.yaml:2:6"
    assert str(document.issue(("a", "b"), "wrong", "mend it")) == "a.yaml:2:6: a.b: wrong (mend it)"


@pytest.mark.usefixtures("any_loader")
def test_an_alias_bomb_is_refused_without_being_expanded() -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)]
    issue = refusal("\n".join(["l0: &l0 [x]", *levels]))
    assert f"more than {MAX_NODES:,} values" in issue.message
    assert issue.line is not None
    assert issue.line < 7


@pytest.mark.usefixtures("any_loader")
@pytest.mark.parametrize("text", ["a: " + "[" * 5_000, "a: " + "{b: " * 5_000, "a: " + "{{" * 5_000])
def test_deep_nesting_is_refused(text: str) -> None:
    assert f"nested deeper than {MAX_DEPTH} levels" in refusal(text).message


def test_aliases_cannot_nest_deeper_than_text_can() -> None:
    deep = "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40
    assert "nested deeper" in refusal(deep).message


def test_many_values_are_refused() -> None:
    assert "more than" in refusal("a: [" + "1," * (MAX_NODES + 1) + "]").message


def test_a_large_text_is_refused() -> None:
    assert "larger than a spec may be" in refusal("a: " + "x" * MAX_BYTES).message


def test_files(tmp_path: Path) -> None:
    def told(data: bytes) -> str:
        (tmp_path / "a.yaml").write_bytes(data)
        with pytest.raises(SpecError) as caught:
            read_file(tmp_path / "a.yaml", "a.yaml")
        return str(caught.value)

    assert told(b"a: 1\nb: \xe9t\xe9\n").startswith("a.yaml:2:4: not UTF-8 text: byte 0xe9")
    assert "larger than a spec may be" in told(b"#" * (MAX_BYTES + 1))
    assert "U+0000" in told("a: 1".encode("utf-16-le"))
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: \xc3\xa9\r\nb: 1\r\n")
    document = read_file(tmp_path / "a.yaml", "a.yaml")
    assert document.value == {"a": "é", "b": 1}
    assert str(document.mark(("b",))) == "a.yaml:2:4"
    with pytest.raises(SpecError, match="cannot be read"):
        read_file(tmp_path / "missing.yaml", "missing.yaml")


def test_a_mapping_is_taken_as_it_is() -> None:
    document = from_mapping({"a": {1008: 401}, "b": (1, 2.5, None, True)})
    assert document.value == {"a": {"1008": 401}, "b": [1, 2.5, None, True]}
    assert str(document.mark(("a", "1008"))) == "<mapping>"


def test_what_json_cannot_hold_is_refused_in_a_mapping() -> None:
    circle: list[Any] = []
    circle.append(circle)
    bad = {"a": float("nan"), "b": [object()], "c": {True: 1}, "d": {1: 1, "1": 2}, "e": circle}
    with pytest.raises(SpecError) as caught:
        from_mapping(bad)
    found = [(issue.path, issue.message) for issue in caught.value.issues]
    assert [path for path, _ in found[:4]] == ["a", "b[0]", "c", "d.1"]
    assert "nested deeper" in found[4][1]


def test_a_huge_mapping_is_refused_once() -> None:
    with pytest.raises(SpecError) as caught:
        from_mapping({"a": [0] * (MAX_NODES + 5)})
    assert len(caught.value.issues) == 1
