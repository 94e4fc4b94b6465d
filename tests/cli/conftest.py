"""The command line as a test calls it: in this process, or as a process of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from specbuilder.cli.app import app

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def plain_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """No colours and no fixed width, whatever the terminal of who runs the tests says."""
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str | Path) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


async def run_beside(*arguments: str | Path) -> Result:
    """Run a command in a thread, while this event loop plays its vendor."""
    return await asyncio.to_thread(run, *arguments)


def environment(**more: str) -> dict[str, str]:
    """For a process of its own: this checkout is the one it imports."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **more}


def process(*arguments: str | Path, **more: Any) -> subprocess.Popen[str]:
    """Start a command as a process of its own, its output in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "specbuilder.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        **more,
    )
