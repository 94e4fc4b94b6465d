"""A page of reference about one spec, in Markdown, for those who use its adapter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..protocol.spec import Spec

__all__ = ["page"]


def page(spec: Spec, facts: Mapping[str, Any]) -> str:
    """The page.

    Arguments:
        facts: what `specbuilder show --json` gives.
    """
    sections = (_head, _use, _options, _addresses, _abilities, _errors, _tests)
    return "\n".join(line for section in sections for line in (*section(spec, facts), "")).rstrip() + "\n"


def _head(spec: Spec, facts: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {spec.name}"
    if facts["docs"]:
        yield ""
        yield f"Written from <{facts['docs']}>."


def _use(spec: Spec, facts: Mapping[str, Any]) -> Iterator[str]:
    key = facts["api_key"]
    yield "```python"
    yield "from specbuilder import load_adapter"
    yield ""
    yield f"stt = load_adapter({json.dumps(spec.name)})"
    yield "```"
    yield ""
    if key is None:
        yield "No key is needed."
    else:
        names = " or ".join(f"`{name}`" for name in key["env"])
        where = f"the environment variable {names}" if names else "`api_key=`"
        yield f"The key comes from {where}." + ("" if key["required"] else " It is optional.")


def _options(spec: Spec, facts: Mapping[str, Any]) -> Iterator[str]:
    yield "## Options"
    yield ""
    if not facts["options"]:
        yield "None."
        return
    yield "| option | type | default | allowed | meaning |"
    yield "|---|---|---|---|---|"
    for option in facts["options"]:
        notes = [option["description"].rstrip(".")]
        notes += [f"{option['role']} of livekit"] if option["role"] else []
        notes += ["required"] if option["required"] else []
        notes += ["secret"] if option["secret"] else []
        notes += [f"from `{option['env']}`"] if option["env"] else []
        notes += ["changes in band"] if option["update"] == "in_band" else []
        default = "" if option["default"] is None else f"`{_cell(json.dumps(option['default']))}`"
        allowed = "; ".join(f"{word} {json.dumps(limit)}" for word, limit in option["allowed"].items())
        cells = (f"`{option['name']}`", " or ".join(option["type"]), default, _cell(allowed))
        yield f"| {' | '.join(cells)} | {_cell('; '.join(note for note in notes if note))} |"
    checks = spec.document.value.get("checks") or []
    if checks:
        yield ""
        yield "Combinations that are refused:"
        yield ""
        yield from (f"- {check['error']}" for check in checks)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _addresses(spec: Spec, facts: Mapping[str, Any]) -> Iterator[str]:
    yield "## Addresses"
    yield ""
    yield "| for | method | address | if |"
    yield "|---|---|---|---|"
    for one in facts["endpoints"]:
        condition = f"`{_cell(one['if'])}`" if one["if"] else ""
        yield f"| {one['use']} | {one['method']} | `{_cell(one['address'])}` | {condition} |"


def _abilities(spec: Spec, facts: Mapping[str, Any]) -> Iterator[str]:
    yield "## Capabilities"
    yield ""
    if facts["capabilities"] is None:
        yield f"They depend on options: {facts['capabilities_need']}"
        return
    for name, value in facts["capabilities"].items():
        if value:
            yield f"- {name}" + ("" if value is True else f": {value}")


def _errors(spec: Spec, facts: Mapping[str, Any]) -> Iterator[str]:
    errors = spec.document.value.get("errors") or {}
    yield "## Errors"
    yield ""
    yield "408, 425, 429 and 5xx are retryable, other statuses are fatal."
    rows = [(f"a message where `{row['when']}`", row["status"]) for row in errors.get("messages") or []]
    rows += [(f"close code {code}", status) for code, status in (errors.get("close") or {}).items()]
    rows += [
        (f"HTTP {code}", status) for code, status in ((errors.get("http") or {}).get("status") or {}).items()
    ]
    if rows:
        yield ""
        yield "| the vendor says | status |"
        yield "|---|---|"
        yield from (f"| {_cell(what)} | {_cell(str(status))} |" for what, status in rows)


def _tests(spec: Spec, facts: Mapping[str, Any]) -> Iterator[str]:
    tests = spec.document.value.get("tests") or []
    if tests:
        yield "## Tested"
        yield ""
        yield from (f"- {test['name']}" for test in tests)
