"""Lint rules about streams: what is promised must be emitted, and what is written must be able to match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from livekit.agents import stt

from ..expressions.selectors import Selector, compile_selector
from ..language.errors import Path
from ..protocol.plan import StreamPlan
from .subject import Found, Rule, Subject
from .walk import conjuncts, sections

__all__ = ["STREAM_RULES"]

_INTERIM = stt.SpeechEventType.INTERIM_TRANSCRIPT
_BOOLEAN = frozenset(("and_expression", "or_expression", "not_expression"))


def _interims_never_emitted(subject: Subject) -> Iterator[Found]:
    streams = [plan.stream for plan in subject.spec.plans if plan.stream is not None]
    if not streams or any(_INTERIM in _emitted(stream) for stream in streams):
        return
    claimed = (subject.value.get("capabilities") or {}).get("interim_results", False)
    if claimed is not False:
        path: Path = ("capabilities", "interim_results")
    elif "interim_results" in subject.spec.options.options:
        path = ("options", "interim_results")
    else:
        return
    yield subject.found(
        path,
        "interim results are promised, but no rule emits interim_transcript",
        "add it to a rule's 'emit'",
    )


def _emitted(stream: StreamPlan) -> set[stt.SpeechEventType]:
    rules = [rule for section in (stream.rules, stream.on_close) for rule in section.walk()]
    return {kind for rule in rules for kind, _ in rule.emit}


def _no_finish(subject: Subject) -> Iterator[Found]:
    for prefix, section in sections(subject.value):
        stream = section.get("stream")
        if not stream or "connect" not in stream:
            continue
        finish = stream.get("finish")
        if not finish:
            yield subject.found(
                (*prefix, "stream"),
                "there is no 'finish': the last words are waited for by guessing",
                "say what ends the input ('send'), and which message is the vendor's last ('until')",
            )
        elif not {"send", "until", "quiet"} & set(finish) and "over" not in stream:
            yield subject.found(
                (*prefix, "stream", "finish"), "'finish' neither sends anything nor waits for anything"
            )


# -- rules that cannot match -------------------------------------------------------------------------------


def _never_matches(subject: Subject) -> Iterator[Found]:
    for prefix, section in sections(subject.value):
        rows = (section.get("errors") or {}).get("messages")
        inherited = (subject.value.get("errors") or {}).get("messages")
        yield from _shadowed_rows(subject, rows or [], (*prefix, "errors", "messages"))
        errors = [
            (str(row["when"]), frozenset(conjuncts(str(row["when"])))) for row in rows or inherited or []
        ]
        stream = section.get("stream") or {}
        for key in ("rules", "on_close"):
            path = (*prefix, "stream", key)
            yield from _dead_rules(subject, stream.get(key) or [], path, errors if key == "rules" else [], ())
    yield from _shadowed_variants(subject)


def _shadowed_rows(subject: Subject, rows: Sequence[Mapping[str, Any]], path: Path) -> Iterator[Found]:
    """The first row that matches ends the attempt."""
    earlier: list[tuple[str, frozenset[str]]] = []
    for index, row in enumerate(rows):
        text = str(row["when"])
        parts = frozenset(conjuncts(text))
        by = next((known for known, asked in earlier if asked <= parts), None)
        if by is not None:
            yield _dead(subject, (*path, index, "when"), f"the row above with {by!r} catches these messages")
        earlier.append((text, parts))


def _dead_rules(
    subject: Subject,
    rules: Sequence[Mapping[str, Any]],
    path: Path,
    errors: Sequence[tuple[str, frozenset[str]]],
    outer: tuple[str, ...],
) -> Iterator[Found]:
    for index, rule in enumerate(rules):
        here: Path = (*path, index)
        # An item of `each` is another value than the outer rule's.
        asked = () if "each" in rule else outer
        when = rule.get("when")
        if when is not None:
            asked = (*asked, str(when))
            if (why := _contradiction(asked)) is not None:
                yield _dead(subject, (*here, "when"), why)
                continue
            parts = frozenset(part for text in asked for part in conjuncts(text))
            by = next((text for text, row in errors if row <= parts), None) if "each" not in rule else None
            if by is not None:
                row = f"the row of errors.messages with {by!r}"
                yield _dead(subject, (*here, "when"), f"{row} catches these messages first")
                continue
        below = () if "each" in rule else asked
        yield from _dead_rules(
            subject, rule.get("rules") or [], (*here, "rules"), [] if "each" in rule else errors, below
        )


def _contradiction(texts: Sequence[str]) -> str | None:
    """Why selectors that must hold together cannot."""
    wanted: dict[tuple[str, ...], Any] = {}
    for text in texts:
        selector = compile_selector(text)
        if selector.is_constant and not selector.holds(None, None):  # type: ignore[arg-type]
            return f"{text!r} is never true"
        for field, value in selector.equalities:
            if field in wanted and wanted[field] != value:
                return f"{'.'.join(field)} cannot be {wanted[field]!r} and {value!r} at once"
            wanted[field] = value
    return None


def _shadowed_variants(subject: Subject) -> Iterator[Found]:
    """The first variant whose condition holds is the one."""
    known: set[str] = set()
    for index, variant in enumerate(subject.value.get("variants") or []):
        condition = " ".join(str(variant["if"]).split())
        if condition in known or (known & {"true", "True"}):
            yield _dead(subject, ("variants", index, "if"), "an earlier variant holds whenever this one does")
        known.add(condition)


def _dead(subject: Subject, path: Path, why: str) -> Found:
    return subject.found(path, f"this can never match: {why}", key=False)


# -- numbers as conditions ---------------------------------------------------------------------------------


def _number_as_condition(subject: Subject) -> Iterator[Found]:
    messages = list(_messages(subject.tests))
    for one in subject.expressions:
        if one.kind != "selector" or one.path[-1] not in ("when", "until", "wait", "over"):
            continue
        selector = compile_selector(one.text)
        for node in _operands(selector.tree):
            name = _path_text(node)
            if name is None:
                number = _number(node.get("value")) if node["type"] == "literal" else False
            else:
                number = name not in _compared(selector) and _is_number_somewhere(name, messages)
            if number:
                shown = name or f"`{node['value']}`"
                yield subject.found(
                    one.path,
                    f"{shown} is a number here, and 0 is true in JMESPath",
                    f"write {shown} && {shown} != `0`" if name else "compare it with something",
                    key=False,
                )


def _operands(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What a condition takes as true or false by itself."""
    if node["type"] in _BOOLEAN:
        for part in node["children"]:
            yield from _operands(part)
    else:
        yield node


