"""Google Speech-to-Text v1 and v2 over REST: our spec against livekit-plugins-google and Google's own client.

The plugin speaks gRPC. Here its requests go through Google's REST client, so the JSON is Google's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from google.cloud.speech_v1.types import resource as resource_v1
from google.cloud.speech_v2.types import cloud_speech as cloud_speech_v2

from tests.differential.harness import ANY, Case, Correction, check_ours, check_plugin
from tests.differential.plugins import google_plugin
from tests.support.streams import tone
from tests.support.vendor import Reply

LINEAR16 = 1
V1_REPLY = Reply(
    json={
        "results": [
            {
                "alternatives": [
                    {
                        "transcript": "how old is",
                        "confidence": 0.98,
                        "words": [
                            {"word": "how", "startTime": "0s", "endTime": "0.300s"},
                            {"word": "old", "startTime": "0.300s", "endTime": "0.600s"},
                        ],
                    },
                    {"transcript": "how cold is"},
                ],
                "languageCode": "en-us",
            },
            {
                "alternatives": [
                    {
                        "transcript": " the bridge",
                        "confidence": 0.9,
                        "words": [{"word": "bridge", "startTime": "1.500s", "endTime": "2s"}],
                    }
                ],
                "languageCode": "en-us",
            },
        ],
        "totalBilledTime": "15s",
        "requestId": "8462112012",
    }
)
V2_REPLY = Reply(
    json={
        "results": [
            {
                "alternatives": [
                    {
                        "transcript": "hallo welt",
                        "confidence": 0.95,
                        "words": [
                            {"word": "hallo", "startOffset": "0.1s", "endOffset": "0.4s"},
                            {"word": "welt", "startOffset": "0.5s", "endOffset": "0.9s"},
                        ],
                    }
                ],
                "languageCode": "de-DE",
            }
        ],
        "metadata": {"requestId": "abc", "totalBilledDuration": "1s"},
    }
)


def canonical(body: Any) -> Any:
    """Google's client writes enums as numbers and leaves out some fields that are false: as good as ours."""
    if isinstance(body, dict):
        clean = {key: canonical(value) for key, value in body.items() if value is not False}
        return {**clean, "encoding": "LINEAR16"} if clean.get("encoding") == LINEAR16 else clean
    return [canonical(item) for item in body] if isinstance(body, list) else body


def request_id(value: str) -> Correction:
    return Correction("the vendor's request id is not passed on", "events.0.request_id", "", value)


def batch(
    name: str, options: dict[str, Any], expect: Sequence[str], path: str, reply: Reply, **more: Any
) -> Case:
    numbers = Correction(
        "Google's client asks for enums as numbers", "wire.requests.0.query", ANY, [], defect=False
    )
    return Case(
        name,
        more.pop("plugin", None) or google_plugin(**options),
        "google",
        expect,
        options=options,
        replies={f"POST {path}": [reply]},
        headers=("x-goog-api-key", "content-type"),
        body=canonical,
        corrections=[numbers, *more.pop("corrections", ())],
        **more,
    )


