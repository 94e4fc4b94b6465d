"""`examples/demo.py` as a user runs it: piped, on a terminal, and with the network cut off."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from specbuilder.local import word_error_rate

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "examples" / "demo.py"
SAID = (
    "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
)

LOOPBACK_ONLY = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
"""Runs a command where there is no network but the loopback interface (Linux)."""


def network_can_be_cut() -> bool:
    try:
        return subprocess.run([*LOOPBACK_ONLY, "true"], capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


NETWORK_CAN_BE_CUT = network_can_be_cut()


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "TERM": "xterm", "COLUMNS": "80"}


def piped(*prefix: str) -> str:
    """What the demo prints into a pipe, once it has ended well."""
    command = [*prefix, sys.executable, str(DEMO)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def on_terminal() -> str:
    """What the demo writes to a terminal of 80 columns."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(DEMO)], stdin=theirs, stdout=theirs, stderr=theirs, env=environment()
    )
    os.close(theirs)
    written = b""
    try:
        # At the end Linux gives an error, other systems nothing.
        while piece := os.read(ours, 2**14):
            written += piece
    except OSError:
        pass
    finally:
        os.close(ours)
        code = process.wait()
    text = written.decode()
    assert code == 0, text
    return text


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[str, Future[str]]]:
    """The demo three times at once: it speaks at real-time pace and leaves the processor idle."""
    with ThreadPoolExecutor(3) as threads:
        started = {"piped": threads.submit(piped), "terminal": threads.submit(on_terminal)}
        if NETWORK_CAN_BE_CUT:
            started["no network"] = threads.submit(piped, *LOOPBACK_ONLY)
        yield started


def check(output: str) -> None:
    """What the README shows is there: interims, finals, times, texts and rates, for both specs."""
    _, streamed, batch = re.split(r"^(?=\w+: )", output, flags=re.MULTILINE)
    assert streamed.startswith("vosk: jfk.wav")
    assert batch.startswith("openai_compatible: jfk.wav")
    interims = re.findall(r"^ +[\d.]+ s  … (.+)$", streamed, flags=re.MULTILINE)
    finals = re.findall(r"^ +[\d.]+ s  (?!…)(.+)$", streamed, flags=re.MULTILINE)
    assert len(interims) >= 3
    assert heard(streamed) == " ".join(finals)
    assert re.search(r"first interim after [\d.]+ s, first final after [\d.]+ s", streamed)
    assert re.search(r"answered after [\d.]+ s", batch)
    for part, bound in ((streamed, 0.15), (batch, 0.10)):
        rate = word_error_rate(SAID, heard(part))
        assert rate <= bound
        assert f"wrong  {rate:.1%} of the words, {bound:.0%} allowed" in part


def heard(part: str) -> str:
    found = re.search(r"^ +heard  (.+)$", part, flags=re.MULTILINE)
    assert found is not None, part
    return found[1]


def test_piped(runs: dict[str, Future[str]]) -> None:
    output = runs["piped"].result()
    assert "\x1b" not in output
    check(output)


@pytest.mark.skipif(not NETWORK_CAN_BE_CUT, reason="no network namespaces here")
def test_without_a_network(runs: dict[str, Future[str]]) -> None:
    check(runs["no network"].result())


def test_interims_are_redrawn_in_place_on_a_terminal(runs: dict[str, Future[str]]) -> None:
    output = runs["terminal"].result()
    # Every line that is left on the screen: an erased line (ESC [2K) is written over.
    left = [line.rpartition("\x1b[2K")[2] for line in output.split("\r\n")]
    screen = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", "\n".join(left))
    assert output.count("…") >= 3
    assert "…" not in screen
    assert all(len(line) <= 80 for line in screen.splitlines())
    check_screen = " ".join(screen.split())
    assert "vosk: jfk.wav" in check_screen
    assert check_screen.count("of the words") == 2


@pytest.mark.parametrize("way", ["transcribe_stream", "transcribe_file"])
async def test_too_many_wrong_words_are_a_failure(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.spec_from_file_location("demo", DEMO)
    assert found is not None
    assert found.loader is not None
    demo = importlib.util.module_from_spec(found)
    found.loader.exec_module(demo)

    async def well(*_: Any) -> str:
        return SAID

    async def badly(*_: Any) -> str:
        return SAID.replace("country", "company").replace("you", "me")

    monkeypatch.setattr(demo, "transcribe_stream", well)
    monkeypatch.setattr(demo, "transcribe_file", well)
    assert await demo.main() == 0
    monkeypatch.setattr(demo, way, badly)
    assert await demo.main() == 1


def test_the_readme_shows_what_it_prints() -> None:
    shown = re.search(r"^\$ make demo\n(.+?)^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
    assert shown is not None
    check(shown[1])
