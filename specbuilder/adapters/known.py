"""Vendors known by their address: whoever points a generic adapter at one gets that vendor's spec.

An address of `api.deepgram.com` says more than where to connect: how to authenticate, and how audio and
answers look. What else it says is kept: another region's host, a path before the vendor's own, and query
parameters that are options of the spec.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import orjson
from livekit.agents import LanguageCode

from ..language.catalog import bundled, bundled_path
from ..protocol.addresses import Address, parse_base_url
from ..protocol.options import Option
from ..protocol.spec import Spec, load_spec
from ..protocol.trust import is_loopback

__all__ = ["KnownVendor", "is_loopback", "known_vendor", "language_option"]

logger = logging.getLogger("specbuilder")

_DOMAINS = {
    "deepgram": r"api(\.[a-z]+)?\.deepgram\.com",
    # The host of the v2 realtime API, which was turned off; its successor has a host of its own.
    "assemblyai": r"(api|streaming)(\.eu)?\.assemblyai\.com",
    "google": r"([a-z0-9-]+-)?speech\.googleapis\.com",
    "soniox": r"stt-rt(\.[a-z]+)?\.soniox\.com",
}
"""Hosts of a vendor beyond the one in its spec, as regular expressions."""

_BY_TRANSPORT = {"openai": "use_realtime"}
"""Options that choose between HTTP and WebSocket: the address has chosen already."""

_COMPUTED = {"google": "https://speech.googleapis.com"}
"""The usual address where a spec's `base_url` is a template."""

_BASE_URL = re.compile(r"""^base_url: *["']?((?:https|wss)://[^\s{"']+)["']?\s*$""", re.MULTILINE)

_SECTIONS = {"http": ("recognize", "post"), "ws": ("stream", "connect")}
"""Where a spec has the path of a transport."""

_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class KnownVendor:
    """A vendor's spec, and what an address says about its use.

    Attributes:
        base_url: for the adapter; None when the spec's own is right.
        options: options that the address gives.
    """

    spec: Spec
    base_url: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def known_vendor(url: str) -> KnownVendor | None:
    """The vendor an absolute address belongs to; None for an unknown host.

    Raises:
        ValueError: the address cannot be used, or would send a key to a vendor unencrypted.
    """
    address = parse_base_url(url)
    names = [name for name, pattern in _hosts() if re.fullmatch(pattern, address.host)]
    if not names:
        return None
    if address.scheme in ("http", "ws"):
        raise ValueError(f"{address.host} must be asked encrypted: write https:// or wss://")
    spec = max((load_spec(name) for name in dict.fromkeys(names)), key=lambda spec: _fit(spec, address))
    options = dict(_options(spec, address.query))
    if spec.name in _BY_TRANSPORT:
        options[_BY_TRANSPORT[spec.name]] = address.scheme == "wss"
    return KnownVendor(spec, _base_url(spec, address), options)


@cache
def _hosts() -> tuple[tuple[str, str], ...]:
    """Spec names and the regular expressions of their hosts."""
    found = list(_DOMAINS.items())
    for name in bundled():
        path = bundled_path(name)
        # Only this line is read: loading every spec would take the time of a first request.
        written = _BASE_URL.search(path.read_text(encoding="utf-8")) if path else None
        host = parse_base_url(written[1]).host if written else ""
        if host and not is_loopback(host):
            found.append((name, re.escape(host)))
    return tuple(found)


def _fit(spec: Spec, address: Address) -> tuple[bool, bool]:
    """How well a spec of the address's host fits: it has that transport, and that path."""
    section, key = _SECTIONS["ws" if address.scheme == "wss" else "http"]
    found = spec.document.value.get(section) or {}
    return section in spec.document.value, bool(found.get(key)) and address.path.endswith(str(found[key]))


def _base_url(spec: Spec, address: Address) -> str | None:
    """What has to be replaced in the spec's addresses: the host of another region, a path before theirs."""
    written = spec.document.value["base_url"]
    own = parse_base_url(_COMPUTED.get(spec.name, written))
    host = address.authority.lower()
    if spec.name == "assemblyai":
        host = host.replace("api.", "streaming.", 1)
    prefix = _prefix(spec, address.path, own.path)
    if not prefix and host == own.authority.lower():
        return None
    return f"https://{host}{prefix}"


def _prefix(spec: Spec, path: str, base: str) -> str:
    """What stands before the spec's own path; nothing when the path is another one."""
    for section, key in _SECTIONS.values():
        own = str(spec.document.value.get(section, {}).get(key, ""))
        if own.startswith("/") and path.endswith(base.rstrip("/") + own):
            return path.removesuffix(base.rstrip("/") + own)
    return ""


def _options(spec: Spec, query: str) -> Iterator[tuple[str, Any]]:
    """The options that the parameters of a query are."""
    names, fixed = _parameters(spec)
    given: dict[str, list[str]] = {}
    for parameter, text in parse_qsl(query, keep_blank_values=True):
        given.setdefault(parameter, []).append(text)
    for parameter, texts in given.items():
        if parameter in names:
            option = spec.options.options[names[parameter]]
            yield option.name, _value(option, texts)
        elif parameter not in fixed:
            # The value may be a key: only the name is told.
            logger.warning("%s: %r in the address is no option and is left out", spec.name, parameter)


def _parameters(spec: Spec) -> tuple[dict[str, str], set[str]]:
    """Which option a query parameter is, and the parameters that the spec gives its own values."""
    names = {name: name for name in spec.options.options}
    fixed: set[str] = set()
    for section, _ in _SECTIONS.values():
        for parameter, value in (spec.document.value.get(section, {}).get("query") or {}).items():
            found = set(_WORD.findall(str(value))) & set(spec.options.options)
            if len(found) == 1 and "{{" in str(value):
                names.setdefault(parameter, found.pop())
            else:
                fixed.add(parameter)
    return names, fixed


def _value(option: Option, texts: list[str]) -> Any:
    """The value of an option out of a query: text where it takes text, else JSON."""
    if "array" in option.types and (len(texts) > 1 or "string" not in option.types):
        return texts
    text = texts[-1]
    if not option.types or "string" in option.types:
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


_LANGUAGES = ("language", "languages", "language_code", "language_codes", "language_hints")


def language_option(spec: Spec, language: str) -> dict[str, Any]:
    """The option of a spec that a language goes into, with its value; empty when the vendor takes none."""
    option = spec.options.with_role("language") or next(
        (spec.options.options[name] for name in _LANGUAGES if name in spec.options.options), None
    )
    if option is None:
        return {}
    if option.role is None:
        # What only hints at a language takes no region: assemblyai's language_codes, soniox's hints.
        language = LanguageCode(language).language
    return {option.name: language if "string" in option.types else [language]}
