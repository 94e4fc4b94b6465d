"""What every test runs under: no keys or proxies from outside, and no task left behind."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

# pytest finds hooks by their names in this module.
from tests.support.taint import (  # noqa: F401
    pytest_configure,
    pytest_runtest_logreport,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_unconfigure,
    pytest_warning_recorded,
)

AUDIO = Path(__file__).parent / "audio"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take vendor keys, credentials and proxies out of the environment, so no test can use or need them."""
    for name in list(os.environ):
        upper = name.upper()
        if upper.endswith(("_API_KEY", "_PROXY")) or upper == "GOOGLE_APPLICATION_CREDENTIALS":
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
async def no_leaked_tasks() -> AsyncIterator[None]:
    """Fail a test that leaves asyncio tasks running, as a stream or socket that nobody closed would."""
    before = asyncio.all_tasks()
    yield
    leaked = {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}
    if leaked:
        # A task that has just been told to stop needs a few turns of the loop to do so.
        _, leaked = await asyncio.wait(leaked, timeout=0.5)
    for task in leaked:
        task.cancel()
    if leaked:
        await asyncio.wait(leaked, timeout=1.0)
        pytest.fail("tasks left running: " + ", ".join(sorted(repr(task.get_coro()) for task in leaked)))


@pytest.fixture(scope="session")
def audio() -> dict[str, Path]:
    """The recordings by the id they have in tests/audio/manifest.json (WAV, 16 kHz mono, 16 bits)."""
    manifest = json.loads((AUDIO / "manifest.json").read_text(encoding="utf-8"))
    return {entry["id"]: AUDIO / entry["file"] for entry in manifest}
