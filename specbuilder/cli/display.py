"""What is seen while a recording is transcribed: lines as they become final, and a part that is redrawn."""

from __future__ import annotations

from types import TracebackType

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from .output import console, printable, say

__all__ = ["Display"]

LONG = 15.0
"""Seconds of sound from which a progress bar is worth its line."""


class Display:
    """The screen of one recording; a context manager.

    On a terminal the interim text and, for long recordings, a progress bar are redrawn in place below the
    final lines. Without one there are plain lines.

    Arguments:
        lines: print text to stdout as it becomes final.
        interims: where nothing is redrawn, print interim text as lines that begin with "~ ".
        seconds: the recording's length, None when unknown.
    """

    def __init__(self, *, lines: bool, interims: bool, seconds: float | None) -> None:
        self._lines = lines
        self._interims = interims
        self._interim = ""
        screen = console(stderr=not lines)
        self._width = screen.width
        self._progress = Progress(
            BarColumn(), TextColumn("{task.completed:.0f} of {task.total:.0f} s"), console=screen
        )
        self._task: TaskID | None = None
        if seconds is not None and seconds >= LONG:
            self._task = self._progress.add_task("", total=seconds)
        # Text that is piped on is not mixed with a moving part on the same terminal.
        redraws = screen.is_terminal and not screen.is_dumb_terminal
        self._live = Live(console=screen, transient=True, get_renderable=self._rendered) if redraws else None

    def __enter__(self) -> Display:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._interim = ""
            self._live.stop()

    def interim(self, text: str) -> None:
        """Show what is being said; it replaces the last such text."""
        self._interim = printable(text)
        if self._live is None and self._interims and self._lines:
            say(f"~ {self._interim}")

    def final(self, text: str) -> None:
        """Print text that will not change any more."""
        self._interim = ""
        if not self._lines:
            return
        if self._live is not None:
            self._live.console.print(Text(printable(text)))
        else:
            say(printable(text))

    def read(self, seconds: float) -> None:
        """So much of the recording has been read."""
        if self._task is not None:
            self._progress.update(self._task, completed=seconds)

    def _rendered(self) -> Group:
        parts = [Text(_tail(self._interim, self._width), style="dim")] if self._interim else []
        return Group(*parts, *([self._progress] if self._task is not None else []))


def _tail(text: str, width: int) -> str:
    """The newest two lines' worth of a text: a part that is taller than the screen cannot be redrawn."""
    room = 2 * width - 2
    return text if len(text) <= room else "…" + text[1 - room :]
