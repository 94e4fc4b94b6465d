"""What every command prints with: lines, tables, problems, and the exit codes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "FINDINGS",
    "OK",
    "USAGE",
    "CommandError",
    "complain",
    "console",
    "print_json",
    "print_table",
    "printable",
    "say",
]

OK = 0
"""Done, nothing found."""

FINDINGS = 1
"""Done as far as possible, and something is wrong: with a spec, a recording, a vendor."""

USAGE = 2
"""The command cannot be run as it was written."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_PIPE_WIDTH = 10_000
"""Columns where there is no terminal: a table that is read by a program is never cut."""


class CommandError(Exception):
    """A command cannot go on; the message is all that is printed.

    Arguments:
        exit_code: `USAGE` where the command line is at fault, else `FINDINGS`.
    """

    def __init__(self, message: str, exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code


def printable(text: str) -> str:
    """The text with control characters replaced: what a vendor says must not steer the terminal."""
    return _CONTROL.sub("\ufffd", text)


def say(text: str) -> None:
    """Print to stdout at once, so that a reader at the other end of a pipe sees each line as it comes."""
    print(text, flush=True)


def complain(message: str, *, word: str = "error") -> None:
    """Print a problem to stderr; `word` is what it begins with."""
    text = printable(message)
    terminal = console(stderr=True)
    if not terminal.is_terminal:
        print(f"{word}: {text}", file=sys.stderr, flush=True)
        return
    from rich.text import Text

    terminal.print(Text.assemble((f"{word}: ", "bold red"), text))


def console(*, stderr: bool = False) -> Console:
    """A rich console on stdout or stderr, as they are now."""
    from rich.console import Console

    found = Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not found.is_terminal:
        found.width = _PIPE_WIDTH
    return found


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Mapping[str, str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns; one without any content is left out.

    Arguments:
        columns: heading -> "left" or "right".
        rows: the cells, as plain text.
    """
    from rich.table import Table
    from rich.text import Text

    rows = list(rows)
    shown = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, (heading, justify) in enumerate(columns.items()):
        if index in shown:
            table.add_column(heading, justify="right" if justify == "right" else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(row[index])) for index in shown))
    console().print(table, soft_wrap=False)
