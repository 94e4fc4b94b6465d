"""`specbuilder show`: what a spec offers. Values of keys and secrets are never read for it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .output import print_json, print_table, printable, say
from .specs import complete_spec, find_spec

if TYPE_CHECKING:
    from ..protocol.options import Option
    from ..protocol.spec import Spec

__all__ = ["describe", "show"]


def show(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="NAME_OR_PATH", help="A bundled name or a spec file.", autocompletion=complete_spec
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a spec: addresses, key, options, and what an adapter made of it can do."""
    from .. import load_spec

    found = describe(load_spec(find_spec(spec)))
    if as_json:
        print_json(found)
    else:
        _print(found)


def describe(spec: Spec) -> dict[str, Any]:
    """A spec as plain data."""
    key = spec.options.api_key
    capabilities, missing = _capabilities(spec)
    return {
        "name": spec.name,
        "docs": spec.docs,
        "endpoints": list(_endpoints(spec.document.value)),
        "api_key": None if key is None else {"env": list(key.env), "required": key.required},
        "options": [_option(spec, option) for option in spec.options.options.values()],
        "capabilities": capabilities,
        "capabilities_need": missing,
        "tests": len(spec.document.value.get("tests") or ()),
    }


def _capabilities(spec: Spec) -> tuple[dict[str, Any] | None, str | None]:
    """What an adapter with default options can do; None and the reason where they are not enough."""
    from dataclasses import asdict

    from ..adapters.capabilities import derive_capabilities

    try:
        _, names, plan = spec.resolve({}, "key", environ={})
    except ValueError as error:
        return None, str(error)
    return asdict(derive_capabilities(plan, spec.options, names)), None


def _endpoints(value: Mapping[str, Any], when: str | None = None) -> Iterator[dict[str, Any]]:
    """Every address of a spec and of its variants, as written."""
    base = str(value.get("base_url", ""))
    stream, recognize = value.get("stream") or {}, value.get("recognize") or {}
    for section, parts in (("", value), ("stream", stream), ("recognize", recognize)):
        for step in parts.get("steps") or ():
            yield from _request(step, base, f"step {step['name']}" if "name" in step else "step", when)
        if section == "recognize":
            yield from _request(parts, base, section, when)
            yield from _request(parts.get("cleanup") or {}, base, "cleanup", when)
        elif parts.get("connect"):
            yield _endpoint(section, "WebSocket", _joined(base, parts["connect"], websocket=True), when)
    for variant in value.get("variants") or ():
        yield from _endpoints({"base_url": base, **variant}, str(variant.get("if")))


def _request(parts: Mapping[str, Any], base: str, use: str, when: str | None) -> Iterator[dict[str, Any]]:
    for method in ("post", "get", "delete"):
        # A variant may take away what the spec has.
        if parts.get(method):
            yield _endpoint(use, method.upper(), _joined(base, parts[method]), when)


def _endpoint(use: str, method: str, address: str, when: str | None) -> dict[str, Any]:
    return {"use": use, "method": method, "address": address, "if": when}


def _joined(base: str, address: str, *, websocket: bool = False) -> str:
    whole = base.rstrip("/") + address if address.startswith("/") else address
    scheme, separator, rest = whole.partition("://")
    schemes = {"http": "ws", "https": "wss"} if websocket else {"ws": "http", "wss": "https"}
    return schemes.get(scheme, scheme) + separator + rest


def _option(spec: Spec, option: Option) -> dict[str, Any]:
    written = spec.document.value["options"][option.name].get("default")
    return {
        "name": option.name,
        "type": list(option.types),
        "default": None if option.secret else written,
        "allowed": {word: limit for word, limit in option.schema.items() if word not in ("type", "items")},
        "role": option.role,
        "update": "in_band" if option.in_band else "reconnect",
        "required": option.required,
        "env": option.env,
        "secret": option.secret,
        "description": option.description,
    }


def _print(found: Mapping[str, Any]) -> None:
    facts = [
        ("name", found["name"]),
        ("docs", found["docs"] or "-"),
        ("key", _key_text(found["api_key"])),
        *((f"{endpoint['use']}", _endpoint_text(endpoint)) for endpoint in found["endpoints"]),
        ("able to", _capabilities_text(found)),
        ("tests", str(found["tests"])),
    ]
    width = max(len(name) for name, _ in facts)
    for name, text in facts:
        say(printable(f"{name:<{width}}  {text}"))
    say("")
    if not found["options"]:
        say("no options")
        return
    headings = ("OPTION", "TYPE", "DEFAULT", "ALLOWED", "ROLE", "UPDATE", "DESCRIPTION")
    print_table(dict.fromkeys(headings, "left"), (_option_row(option) for option in found["options"]))


def _key_text(key: Mapping[str, Any] | None) -> str:
    if key is None:
        return "none needed"
    optional = "" if key["required"] else "optional: "
    if not key["env"]:
        return f"{optional}api_key="
    return optional + " or ".join(
        f"{name} ({'set' if os.environ.get(name) else 'not set'})" for name in key["env"]
    )


def _endpoint_text(endpoint: Mapping[str, Any]) -> str:
    condition = f"  if {endpoint['if']}" if endpoint["if"] else ""
    return f"{endpoint['method']} {endpoint['address']}{condition}"


def _capabilities_text(found: Mapping[str, Any]) -> str:
    if found["capabilities"] is None:
        return f"depends on options ({found['capabilities_need']})"
    texts = [
        name if value is True else f"{name}: {value}"
        for name, value in found["capabilities"].items()
        if value
    ]
    return ", ".join(texts)


def _option_row(option: Mapping[str, Any]) -> tuple[str, ...]:
    notes = [
        option["description"],
        "required" if option["required"] else "",
        "secret" if option["secret"] else "",
        f"from {option['env']}" if option["env"] else "",
    ]
    return (
        option["name"],
        " | ".join(option["type"]) or "any",
        _value_text(option["default"]),
        _allowed_text(option["allowed"]),
        option["role"] or "",
        option["update"].replace("_", "-"),
        "; ".join(note for note in notes if note),
    )


def _value_text(value: Any) -> str:
    import json

    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _allowed_text(allowed: Mapping[str, Any]) -> str:
    texts = {
        "enum": lambda limit: ", ".join(_value_text(item) for item in limit),
        "minimum": lambda limit: f">= {limit}",
        "maximum": lambda limit: f"<= {limit}",
        "pattern": lambda limit: f"like {limit}",
        "maxItems": lambda limit: f"at most {limit} items",
        "maxLength": lambda limit: f"at most {limit} characters",
    }
    return ", ".join(texts[word](limit) for word, limit in allowed.items())
