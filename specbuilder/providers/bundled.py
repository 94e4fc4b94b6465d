"""What the generated factories of `custom_provider` call."""

from __future__ import annotations

from typing import Any

from livekit.agents.utils import is_given

from .. import load_adapter
from ..adapters.known import language_option
from ..adapters.stt import SpecSTT
from ..protocol.spec import load_spec

__all__ = ["create"]


def create(name: str, **arguments: Any) -> SpecSTT:
    """An adapter of a bundled spec.

    Arguments:
        name: the spec's name.
        arguments: those of `load_adapter`. `language` is put into the option that takes a language, unless
            that one is given too.

    Raises:
        TypeError: an unknown option.
        ValueError: a value or combination that is not allowed, or a missing key.
    """
    spec = load_spec(name)
    if "language" in arguments and "language" not in spec.options.options:
        language = arguments.pop("language")
        if language is not None and is_given(language):
            (option, value), *_ = language_option(spec, language).items()
            if not is_given(arguments.get(option)):
                arguments[option] = value
    return load_adapter(spec, **arguments)
