"""What livekit is told that a vendor can do, for the specs without an official plugin to compare with."""

from __future__ import annotations

from typing import Any

import pytest

from specbuilder import load_adapter

BATCH = {"offline_recognize": True}
WORDS = {**BATCH, "aligned_transcript": "word"}
STREAM = {**BATCH, "streaming": True, "interim_results": True}
AZURE = {"azure_endpoint": "https://name.openai.azure.com"}
IFLYTEK = {"app_id": "a", "api_secret": "s"}

CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("assemblyai_batch", {}, {**WORDS, "keyterms": True}),
    ("assemblyai_batch", {"speaker_labels": True}, {**WORDS, "keyterms": True, "diarization": True}),
    ("azure_openai", AZURE, BATCH),
    (
        "azure_openai",
        {**AZURE, "model": "gpt-live-transcribe"},
        {**STREAM, "keyterms": True, "manual_flush": True},
    ),
    ("dashscope", {}, {**STREAM, "aligned_transcript": "word"}),
    ("gladia_batch", {}, WORDS),
    ("gladia_batch", {"diarization": True}, {**WORDS, "diarization": True}),
    ("huggingface", {}, BATCH),
    ("huggingface", {"return_timestamps": True}, {**BATCH, "aligned_transcript": "chunk"}),
    ("huggingface", {"return_timestamps": "word"}, WORDS),
    ("iflytek_iat", IFLYTEK, STREAM),
    ("kyutai_moshi", {}, {**STREAM, **WORDS}),
    ("speechmatics_batch", {"diarization": True}, {**WORDS, "diarization": True}),
    ("volcengine_bigmodel", {}, {**STREAM, "aligned_transcript": "word", "keyterms": True}),
    (
        "volcengine_bigmodel",
        {"mode": "bigmodel_nostream"},
        {**WORDS, "streaming": True, "keyterms": True},
    ),
    ("whispercpp_server", {}, {**BATCH, "aligned_transcript": "chunk"}),
    ("whispercpp_server", {"word_timestamps": True, "diarize": True}, {**WORDS, "diarization": True}),
    ("whisperlivekit", {}, {**STREAM, "aligned_transcript": "chunk"}),
    ("whisperlivekit", {"diarization": True}, {**STREAM, "aligned_transcript": "chunk", "diarization": True}),
    ("witai", {}, WORDS),
]


@pytest.mark.parametrize(("name", "options", "expected"), CASES)
def test_capabilities(name: str, options: dict[str, Any], expected: dict[str, Any]) -> None:
    capabilities = vars(load_adapter(name, api_key="test-key", **options).capabilities)
    assert {what: value for what, value in capabilities.items() if value} == expected
