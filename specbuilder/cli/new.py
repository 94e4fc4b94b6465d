"""`specbuilder new`: a draft of a spec, from what an author has already."""

from __future__ import annotations

import json
import re
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from .output import FINDINGS, CommandError, say

__all__ = ["new"]


class Kind(str, Enum):
    """How the vendor takes audio."""

    HTTP_MULTIPART = "http-multipart"
    HTTP_JSON = "http-json"
    HTTP_BINARY = "http-binary"
    HTTP_POLL = "http-poll"
    WS_BINARY = "ws-binary"
    WS_BASE64 = "ws-base64"


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the spec.", show_default=False)],
    kind: Annotated[
        Kind | None,
        typer.Option("--kind", help="How the vendor takes audio; told by curl or OpenAPI, else ws-binary."),
    ] = None,
    from_curl: Annotated[
        str | None, typer.Option("--from-curl", metavar="FILE", help="A curl command; - reads it from stdin.")
    ] = None,
    from_openapi: Annotated[
        Path | None, typer.Option("--from-openapi", metavar="FILE", help="An OpenAPI 3 file.")
    ] = None,
    from_sample: Annotated[
        Path | None,
        typer.Option(
            "--from-sample", metavar="FILE", help="The vendor's message as JSON, or one on each line."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: NAME.yaml; - prints it.")
    ] = None,
) -> None:
    """Write a commented draft of a spec that loads, with a test, and marks where something is to be decided.

    Exit status: 0 written, 1 nothing could be made of what was given, 2 wrong usage.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise CommandError(f"{name!r}: a name has lower-case letters, digits and _, and begins with a letter")
    if from_curl is not None and from_openapi is not None:
        raise CommandError("give --from-curl or --from-openapi, not both")
    target = output or Path(f"{name}.yaml")
    if str(target) != "-" and target.exists():
        raise CommandError(f"{target} is there already")
    text = _drafted(name, kind, from_curl, from_openapi, from_sample)
    if str(target) == "-":
        say(text.rstrip())
        return
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{target} cannot be written: {error.strerror}") from None
    say(f"{target} written; next: look for TODO in it, then specbuilder test {target}")


def _drafted(
    name: str, kind: Kind | None, curl: str | None, openapi: Path | None, sample: Path | None
) -> str:
    from ..toolkit.draft import draft
    from ..toolkit.imports import ImportProblem, Parts, from_curl, from_openapi

    parts = Parts()
    try:
        if curl is not None:
            parts = from_curl((sys.stdin.read() if curl == "-" else _read(Path(curl))).strip())
        elif openapi is not None:
            parts = from_openapi(_read(openapi))
        samples = [] if sample is None else _messages(_read(sample), sample)
        return draft(name, kind.value if kind else parts.kind or "ws-binary", parts, samples)
    except ImportProblem as problem:
        raise CommandError(str(problem), FINDINGS) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from None


def _messages(text: str, path: Path) -> list[Any]:
    """One JSON value, or one on each line."""
    try:
        return [json.loads(text)]
    except ValueError as error:
        problem = error
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError:
        raise CommandError(f"{path} is no JSON: {problem}", FINDINGS) from None
