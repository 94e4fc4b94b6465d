"""Options that a vendor would refuse are refused before any connection, in words that say what to do."""

from __future__ import annotations

from typing import Any

import pytest

from specbuilder import load_adapter

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("deepgram", {"keywords": [("a", 1.5)]}, "use keyterm"),
    ("deepgram", {"model": "nova-2", "keyterm": "LiveKit"}, "keyterm needs a nova-3 model"),
    ("deepgram", {"tags": ["x" * 129]}, "longer than 128 characters"),
    ("assemblyai", {"model": "universal-streaming-english", "mode": "balanced"}, "need a Universal-3 model"),
    ("assemblyai", {"model": "universal-streaming-english", "language_codes": "es"}, "Universal-3 model"),
    (
        "assemblyai",
        {"model": "universal-streaming-multilingual", "previous_context_n_turns": 0},
        "Universal-3",
    ),
    ("assemblyai", {"language_codes": ["en", "multi"]}, "multi cannot be combined"),
    (
        "assemblyai",
        {"language_codes": ["en", "es", "fr", "de", "it", "pt", "nl", "pl", "sv", "da", "fi"]},
        "at most 10 languages",
    ),
    ("assemblyai", {"agent_context": "x" * 1751}, "longer than 1750 characters"),
    ("assemblyai", {"voice_focus": "near"}, "is not one of near-field, far-field"),
    ("soniox", {"max_endpoint_delay_ms": 499}, "is less than 500"),
    ("soniox", {"endpoint_sensitivity": 1.5}, "is more than 1"),
    ("soniox", {"endpoint_latency_adjustment_level": 4}, "is more than 3"),
    ("soniox", {"translation": {"type": "both"}}, "one_way or two_way"),
    ("soniox", {"translation": {"target_language": "es"}}, "one_way or two_way"),
    ("soniox", {"translation": {"type": "one_way"}}, "one_way translation needs target_language"),
    ("soniox", {"translation": {"type": "two_way", "language_a": "en"}}, "needs language_a and language_b"),
    ("gladia", {"translation_enabled": True}, "needs translation_target_languages"),
    ("gladia", {"bit_depth": 24}, "is not one of 16"),
    ("gladia", {"region": "eu-east"}, "is not one of eu-west, us-west"),
    ("openai", {"language": ["en", "de"]}, "this model takes one language"),
    ("openai", {"keywords": ["LiveKit"]}, "keywords need a gpt-transcribe or gpt-live-transcribe model"),
    ("openai", {"noise_reduction_type": "near-field"}, "is not one of near_field, far_field"),
    ("google", {"model": "chirp_2"}, "this model needs project"),
    ("openai_compatible", {"response_format": "srt"}, "is not one of json, verbose_json"),
    ("openai_compatible", {"timestamp_granularities": ["line"]}, "is not one of word, segment"),
    ("deepgram_flux", {"eager_eot_threshold": 0.8}, "must not be above eot_threshold"),
    ("deepgram_flux", {"redact": "pci"}, "is not one of numbers, aggressive_numbers"),
    ("cartesia", {"language": "de", "keyterm": ["x"]}, "need a model that detects turns, such as ink-2"),
    ("cartesia", {"model": "ink-whisper", "turn_end_timeout_ms": 0}, "need a model that detects turns"),
    ("cartesia", {"encoding": "pcm_mulaw"}, "is not one of pcm_s16le"),
    ("elevenlabs", {"sample_rate": 11025}, "is not one of 8000, 16000"),
    ("elevenlabs", {"audio_chunk_duration_ms": 0}, "is less than 1"),
    ("speechmatics", {"max_speakers": 1}, "is less than 2"),
    ("fireworksai", {"text_timeout_seconds": 30}, "is more than 29"),
    ("xai", {"keyterm": ["x" * 51]}, "is longer than 50 characters"),
    ("mistralai", {"context_bias": ["x"] * 101}, "has more than 100 items"),
    ("assemblyai_batch", {"sync": True, "speaker_labels": True}, "needs the API without sync"),
    ("assemblyai_batch", {"prompt": "p"}, "need sync"),
    ("gladia_batch", {"number_of_speakers": 2}, "needs diarization"),
    ("azure_openai", {"azure_endpoint": "https://a", "keywords": ["x"]}, "keywords need a gpt-transcribe"),
    ("azure_openai", {"azure_endpoint": "https://a", "language": ["en", "de"]}, "takes one language"),
    ("azure_openai", {"azure_endpoint": "https://a/openai"}, "does not match"),
    ("azure_openai", {}, "azure_endpoint is required"),
    ("iflytek_iat", {"api_secret": "s"}, "app_id is required"),
    ("volcengine_bigmodel", {"mode": "nostream"}, "is not one of bigmodel, bigmodel_async"),
    ("huggingface", {"return_timestamps": "char"}, "return_timestamps: .char. is not one of"),
    ("witai", {"version": "v1"}, "does not match"),
    ("gemini", {"custom_vocabulary": ["x"] * 1001}, "has more than 1000 items"),
]

