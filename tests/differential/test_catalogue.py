"""docs/catalogue.md is what the specs, the plugins and the cases of this folder say."""

from __future__ import annotations

import difflib
import itertools
import re

from specbuilder import load_spec
from specbuilder.language.catalog import bundled
from tests.differential.catalogue import TARGET, generate

PAGE = TARGET.read_text("utf-8")


def test_the_page_is_up_to_date() -> None:
    assert generate() == PAGE, "run: make docs"


def test_every_spec_is_in_both_tables() -> None:
    beside = re.findall(r"^\| \[(\w+)\]\(\.\./specs/", PAGE, re.MULTILINE)
    offers = re.findall(r"^\| (\w+) \| (?:WebSocket|HTTP)[, ]", PAGE, re.MULTILINE)
    assert beside == offers == sorted(bundled())


def test_what_is_left_out_is_no_option_of_that_spec() -> None:
    section = PAGE.partition("## What is left out")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([\w, ]+) \| (.+?) \| ", section, re.MULTILINE)
    named = [
        (vendor, option)
        for vendors, left_out in rows
        for vendor in vendors.split(", ")
        for option in re.findall(r"`(\w+)`", left_out)
    ]
    assert len(named) > 15
    options = {vendor: load_spec(vendor).options.options for vendor, _ in named}
    assert [(vendor, option) for vendor, option in named if option in options[vendor]] == []


def test_a_defect_is_named_once() -> None:
    """Two names of one defect share most of their words."""
    table = PAGE.partition("## Defects")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w+) \| (.+) \|$", table, re.MULTILINE)[1:]
    assert len(rows) > 20
    alike = [
        (plugin, one, other)
        for plugin, names in rows
        for one, other in itertools.combinations(names.split("; "), 2)
        if difflib.SequenceMatcher(None, one, other).ratio() > 0.8
    ]
    assert alike == []
