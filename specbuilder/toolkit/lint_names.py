"""Lint rules about names and secrets: what is declared must be used, and a key must not be seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ..language.errors import SpecError
from ..language.loader import load
from .edits import remove_entry
from .subject import Found, Rule, Subject
from .walk import sections

__all__ = ["NAME_RULES"]

_PLAIN = re.compile(r"(?:http|ws)://", re.IGNORECASE)
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
_ADDRESSES = frozenset(("base_url", "connect", "post", "get", "delete"))


def _plain_transport(subject: Subject) -> Iterator[Found]:
    if not subject.secrets:
        return
    for one in subject.expressions:
        if one.path[-1] in _ADDRESSES and _PLAIN.match(one.text) and not _is_loopback(one.text):
            safe = "https" if one.text.lower().startswith("http") else "wss"
            yield subject.found(
                one.path,
                "the key is sent over a connection that anyone on the way can read",
                f"write {safe}:// if the vendor takes it",
                key=False,
            )


def _is_loopback(address: str) -> bool:
    host = address.partition("://")[2].partition("/")[0]
    return "{{" not in host and (urlsplit(address).hostname or "") in _LOOPBACK


def _secret_in_url(subject: Subject) -> Iterator[Found]:
    for one in subject.expressions:
        if (one.path[-1] in _ADDRESSES or "query" in one.path) and subject.reveals(one):
            yield subject.found(
                one.path,
                "a secret in an address ends up in logs of servers and proxies",
                "send it as a header if the vendor takes it there",
                key=False,
            )


def _unused_option(subject: Subject) -> Iterator[Found]:
    for name, option in subject.spec.options.options.items():
        # The sample rate works on the audio, the language is the default of transcripts; and an option with
        # one allowed value is there for those who pass what a plugin takes.
        fixed = len(option.schema.get("enum", ())) == 1
        if name not in subject.used and option.role not in ("sample_rate", "language") and not fixed:
            path = ("options", name)
            yield subject.found(
                path, f"nothing reads the option {name!r}", "use it in a request, or remove it"
            )


def _in_band_not_sent(subject: Subject) -> Iterator[Found]:
    sent = subject.reached(
        name
        for one in subject.expressions
        if ("stream", "update") in (one.path[:2], one.path[2:4])
        for name in (*one.names, *re.findall(r"changed\.(\w+)", one.text))
    )
    for name, option in subject.spec.options.options.items():
        if option.in_band and name not in sent:
            yield subject.found(
                ("options", name),
                f"{name!r} is changed in band, but stream.update.send does not mention it",
                f"write changed.{name} there, or leave out 'update'",
            )


def _checks_replaced(subject: Subject) -> Iterator[Found]:
    """A list replaces the list it is merged over; checks that are lost that way are lost silently."""
    base = subject.value.get("checks") or []
    for index, variant in enumerate(subject.value.get("variants") or []):
        if "checks" in variant:
            yield from _lost(subject, ("variants", index, "checks"), base, variant["checks"] or [], "spec's")
    if len(subject.source.files) > 1 and "checks" in subject.value:
        try:
            inherited = load(subject.source.files[1]).document.value.get("checks") or []
        except SpecError:
            return
        yield from _lost(subject, ("checks",), inherited, base, "extended spec's")


def _lost(subject: Subject, path: Any, base: list[Any], over: list[Any], whose: str) -> Iterator[Found]:
    if not over:
        return  # an empty list says that they are to go
    kept = {str(check.get("if")) for check in over}
    lost = [str(check["if"]) for check in base if str(check["if"]) not in kept]
    if lost:
        yield subject.found(
            path,
            f"this list replaces the {whose} checks: {'; '.join(lost)}",
            "lists are not merged; repeat the checks that still hold",
        )


def _unused_name(subject: Subject) -> Iterator[Found]:
    for prefix, section in sections(subject.value):
        for name in section.get("vars") or {}:
            if name not in subject.used:
                path = (*prefix, "vars", name)
                yield subject.found(
                    path, f"nothing reads the variable {name!r}", "remove it", edit=remove_entry(path)
                )
        for name in (section.get("stream") or {}).get("state") or {}:
            if name not in subject.used:
                yield subject.found(
                    (*prefix, "stream", "state", name), f"nothing reads the state variable {name!r}"
                )


# -- types of what templates give --------------------------------------------------------------------------

_LONE = re.compile(r"\{\{\s*(\w+)\s*\}\}\Z")
_NUMBERS = frozenset(("integer", "number"))
_RATES = frozenset(("sample_rate", "channels", "pace"))


def _wrong_type(subject: Subject) -> Iterator[Found]:
    """A hole alone keeps its type, and an option's type is known when the spec is loaded."""
    for one in subject.expressions:
        name = _LONE.match(one.text)
        option = subject.spec.options.options.get(name[1]) if name and one.kind == "template" else None
        if option is None or not option.types:
            continue
        types = frozenset(option.types)
        if one.duration and "string" not in types:
            hint = f'write its unit: "{{{{ {option.name} }}}}ms"' if types & _NUMBERS else None
            message = f"a duration is a text such as 50ms, and {option.name!r} is {' or '.join(option.types)}"
            yield subject.found(one.path, message, hint, key=False)
        elif one.path[-2:-1] == ("audio",) and one.path[-1] in _RATES and not types & _NUMBERS:
            message = f"{one.path[-1]} is a number, and {option.name!r} is {' or '.join(option.types)}"
            yield subject.found(one.path, message, f"give {option.name} a type of number", key=False)


NAME_RULES = (
    Rule("SB101", "a secret over http or ws", _plain_transport),
    Rule("SB102", "a secret in an address", _secret_in_url),
    Rule("SB103", "an option that nothing reads", _unused_option),
    Rule("SB104", "an in-band option that is not sent", _in_band_not_sent),
    Rule("SB105", "checks lost in merging", _checks_replaced),
    Rule("SB106", "a variable that nothing reads", _unused_name),
    Rule("SB107", "an option of a type that does not fit", _wrong_type),
)
