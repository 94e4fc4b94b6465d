"""`specbuilder transcribe`: recordings through a spec, as an agent would use it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Annotated

import typer

from .destination import Destination, Format
from .output import FINDINGS, CommandError
from .specs import complete_spec, find_spec
from .values import parse_options

if TYPE_CHECKING:
    from ..adapters.stt import SpecSTT
    from ..protocol.spec import Spec

__all__ = ["transcribe"]


def transcribe(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Recordings, in any form that FFmpeg reads.", show_default=False
        ),
    ],
    spec: Annotated[
        str,
        typer.Option(
            "--spec",
            "-s",
            metavar="NAME_OR_PATH",
            help="A bundled name or a spec file.",
            autocompletion=complete_spec,
            show_default=False,
        ),
    ],
    stream: Annotated[
        bool, typer.Option("--stream", help="Stream as a live call would, instead of one request per file.")
    ] = False,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=VALUE",
            help="An option of the spec, read by its type: true, 3, a,b for a list, JSON for an object.",
            show_default=False,
        ),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Another server that speaks this protocol.", show_default=False),
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option(
            metavar="VAR",
            help="The environment variable with the key, if not the spec's own. There is no option for the "
            "key itself: others can see a command line.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[
        Format, typer.Option("--format", "-f", help="The form of the transcript.")
    ] = Format.TEXT,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to a file, or per recording into a folder.",
            show_default=False,
        ),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.0, help="With --stream: times real time; 0 is as fast as it is taken.")
    ] = 1.0,
    interims: Annotated[
        bool, typer.Option("--interims", help="With --stream, piped: print interim text too, after '~ '.")
    ] = False,
) -> None:
    """Transcribe recordings with a vendor, through its spec.

    Exit status: 0 done, 1 a recording or the vendor failed, 2 wrong usage.
    """
    from .. import load_spec
    from .transcription import Transcription

    found = load_spec(find_spec(spec))
    destination = Destination(format, output, files)
    adapter = _adapter(found, option or [], base_url, api_key_env)
    _require(adapter, stream)

    work = Transcription(adapter, destination, streaming=stream, speed=speed, interims=interims and stream)
    if asyncio.run(work.run(files)):
        raise typer.Exit(FINDINGS)


def _adapter(spec: Spec, options: list[str], base_url: str | None, api_key_env: str | None) -> SpecSTT:
    """The adapter that the command line asks for."""
    from .. import load_adapter

    values = parse_options(options, spec.options)
    api_key = None
    if api_key_env is not None:
        api_key = os.environ.get(api_key_env)
        if not api_key:
            raise CommandError(f"--api-key-env: the environment variable {api_key_env} is not set")
    try:
        return load_adapter(spec, api_key=api_key, base_url=base_url, **values)
    except ValueError as error:
        message = str(error)
    raise CommandError(_in_terms_of_the_command(message))


def _in_terms_of_the_command(message: str) -> str:
    """An adapter's message names Python arguments; here the same things are given otherwise."""
    return message.replace("pass api_key=… or set", "set").replace("pass api_key=…", "use --api-key-env")


def _require(adapter: SpecSTT, streaming: bool) -> None:
    """Refuse what the spec has not.

    Raises:
        CommandError: it names the other way.
    """
    name, able = adapter.spec.name, adapter.capabilities
    if streaming and not able.streaming:
        raise CommandError(f"{name} does not stream with these options: leave --stream out")
    if not streaming and not able.offline_recognize:
        raise CommandError(f"{name} only streams with these options: add --stream")
