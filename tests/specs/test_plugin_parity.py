"""Who comes from an official plugin finds its options, defaults and capabilities; differences are listed."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import google.auth.credentials
import pytest
from livekit.agents import NotGiven, stt
from livekit.plugins import (
    assemblyai,
    cartesia,
    deepgram,
    elevenlabs,
    fireworksai,
    gladia,
    groq,
    mistralai,
    openai,
    soniox,
    speechmatics,
    xai,
)
from livekit.plugins import google as google_stt
from livekit.plugins.google import beta as google_beta

from specbuilder import load_adapter

KEY = "test-key"
ADAPTER_ARGUMENTS = {"self", "api_key", "base_url", "http_session"}
"""Arguments of `load_adapter` itself."""

DEPRECATED = "deprecated by the plugin"
GRPC_ONLY = "for streams, which Google has over gRPC only"
LIVEKIT_FLUSHES = "livekit's own detector flushes; see manual_flush"
VERTEX = "for Vertex AI, whose messages have other addresses and model names"
PYTHON_ONLY = "a Python object, not the vendor's"


def _given(value: Any) -> Any:
    """A default as a value: what is not given, or None, is nothing."""
    return None if isinstance(value, NotGiven) else value


def _arguments(build: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(build).parameters.values()
    return {
        parameter.name: _given(parameter.default)
        for parameter in parameters
        if parameter.name not in ADAPTER_ARGUMENTS
    }


@dataclass(frozen=True)
class Parity:
    """How a spec compares with a plugin.

    Args:
        arguments: the plugin's arguments and their defaults.
        plugin: makes the plugin with some options.
        left_out: arguments the spec does not have, and why.
        added: options the plugin does not have, and why.
        settled: what an argument that is not given amounts to, where a plugin settles that later.
        capabilities: the capabilities that truly differ, ours and why.
    """

    arguments: Mapping[str, Any]
    plugin: Callable[..., stt.STT[Any]]
    left_out: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    settled: Mapping[str, Any] = field(default_factory=dict)
    capabilities: Mapping[str, tuple[Any, str]] = field(default_factory=dict)


PLUGINS = {
    "deepgram": Parity(
        _arguments(deepgram.STT.__init__),
        lambda **options: deepgram.STT(api_key=KEY, **options),
        left_out={"keyterms": DEPRECATED},
    ),
    "assemblyai": Parity(
        _arguments(assemblyai.STT.__init__),
        lambda **options: assemblyai.STT(api_key=KEY, **options),
        left_out={
            "language_code": DEPRECATED,
            "min_end_of_turn_silence_when_confident": DEPRECATED,
            "agent_context_carryover": DEPRECATED,
        },
        settled={"language_detection": True, "min_turn_silence": 100, "max_turn_silence": 100},
    ),
    "soniox": Parity(
        # Its options come as one dataclass, `params`.
        {item.name: item.default for item in dataclasses.fields(soniox.STTOptions)},
        lambda **options: soniox.STT(api_key=KEY, params=soniox.STTOptions(**options)),
    ),
    "gladia": Parity(
        _arguments(gladia.STT.__init__),
        lambda **options: gladia.STT(api_key=KEY, **options),
        left_out={"energy_filter": "a filter in front of any recogniser"},
        settled={"languages": []},
    ),
    "openai": Parity(
        _arguments(openai.STT.__init__),
        lambda **options: openai.STT(api_key=KEY, **options),
        left_out={"client": PYTHON_ONLY, "vad": LIVEKIT_FLUSHES},
        settled={
            "use_realtime": False,
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 600,
                "silence_duration_ms": 350,
            },
        },
    ),
    "google": Parity(
        _arguments(google_stt.STT.__init__),
        lambda **options: google_stt.STT(
            credentials=google.auth.credentials.AnonymousCredentials(),  # type: ignore[no-untyped-call]
            **options,
        ),
        left_out={
            "credentials": PYTHON_ONLY,
            "interim_results": GRPC_ONLY,
            "enable_voice_activity_events": GRPC_ONLY,
            "sample_rate": GRPC_ONLY,
            "min_confidence_threshold": GRPC_ONLY,
            "speech_start_timeout": GRPC_ONLY,
            "speech_end_timeout": GRPC_ONLY,
            "endpointing_sensitivity": GRPC_ONLY,
            "use_streaming": GRPC_ONLY,
        },
        settled={"enable_word_time_offsets": True},
        capabilities={"streaming": (False, GRPC_ONLY), "interim_results": (False, GRPC_ONLY)},
    ),
    "groq": Parity(
        _arguments(groq.STT.__init__),
        lambda **options: groq.STT(api_key=KEY, **options),
        left_out={"client": PYTHON_ONLY},
    ),
    "gemini": Parity(
        _arguments(google_beta.GeminiSTT.__init__),
        lambda **options: google_beta.GeminiSTT(api_key=KEY, **options),
        left_out={
            "vertexai": VERTEX,
            "credentials": VERTEX,
            "credentials_path": VERTEX,
            "project": VERTEX,
            "location": VERTEX,
            "http_options": PYTHON_ONLY,
        },
    ),
    "elevenlabs": Parity(
        _arguments(elevenlabs.STT.__init__),
        lambda **options: elevenlabs.STT(api_key=KEY, **options),
        left_out={"model_id": DEPRECATED},
        settled={"model": "scribe_v1", "include_language_detection": True, "no_verbatim": False},
    ),
    "deepgram_flux": Parity(
        _arguments(deepgram.STTv2.__init__),
        lambda **options: deepgram.STTv2(api_key=KEY, **options),
        left_out={"keyterms": DEPRECATED},
    ),
    "cartesia": Parity(
        _arguments(cartesia.STT.__init__),
        lambda **options: cartesia.STT(api_key=KEY, **options),
        settled={"model": "ink-2"},
    ),
    "speechmatics": Parity(
        _arguments(speechmatics.STT.__init__),
        lambda **options: speechmatics.STT(api_key=KEY, vad=None, **options),
        left_out={"operating_point": DEPRECATED, "vad": LIVEKIT_FLUSHES, "kwargs": DEPRECATED},
        added={
            "protocol": "the classic protocol as well",
            "endpoint": "what SPEECHMATICS_RT_URL holds",
            "max_delay": "classic only",
            "end_of_utterance_silence_trigger": "classic only",
        },
        settled={"model": "linden-1", "enable_diarization": True, "speaker_format": "{text}"},
        capabilities={"manual_flush": (True, LIVEKIT_FLUSHES)},
    ),
    "fireworksai": Parity(
        _arguments(fireworksai.STT.__init__), lambda **options: fireworksai.STT(api_key=KEY, **options)
    ),
    "xai": Parity(
        _arguments(xai.STT.__init__),
        lambda **options: xai.STT(api_key=KEY, **options),
        capabilities={"keyterms": (True, "a session's terms reach the vendor too")},
    ),
    "mistralai": Parity(
        _arguments(mistralai.STT.__init__),
        # Any detector will do, as long as it need not be loaded.
        lambda **options: mistralai.STT(api_key=KEY, vad=cast(Any, object()), **options),
        left_out={"client": PYTHON_ONLY, "vad": LIVEKIT_FLUSHES},
        settled={"model": "voxtral-mini-latest"},
    ),
}


@pytest.mark.parametrize("name", PLUGINS)
def test_options_are_the_plugins(name: str) -> None:
    parity = PLUGINS[name]
    ours = set(load_adapter(name, api_key=KEY).spec.options.options)
    assert ours - parity.added.keys() == parity.arguments.keys() - parity.left_out.keys()
    assert parity.left_out.keys() <= parity.arguments.keys()


@pytest.mark.parametrize("name", PLUGINS)
def test_defaults_are_the_plugins(name: str) -> None:
    parity = PLUGINS[name]
    # Settled, so that defaults that follow from others are values too.
    ours = load_adapter(name, api_key=KEY).settings_for({}).options
    wanted = {
        option: parity.settled.get(option, default)
        for option, default in parity.arguments.items()
        if option not in parity.left_out
    }
    assert {option: ours[option] for option in wanted} == wanted


CAPABILITIES: list[tuple[str, dict[str, Any], dict[str, tuple[Any, str]]]] = [
    *((name, {}, {}) for name in PLUGINS),
    ("deepgram", {"interim_results": False, "enable_diarization": True}, {}),
    (
        "deepgram",
        {"detect_language": True},
        {"streaming": (False, "it refuses when the stream is made; ours is wrapped in a StreamAdapter")},
    ),
    (
        "deepgram",
        {"model": "nova-2"},
        {"keyterms": (False, "nova-3 only: the vendor refuses the session's terms with other models")},
    ),
    ("assemblyai", {"model": "universal-streaming-english", "speaker_labels": True}, {}),
    ("assemblyai", {"model": "u3-pro"}, {}),
    ("soniox", {"enable_speaker_diarization": True}, {}),
    ("gladia", {"interim_results": False}, {}),
    ("openai", {"use_realtime": True}, {}),
    ("openai", {"model": "gpt-transcribe"}, {}),
    (
        "openai",
        {"model": "gpt-live-transcribe", "vad": None},
        {"manual_flush": (True, "nothing but a commit ends a segment; the plugin brings a detector for it")},
    ),
    ("google", {"model": "chirp_3", "project": "p"}, {}),
    (
        "elevenlabs",
        {"model": "scribe_v2_realtime"},
        {"offline_recognize": (False, "the vendor takes this model over the WebSocket only")},
    ),
    (
        "elevenlabs",
        {"model": "scribe_v2_realtime", "server_vad": {}, "include_timestamps": True},
        {"offline_recognize": (False, "the vendor takes this model over the WebSocket only")},
    ),
    (
        "cartesia",
        {"language": "de"},
        {"interim_results": (True, "the plugin emits them all the same")},
    ),
    ("speechmatics", {"include_partials": False, "enable_diarization": False}, {}),
    ("xai", {"enable_interim_results": False, "enable_diarization": True}, {}),
    (
        "mistralai",
        {"model": "voxtral-mini-transcribe-realtime-2602"},
        {"manual_flush": (True, LIVEKIT_FLUSHES)},
    ),
]


@pytest.mark.parametrize(("name", "options", "differences"), CAPABILITIES)
async def test_capabilities_are_the_plugins(
    name: str, options: dict[str, Any], differences: dict[str, tuple[Any, str]]
) -> None:
    parity = PLUGINS[name]
    wanted = dataclasses.asdict(parity.plugin(**options).capabilities)
    differing = {**parity.capabilities, **differences}
    assert all(wanted[capability] != ours for capability, (ours, _) in differing.items())
    wanted.update({capability: ours for capability, (ours, _) in differing.items()})
    given = {option: value for option, value in options.items() if option not in parity.left_out}
    adapter = load_adapter(name, api_key=KEY, **given)
    assert dataclasses.asdict(adapter.capabilities) == wanted
