"""Where transcripts go and in what form."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from .captions import srt, vtt
from .output import FINDINGS, CommandError, printable, say
from .transcript import Transcript

__all__ = ["Destination", "Format"]


class Format(str, Enum):
    """Forms of a transcript."""

    TEXT = "text"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"


_SUFFIXES = {Format.TEXT: ".txt", Format.JSON: ".json", Format.SRT: ".srt", Format.VTT: ".vtt"}


class Destination:
    """Writes each recording's transcript: to stdout, all to one file, or each to its own in a folder.

    Arguments:
        format: text is a line per segment; JSON a line per recording.
        output: a file; a folder (one that is there, or a path that ends in a separator); None for stdout.
        files: the recordings, as the caller wrote them.

    Raises:
        CommandError: the recordings would overwrite one another, or captions of several would be one file.
    """

    def __init__(self, format: Format, output: str | None, files: Iterable[str]) -> None:
        self._format = format
        self._file = Path(output) if output is not None else None
        self._folder: Path | None = None
        self._headers = 0
        self._written = False
        several = len(files := list(files)) > 1
        if output is not None and (output.endswith(("/", os.sep)) or Path(output).is_dir()):
            self._file, self._folder = None, Path(output)
            self._refuse_clashes(files)
        elif several and format in (Format.SRT, Format.VTT):
            raise CommandError(
                f"{format.value} of several recordings: give --output a folder (as in captions/)"
            )
        elif self._file is not None and any(_same(self._file, Path(file)) for file in files):
            raise CommandError(f"--output {output} is a recording that is to be read")
        self._several = several

    @property
    def shows_lines(self) -> bool:
        """Whether the text itself goes to stdout, line by line."""
        return self._format is Format.TEXT and self._file is None and self._folder is None

    def begin(self, file: str) -> None:
        """A recording is about to be transcribed: its header, where several share the screen."""
        if self._several and self.shows_lines:
            say(self._header(printable(file)))

    def write(self, transcript: Transcript) -> None:
        """Write a whole transcript; text on stdout has been printed already.

        Raises:
            CommandError: the file cannot be written.
        """
        if self.shows_lines:
            return
        text = self._formatted(transcript)
        try:
            self._save(transcript.file, text)
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be written: {error.strerror}", FINDINGS) from None

    def _save(self, file: str, text: str) -> None:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._path_of(file).write_text(text, encoding="utf-8")
        elif self._file is not None:
            with self._file.open("a" if self._written else "w", encoding="utf-8") as opened:
                opened.write(text)
        else:
            say(text.removesuffix("\n"))
        self._written = True

    def _formatted(self, transcript: Transcript) -> str:
        if self._format is Format.JSON:
            return json.dumps(transcript.as_data(), ensure_ascii=False) + "\n"
        if self._format is Format.SRT:
            return srt(transcript.segments)
        if self._format is Format.VTT:
            return vtt(transcript.segments)
        lines = [segment.text for segment in transcript.segments]
        if self._several and self._folder is None:
            lines.insert(0, self._header(transcript.file))
        return "".join(f"{line}\n" for line in lines)

    def _header(self, file: str) -> str:
        self._headers += 1
        return ("\n" if self._headers > 1 else "") + f"==> {file} <=="

    def _path_of(self, file: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{Path(file).stem}{_SUFFIXES[self._format]}"

    def _refuse_clashes(self, files: Iterable[str]) -> None:
        taken: dict[Path, str] = {}
        for file in files:
            path = self._path_of(file)
            if path in taken:
                raise CommandError(f"{taken[path]} and {file} would both be written to {path}")
            taken[path] = file


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)
