"""`specbuilder serve`: the embedded recogniser as a server that speaks real vendors' protocols."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .output import FINDINGS, CommandError, say

if TYPE_CHECKING:
    from ..local import LocalServer

__all__ = ["serve"]


class Engine(str, Enum):
    """The embedded speech engines."""

    AUTO = "auto"
    MOONSHINE = "moonshine"
    POCKETSPHINX = "pocketsphinx"


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for a free one.")] = 8123,
    engine: Annotated[
        Engine, typer.Option(help="auto: moonshine, or pocketsphinx without it.")
    ] = Engine.AUTO,
    model_path: Annotated[
        Path | None,
        typer.Option(help="A folder with another Moonshine model.", show_default=False),
    ] = None,
    max_streams: Annotated[int, typer.Option(min=1, help="Streams at once; more are refused.")] = 8,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="SPECBUILDER_SERVE_API_KEY",
            help="What clients must send as their key. Better in the variable: others see a command line.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Serve speech recognition on this machine: no vendor, no key, nothing leaves it.

    It speaks OpenAI's transcription request (specs openai, groq, ...) and vosk-server's websocket (spec
    vosk). Ctrl-C stops it.
    """
    from ..local import EngineUnavailable
    from ..local import serve as run

    try:
        run(
            host,
            port,
            engine.value,
            model_path,
            max_streams,
            api_key=api_key,
            ready=_announce,
        )
    except EngineUnavailable as error:
        raise CommandError(str(error), FINDINGS) from None
    except OSError as error:
        raise CommandError(f"cannot listen on {host}:{port}: {_reason(error)}", FINDINGS) from None
    except ValueError as error:
        raise CommandError(str(error)) from None


def _reason(error: OSError) -> str:
    """Why it cannot listen: asyncio wraps the system's words in an address, differently in each Python."""
    # A host without an address has a negative number, which the system has no words for.
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or str(error)


def _announce(server: LocalServer) -> None:
    websocket = server.url.replace("http:", "ws:", 1)
    places = f"{server.url} (spec openai_compatible) and {websocket} (spec vosk)"
    say(f"Listening on {places}, {server.engine}; Ctrl-C stops")
