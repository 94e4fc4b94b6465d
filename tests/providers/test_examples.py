"""The examples: a real conversation on this machine, and the worker they are with LiveKit's keys."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import AgentServer, AgentSession, stt

from specbuilder.local import word_error_rate

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SAID = (
    "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
)
AGENTS = ["agent_custom_http", "agent_custom_ws", "agent_from_spec", "agent_fallback", "mixed_providers"]


async def program(*arguments: str) -> tuple[int, str, str]:
    """Run an example as a user does; its exit status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=EXAMPLES,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


@pytest.mark.parametrize("pair", [AGENTS[:2], AGENTS[2:4], AGENTS[4:]], ids="+".join)
async def test_an_agent_hears_the_recording_and_answers(pair: list[str]) -> None:
    # Two at a time: each speaks in real time, and two recognisers are enough for a small machine.
    for name, (status, output, errors) in zip(
        pair, await asyncio.gather(*(program(f"{name}.py", "--local") for name in pair)), strict=True
    ):
        assert status == 0, f"{name}: {errors}"
        lines = [line.partition(": ") for line in output.splitlines()]
        heard = " ".join(text for who, _, text in lines if who == "user")
        assert word_error_rate(SAID, heard) <= 0.3, output
        assert any(who == "assistant" and text.startswith("You said: ") for who, _, text in lines)


async def test_a_file_is_transcribed() -> None:
    status, output, errors = await program("transcribe_file.py", "--local")
    assert status == 0, errors
    assert word_error_rate(SAID, output) <= 0.15


async def test_a_file_without_a_key_is_one_line_of_error() -> None:
    status, output, errors = await program("transcribe_file.py", "--spec", "deepgram")
    assert (status, output) == (1, "")
    assert errors.strip() == "deepgram: an API key is required: pass api_key=… or set DEEPGRAM_API_KEY"


@pytest.mark.parametrize("name", AGENTS)
async def test_an_agent_is_a_worker(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []

    async def start(self: Any, agent: Any, **arguments: Any) -> None:
        started.append((self.stt, arguments["room"]))

    monkeypatch.setattr(AgentSession, "start", start)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("DEEPGRAM_API_KEY", "dg-test")
    scheme = "wss" if name == "agent_custom_ws" else "https"
    monkeypatch.setenv("STT_URL", f"{scheme}://api.example.com/v1")
    example = importlib.import_module(name)
    assert isinstance(example.server, AgentServer)
    await example.entrypoint(SimpleNamespace(room="the room"))
    [(recogniser, room)] = started
    assert isinstance(recogniser, stt.STT)
    assert getattr(recogniser, "on_error", "raise") == "raise"
    assert room == "the room"
    await recogniser.aclose()


async def test_a_worker_runs_from_the_command_line() -> None:
    status, output, _ = await program("agent_from_spec.py", "--help")
    assert status == 0
    assert "dev" in output
