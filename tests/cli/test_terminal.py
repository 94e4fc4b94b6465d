"""`specbuilder transcribe --stream` on a terminal: what is redrawn, and what stays."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.vendor import AfterAudio, AfterText, Close, Script, ScriptedVendor, Send, WaitFor

from .conftest import environment

pty = pytest.importorskip("pty")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")


class Terminal:
    """A terminal of 24 rows and 80 columns for a process: enough of a VT100 to see what stands on it."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, b"\x18\x00\x50\x00\x00\x00\x00\x00")
        self.written = ""
        self._rows: list[str] = [""]
        self._row = self._column = 0
        self._rest = ""
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(self.master, self._read)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        os.close(self.slave)

    @property
    def screen(self) -> list[str]:
        """The rows that are not blank."""
        return [row.rstrip() for row in self._rows if row.strip()]

    async def until(self, seen: Callable[[list[str]], bool]) -> None:
        """Wait until the screen is as it should be; at most 20 s."""
        deadline = asyncio.get_running_loop().time() + 20
        while not seen(self.screen):
            left = deadline - asyncio.get_running_loop().time()
            assert left > 0, f"the screen stayed {self.screen}"
            self._changed.clear()
            waiter = asyncio.ensure_future(self._changed.wait())
            await asyncio.wait([waiter], timeout=left)
            waiter.cancel()

    def _read(self) -> None:
        self.written += (text := os.read(self.master, 65536).decode("utf-8", "replace"))
        for sequence, character in re.findall(r"\x1b\[([?\d;]*[A-Za-z])|([^\x1b])", text):
            self._control(sequence) if sequence else self._character(character)
        self._changed.set()

    def _control(self, sequence: str) -> None:
        if sequence.endswith("A"):
            self._row = max(0, self._row - int(sequence[:-1] or 1))
        elif sequence == "2K":
            self._rows[self._row] = ""

    def _character(self, character: str) -> None:
        if character == "\n":
            self._row += 1
            self._rows += [""] * (self._row + 1 - len(self._rows))
        elif character == "\r":
            self._column = 0
        else:
            row = self._rows[self._row].ljust(self._column)
            self._rows[self._row] = row[: self._column] + character + row[self._column + 1 :]
            self._column += 1


def has(text: str) -> Callable[[list[str]], bool]:
    return lambda rows: any(text in row for row in rows)


async def start(
    terminal: Terminal, *arguments: str | Path, errors: int | None = None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "specbuilder.cli", "transcribe", "--spec", "vosk", "--stream"),
        *map(str, arguments),
        stdout=terminal.slave,
        stderr=terminal.slave if errors is None else errors,
        env=environment(TERM="xterm"),
        start_new_session=True,
    )


async def ended(process: asyncio.subprocess.Process) -> None:
    """Leave no process behind a failed test."""
    if process.returncode is None:
        process.kill()
        await process.wait()


async def test_interims_are_redrawn_in_place_above_a_progress_bar(
    tmp_path: Path,
) -> None:
    first, second = asyncio.Event(), asyncio.Event()
    long = tmp_path / "long.wav"
    with wave.open(str(long), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(20 * 32_000))
    script: Script = [
        AfterAudio(0.5),
        Send({"partial": "go"}),
        WaitFor(first),
        Send({"partial": "go for"}),
        WaitFor(second),
        Send({"text": "go forward"}),
        AfterText('{"eof" : 1}'),
        Send({"text": "ten meters"}),
        Send({"text": ""}),
        Close(1000),
    ]
    async with ScriptedVendor(script, timeout=20) as server:
        terminal = Terminal()
        process = await start(terminal, "--speed", "0", "--base-url", server.url, long)
        try:
            await terminal.until(lambda rows: len(rows) == 2 and rows[0] == "go" and " of 20 s" in rows[1])
            first.set()
            await terminal.until(has("go for"))
            # The longer text stands where the shorter one stood.
            assert [row for row in terminal.screen if row.startswith("go")] == ["go for"]
            second.set()
            assert await process.wait() == 0
            await terminal.until(has("ten meters"))
            assert terminal.screen == ["go forward", "ten meters"]
        finally:
            terminal.close()
            await ended(process)


async def test_ctrl_c_ends_it_with_130_and_leaves_the_terminal_clean(audio: dict[str, Path]) -> None:
    async with ScriptedVendor([AfterAudio(0.2), Send({"partial": "go"})]) as server:
        terminal = Terminal()
        process = await start(terminal, "--base-url", server.url, audio["jfk"])
        try:
            await terminal.until(has("go"))
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130
            await terminal.until(lambda rows: rows == [])
            # The cursor, hidden while something is redrawn, is back.
            assert terminal.written.rindex("\x1b[?25h") > terminal.written.rindex("\x1b[?25l")
        finally:
            terminal.close()
            await ended(process)


async def test_a_warning_does_not_tear_the_picture(audio: dict[str, Path]) -> None:
    """livekit logs a retry in the middle of a stream."""
    again = asyncio.Event()
    scripts: tuple[Script, ...] = (
        [AfterAudio(0.2), Send({"partial": "go"}), WaitFor(again), Close(1011, "restarting")],
        [AfterText('{"eof" : 1}'), Send({"text": "go forward"}), Send({"text": ""}), Close(1000)],
    )
    async with ScriptedVendor(*scripts, timeout=20) as server:
        terminal = Terminal()
        process = await start(terminal, "--speed", "0", "--base-url", server.url, audio["go_forward"])
        try:
            await terminal.until(has("go"))
            again.set()
            assert await process.wait() == 0
            await terminal.until(has("go forward"))
            assert terminal.screen[-1] == "go forward"
            assert "retrying" in "".join(terminal.screen[:-1])
            assert "go" not in [row.strip() for row in terminal.screen]
        finally:
            terminal.close()
            await ended(process)
