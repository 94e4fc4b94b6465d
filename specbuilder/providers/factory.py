"""Configurations become livekit objects."""

from __future__ import annotations

from typing import Any, cast

from livekit.agents import llm, stt, tts

from .. import load_adapter
from ..adapters.custom import CustomHTTPSTTAdapter, CustomWebSocketSTTAdapter
from ..adapters.known import language_option
from ..protocol.spec import load_spec
from .base import LLMConfig, ProviderType, STTConfig, TTSConfig
from .native import create_native

__all__ = ["ProviderFactory"]


class ProviderFactory:
    """Makes the three parts of an `AgentSession`, each of any provider."""

    @staticmethod
    def create_stt(config: STTConfig) -> stt.STT[Any]:
        """Speech-to-text: an endpoint of one's own, a spec, or an official plugin.

        Raises:
            ImportError: the plugin is not installed; the message names the package.
            TypeError: an option the spec or plugin does not have.
            ValueError: a value that is not allowed, or a missing key.
            SpecError: the spec cannot be used.
        """
        if config.provider is ProviderType.CUSTOM_HTTP:
            return CustomHTTPSTTAdapter(
                str(config.endpoint_url), **_given(config, "language", "request_timeout", "model", "on_error")
            )
        if config.provider is ProviderType.CUSTOM_WS:
            return CustomWebSocketSTTAdapter(
                str(config.ws_url), **_given(config, "language", "sample_rate", "model", "on_error")
            )
        if config.provider is ProviderType.SPEC:
            return _spec_stt(config)
        given = _given(config, "model", "language", "sample_rate", "base_url")
        return cast(stt.STT[Any], create_native(config, "STT", given))

    @staticmethod
    def create_llm(config: LLMConfig) -> llm.LLM[Any]:
        """A language model of an official plugin; errors as for `create_stt`."""
        given = _given(config, "model", "temperature", "base_url")
        return cast(llm.LLM[Any], create_native(config, "LLM", given))

    @staticmethod
    def create_tts(config: TTSConfig) -> tts.TTS[Any]:
        """Text-to-speech of an official plugin; errors as for `create_stt`."""
        given = _given(config, "model", "voice", "language", "base_url")
        return cast(tts.TTS[Any], create_native(config, "TTS", given))


def _given(config: Any, *names: str) -> dict[str, Any]:
    """The named fields that have a value, and the options; what is not given is left to the provider."""
    fields = {name: getattr(config, name) for name in ("api_key", *names)}
    return {**{name: value for name, value in fields.items() if value is not None}, **config.options}


def _spec_stt(config: STTConfig) -> stt.STT[Any]:
    spec = load_spec(config.spec)  # type: ignore[arg-type]  # the configuration has checked that there is one
    given = _given(config, "base_url", "on_error")
    for role in ("model", "sample_rate"):
        value, option = getattr(config, role), spec.options.with_role(role)
        if value is not None:
            # Without such an option the name itself is refused, with the nearest one.
            given.setdefault(option.name if option else role, value)
    if config.language is not None:
        given = {**(language_option(spec, config.language) or {"language": config.language}), **given}
    return load_adapter(spec, **given)
