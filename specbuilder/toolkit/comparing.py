"""What changes between two versions of a spec: for who uses its adapter, and for the vendor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..language.errors import format_path
from ..protocol.options import Option
from ..protocol.spec import Spec
from ..testing.views import frame_view
from .playing import stage_for

__all__ = ["Difference", "compare"]

_USERS_WORDS = ("enum", "minimum", "maximum", "pattern", "maxItems", "maxLength", "items")


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes:
        where: options, key, wire or spec.
        what: the option, message or place.
        change: a sentence.
        breaking: who uses the adapter has to change something, or gets something else without doing anything.
    """

    where: str
    what: str
    change: str
    breaking: bool = False


def compare(old: Spec, new: Spec) -> list[Difference]:
    """Every difference of two specs: options and key, the wire with default options, everything else."""
    return [*_key(old, new), *_options(old, new), *_exchanges(old, new), *_wire(old, new), *_places(old, new)]


def _key(old: Spec, new: Spec) -> Iterator[Difference]:
    before, after = old.options.api_key, new.options.api_key
    if before is None and after is not None:
        yield Difference("key", "api_key", f"a key is taken, from {after.variables}", breaking=after.required)
    elif before is not None and after is None:
        yield Difference("key", "api_key", "no key is taken any more", breaking=True)
    elif before is not None and after is not None:
        if before.env != after.env:
            change = f"comes from {after.variables} instead of {before.variables}"
            # Who has set one of the variables before still has the same key, unless another now goes first.
            yield Difference("key", "api_key", change, breaking=after.env[: len(before.env)] != before.env)
        if before.required != after.required:
            words = "required" if after.required else "optional"
            yield Difference("key", "api_key", f"is {words} now", breaking=after.required)


def _options(old: Spec, new: Spec) -> Iterator[Difference]:
    before, after = old.options.options, new.options.options
    for name in before.keys() - after.keys():
        yield Difference("options", name, "removed", breaking=True)
    for name in [name for name in after if name not in before]:
        yield Difference("options", name, "added", breaking=after[name].required)
    for name in [name for name in after if name in before]:
        yield from _option(before[name], after[name], old, new)


def _option(before: Option, after: Option, old: Spec, new: Spec) -> Iterator[Difference]:
    name = after.name
    was, now = (spec.document.value["options"][name].get("default") for spec in (old, new))
    if was != now and not (before.secret or after.secret):
        yield Difference("options", name, f"default {_shown(was)} -> {_shown(now)}", breaking=True)
    if before.types != after.types:
        lost = set(before.types) - set(after.types)
        types = f"type {' | '.join(before.types)} -> {' | '.join(after.types)}"
        yield Difference("options", name, types, breaking=bool(lost) and bool(after.types))
    for word in _USERS_WORDS:
        one, other = before.schema.get(word), after.schema.get(word)
        if one != other:
            change = f"{word} {_shown(one)} -> {_shown(other)}"
            yield Difference("options", name, change, breaking=_narrower(word, one, other))
    for word, one, other in (
        ("role", before.role, after.role),
        ("env", before.env, after.env),
        ("update", before.in_band, after.in_band),
    ):
        if one != other:
            yield Difference(
                "options", name, f"{word} {_shown(one)} -> {_shown(other)}", breaking=word != "update"
            )
    if before.required != after.required:
        yield Difference(
            "options", name, "required now" if after.required else "optional now", breaking=after.required
        )


def _narrower(word: str, before: Any, after: Any) -> bool:
    """Whether a value that was allowed may be refused now."""
    if after is None:
        return False
    if word == "enum":
        return before is None or not set(map(repr, before)) <= set(map(repr, after))
    if before is None or word in ("pattern", "items"):
        return True
    return bool(after > before if word == "minimum" else after < before)


def _exchanges(old: Spec, new: Spec) -> Iterator[Difference]:
    for section in ("recognize", "stream"):
        before, after = bool(old.document.value.get(section)), bool(new.document.value.get(section))
        if before != after:
            yield Difference("wire", section, "added" if after else "removed", breaking=before)


# -- the wire with default options -------------------------------------------------------------------------


def _wire(old: Spec, new: Spec) -> Iterator[Difference]:
    before, after = _said(old), _said(new)
    for name in [*before, *(name for name in after if name not in before)]:
        one, other = before.get(name), after.get(name)
        if one != other and one is not None and other is not None:
            yield Difference("wire", name, f"{one}\n-> {other}")


def _said(spec: Spec) -> dict[str, str]:
    """What goes out with default options before the vendor says anything; nothing where some are required."""
    found: dict[str, str] = {}
    value = spec.document.value
    for section, line in (("stream", {"end_input": True}), ("recognize", {"reply": {}})):
        if not value.get(section):
            continue
        try:
            stage = stage_for(spec, [line])
            stage.begin()
            for request in stage.requests:
                found[f"{section}: request"] = f"{request.method} {request.url}"
                found[f"{section}: headers"] = ", ".join(f"{key}: {text}" for key, text in request.headers)
            for connect in stage.connects:
                found["stream: connect"] = connect.url
                found["stream: headers"] = ", ".join(f"{key}: {text}" for key, text in connect.headers)
            stage.ready()
            plan = stage.plan.stream
            if plan is not None and stage.frames:
                found["stream: opening"] = _shown(
                    [frame_view(frame, {}, plan.codec) for frame in stage.frames]
                )
        except (TypeError, ValueError):
            continue
    # The boundary of a multipart body is another one each time.
    return {name: re.sub(r"boundary=[^,\s]+", "boundary=…", text) for name, text in found.items()}


# -- everything else ---------------------------------------------------------------------------------------


def _places(old: Spec, new: Spec) -> Iterator[Difference]:
    before, after = (dict(_leaves(spec.document.value, ())) for spec in (old, new))
    for path in [*before, *(path for path in after if path not in before)]:
        if before.get(path) != after.get(path):
            if path not in after:
                change = f"removed: {before[path]}"
            elif path not in before:
                change = f"added: {after[path]}"
            else:
                change = f"{before[path]} -> {after[path]}"
            yield Difference("spec", path, change)


def _leaves(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            if path or key not in ("tests", "options", "api_key", "name"):
                yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and value and any(isinstance(item, (Mapping, list)) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    else:
        yield format_path(path), _shown(value)


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
