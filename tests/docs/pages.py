"""Pages as a reader follows them: the blocks of a page, in order, done for real in an empty folder.

What a block is says the line that opens it; whoever reads the page sees only the first word of that line:

    yaml house.yaml             a file to write
    yaml house.yaml sections    top-level sections that take the place of those of their names, or are added
    yaml house.yaml top         lines to put above what is in the file
    python agent.py             a file to write that must be importable
    console                     commands after `$`, and what they print
    console heard               the same, and what they print depends on what a recogniser understood
    console server              the second terminal: the recogniser's server, until the page ends
    console install             needs a package registry; not done
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from specbuilder.local import word_error_rate

__all__ = ["ROOT", "Block", "Reader", "blocks"]

ROOT = Path(__file__).parents[2]

PORT = "8123"
"""The port the pages write; the tests take a free one, so that they run beside anything."""

MISHEARD = 0.2
"""The share of recognised words that may differ from the page's: machines round differently."""

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^(?=[a-z_]+:)", re.MULTILINE)
_TIMES = re.compile(r"[\d:,.]*\d")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: the first word of the opening line.
        words: the other words.
        text: what is inside.
        place: page and line, for messages.
    """

    language: str
    words: tuple[str, ...]
    text: str
    place: str

    def commands(self) -> Iterator[tuple[str, str]]:
        """Every command of a console block, and what the page says it prints."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, output = re.sub(r"\\\n\s*", "", part).partition("\n")
            yield command, output


def blocks(page: str) -> list[Block]:
    """The blocks of a page, whose path is from the root of the project."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(
            found[1], tuple(found[2].split()), found[3], f"{page}:{text.count(chr(10), 0, found.start()) + 1}"
        )
        for found in _FENCE.finditer(text)
    ]


class Reader:
    """Someone in a clone of the project, with two terminals.

    Arguments:
        folder: an empty folder, which becomes the clone as far as readers need it.
    """

    def __init__(self, folder: Path) -> None:
        self.clone = self.place = folder / "clone"
        self.port = PORT
        self._server: subprocess.Popen[str] | None = None
        self.clone.mkdir()
        for name in ("docs", "examples", "specs"):
            (self.clone / name).symlink_to(ROOT / name)
        tools = folder / "bin"
        tools.mkdir()
        python = f'exec {shlex.quote(sys.executable)} "$@"'
        _script(tools / "python", python)
        _script(tools / "python3", python)
        _script(tools / "specbuilder", python.replace('"$@"', '-m specbuilder.cli "$@"'))
        _script(tools / "make", f'test "$*" = demo && {python.replace("$@", "examples/demo.py")}')
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")},
            "DEEPGRAM_API_KEY": "test-key",
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "HOME": str(folder),
        }

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server.communicate(timeout=15)

    def follow(self, block: Block) -> None:
        """Do what a block says and hold what is printed against it."""
        if block.language == "console":
            if "server" in block.words:
                self._serve(block)
            elif "install" not in block.words:
                for command, shown in block.commands():
                    self._run(command, shown, block)
        elif "sections" in block.words:
            self._edit(self.place / block.words[0], block.text)
        elif "top" in block.words:
            path = self.place / block.words[0]
            path.write_text(block.text + path.read_text("utf-8"), encoding="utf-8")
        elif block.words:
            self._write(block)
        elif block.language == "python":
            self._run(f"python -c {shlex.quote(block.text)}", "", block)
        else:
            raise AssertionError(f"{block.place}: nobody can tell what this block is for")

    def _write(self, block: Block) -> None:
        path = self.place / block.words[0]
        path.write_text(self._with_our_port(block.text), encoding="utf-8")
        if block.language == "python":
            self._run(f"python -c 'import {path.stem}'", "", block)

    def _edit(self, path: Path, text: str) -> None:
        parts = {part.partition(":")[0]: part for part in _SECTION.split(path.read_text("utf-8")) if part}
        for part in _SECTION.split(self._with_our_port(text)):
            if part:
                parts[part.partition(":")[0]] = part.rstrip("\n") + "\n"
        path.write_text("".join(parts.values()), encoding="utf-8")

    def _run(self, command: str, shown: str, block: Block) -> None:
        """Run a command where the last one left us."""
        after = self.clone.parent / "after"
        done = subprocess.run(
            ["bash", "-c", f"trap 'pwd > \"{after}\"' EXIT\n{self._with_our_port(command)}"],
            cwd=self.place,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=120,
        )
        self.place = Path(after.read_text("utf-8").strip())
        printed = done.stdout.replace(f":{self.port}", f":{PORT}")
        self._compare(printed, shown, "heard" in block.words, f"{block.place}: $ {command}\n{printed}")
        if not shown:
            assert done.returncode == 0, f"{block.place}: $ {command} ended with {done.returncode}"

    def _compare(self, printed: str, shown: str, heard: bool, message: str) -> None:
        if not heard:
            assert _spaced(printed) == _spaced(shown), message
            return
        assert word_error_rate(_words(shown), _words(printed)) <= MISHEARD, message
        assert bool(_interims(shown)) == bool(_interims(printed)), message

    def _serve(self, block: Block) -> None:
        """Start the server at a free port, and wait until it says that it listens."""
        ((command, shown),) = block.commands()
        assert command.endswith(f" --port {PORT}"), block.place
        self._server = subprocess.Popen(
            [*shlex.split(command)[:-1], "0"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        assert self._server.stdout is not None
        too_late = threading.Timer(60, self._server.kill)
        too_late.start()
        line = self._server.stdout.readline()
        too_late.cancel()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, f"{block.place}: $ {command}\n{line}"
        self.port = found[1]
        # Which engine it is depends on the machine.
        assert line.replace(self.port, PORT).rpartition(", ")[0] == shown.rpartition(", ")[0], block.place

    def _with_our_port(self, text: str) -> str:
        return text.replace(f":{PORT}", f":{self.port}").replace(f"--port {PORT}", f"--port {self.port}")


def _script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o755)


def _spaced(text: str) -> list[str]:
    """The lines, with single blanks: the width of a column depends on what else is in it."""
    return [" ".join(line.split()) for line in text.strip().splitlines()]


def _words(text: str) -> str:
    """What is left of an output without times and interim lines."""
    return _TIMES.sub(" ", "\n".join(line for line in text.splitlines() if line not in _interims(text)))


def _interims(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("~ ") or "  … " in line]
