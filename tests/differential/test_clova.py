"""CLOVA Speech: our spec against livekit-plugins-clova."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from livekit.plugins import clova

from tests.differential.harness import ANY, Build, Case, Correction, check_ours, check_plugin
from tests.support.streams import tone
from tests.support.vendor import Reply

PATH = "/external/v1/7/abc"


def clova_plugin(**options: Any) -> Build:
    return lambda vendor, session: clova.STT(
        secret="test-key", invoke_url=f"{vendor.url}{PATH}", http_session=session, **options
    )


def parts(body: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts with JSON as one form of it, and of the resampled audio only its kind."""
    found = []
    for part in body:
        value = part["value"]
        if isinstance(value, dict):
            value = {name: value[name] for name in ("rate", "channels")}
        else:
            value = value.replace('": "', '":"').replace('", "', '","')
        found.append({**part, "value": value})
    return found


def batch(name: str, options: dict[str, Any], expect: Sequence[str], reply: Reply, **more: Any) -> Case:
    return Case(
        name,
        clova_plugin(**options),
        "clova",
        expect,
        options={"invoke_url": f"https://clovaspeech-gw.ncloud.com{PATH}", **options},
        replies={f"POST {PATH}/recognizer/upload": [reply]},
        headers=("x-clovaspeech-api-key",),
        body=parts,
        **more,
    )


def final(confidence: float, request_id: str = "") -> list[Correction]:
    return [
        Correction(
            "the result is an interim transcript", "events.0.type", "interim_transcript", "final_transcript"
        ),
        Correction(
            "the confidence is not passed on",
            "events.0.alternatives.0",
            ANY,
            lambda data: {**data, "confidence": confidence},
        ),
        Correction(
            "the vendor's request id is not passed on",
            "events.0.request_id",
            "",
            request_id,
            shared=not request_id,
        ),
    ]


def refused(name: str, reply: Reply, status: int, retryable: bool = False) -> Case:
    return batch(
        name,
        {},
        [],
        reply,
        corrections=[
            Correction(
                "an error is not one of livekit's", "error", ANY, {"status": status, "retryable": retryable}
            )
        ],
    )


CASES = [
    batch(
        "plain exchange",
        {},
        ["final_transcript: hi there"],
        Reply(json={"result": "COMPLETED", "token": "t1", "text": "hi there", "confidence": 0.9}),
        corrections=final(0.9, "t1"),
    ),
    batch(
        "audio of another rate",
        {"language": "ko-KR"},
        ["final_transcript: 안녕"],
        Reply(json={"text": "안녕", "confidence": 0.8}),
        frames=tone(0.2, rate=48000),
        corrections=final(0.8),
    ),
    *(
        batch(
            f"language {language}",
            {"language": language},
            ["final_transcript: hi"],
            Reply(json={"text": "hi", "confidence": 1.0}),
            corrections=final(1.0),
        )
        for language in ("en", "zh-CN", "zh-TW", "ja", "enko")
    ),
    refused("less confidence than asked for", Reply(json={"text": "x", "confidence": 0.3}), 422),
    refused("no text", Reply(json={"text": "", "confidence": 1.0}), 422),
    refused("an error with a status of success", Reply(json={"error": {"message": "No."}}), 422),
    refused("refused with 401", Reply(401, json={"error": {"message": "No."}}), 401),
    refused("refused with 500", Reply(500, json={"message": "No."}), 500, True),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
