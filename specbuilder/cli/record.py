"""`specbuilder record` and `specbuilder explain`: a live session's wire, and what a spec makes of one."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .output import FINDINGS, CommandError, complain, printable, say
from .specs import complete_spec, find_spec
from .values import parse_options

__all__ = ["explain", "record"]

_SPEC = typer.Argument(
    metavar="SPEC", help="A bundled name or a spec file.", autocompletion=complete_spec, show_default=False
)


def record(
    spec: Annotated[str, _SPEC],
    file: Annotated[Path, typer.Argument(metavar="AUDIO", help="A recording to send.", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="TRACE", help="The trace to write.", show_default=False)
    ],
    as_test: Annotated[
        bool, typer.Option("--as-test", help="Also print the session as a test, to put below 'tests:'.")
    ] = False,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="An option of the spec; may be repeated."),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", metavar="URL", help="Another server of this protocol.")
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.0, help="Times real time; 0 is as fast as it is taken.")
    ] = 1.0,
) -> None:
    """Record a live session with a vendor: everything that is said, keys masked.

    Exit status: 0 done, 1 the vendor or the recording failed (what came before is written), 2 wrong usage.
    """
    from livekit.agents import APIError

    from .. import load_spec
    from ..toolkit.record import RecordingSTT
    from .audio import AudioFile, AudioFileError
    from .transcription import explain as told

    found = load_spec(find_spec(spec))
    values = parse_options(option or [], found.options)
    try:
        adapter = RecordingSTT(found, base_url=base_url, **values)
    except ValueError as error:
        raise CommandError(str(error).replace("pass api_key=… or set", "set")) from None

    async def run() -> None:
        try:
            with AudioFile(file) as audio:
                await adapter.record(audio.frames(), speed)
        finally:
            await adapter.aclose()

    failed = ""
    try:
        asyncio.run(run())
    except (APIError, AudioFileError) as error:
        failed = told(error)
    try:
        out.write_text(adapter.trace.text(), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}") from None
    if as_test:
        from ..toolkit.as_test import test_from_trace, written_test

        say(written_test(test_from_trace(found, adapter.trace.lines, out.stem)).rstrip())
    if failed:
        complain(f"{file}: {failed}")
        raise typer.Exit(FINDINGS)


def explain(
    spec: Annotated[str, _SPEC],
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="A trace of `specbuilder record`.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a step a line.")] = False,
    as_test: Annotated[
        bool, typer.Option("--as-test", help="Print the trace as a test, to put below 'tests:'.")
    ] = False,
) -> None:
    """Explain a trace message by message: rules that matched, values of selectors, events, what was ignored.

    No network and no key: the vendor's side comes from the trace. Exit status: 0 explained, 1 the spec cannot
    be used or refuses the trace, 2 wrong usage.
    """
    from .. import load_spec
    from ..toolkit.as_test import test_from_trace, written_test
    from ..toolkit.explain import explain as steps_of
    from ..toolkit.explain import format_steps
    from ..toolkit.trace import TraceError, read_trace

    source = find_spec(spec)
    found = load_spec(source)
    try:
        lines = read_trace(trace)
    except TraceError as error:
        raise CommandError(str(error)) from None
    try:
        if as_test:
            say(written_test(test_from_trace(found, lines, trace.stem)).rstrip())
            return
        steps = list(steps_of(source, found, lines))
    except (TypeError, ValueError) as error:
        raise CommandError(str(error), FINDINGS) from None
    if as_json:
        for step in steps:
            say(json.dumps(asdict(step), ensure_ascii=False, default=str))
    else:
        say(printable(format_steps(steps)) if steps else "the trace is empty")
