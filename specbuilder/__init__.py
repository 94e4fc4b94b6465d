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
        options: the spec's options by name.

    Raises:
        SpecError: the spec cannot be used; `.issues` says where and why.
        TypeError: an option the spec does not have, with the nearest name.
        ValueError: a value that is not allowed, or a missing key.
    """
    from .adapters.tolerant import TolerantSTT
    from .protocol.spec import load_spec

    return TolerantSTT(
        load_spec(spec),
        api_key=api_key,
        base_url=base_url,
        http_session=http_session,
        on_error=on_error,
        **options,
    )
