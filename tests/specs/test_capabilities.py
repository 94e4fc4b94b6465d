"""What livekit is told that a vendor can do, for the specs that are not held against a plugin's capabilities.

Most of these have no official plugin. Where there is one, what it says otherwise is noted.
"""

from __future__ import annotations

from typing import Any

import pytest

from specbuilder import list_specs, load_adapter
from tests.specs.test_plugin_parity import CAPABILITIES as PLUGIN_CASES

BATCH = {"offline_recognize": True}
WORDS = {**BATCH, "aligned_transcript": "word"}
STREAM = {**BATCH, "streaming": True, "interim_results": True}
LIVE = {"streaming": True, "interim_results": True}
AWS = {"access_key_id": "a"}
REGION = {"speech_region": "westeurope"}
BASETEN = {"model_endpoint": "wss://model-abc.api.baseten.co/websocket"}
SLNG = {"model": "deepgram/nova:3"}
AZURE = {"azure_endpoint": "https://name.openai.azure.com"}
IFLYTEK = {"app_id": "a", "api_secret": "s"}

CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("assemblyai_batch", {}, {**WORDS, "keyterms": True}),
    ("assemblyai_batch", {"speaker_labels": True}, {**WORDS, "keyterms": True, "diarization": True}),
    ("aws", AWS, {**LIVE, "aligned_transcript": "word"}),
    ("aws", {**AWS, "show_speaker_label": True}, {**LIVE, "aligned_transcript": "word", "diarization": True}),
    # The plugin does not take recordings.
    ("azure", REGION, {**STREAM, "aligned_transcript": "chunk"}),
    ("azure", {**REGION, "fast_transcription": True}, {**STREAM, "aligned_transcript": "chunk"}),
    ("azure_openai", AZURE, BATCH),
    (
        "azure_openai",
        {**AZURE, "model": "gpt-live-transcribe"},
        {**STREAM, "keyterms": True, "manual_flush": True},
    ),
    ("baseten", BASETEN, {**LIVE, "aligned_transcript": "word"}),
    (
        "baseten",
        {**BASETEN, "enable_partial_transcripts": False},
        {"streaming": True, "aligned_transcript": "word"},
    ),
    # The plugin's one request gives an interim, it says.
    ("clova", {"invoke_url": "https://clova.example/external/v1/7/abc"}, BATCH),
    ("dashscope", {}, {**STREAM, "aligned_transcript": "word"}),
    # The plugin says interims too, and gives none.
    ("fal", {}, BATCH),
    ("gladia_batch", {}, WORDS),
    ("gladia_batch", {"diarization": True}, {**WORDS, "diarization": True}),
    ("gradium", {}, LIVE),
    ("huggingface", {}, BATCH),
    ("huggingface", {"return_timestamps": True}, {**BATCH, "aligned_transcript": "chunk"}),
    ("huggingface", {"return_timestamps": "word"}, WORDS),
    ("iflytek_iat", IFLYTEK, STREAM),
    ("kyutai_moshi", {}, {**STREAM, **WORDS}),
    ("meta", {}, LIVE),
    ("nvidia", {}, {**STREAM, "aligned_transcript": "word"}),
    ("nvidia", {"enable_diarization": True}, {**STREAM, "aligned_transcript": "word", "diarization": True}),
    ("openai_compatible", {}, BATCH),
    ("openai_compatible", {"timestamp_granularities": ["word"]}, WORDS),
    ("rtzr", {"client_id": "a"}, {**LIVE, "aligned_transcript": "chunk"}),
    # The plugin says interims too; the vendor sends none.
    ("sarvam", {}, {"streaming": True, **BATCH}),
    ("sarvam_realtime", {}, LIVE),
    ("slng", SLNG, {**LIVE, "aligned_transcript": "chunk"}),
    (
        "slng",
        {**SLNG, "enable_partial_transcripts": False},
        {"streaming": True, "aligned_transcript": "chunk"},
    ),
    ("speechmatics_batch", {"diarization": True}, {**WORDS, "diarization": True}),
    ("volcengine_bigmodel", {}, {**STREAM, "aligned_transcript": "word", "keyterms": True}),
    (
        "volcengine_bigmodel",
        {"mode": "bigmodel_nostream"},
        {**WORDS, "streaming": True, "keyterms": True},
    ),
    ("spitch", {}, BATCH),
    ("vosk", {}, {**STREAM, "aligned_transcript": "word"}),
    ("vosk", {"words": False}, STREAM),
    ("whispercpp_server", {}, {**BATCH, "aligned_transcript": "chunk"}),
    ("whispercpp_server", {"word_timestamps": True, "diarize": True}, {**WORDS, "diarization": True}),
    ("whisperlivekit", {}, {**STREAM, "aligned_transcript": "chunk"}),
    ("whisperlivekit", {"diarization": True}, {**STREAM, "aligned_transcript": "chunk", "diarization": True}),
    ("witai", {}, WORDS),
]


def test_no_spec_is_left_out() -> None:
    assert {name for name, *_ in (*CASES, *PLUGIN_CASES)} == set(list_specs())


@pytest.mark.parametrize(("name", "options", "expected"), CASES)
def test_capabilities(name: str, options: dict[str, Any], expected: dict[str, Any]) -> None:
    capabilities = vars(load_adapter(name, api_key="test-key", **options).capabilities)
    assert {what: value for what, value in capabilities.items() if value} == expected
