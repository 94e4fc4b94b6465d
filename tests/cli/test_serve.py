"""`specbuilder serve`, and `transcribe` against the embedded recogniser it serves."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import urllib.request
from pathlib import Path

import pytest

from specbuilder.local import LocalServer, word_error_rate

from .conftest import process, run, run_beside

JFK = (
    "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_one_line_when_ready_and_a_clean_end() -> None:
    with process("serve", "--port", "0", "--max-streams", "2") as started:
        assert started.stdout is not None
        line = started.stdout.readline()
        assert line.startswith("Listening on http://127.0.0.1:")
        url = line.split()[2]
        assert url.replace("http:", "ws:") in line
        with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
            assert json.load(answer)["status"] == "ok"
        started.send_signal(signal.SIGINT)
        rest, errors = started.communicate(timeout=20)
    assert (started.returncode, rest, errors) == (0, "", "")


def test_what_cannot_be_served() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("serve", "--port", port)
    assert result.exit_code == 1
    assert result.stderr == f"error: cannot listen on 127.0.0.1:{port}: {os.strerror(errno.EADDRINUSE)}\n"
    wrong = run("serve", "--engine", "pocketsphinx", "--model-path", "x")
    assert wrong.exit_code == 2
    assert "model_path is for Moonshine" in wrong.stderr
    assert run("serve", "--engine", "magic").exit_code == 2


async def test_real_speech_in_every_form(
    audio: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_KEY", "sesame")
    async with LocalServer(api_key="sesame") as server:
        batch = ("transcribe", "--spec", "openai", "--base-url", server.url, "--api-key-env", "LOCAL_KEY")
        text = await run_beside(*batch, audio["jfk"])
        captions = await run_beside(
            *batch, "--option", "model=whisper-1", "--format", "srt", "-o", tmp_path / "a.srt", audio["jfk"]
        )
        refused = await run_beside(*batch[:-1], "PATH", audio["jfk"])
    assert text.exit_code == 0, text.output
    assert word_error_rate(JFK, text.stdout) <= 0.1
    assert captions.exit_code == 0, captions.output
    written = (tmp_path / "a.srt").read_text()
    assert written.startswith("1\n00:00:0")
    said = " ".join(line for line in written.splitlines() if line and not line[0].isdigit())
    assert word_error_rate(JFK, said) <= 0.1
    assert refused.exit_code == 1
    assert "status 401" in refused.stderr


async def test_real_speech_streamed(audio: dict[str, Path]) -> None:
    async with LocalServer() as server:
        result = await run_beside(
            *("transcribe", "--spec", "vosk", "--stream", "--speed", "0", "--interims"),
            *("--base-url", server.url, audio["jfk"]),
        )
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    finals = [line for line in lines if not line.startswith("~ ")]
    assert word_error_rate(JFK, " ".join(finals)) <= 0.25
    assert len(lines) > len(finals)
