"""The command line: `specbuilder COMMAND`. Printing and exit codes are here and nowhere else."""

from __future__ import annotations

from .app import main

__all__ = ["main"]
