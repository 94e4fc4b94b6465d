"""`specbuilder diff`, `docs` and `migrate`: versions of a spec, a page about it, newer forms of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .output import FINDINGS, CommandError, print_json, printable, say
from .show import describe
from .specs import complete_spec, find_spec, find_specs

__all__ = ["diff", "docs", "migrate"]


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A spec.", autocompletion=complete_spec)],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Another version of it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two versions of a spec: options and key, what goes over the wire, rules and texts.

    What begins with ! may break users. Exit status: 0 nothing that breaks users, 1 something that may, 2
    wrong usage.
    """
    from .. import load_spec
    from ..toolkit.comparing import compare

    found = compare(load_spec(find_spec(old)), load_spec(find_spec(new)))
    if as_json:
        print_json([asdict(one) for one in found])
    elif not found:
        say("no difference")
    else:
        for one in found:
            lines = printable(f"{one.where} {one.what}: {one.change}").split("\n")
            say(("! " if one.breaking else "  ") + "\n    ".join(lines))
    if any(one.breaking for one in found):
        raise typer.Exit(FINDINGS)


def docs(
    spec: Annotated[
        str, typer.Argument(metavar="NAME_OR_PATH", help="A spec.", autocompletion=complete_spec)
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file.", show_default=False),
    ] = None,
) -> None:
    """Print a page of reference about a spec in Markdown: options, addresses, capabilities, errors, tests."""
    from .. import load_spec
    from ..toolkit.page import page

    loaded = load_spec(find_spec(spec))
    text = page(loaded, describe(loaded))
    if output is None:
        say(text.rstrip())
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}") from None


def migrate(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Spec files, or folders to search for specs.")
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; fail if something would change.")
    ] = False,
) -> None:
    """Bring specs in an older form of the language to the present one; comments are kept.

    Exit status: 0 done, 1 with --check: something is to be migrated, 2 wrong usage.
    """
    from ..toolkit.migrations import migrate as migrated

    changed = 0
    for spec in find_specs(paths):
        if not isinstance(spec, Path):
            continue  # a bundled spec is in the present form
        try:
            text = spec.read_bytes().decode("utf-8")
            new, applied = migrated(text)
            if applied and not check:
                spec.write_bytes(new.encode("utf-8"))
        except OSError as error:
            raise CommandError(f"{spec} cannot be changed: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandError(f"{spec} is not UTF-8 text") from None
        for migration in applied:
            say(f"{spec}: {migration.name}: {migration.description}")
        changed += bool(applied)
    say(f"{changed} file{'s' if changed != 1 else ''} {'to be migrated' if check else 'migrated'}")
    if check and changed:
        raise typer.Exit(FINDINGS)
