"""What tests reach of a spec."""

from __future__ import annotations

from pathlib import Path

from specbuilder import load_spec
from specbuilder.testing import coverage, format_results, run_tests

from .helpers import STREAM, line_of, run, script

VARIANT = """\
variants:
  - if: region
    stream:
      open: [{send: {type: hello}, if: words}, {wait: type == 'hello'}]
      rules:
        - each: items
          rules:
            - {when: done, emit: [final_transcript, end_of_speech]}
    errors: {close: {4002: 402}}
"""


def test_places_are_named_by_their_path(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        """
        - received: {type: text, text: Hello}
        - received: {type: end}
        - closed: 4150
        - error: {}
        """,
    )
    assert result.coverage == {
        "stream.rules[1]",
        "stream.rules[1].emit.interim_transcript",
        "stream.rules[2]",
        "stream.rules[2].emit.end_of_speech",
        "errors.close.4100-4199",
    }


def test_what_no_test_reached_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "vendor.yaml"
    text = "- received: {type: oops, code: 500}\n- error: {}\n- closed: 4001\n- error: {}\n- ended"
    file.write_text(script(text), encoding="utf-8")
    spec = load_spec(file)
    results = run_tests(spec)
    found = coverage(spec, results)
    assert found.reached == {"errors.messages[0]", "errors.close.4001"}
    assert [place for place, _ in found.missed] == [
        "stream.rules[0]",
        "stream.rules[0].emit.start_of_speech",
        "stream.rules[1]",
        "stream.rules[1].emit.interim_transcript",
        "stream.rules[1].emit.final_transcript",
        "stream.rules[2]",
        "stream.rules[2].emit.end_of_speech",
        "stream.on_close[0]",
        "stream.on_close[0].emit.end_of_speech",
        "errors.close.4100-4199",
    ]
    assert (found.total, round(found.percent)) == (12, 17)
    assert found.missed[0][1].line == line_of(tmp_path, "type == 'begin'")
    text = format_results(results, found)
    assert f"{file}:{found.missed[0][1].line}:7: stream.rules[0]" in text
    assert text.endswith("2 of 12 places reached (17 %)")


def test_rules_of_a_variant_are_their_own(tmp_path: Path) -> None:
    file = tmp_path / "vendor.yaml"
    text = """
        - received: {type: hello}
        - received: {items: [{}, {done: true, text: Hello}]}
        - closed: 4001
        - error: {}
        - closed: 4002
        """
    file.write_text(script(text, head=STREAM + VARIANT, options="{region: eu}"), encoding="utf-8")
    spec = load_spec(file)
    found = coverage(spec, run_tests(spec))
    assert found.reached == {
        "variants[0].stream.open[1]",
        "variants[0].stream.rules[0]",
        "variants[0].stream.rules[0].rules[0]",
        "variants[0].stream.rules[0].rules[0].emit.final_transcript",
        "variants[0].stream.rules[0].rules[0].emit.end_of_speech",
        "errors.close.4001",
    }
    missed = {place for place, _ in found.missed}
    assert {"variants[0].stream.open[0]", "variants[0].errors.close.4002", "stream.rules[0]"} <= missed


def test_what_is_inherited_is_not_counted(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(STREAM, encoding="utf-8")
    (tmp_path / "heir.yaml").write_text("spec: 1\nextends: ./base.yaml\nname: heir\n", encoding="utf-8")
    found = coverage(load_spec(tmp_path / "heir.yaml"), [])
    assert (found.total, found.percent) == (0, 100.0)


def test_watching_leaves_the_spec_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "vendor.yaml"
    file.write_text(script("- received: {type: begin}\n- events: [start_of_speech]"), encoding="utf-8")
    spec = load_spec(file)
    assert spec.base.stream is not None
    rules, errors = spec.base.stream.rules, spec.base.errors
    assert run_tests(spec)[0].coverage
    assert spec.base.stream.rules is rules
    assert spec.base.errors is errors