def _path_text(node: Mapping[str, Any]) -> str | None:
    if node["type"] == "field":
        return str(node["value"])
    if node["type"] == "subexpression":
        parts = [_path_text(part) for part in node["children"]]
        return None if None in parts else ".".join(map(str, parts))
    return None


def _compared(selector: Selector) -> set[str]:
    found: set[str] = set()
    nodes: list[Any] = [selector.tree]
    while nodes:
        node = nodes.pop()
        if not isinstance(node, Mapping):
            continue
        if node["type"] == "comparator":
            found |= {text for part in node["children"] if (text := _path_text(part)) is not None}
        nodes.extend(node["children"])
    return found


def _messages(tests: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    """Everything the vendor says in tests."""
    for test in tests:
        for item in (*(test.get("stream") or ()), *(test.get("recognize") or ())):
            if isinstance(item, Mapping):
                yield item.get("received")
                yield (item.get("reply") or {}).get("body")


def _is_number_somewhere(name: str, messages: Sequence[Any]) -> bool:
    return any(_number(_value(message, name.split("."))) for message in messages)


def _value(message: Any, names: Sequence[str]) -> Any:
    for name in names:
        message = message.get(name) if isinstance(message, Mapping) else None
    return message


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


STREAM_RULES = (
    Rule("SB111", "interim results promised and never emitted", _interims_never_emitted),
    Rule("SB112", "a rule that can never match", _never_matches),
    Rule("SB113", "a bare number as a condition", _number_as_condition),
    Rule("SB114", "no end of a stream", _no_finish),
)
