"""All pages: links lead somewhere, the generated one is up to date, the glossary is in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from specbuilder.language.schema import schema
from specbuilder.protocol.codecs import CODECS
from specbuilder.protocol.compiling import BATCH_AUDIO, CHUNK_AUDIO
from specbuilder.protocol.names import BUILTIN_NAMES
from specbuilder.protocol.primitives import PRIMITIVES
from specbuilder.protocol.reference import full_reference, tables
from specbuilder.protocol.state import STATES

from .pages import ROOT

PAGES = sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    return _FENCED.sub("", (ROOT / page).read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name) if name else page
        assert (ROOT / path).exists(), target
        if anchor:
            assert anchor in anchors(path), target


def test_the_map_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\(([^)#\s]+)", prose(Path("docs/index.md"))))
    assert linked >= {page.name for page in PAGES if page.parent.name == "docs"} - {"index.md"}


def test_the_reference_is_up_to_date() -> None:
    assert (ROOT / "docs" / "spec-reference.md").read_text("utf-8") == full_reference(), "run: make docs"


def test_the_tables_name_everything_that_a_spec_may_name() -> None:
    found = tables()
    assert tuple(found["Codecs"]) == CODECS.names
    assert tuple(found["State types"]) == STATES.names
    assert tuple(found["Step primitives"]) == PRIMITIVES.names
    names = {name.partition(".")[0] for name in found["Names in expressions"]}
    assert names - {"@", "$x"} == BUILTIN_NAMES
    audio = {name.removeprefix("audio.") for name in found["Names in expressions"] if "audio." in name}
    assert audio == BATCH_AUDIO | CHUNK_AUDIO
    assert all(text for table in found.values() for text in table.values())


def test_the_glossary_is_in_order_and_names_every_section_of_a_spec() -> None:
    terms = re.findall(r"^\| ([^|`]+?) \| \S", prose(Path("docs/glossary.md")), re.MULTILINE)[1:]
    assert terms == sorted(set(terms), key=str.lower)
    known = {term.replace(" ", "_").lower() for term in terms}
    # Keys that say themselves what they mean.
    plain = {"api_key", "capabilities", "checks", "docs", "errors", "headers", "name", "options"}
    plain |= {"steps", "recognize", "variants", "tests", "vars"}
    assert set(schema()["properties"]) - plain <= known
