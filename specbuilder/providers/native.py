"""The official livekit plugins: imported when asked for, and called with the names they use."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

from ..language.errors import did_you_mean
from .base import ProviderConfig, ProviderType

__all__ = ["create_native"]

_NAMES = {
    "api_key": ("api_key", "speech_key", "subscription_key"),
    "language": ("language", "languages", "language_code", "language_hints"),
    "voice": ("voice", "voice_id", "voice_name", "speaker"),
    "model": ("model", "model_id"),
    "base_url": ("base_url", "api_url", "http_url", "speech_endpoint", "azure_endpoint"),
}
"""What the plugins call a field of a configuration."""


def create_native(
    config: ProviderConfig, kind: Literal["STT", "LLM", "TTS"], given: Mapping[str, Any]
) -> Any:
    """Make an object of an official plugin.

    Arguments:
        config: whose plugin.
        kind: the plugin's class.
        given: fields and options of the configuration.

    Raises:
        ImportError: the plugin is not installed; the message names the package.
        ValueError: the provider has no such class, or refuses a value.
        TypeError: the class has no such argument.
    """
    make = _maker(config.provider, kind)
    return make(**_arguments(make, f"{config.provider.value} {kind}", given))


def _maker(provider: ProviderType, kind: str) -> Callable[..., Any]:
    name = provider.value
    if provider is ProviderType.AZURE and kind == "LLM":
        # Azure's language models are OpenAI's.
        name = "openai"
    try:
        module = importlib.import_module(f"livekit.plugins.{name}")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("livekit.plugins"):
            raise
        raise ImportError(f"the {name} plugin is not installed: pip install livekit-plugins-{name}") from None
    found = getattr(module, kind, None)
    if found is None:
        raise ValueError(f"livekit-plugins-{name} has no {kind}")
    return found.with_azure if provider is ProviderType.AZURE and kind == "LLM" else found  # type: ignore[no-any-return]


def _arguments(make: Callable[..., Any], what: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by the names the class has for them."""
    known = inspect.signature(make).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in known.values()):
        return dict(given)
    found = {}
    for name, value in given.items():
        own = next((one for one in _NAMES.get(name, (name,)) if one in known), None)
        if own is None:
            hint = did_you_mean(name, known)
            raise TypeError(f"{what} takes no {name!r}" + (f" ({hint})" if hint else ""))
        found[own] = [value] if own in ("languages", "language_hints") and isinstance(value, str) else value
    return found
