"""What CI services run: the action's own scripts, the hooks, and the examples of docs/ci.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.core import TyperGroup
from typer.main import get_command

from specbuilder.cli.app import app
from tests.cli.conftest import environment

ROOT = Path(__file__).parents[2]

SPEC = """\
spec: 1
base_url: https://api.example.com
options: {model: a}
recognize: {post: /v1, body: "{{ audio.wav }}", transcript: {text: text}}
tests: [{name: one, recognize: [reply: {status: 200, body: {text: hi}}, events: [final_transcript: hi]]}]
"""


def commands() -> dict[str, Any]:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group.commands


def options_of(command: str) -> set[str]:
    return {spelling for option in commands()[command].params for spelling in option.opts}


def action_step(name: str) -> dict[str, Any]:
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    return next(step for step in steps if step.get("name") == name)


def run_step(name: str, folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run a step's script as the runner would, with `specbuilder` being this one."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    script = tools / "specbuilder"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m specbuilder.cli "$@"\n')
    script.chmod(0o755)
    step = action_step(name)
    assert set(step["env"]) == set(inputs)
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env=environment(PATH=f"{tools}{os.pathsep}{os.environ['PATH']}", **inputs),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("strict", "code"), [("false", 0), ("true", 1)])
def test_the_action_validates(strict: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "one.yaml").write_text(SPEC)
    done = run_step("Validate", tmp_path, PATHS="specs specs/one.yaml", STRICT=strict)
    assert done.returncode == code, done.stderr
    assert "::warning file=specs/one.yaml,line=3,col=11" in done.stdout


@pytest.mark.parametrize("junit", ["", "out.xml"])
def test_the_action_tests(junit: str, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(SPEC)
    done = run_step("Test", tmp_path, PATHS=".", JUNIT=junit)
    assert done.returncode == 0, done.stderr
    assert "1 passed, 0 failed" in done.stdout
    assert (tmp_path / "out.xml").exists() == bool(junit)
    (tmp_path / "one.yaml").write_text(SPEC.replace("final_transcript: hi", "final_transcript: ho"))
    assert run_step("Test", tmp_path, PATHS=".", JUNIT="").returncode == 1


def test_every_input_of_the_action_is_used_and_documented() -> None:
    text = (ROOT / "action.yml").read_text()
    page = (ROOT / "docs" / "ci.md").read_text()
    inputs = set(yaml.safe_load(text)["inputs"])
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == inputs
    assert inputs == set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE))
    # Expressions in a script are how strangers run commands; they go through the environment.
    assert all("${{" not in step.get("run", "") for step in yaml.safe_load(text)["runs"]["steps"])


def test_every_hook_is_a_command_that_takes_files() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    for hook in hooks:
        program, command = hook["entry"].split()
        assert program == "specbuilder"
        (argument,) = [one for one in commands()[command].params if one.param_type_name == "argument"]
        assert argument.nargs == -1
        assert re.search(hook["files"], "specs/acme.yaml")
        assert f"{hook['id']}" in (ROOT / "docs" / "ci.md").read_text()


def test_the_commands_on_the_page_are_there() -> None:
    page = (ROOT / "docs" / "ci.md").read_text()
    written = re.findall(r"^(?:- run: )?specbuilder (\w+)(.*)$", page, re.MULTILINE)
    assert len(written) >= 5
    for command, rest in written:
        assert set(re.findall(r"(?<!\S)--[a-z-]+", rest.partition("#")[0])) <= options_of(command)
