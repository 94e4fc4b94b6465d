"""Where requests may go: secrets only over TLS, and a spec of someone else only to the hosts it names.

A spec decides to which address a key is sent. So whoever uses one can say that it is not trusted
(`load_adapter(..., trust="untrusted")`): then it must spell out its hosts, and names no Python of the user's.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from ..expressions.secrets import Secret
from ..language.document import Document
from ..language.errors import Issue, Path, SpecError
from ..language.validation import sort_issues
from .addresses import Address
from .codecs import CODECS
from .http import METHODS
from .options import SecretMapping
from .primitives import PRIMITIVES
from .spec import Spec
from .state import STATES

__all__ = [
    "Guard",
    "Trust",
    "checked_trust",
    "declared_hosts",
    "holds_secrets",
    "is_clear",
    "is_local",
    "is_loopback",
    "written_hosts",
]

Trust: TypeAlias = Literal["trusted", "untrusted"]
"""Whether a spec is taken as the caller's own word, or as that of someone unknown."""

_WRITTEN_OUT = re.compile(r"(?:https|wss)://[A-Za-z0-9.:\[\]-]+(?=[/?]|$)")
"""An address over TLS whose host holds no template."""

_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home", ".corp", ".intranet", ".home.arpa")
"""Names that lead into a private network (RFC 6761, RFC 6762, RFC 8375 and common use)."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name or address alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_local(host: str) -> bool:
    """Whether a host is this machine or one of a private network, by its name or address alone."""
    host = host.rstrip(".").lower()
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        # The last label of a public name is never a number; 127.1 and 0x7f.1 are spellings of an IP address.
        last = host.rpartition(".")[2]
        return "." not in host or host.endswith(_LOCAL_ENDINGS) or last[:1].isdigit()


def checked_trust(trust: str) -> Trust:
    """The trust itself.

    Raises:
        ValueError: it is neither "trusted" nor "untrusted".
    """
    if trust == "trusted":
        return "trusted"
    if trust == "untrusted":
        return "untrusted"
    raise ValueError(f"trust must be 'trusted' or 'untrusted', not {trust!r}")


def holds_secrets(values: Mapping[str, Any]) -> bool:
    """Whether there is a key, or a secret option with a value."""
    return any(isinstance(value, Secret | SecretMapping) and bool(value) for value in values.values())


def written_hosts(given: Mapping[str, Any]) -> frozenset[str]:
    """The hosts, with their ports, of options that are an address or a host."""
    texts = (value.strip() for value in given.values() if isinstance(value, str))
    bare = (text.partition("://")[2] or text for text in texts)
    return frozenset(re.split("[/?#]", text, maxsplit=1)[0].lower() for text in bare)


@dataclass(frozen=True)
class Guard:
    """What an adapter's settings allow, asked for every address before anything is sent there.

    Attributes:
        secrets: whether there are secrets at all; they may be in any part of what is sent.
        chosen: the hosts, with their ports, that the caller wrote: in `base_url`, and in options.
        hosts: those an untrusted spec may reach besides the caller's; None: any.
    """

    secrets: bool = False
    chosen: frozenset[str] = frozenset()
    hosts: frozenset[str] | None = None

    def check(self, address: Address) -> None:
        """Refuse an address that nothing may be sent to.

        Raises:
            ValueError: secrets would go there without TLS, or the spec is not trusted and did not name it.
        """
        by_caller = address.authority.lower() in self.chosen
        if self.secrets and not by_caller and is_clear(address):
            raise ValueError(
                f"{address.scheme}://{address.authority} has no TLS, and secrets are not sent without it"
                " (pass it as base_url if they may be)"
            )
        if self.hosts is not None and not by_caller and address.host not in self.hosts:
            raise ValueError(f"the host {address.host} is not one that the untrusted spec names")

    def check_url(self, url: str) -> None:
        """The same for an address that Python named by the spec asks for; errors are those of `check`."""
        parts = urlsplit(url)
        self.check(Address(parts.scheme, parts.netloc, parts.path))


def is_clear(address: Address) -> bool:
    """Whether what is sent to an address can be read on the way there."""
    return address.scheme in ("http", "ws") and not is_loopback(address.host)


def declared_hosts(spec: Spec) -> frozenset[str]:
    """The hosts that a spec names, when it is one that may be used without trusting it.

    Raises:
        SpecError: it names Python of the user's, a host that is not written out or not over TLS, or one of a
            private network; every such place is an issue.
    """
    document = spec.document
    issues = [_issue(document, path, problem) for path, problem in _hooks(document)]
    hosts: set[str] = set()
    for path, written, home in _addresses(document):
        if not home and "://" not in written:
            continue
        match = _WRITTEN_OUT.match(written)
        host = (urlsplit(match.group()).hostname or "").lower() if match else ""
        if not match:
            problem = "the host of an untrusted spec is written out, and begins with https:// or wss://"
            issues.append(_issue(document, path, problem))
        elif is_local(host):
            issues.append(_issue(document, path, f"{host} is in a private network"))
        hosts.add(host)
    if issues:
        raise SpecError(sort_issues(issues, document.file))
    return frozenset(hosts)


def _issue(document: Document, path: Path, problem: str) -> Issue:
    hint = "load it with trust='trusted' if you have read it and believe it"
    return document.issue(path, f"not allowed in an untrusted spec: {problem}", hint)


def _sections(document: Document) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The spec itself and its variants."""
    yield (), document.value
    for index, variant in enumerate(document.value.get("variants") or []):
        yield ("variants", index), variant


def _steps(document: Document) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for path, section in _sections(document):
        for inner in ((), ("recognize",), ("stream",)):
            holder = section if not inner else section.get(inner[0]) or {}
            for index, step in enumerate(holder.get("steps") or []):
                yield (*path, *inner, "steps", index), step


def _addresses(document: Document) -> Iterator[tuple[Path, str, bool]]:
    """Every address with its place, and whether it is a `base_url`."""
    for path, section in _sections(document):
        if "base_url" in section:
            yield (*path, "base_url"), str(section["base_url"]), True
        for part, key in (*(("recognize", method) for method in METHODS), ("stream", "connect")):
            written = (section.get(part) or {}).get(key)
            if written is not None:
                yield (*path, part, key), str(written), False
        cleanup = (section.get("recognize") or {}).get("cleanup") or {}
        if "delete" in cleanup:
            yield (*path, "recognize", "cleanup", "delete"), str(cleanup["delete"]), False
    for path, step in _steps(document):
        for key in METHODS:
            if key in step:
                yield (*path, key), str(step[key]), False


def _hooks(document: Document) -> Iterator[tuple[Path, str]]:
    """Every place that names Python which is not ours."""
    for path, step in _steps(document):
        if "use" in step and not PRIMITIVES.is_builtin(str(step["use"])):
            yield (*path, "use"), f"the step primitive {step['use']!r} is registered, not built in"
    for path, section in _sections(document):
        stream = section.get("stream") or {}
        codec = str(stream.get("codec", "json"))
        if not CODECS.is_builtin(codec):
            yield (*path, "stream", "codec"), f"the codec {codec!r} is registered, not built in"
        for name, state in (stream.get("state") or {}).items():
            kind = str(state.get("type"))
            if not STATES.is_builtin(kind):
                place = (*path, "stream", "state", name, "type")
                yield place, f"the state type {kind!r} is registered, not built in"
