"""The commands, the options of all of them, and what becomes of errors."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..language.errors import SpecError
from .changes import diff, docs, migrate
from .conformance import conformance
from .listing import list_bundled
from .new import new
from .output import FINDINGS, CommandError, complain, say
from .record import explain, record
from .schema import print_schema
from .serve import serve
from .show import show
from .simulate import simulate
from .test import run_spec_tests
from .transcribe import transcribe
from .validate import validate

__all__ = ["app", "main"]


class _Commands(TyperGroup):
    """Turns what commands raise into messages and exit codes."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            # typer's own exceptions carry their exit code, and it prints them itself.
            if isinstance(error, (BrokenPipeError, typer.Abort)) or (
                hasattr(error, "exit_code") and not isinstance(error, CommandError)
            ):
                raise
            raise typer.Exit(_report(error, ctx.params.get("debug", False))) from error


def _report(error: Exception, debug: bool) -> int:
    """Print an error; the exit code it stands for."""
    if debug:
        traceback.print_exc()
    if isinstance(error, SpecError):
        for issue in error.issues:
            complain(str(issue))
        return FINDINGS
    if isinstance(error, CommandError):
        complain(error.message)
        return error.exit_code
    complain(f"{type(error).__name__}: {error}" + ("" if debug else " (specbuilder --debug … shows where)"))
    return FINDINGS


app = typer.Typer(
    name="specbuilder",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: specbuilder transcribe --spec deepgram recording.mp3",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"specbuilder {_version()}")
        raise typer.Exit


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("specbuilder")
    except metadata.PackageNotFoundError:
        return "(run from its source, not installed)"


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks, and what the engine logs.")
    ] = False,
) -> None:
    """A YAML spec of a speech-to-text vendor's API becomes a working LiveKit STT."""
    # Without a handler Python prints warnings to the stderr of the moment, which a redrawn screen relies on.
    if debug:
        logging.basicConfig(format="%(levelname)s: %(name)s: %(message)s")
        # Not the root logger: HTTP and WebSocket libraries log headers, and those hold keys.
        logging.getLogger("specbuilder").setLevel(logging.DEBUG)


for _name, _function, _example in (
    ("validate", validate, "specbuilder validate my_vendor.yaml specs/"),
    ("test", run_spec_tests, "specbuilder test my_vendor.yaml"),
    (
        "transcribe",
        transcribe,
        "specbuilder transcribe --spec deepgram --stream --option language=de call.ogg",
    ),
    ("new", new, "specbuilder new my_vendor --from-curl request.sh --from-sample answer.json"),
    ("record", record, "specbuilder record my_vendor.yaml call.wav --out trace.jsonl --as-test"),
    ("explain", explain, "specbuilder explain my_vendor.yaml trace.jsonl"),
    ("diff", diff, "specbuilder diff deepgram my_deepgram.yaml"),
    ("docs", docs, "specbuilder docs my_vendor.yaml --output my_vendor.md"),
    ("migrate", migrate, "specbuilder migrate --check specs/"),
    ("serve", serve, "specbuilder serve --port 8123"),
    ("simulate", simulate, "specbuilder simulate deepgram --fault drop"),
    ("conformance", conformance, "specbuilder conformance my_vendor.yaml"),
    ("list", list_bundled, "specbuilder list --json"),
    ("show", show, "specbuilder show deepgram"),
    ("schema", print_schema, "specbuilder schema --output spec.schema.json"),
):
    app.command(_name, epilog=f"Example: {_example}")(_function)


def main() -> None:
    """The `specbuilder` script. Exit status: 0 ok, 1 something was found or failed, 2 wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        # A transcript in a script that the terminal cannot show is no reason to stop.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        try:
            app(prog_name="specbuilder")
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader has left (`| head`). What is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FINDINGS)
