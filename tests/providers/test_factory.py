"""ProviderFactory and its configurations: every kind of provider, and what is refused."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
from livekit.plugins import deepgram, openai

from specbuilder.adapters.tolerant import TolerantSTT
from specbuilder.providers import LLMConfig, ProviderFactory, ProviderType, STTConfig, TTSConfig
from specbuilder.providers.adapters import CustomHTTPSTTAdapter, CustomWebSocketSTTAdapter

KEY = "sk-test-secret-0042"


def test_an_endpoint_of_ones_own_over_http() -> None:
    stt = ProviderFactory.create_stt(
        STTConfig(
            provider=ProviderType.CUSTOM_HTTP,
            endpoint_url="https://api.example.com/v1/transcribe",
            api_key=KEY,
            language="de-DE",
            request_timeout=5,
            model="tiny",
            on_error="raise",
        )
    )
    assert isinstance(stt, CustomHTTPSTTAdapter)
    assert (stt.endpoint_url, stt.api_key, stt.language) == (
        "https://api.example.com/v1/transcribe",
        KEY,
        "de-DE",
    )
    assert (stt.request_timeout, stt.model, stt.on_error) == (5, "tiny", "raise")


def test_an_endpoint_of_ones_own_over_websocket() -> None:
    stt = ProviderFactory.create_stt(
        STTConfig(
            provider=ProviderType.CUSTOM_WS,
            ws_url="wss://api.example.com/v1/stream",
            sample_rate=8000,
            options={"end_message": "bye"},
        )
    )
    assert isinstance(stt, CustomWebSocketSTTAdapter)
    assert (stt.ws_url, stt.sample_rate, stt.on_error) == ("wss://api.example.com/v1/stream", 8000, "empty")


def test_a_spec_by_name_with_the_options_of_its_vendor() -> None:
    config = STTConfig(
        provider=ProviderType.SPEC,
        spec="gladia",
        api_key=KEY,
        language="de",
        model="solaria-1",
        sample_rate=8000,
        base_url="https://gateway.example.com",
        options={"endpointing": 0.1},
    )
    stt = ProviderFactory.create_stt(config)
    assert isinstance(stt, TolerantSTT)
    assert (stt.provider, stt.model, stt.on_error) == ("gladia", "solaria-1", "raise")
    assert (stt.given()["languages"], stt.given()["endpointing"]) == (["de"], 0.1)


def test_a_spec_written_down_as_a_mapping() -> None:
    spec = {
        "spec": 1,
        "name": "mine",
        "base_url": "https://api.example.com",
        "recognize": {"post": "/v1", "body": "{{ audio.wav }}", "transcript": {"text": "text"}},
    }
    stt = ProviderFactory.create_stt(STTConfig(provider=ProviderType.SPEC, spec=spec, on_error="empty"))
    assert isinstance(stt, TolerantSTT)
    assert (stt.provider, stt.on_error) == ("mine", "empty")
    with pytest.raises(TypeError, match="mine: unknown option 'language'"):
        ProviderFactory.create_stt(STTConfig(provider=ProviderType.SPEC, spec=spec, language="de"))


def test_official_plugins_get_the_names_they_use() -> None:
    stt = ProviderFactory.create_stt(
        STTConfig(provider=ProviderType.DEEPGRAM, api_key=KEY, model="nova-2", language="de")
    )
    assert isinstance(stt, deepgram.STT)
    assert stt.model == "nova-2"
    llm = ProviderFactory.create_llm(LLMConfig(provider=ProviderType.OPENAI, model="gpt-4", api_key=KEY))
    assert isinstance(llm, openai.LLM)
    assert llm.model == "gpt-4"
    tts = ProviderFactory.create_tts(TTSConfig(provider=ProviderType.OPENAI, voice="alloy", api_key=KEY))
    assert isinstance(tts, openai.TTS)


def test_a_plugin_that_calls_the_language_languages_gets_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def make(*, languages: list[str], api_key: str) -> str:
        given.update(languages=languages, api_key=api_key)
        return "made"

    monkeypatch.setitem(sys.modules, "livekit.plugins.fal", types.SimpleNamespace(STT=make))
    made: Any = ProviderFactory.create_stt(STTConfig(provider=ProviderType.FAL, api_key=KEY, language="de"))
    assert (made, given) == ("made", {"languages": ["de"], "api_key": KEY})


def test_azures_language_models_are_openais() -> None:
    llm = ProviderFactory.create_llm(
        LLMConfig(
            provider=ProviderType.AZURE,
            model="gpt-4o",
            api_key=KEY,
            base_url="https://mine.openai.azure.com",
            options={"api_version": "2024-10-21"},
        )
    )
    assert isinstance(llm, openai.LLM)


def test_a_plugin_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "livekit.plugins.speechmatics", None)
    with pytest.raises(
        ImportError, match=r"^the speechmatics plugin is not installed: pip install livekit-plugins-speec"
    ):
        ProviderFactory.create_stt(STTConfig(provider=ProviderType.SPEECHMATICS, api_key=KEY))


def test_what_a_plugin_does_not_have_is_named() -> None:
    with pytest.raises(ValueError, match="livekit-plugins-gladia has no TTS"):
        ProviderFactory.create_tts(TTSConfig(provider=ProviderType.GLADIA))
    with pytest.raises(TypeError, match=r"openai STT takes no 'promt' \(did you mean 'prompt'\?\)"):
        ProviderFactory.create_stt(
            STTConfig(provider=ProviderType.OPENAI, api_key=KEY, options={"promt": "x"})
        )
    with pytest.raises(TypeError, match="deepgram TTS takes no 'voice'"):
        ProviderFactory.create_tts(TTSConfig(provider=ProviderType.DEEPGRAM, api_key=KEY, voice="alloy"))


REFUSED: list[tuple[type[Any], dict[str, Any], str]] = [
    (STTConfig, {"provider": "custom_http"}, "endpoint_url is needed with CUSTOM_HTTP"),
    (STTConfig, {"provider": "custom_ws"}, "ws_url is needed with CUSTOM_WS"),
    (STTConfig, {"provider": "spec"}, "spec is needed with SPEC"),
    (
        STTConfig,
        {"provider": "openai", "ws_url": "wss://x"},
        "ws_url belongs to CUSTOM_WS, not to OPENAI",
    ),
    (
        STTConfig,
        {"provider": "custom_ws", "ws_url": "wss://x", "request_timeout": 3},
        "request_timeout belongs to CUSTOM_HTTP",
    ),
    (
        STTConfig,
        {"provider": "custom_ws", "ws_url": "wss://x", "base_url": "wss://y"},
        "base_url has no meaning here",
    ),
    (STTConfig, {"provider": "deepgram", "sample_rate": 0}, "sample_rate"),
    (STTConfig, {"provider": "deepgram", "langauge": "de"}, "langauge"),
    (LLMConfig, {"provider": "spec"}, "SPEC is speech-to-text only"),
    (TTSConfig, {"provider": "custom_ws"}, "CUSTOM_WS is speech-to-text only"),
]


@pytest.mark.parametrize(("config", "fields", "message"), REFUSED)
def test_a_configuration_that_does_not_fit_is_refused(
    config: type[Any], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        config(api_key=KEY, **fields)
    assert KEY not in str(refused.value)


def test_no_key_is_in_a_repr() -> None:
    for config in (
        STTConfig(provider=ProviderType.DEEPGRAM, api_key=KEY, options={"session_token": KEY}),
        LLMConfig(provider=ProviderType.OPENAI, api_key=KEY),
        TTSConfig(provider=ProviderType.OPENAI, api_key=KEY),
    ):
        assert KEY not in repr(config)
        assert KEY not in str(config)
        assert "api_key='***'" in repr(config)
        assert config.api_key == KEY
