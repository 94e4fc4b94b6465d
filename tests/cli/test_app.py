"""What holds for every command: help, exit codes, errors without tracebacks, pipes whose reader leaves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from specbuilder.cli import output

from .conftest import environment, process, run

COMMANDS = (
    "validate",
    "test",
    "transcribe",
    "serve",
    "list",
    "show",
    "schema",
    "new",
    "record",
    "explain",
    "diff",
    "docs",
    "migrate",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example: specbuilder {command}" in result.stdout


def test_the_whole_help_names_every_command() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert all(f"│ {command} " in result.stdout for command in COMMANDS)


def test_help_is_quick_because_livekit_is_not_imported() -> None:
    code = (
        "import sys; from specbuilder.cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'livekit', 'aiohttp', 'jinja2', 'av', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_version() -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("specbuilder ")


@pytest.mark.parametrize(
    "arguments", [(), ("frobnicate",), ("validate",), ("transcribe", "a.wav"), ("list", "--jason")]
)
def test_wrong_usage_is_exit_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_the_codes_of_a_real_process(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("spec: 1\n")
    for arguments, code in (
        (("list",), 0),
        (("validate", broken), 1),
        (("validate", tmp_path / "none.yaml"), 2),
    ):
        with process(*arguments) as started:
            _, errors = started.communicate(timeout=60)
        assert started.returncode == code
        assert "Traceback" not in errors


def test_a_reader_who_leaves_is_no_traceback() -> None:
    with process("schema") as started:
        assert started.stdout is not None
        assert started.stderr is not None
        # The interpreter needs longer to start than this takes: the first write finds nobody.
        started.stdout.close()
        assert started.stderr.read() == ""
        assert started.wait(60) == 1


def test_an_unforeseen_error_is_one_line_and_a_traceback_only_with_debug(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise LookupError("no such thing")

    monkeypatch.setattr("specbuilder.language.catalog.bundled", fail)
    short = run("list")
    assert short.exit_code == 1
    assert short.stderr == "error: LookupError: no such thing (specbuilder --debug … shows where)\n"
    long = run("--debug", "list")
    assert long.exit_code == 1
    assert "Traceback" in long.stderr
    assert long.stderr.endswith("error: LookupError: no such thing\n")


def test_a_broken_spec_is_named_by_every_command_that_loads_one(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("spec: 1\nbase_url: https://a.example\nstreem: {}\n")
    for arguments in (("show", broken), ("transcribe", "--spec", broken, "a.wav"), ("test", broken)):
        result = run(*arguments)
        assert result.exit_code == 1
        assert f"error: {broken}:3:1: streem: unknown key 'streem' (did you mean 'stream'?)" in result.stderr
        assert "Traceback" not in result.output


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert output.printable("a\x1b[2Jb\x07\x9bc\td\n") == "a\ufffd[2Jb\ufffd\ufffdc\td\n"
