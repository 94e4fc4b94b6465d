"""README.md and docs/cli.md, every block done in the order of the page with a real recogniser."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from specbuilder import list_specs
from specbuilder.cli.app import app

from .pages import ROOT, Reader, blocks


@pytest.mark.skipif(sys.platform == "win32", reason="the pages are written for a POSIX shell")
@pytest.mark.parametrize(("page", "at_least"), [("README.md", 8), ("docs/cli.md", 8)])
def test_every_block(page: str, at_least: int, tmp_path: Path) -> None:
    steps = blocks(page)
    with Reader(tmp_path) as reader:
        for block in steps:
            reader.follow(block)
    # A page whose blocks are not found would pass as well.
    assert len(steps) >= at_least


def test_what_is_installed_is_there_to_install() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    extras = re.search(r"^\[project\.optional-dependencies\]\n(.*?)^\[", project, re.MULTILINE | re.DOTALL)
    assert extras is not None
    names = set(re.findall(r"^(\w+) = \[", extras[1], re.MULTILINE))
    commands = [
        command
        for page in ("README.md", "docs/quickstart.md")
        for block in blocks(page)
        if "install" in block.words
        for command, _ in block.commands()
    ]
    allowed = {"pip install .", "python3 -m venv .venv", ". .venv/bin/activate"}
    assert set(commands) - allowed == {'pip install ".[embedded]"'}
    line = re.search(r"^Further extras: (.+)\.$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert line is not None
    assert set(re.findall(r"`(\w+)`", line[1])) | {"embedded"} == names


def test_make_demo_is_what_the_readers_run_in_its_place() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(r"^demo: .*\n\t\$\(BIN\)/python examples/demo\.py$", makefile, re.MULTILINE)
    readme = (ROOT / "README.md").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"`make (\w+)`", readme)) <= targets


def test_the_specs_that_are_named_are_bundled() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    sentence = re.search(r"^Bundled specs, among others: (.*?)\. ", readme, re.MULTILINE | re.DOTALL)
    assert sentence is not None
    named = re.findall(r"`(\w+)`", sentence[1])
    assert len(named) >= 8
    assert set(named) <= set(list_specs())


def test_the_command_line_page_has_every_command_and_option() -> None:
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    sections = dict(re.findall(r"^## specbuilder (\w+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert set(sections) == set(group.commands)
    parts = [(group, page), *((group.commands[name], text) for name, text in sections.items())]
    for command, text in parts:
        options = {
            spelling
            for option in command.params
            if option.param_type_name == "option"
            for spelling in option.opts
        }
        assert options, command.name
        assert options <= set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text)), command.name


def test_the_command_line_page_has_no_option_that_is_not_there() -> None:
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for name, text in re.findall(r"^## specbuilder (\w+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL):
        there = {spelling for option in group.commands[name].params for spelling in option.opts}
        rows = re.findall(r"^\| (`-.*?) \|", text, re.MULTILINE)
        assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", " ".join(rows))) <= there
