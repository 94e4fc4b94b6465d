"""What a provider is made of, checked when it is written down."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["LLMConfig", "ProviderConfig", "ProviderType", "STTConfig", "TTSConfig"]


class ProviderType(str, Enum):
    """Who provides: an endpoint of one's own, a spec, or an official livekit plugin."""

    CUSTOM_HTTP = "custom_http"
    CUSTOM_WS = "custom_ws"
    SPEC = "spec"
    ANTHROPIC = "anthropic"
    ASSEMBLYAI = "assemblyai"
    AWS = "aws"
    AZURE = "azure"
    CARTESIA = "cartesia"
    DEEPGRAM = "deepgram"
    ELEVENLABS = "elevenlabs"
    FAL = "fal"
    GLADIA = "gladia"
    GOOGLE = "google"
    GROQ = "groq"
    MISTRALAI = "mistralai"
    OPENAI = "openai"
    SARVAM = "sarvam"
    SONIOX = "soniox"
    SPEECHMATICS = "speechmatics"

    @property
    def native(self) -> bool:
        """Whether an official livekit plugin provides it."""
        return self not in (ProviderType.CUSTOM_HTTP, ProviderType.CUSTOM_WS, ProviderType.SPEC)


class ProviderConfig(BaseModel):
    """What every provider may be given.

    Attributes:
        provider: who provides.
        api_key: the key; from the provider's environment variable when not given. Never printed.
        model: the model's name.
        base_url: another address for all of the provider's endpoints.
        options: further arguments of the spec or plugin, by name.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, validate_assignment=True)

    provider: ProviderType
    api_key: str | None = None
    model: str | None = None
    base_url: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            if name == "api_key" and value is not None:
                value = "***"
            elif name == "options":
                # An option may be a secret (a session token, credentials): their names say enough.
                value = sorted(value)
            yield name, value


class STTConfig(ProviderConfig):
    """Speech-to-text.

    Attributes:
        endpoint_url: the address to post to; for CUSTOM_HTTP.
        ws_url: the address of the socket; for CUSTOM_WS.
        spec: a bundled name, a path or a mapping; for SPEC.
        language: BCP 47, as in "en-US"; the provider's default when not given.
        sample_rate: samples per second to send.
        request_timeout: seconds for a whole request; for CUSTOM_HTTP.
        on_error: what failures give; "empty" for CUSTOM_HTTP and CUSTOM_WS, "raise" for SPEC by default.
    """

    endpoint_url: str | None = None
    ws_url: str | None = None
    spec: str | os.PathLike[str] | Mapping[str, Any] | None = None
    language: str | None = None
    sample_rate: int | None = Field(default=None, gt=0)
    request_timeout: float | None = Field(default=None, gt=0)
    on_error: Literal["raise", "empty"] | None = None

    @model_validator(mode="after")
    def _fields_fit(self) -> STTConfig:
        """Each kind of provider has its own fields: one that would have no effect is refused."""
        for name, providers in _BELONGS.items():
            given = getattr(self, name) is not None
            needed = name in _NEEDED and self.provider is providers[0]
            if needed and not given:
                raise ValueError(f"{name} is needed with {self.provider.name}")
            if given and self.provider not in providers:
                wanted = " or ".join(provider.name for provider in providers)
                raise ValueError(f"{name} belongs to {wanted}, not to {self.provider.name}")
        if self.base_url is not None and self.provider in (ProviderType.CUSTOM_HTTP, ProviderType.CUSTOM_WS):
            raise ValueError("base_url has no meaning here: the address says it all")
        return self


_NEEDED = ("endpoint_url", "ws_url", "spec")

_BELONGS = {
    "endpoint_url": (ProviderType.CUSTOM_HTTP,),
    "ws_url": (ProviderType.CUSTOM_WS,),
    "spec": (ProviderType.SPEC,),
    "request_timeout": (ProviderType.CUSTOM_HTTP,),
    "on_error": (ProviderType.SPEC, ProviderType.CUSTOM_HTTP, ProviderType.CUSTOM_WS),
}


class LLMConfig(ProviderConfig):
    """A language model of an official plugin.

    Attributes:
        temperature: how freely it picks its words.
    """

    temperature: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _is_native(self) -> LLMConfig:
        _check_native(self)
        return self


class TTSConfig(ProviderConfig):
    """Text-to-speech of an official plugin.

    Attributes:
        voice: the voice's name or id.
        language: BCP 47, as in "en-US".
    """

    voice: str | None = None
    language: str | None = None

    @model_validator(mode="after")
    def _is_native(self) -> TTSConfig:
        _check_native(self)
        return self


def _check_native(config: ProviderConfig) -> None:
    if not config.provider.native:
        raise ValueError(f"{config.provider.name} is speech-to-text only: name a plugin, as in OPENAI")
