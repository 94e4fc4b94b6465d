"""Which spec a word on the command line means."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..language.catalog import bundled, bundled_path
from ..language.errors import did_you_mean
from .output import CommandError

__all__ = ["complete_spec", "find_spec", "find_specs"]

_SUFFIXES = (".yaml", ".yml")

_SPEC = re.compile(rb"^(?:\xef\xbb\xbf)?([\"']?)spec\1[ \t]*:", re.MULTILINE)
"""The key that every spec has at its top level, and hardly any other YAML."""


def find_spec(text: str) -> str | Path:
    """The bundled spec or the file that is meant.

    A file that is there wins over a bundled spec of its name: who writes `deepgram.yaml` beside his own
    `deepgram.yaml` means that one.

    Raises:
        CommandError: there is neither.
    """
    path = Path(text)
    if path.suffix in _SUFFIXES and path.is_file():
        return path
    if bundled_path(text) is not None:
        return text
    if path.is_file():
        return path
    what = "a folder, not a spec" if path.is_dir() else "no spec: neither a file nor a bundled name"
    hint = did_you_mean(path.stem, bundled()) if path.name == text else None
    raise CommandError(f"{text} is {what}" + (f" ({hint})" if hint else ""))


def find_specs(texts: Iterable[str]) -> list[str | Path]:
    """Every spec that files, folders (searched for YAML files that are specs) and names mean, each once.

    Raises:
        CommandError: one of them means none.
    """
    found: dict[str | Path, None] = {}
    for text in texts:
        if bundled_path(text) is None and Path(text).is_dir():
            inside = list(_specs_below(Path(text)))
            if not inside:
                raise CommandError(f"{text}: no spec in this folder (a YAML file with the key `spec`)")
            found.update(dict.fromkeys(inside))
        else:
            found[find_spec(text)] = None
    return list(found)


def complete_spec(incomplete: str) -> list[str]:
    """Bundled names, for the shell."""
    return [name for name in bundled() if name.startswith(incomplete)]


def _specs_below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        # Hidden folders hold caches and environments.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(place, name)
            if path.suffix in _SUFFIXES and _is_spec(path):
                yield path


def _is_spec(path: Path) -> bool:
    try:
        return _SPEC.search(path.read_bytes()) is not None
    except OSError:
        # Its validation says why it cannot be read.
        return True
