"""Names, paths, mappings; `extends` and `variants`."""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from specbuilder.language import catalog
from specbuilder.language.errors import Issue, SpecError
from specbuilder.language.loader import MAX_EXTENDS, load

SPEC = "spec: 1\nbase_url: https://a\nrecognize: {post: /a, body: '{{ audio.wav }}'}\n"
MAPPING: dict[str, Any] = {
    "spec": 1,
    "base_url": "https://a",
    "recognize": {"post": "/a", "json": {"x": None}},
}


def refusal(source: Any) -> Issue:
    with pytest.raises(SpecError) as caught:
        load(source)
    (issue,) = caught.value.issues
    return issue


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in (Path(__file__).parent / "drafts").glob("*.yaml"))
)
def test_every_draft_is_valid(drafts: Path, name: str) -> None:
    source = load(name)
    assert source.path == drafts / f"{name}.yaml"
    assert source.name == name.replace("minimal_", "minimal-")
    assert source.files[0] == source.path
    assert all(
        "default" in option or "type" in option
        for option in source.document.value.get("options", {}).values()
    )


def test_a_bundled_spec_by_name_with_and_without_suffix(drafts: Path) -> None:
    assert load("deepgram").document.value == load("deepgram.yaml").document.value
    assert "soniox" in catalog.bundled()
    assert catalog.bundled_path("../drafts/soniox") is None


def test_an_unknown_name_tells_the_nearest_and_the_folder(drafts: Path) -> None:
    issue = refusal("deepgrm")
    assert issue.message == f"there is no bundled spec 'deepgrm' (looked in {drafts})"
    assert issue.hint == "did you mean 'deepgram'?"
    assert issue.file == "deepgrm"
    assert "./zzzzzz.yaml" in (refusal("zzzzzz").hint or "")


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, mine=SPEC)
    monkeypatch.chdir(tmp_path)
    for source in ("./mine.yaml", "mine.yaml", tmp_path / "mine.yaml", str(tmp_path / "mine.yaml")):
        assert load(source).name == "mine"
    assert "no such file" in refusal("./other.yaml").message
    assert "no such file" in refusal("other.yaml").message
    assert "a folder" in refusal(tmp_path).message


def test_a_mapping() -> None:
    source = load(MAPPING)
    assert (source.path, source.files) == (None, [])
    assert source.document.value["recognize"]["json"] == {"x": None}
    issue = refusal({**MAPPING, "recognise": {}})
    assert (issue.file, issue.line, issue.hint) == ("<mapping>", None, "did you mean 'recognize'?")


def test_a_mapping_extends_bundled_specs_only(drafts: Path) -> None:
    source = load({"extends": "minimal_http", "name": "mine", "options": {"model": "big"}})
    assert source.name == "mine"
    assert source.document.value["options"]["model"] == {"default": "big", "role": "model"}
    assert "there is no spec 'a.yaml' bundled" in refusal({"extends": "a.yaml"}).message


def test_groq_is_openai_without_what_it_deletes(drafts: Path) -> None:
    source = load("groq")
    value = source.document.value
    assert [path.name for path in source.files] == ["groq.yaml", "openai.yaml"]
    assert list(value["options"]) == ["model", "language", "detect_language", "prompt"]
    assert list(value["vars"]) == ["codes"]
    assert not {"stream", "capabilities", "tests", "extends"} & set(value)
    assert "keywords[]" not in value["recognize"]["multipart"]
    assert "usage" not in value["recognize"]
    assert value["errors"]["http"]["message"] == "error.message"
    assert str(source.document.mark(("errors", "http", "message"))).startswith("openai.yaml:")


def test_a_variant_is_a_whole_spec(drafts: Path) -> None:
    source = load("speechmatics")
    ((condition, classic),) = source.variants
    assert condition == "protocol == 'classic'"
    assert not {"variants", "if"} & set(classic.value)
    assert classic.value["stream"]["connect"] == "/v2"
    assert classic.value["stream"]["transcript"]["start"] is None
    assert classic.value["stream"]["finish"] == source.document.value["stream"]["finish"]
    assert list(classic.value["stream"]["state"]) == ["acked", "said"]
    assert str(classic.mark(("stream", "connect"))) == "speechmatics.yaml:82:16"
    assert source.document.value["stream"]["connect"] == "/v2/agent"


def test_a_variant_must_be_whole_too(tmp_path: Path) -> None:
    write(tmp_path, a=SPEC + "variants:\n  - if: x\n    recognize: {post: null}\n")
    issue = refusal(tmp_path / "a.yaml")
    assert (issue.line, issue.column) == (6, 16)
    assert "exactly one of" in issue.message


def test_an_issue_of_the_base_is_told_in_its_file(tmp_path: Path) -> None:
    write(tmp_path, base=SPEC + "nme: x\n", mine="extends: base.yaml\nrecognize: {get: /b}\n")
    with pytest.raises(SpecError) as caught:
        load(tmp_path / "mine.yaml")
    first, second = caught.value.issues
    assert (first.file, first.line) == (str(tmp_path / "mine.yaml"), 2)
    assert (second.file, second.line, second.path) == ("base.yaml", 4, "nme")


def test_name_and_tests_are_not_inherited(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=SPEC + "name: base\ntests: [{name: a, recognize: []}]\n",
        mine="extends: base.yaml\n",
    )
    source = load(tmp_path / "mine.yaml")
    assert source.name == "mine"
    assert not {"name", "tests"} & set(source.document.value)


def test_specs_in_a_circle(tmp_path: Path) -> None:
    write(tmp_path, a="extends: b.yaml\n", b="extends: c.yaml\n", c="extends: b.yaml\n")
    assert "b.yaml -> c.yaml -> b.yaml" in refusal(tmp_path / "a.yaml").message


def test_a_long_chain_is_refused(tmp_path: Path) -> None:
    for number in range(MAX_EXTENDS + 1):
        write(tmp_path, **{f"s{number}": SPEC + f"extends: s{number + 1}.yaml\n"})
    write(tmp_path, **{f"s{MAX_EXTENDS + 1}": SPEC})
    assert f"more than {MAX_EXTENDS} specs" in refusal(tmp_path / "s0.yaml").message
    assert len(load(tmp_path / "s2.yaml").files) == MAX_EXTENDS


@pytest.mark.skipif(os.name == "nt", reason="making links needs a privilege there")
def test_a_link_does_not_lead_outside(tmp_path: Path) -> None:
    folder = tmp_path / "specs"
    folder.mkdir()
    write(tmp_path, secret=SPEC)
    write(folder, mine="extends: link.yaml\n")
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    assert "outside the folder" in refusal(folder / "mine.yaml").message


def test_the_folder_of_an_installed_package_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "specbuilder"
    (tmp_path / "specs").mkdir()
    package.mkdir()
    monkeypatch.setattr(catalog, "_PACKAGE", package)
    assert catalog.specs_folder() == tmp_path / "specs"
    (package / "specs").mkdir()
    assert catalog.specs_folder() == package / "specs"


def test_loading_the_largest_draft_is_fast(drafts: Path, record_property: Any) -> None:
    load("speechmatics")
    times = []
    for _ in range(5):
        start = perf_counter()
        load("speechmatics")
        times.append(perf_counter() - start)
    record_property("load_ms", round(min(times) * 1000, 1))
    assert min(times) < 0.5
