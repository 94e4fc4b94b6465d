"""`specbuilder simulate`: a vendor's server made of its spec."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .output import FINDINGS, CommandError, complain, printable, say
from .specs import complete_spec, find_spec
from .values import parse_options

if TYPE_CHECKING:
    from ..protocol.spec import Spec
    from ..simulator import Simulator
    from ..simulator.conversation import WireEntry

__all__ = ["simulate"]


class SpeechEngine(str, Enum):
    """What may speak in the place of the script."""

    EMBEDDED = "embedded"


def simulate(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="SPEC",
            help="A spec file or a bundled name.",
            autocompletion=complete_spec,
            show_default=False,
        ),
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for a free one.")] = 8124,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    script: Annotated[
        Path | None,
        typer.Option(
            help="A YAML file with `tests:` to play in the place of the spec's.", show_default=False
        ),
    ] = None,
    test: Annotated[
        str | None, typer.Option(metavar="NAME", help="The test to play.", show_default=False)
    ] = None,
    engine: Annotated[
        SpeechEngine | None,
        typer.Option(help="Answer with what the embedded recogniser hears.", show_default=False),
    ] = None,
    sentences: Annotated[
        list[str] | None,
        typer.Option(
            "--say", metavar="TEXT", help="Answer with this sentence; may be repeated.", show_default=False
        ),
    ] = None,
    fault: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What goes wrong: 401, 403, 429, 503, half-open, write-stall, garbage, late-final, "
            "close-CODE, slow, drop or never-closes.",
            show_default=False,
        ),
    ] = None,
    fault_times: Annotated[
        int | None, typer.Option(min=1, help="How often it does; always by default.", show_default=False)
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", "-o", metavar="NAME=VALUE", help="An option the client uses.", show_default=False
        ),
    ] = None,
    api_key: Annotated[
        str, typer.Option(envvar="SPECBUILDER_SIMULATE_API_KEY", help="The key that clients must show.")
    ] = "test-key",
) -> None:
    """Be the vendor: a server that asks for the key, plays the spec's tests and shows what clients send.

    Point a client at it: `load_adapter(SPEC, api_key="test-key", base_url="http://127.0.0.1:8124")`, or any
    other client of that vendor. Ctrl-C stops it.
    """
    from .. import load_spec
    from ..local import EngineUnavailable
    from ..simulator import Simulator
    from ..simulator.words import CannotSay

    if engine is not None and sentences:
        raise CommandError("--engine and --say exclude each other")
    loaded = load_spec(find_spec(spec))
    try:
        vendor = Simulator(
            loaded,
            options=parse_options(option or [], loaded.options),
            api_key=api_key,
            host=host,
            port=port,
            test=test,
            tests=None if script is None else _tests(script),
            fault=fault,
            fault_times=fault_times,
            engine=None if engine is None else "embedded",
            says=sentences or None,
            watch=_show,
        )
    except CannotSay as problem:
        raise CommandError(
            f"{loaded.name}: {problem}; without --engine and --say the script is played"
        ) from None
    except EngineUnavailable as problem:
        raise CommandError(str(problem), FINDINGS) from None
    except ValueError as problem:
        raise CommandError(str(problem)) from None
    try:
        asyncio.run(_serve(vendor, loaded))
    except OSError as error:
        raise CommandError(f"cannot listen on {host}:{port}: {error.strerror or error}", FINDINGS) from None


def _tests(path: Path) -> list[Any]:
    """The tests of a script."""
    import yaml

    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise CommandError(f"{path}: {error}") from None
    tests = value.get("tests") if isinstance(value, dict) else value
    if not isinstance(tests, list) or not all(isinstance(test, dict) for test in tests):
        raise CommandError(f"{path}: no tests, as in `tests: [{{name: …, stream: […]}}]`")
    return tests


async def _serve(vendor: Simulator, spec: Spec) -> None:
    stop = asyncio.Event()
    _on_stop_signals(stop.set)
    async with vendor:
        say(f"{spec.name}: listening on {vendor.url} and {vendor.ws_url}; Ctrl-C stops")
        if spec.options.api_key is not None and not vendor.checks_key:
            say("The spec signs with the key instead of showing it: any key will do")
        await stop.wait()
    for problem in vendor.problems:
        complain(f"not as the spec: {problem}")


def _show(entry: WireEntry) -> None:
    """One line for each thing that went over the wire; audio would drown the rest."""
    if entry.what != "audio":
        place = "http" if entry.connection is None else f"ws {entry.connection}"
        arrow = "<-" if entry.sender == "client" else "->"
        say(printable(f"{place} {arrow} {entry.what} {entry.value}"))


def _on_stop_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:
            # Windows: its event loops take no signal handlers.
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
