"""A YAML spec of a vendor's speech-to-text API becomes a working LiveKit `stt.STT`.

from specbuilder import load_adapter

stt = load_adapter("deepgram")
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .language.catalog import bundled as list_specs
from .language.errors import Issue, SpecError

if TYPE_CHECKING:
    import aiohttp

    from .adapters.stt import SpecSTT
    from .adapters.tolerant import OnError
    from .protocol.spec import Spec, load_spec, validate_spec
    from .protocol.trust import Trust

__all__ = ["Issue", "Spec", "SpecError", "list_specs", "load_adapter", "load_spec", "validate_spec"]


def __getattr__(name: str) -> Any:
    # These import livekit, which takes a second: `specbuilder --help` does without.
    if name in ("Spec", "load_spec", "validate_spec"):
        from .protocol import spec

        return getattr(spec, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_adapter(
    spec: str | os.PathLike[str] | Mapping[str, Any] | Spec,
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    http_session: aiohttp.ClientSession | None = None,
    on_error: OnError = "raise",
    trust: Trust = "trusted",
    replay: float | None = None,
    watch: bool = False,
    **options: Any,
) -> SpecSTT:
    """Make an `stt.STT` of a spec.

    Arguments:
        spec: a bundled spec's name ("deepgram" or "deepgram.yaml"), a path, a mapping, or a loaded `Spec`.
        api_key: the vendor's key; from the spec's environment variable when not given.
        base_url: replaces scheme, host and port of every endpoint of the spec; a path in it goes before
            theirs.
        http_session: for HTTP requests; livekit's shared session by default.
        on_error: what failures give: livekit's errors, or an empty transcript ("empty") and a log entry.
        trust: "untrusted" for a spec of someone else's: it reads no environment variables (pass `api_key`),
            names no Python but what is built in, and reaches only hosts that are written out in it, over TLS
            and outside of private networks; `base_url` may name another one.
        replay: seconds of audio that are kept and sent again after a lost connection, 0 for none; the spec's
            `stream.replay` by default, which is 30.
        watch: for a name or a path: an edit of the file holds for new streams and recognitions; a broken
            edit is logged, and the spec stays as it was.
        options: the spec's options by name.

    Raises:
        SpecError: the spec cannot be used, or not without trusting it; `.issues` says where and why.
        TypeError: an option the spec does not have, with the nearest name.
        ValueError: a value that is not allowed, or a missing key.
    """
    from .adapters.tolerant import TolerantSTT
    from .protocol.spec import load_spec

    arguments: dict[str, Any] = {
        "api_key": api_key,
        "base_url": base_url,
        "http_session": http_session,
        "on_error": on_error,
        "trust": trust,
        "replay": replay,
        **options,
    }
    if not watch:
        return TolerantSTT(load_spec(spec), **arguments)
    from .adapters.watched import WatchedSTT

    if not isinstance(spec, str | os.PathLike):
        raise ValueError("watch=True needs the spec's name or path: there is no file to watch")
    return WatchedSTT(spec, **arguments)