TAKEN: list[tuple[str, dict[str, Any]]] = [
    ("deepgram", {"model": "nova-2", "keywords": [("a", 1.5)]}),
    ("deepgram", {"keyterm": ["a", "b"]}),
    # What is empty at construction counts as not given, and codes count once each.
    ("assemblyai", {"model": "universal-streaming-english", "language_codes": []}),
    ("assemblyai", {"model": "universal-streaming-english", "language_codes": ""}),
    (
        "assemblyai",
        {"language_codes": ["en", "en-US", "en-GB", "es", "fr", "de", "it", "pt", "nl", "pl", "sv", "da"]},
    ),
    ("assemblyai", {"model": "u3-pro", "prompt": "p"}),
    ("soniox", {"translation": None}),
    ("openai", {"language": ""}),
    ("openai", {"language": ["en", "de"], "detect_language": True}),
    ("openai", {"model": "gpt-transcribe", "language": ["en", "de"], "keywords": ["LiveKit"]}),
    ("google", {"model": "chirp_2", "project": "p"}),
    ("google", {"model": "chirp_2", "credentials_info": {"project_id": "p"}}),
]


@pytest.mark.parametrize(("name", "options", "sentence"), REFUSED)
def test_refused(name: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: .*{sentence}"):
        load_adapter(name, api_key="test-key", **options)


def test_azure_needs_one_of_three_credentials() -> None:
    given: dict[str, Any] = {"azure_endpoint": "https://name.openai.azure.com"}
    ways: list[dict[str, Any]] = [
        {"api_key": "k"},
        {"azure_ad_token": "t"},
        {"tenant_id": "t", "client_id": "c", "client_secret": "s"},
    ]
    with pytest.raises(ValueError, match="give api_key, azure_ad_token, or tenant_id"):
        load_adapter("azure_openai", **given, client_id="c")
    for way in ways:
        assert load_adapter("azure_openai", **given, **way).provider == "azure_openai"


@pytest.mark.parametrize(("name", "options"), TAKEN)
def test_taken(name: str, options: dict[str, Any]) -> None:
    assert load_adapter(name, api_key="test-key", **options).provider == name


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("deepgram", "DEEPGRAM_API_KEY"),
        ("assemblyai", "ASSEMBLYAI_API_KEY"),
        ("soniox", "SONIOX_API_KEY"),
        ("gladia", "GLADIA_API_KEY"),
        ("openai", "OPENAI_API_KEY"),
    ],
)
def test_a_missing_key_is_named(name: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ValueError, match=rf"{name}: an API key is required: pass api_key=… or set {variable}"
    ):
        load_adapter(name)
    monkeypatch.setenv(variable, "test-key")
    assert load_adapter(name).provider == name


def test_google_needs_one_of_three_credentials(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="give api_key, credentials_info or credentials_file"):
        load_adapter("google")
    with pytest.raises(ValueError, match="give api_key, credentials_info or credentials_file"):
        load_adapter("google", model="chirp_2", project="p")
    assert load_adapter("google", credentials_file=str(tmp_path / "key.json")).provider == "google"


@pytest.mark.parametrize(
    "name", ["kyutai_moshi", "openai_compatible", "vosk", "whispercpp_server", "whisperlivekit"]
)
def test_servers_of_ones_own_need_no_key(name: str) -> None:
    assert load_adapter(name).provider == name