ALL_WORDS = Correction(
    "only the first result's words are told",
    "events.0.alternatives.0.words",
    [{"text": "how", "start": 0.0, "end": 0.3}, {"text": "old", "start": 0.3, "end": 0.6}],
    lambda words: [*words, {"text": "bridge", "start": 1.5, "end": 2.0}],
)
NOTHING_HEARD = {"text": "", "language": "en-US", "start": 0.0, "end": 0.0, "confidence": 0.0}
V1 = "/v1/speech:recognize"
CASES = [
    batch(
        "v1 by default",
        {},
        ["final_transcript: how old is the bridge"],
        V1,
        V1_REPLY,
        corrections=[ALL_WORDS, request_id("8462112012")],
    ),
    batch(
        "v1 with every option",
        {
            "model": "latest_short",
            "languages": ["en-US", "de-DE", "fr-FR"],
            "punctuate": False,
            "spoken_punctuation": True,
            "enable_word_time_offsets": False,
            "enable_word_confidence": True,
            "profanity_filter": True,
            "keywords": [("LiveKit", 12.0), ("é", 2.5)],
        },
        ["final_transcript: how old is the bridge"],
        V1,
        V1_REPLY,
        frames=tone(0.3, rate=48000, channels=2),
        corrections=[ALL_WORDS, request_id("8462112012")],
    ),
    batch(
        "v1 without language detection takes the first language",
        {"languages": ["de-DE", "fr-FR"], "detect_language": False},
        ["final_transcript: how old is the bridge"],
        V1,
        V1_REPLY,
        corrections=[ALL_WORDS, request_id("8462112012")],
    ),
    batch(
        "v2 by its model, in a region",
        {
            "model": "chirp_2",
            "project": "p",
            "location": "eu",
            "languages": ["en-US", "de-DE"],
            "keywords": [("LiveKit", 12.0)],
            "profanity_filter": True,
        },
        ["final_transcript: hallo welt"],
        "/v2/projects/p/locations/eu/recognizers/_:recognize",
        V2_REPLY,
        corrections=[request_id("abc")],
    ),
    batch(
        "chirp_3 has no word times",
        {"model": "chirp_3", "project": "p"},
        ["final_transcript: hallo welt"],
        "/v2/projects/p/locations/global/recognizers/_:recognize",
        V2_REPLY,
        corrections=[request_id("abc")],
    ),
    batch(
        "v1 with an adaptation in place of keywords",
        {"keywords": [("LiveKit", 12.0)], "adaptation": {"phraseSetReferences": ["projects/p/phraseSets/1"]}},
        ["final_transcript: how old is the bridge"],
        V1,
        V1_REPLY,
        plugin=google_plugin(
            keywords=[("LiveKit", 12.0)],
            adaptation=resource_v1.SpeechAdaptation(phrase_set_references=["projects/p/phraseSets/1"]),
        ),
        corrections=[ALL_WORDS, request_id("8462112012")],
    ),
    batch(
        "v2 with every option",
        {
            "model": "chirp_3",
            "project": "p",
            "languages": ["de-DE"],
            "spoken_punctuation": True,
            "enable_word_time_offsets": True,
            "enable_word_confidence": True,
            "denoiser_config": {"denoiseAudio": True, "snrThreshold": 10.0},
            "custom_prompt_config": {"customPrompt": "Names."},
            "adaptation": {"phraseSets": [{"inlinePhraseSet": {"phrases": [{"value": "a", "boost": 2.0}]}}]},
        },
        ["final_transcript: hallo welt"],
        "/v2/projects/p/locations/global/recognizers/_:recognize",
        V2_REPLY,
        plugin=google_plugin(
            model="chirp_3",
            project="p",
            languages=["de-DE"],
            spoken_punctuation=True,
            enable_word_time_offsets=True,
            enable_word_confidence=True,
            denoiser_config=cloud_speech_v2.DenoiserConfig(denoise_audio=True, snr_threshold=10.0),
            custom_prompt_config=cloud_speech_v2.CustomPromptConfig(custom_prompt="Names."),
            adaptation=cloud_speech_v2.SpeechAdaptation(
                phrase_sets=[
                    cloud_speech_v2.SpeechAdaptation.AdaptationPhraseSet(
                        inline_phrase_set=cloud_speech_v2.PhraseSet(
                            phrases=[cloud_speech_v2.PhraseSet.Phrase(value="a", boost=2.0)]
                        )
                    )
                ]
            ),
        ),
        corrections=[request_id("abc")],
    ),
    batch(
        "nothing heard",
        {},
        ["final_transcript: "],
        V1,
        Reply(json={}),
        corrections=[
            Correction(
                "where nothing was heard there is no alternative",
                "events",
                [{"type": "final_transcript", "request_id": ""}],
                [{"type": "final_transcript", "request_id": "", "alternatives": [NOTHING_HEARD]}],
            )
        ],
    ),
    *(
        batch(
            f"refused with {status}",
            {},
            [],
            V1,
            Reply(status, json={"error": {"code": status, "message": "No.", "status": "X", "details": []}}),
        )
        for status in (400, 403, 429, 503)
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
