"""Speechmatics Agent STT: our spec against livekit-plugins-speechmatics."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from livekit.agents import APIError, stt
from livekit.plugins import speechmatics

from specbuilder import load_adapter
from tests.differential.harness import (
    ANY,
    Build,
    Case,
    Correction,
    check_ours,
    check_plugin,
    end,
    flush,
    say,
    seen,
    until_events,
)
from tests.support.streams import outcome, tone
from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, ScriptedVendor, Send

VAD = {"turn_detection_mode": "vad"}
START = AfterText({"message": "StartRecognition"})
READY = Send({"message": "RecognitionStarted", "id": "sess-1", "language_pack_info": {"word_delimiter": " "}})
END_OF_STREAM = AfterText({"message": "EndOfStream"})
LAST: list[Any] = [END_OF_STREAM, Send({"message": "EndOfTranscript"}), Close(1000)]
TURN = Send({"message": "StartOfTurn", "turn_id": 0, "metadata": {"start_time": 0.1}})
TURN_OVER = Send({"message": "EndOfTurn", "turn_id": 0, "metadata": {"start_time": 0.1, "end_time": 0.3}})


class QuietlyClosed(speechmatics.STT):
    """The plugin, whose streams' `aclose()` raises the stream's error once more."""

    def stream(self, **options: Any) -> stt.RecognizeStream:
        stream = super().stream(**options)
        close = stream.aclose

        async def aclose() -> None:
            with suppress(APIError):
                await close()

        stream.aclose = aclose  # type: ignore[method-assign]
        return stream


def speechmatics_plugin(**options: Any) -> Build:
    mode = speechmatics.TurnDetectionMode(options.pop("turn_detection_mode", "external"))

    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        return QuietlyClosed(
            api_key="test-key",
            base_url=f"{vendor.ws_url}/v2/agent",
            turn_detection_mode=mode,
            vad=None,
            **options,
        )

    return build


def accepted(count: int) -> list[Send]:
    return [Send({"message": "AudioAdded", "seq_no": number}) for number in range(1, count + 1)]


def segment(text: str, speaker: str | None = "S1", *, final: bool = True, start: float = 0.1) -> Send:
    said = {"transcript": text, **({} if speaker is None else {"speaker": speaker})}
    return Send(
        {
            "message": "AddSegment" if final else "AddPartialSegment",
            "format": "2.1",
            "metadata": {"start_time": start, "end_time": start + 0.1},
            "segment": said,
        }
    )


def richer(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    more = {"start_of_speech": {"has_speech_start_time": True}, "end_of_speech": {}}
    return [{**event, **more.get(event["type"], {"request_id": "sess-1"})} for event in events]


def ours(*sent: Any, seconds: float = 0.2, fails: bool = False) -> list[Correction]:
    """What is ours in every exchange: no name of an SDK, the session's id, all seconds counted.

    The plugin counts too few where it `fails`.
    """
    return [
        Correction(
            "it names its SDK",
            "wire.connections.0.query",
            ANY,
            lambda pairs: [pair for pair in pairs if pair[0] != "sm-sdk"],
            defect=False,
        ),
        Correction("neither the session's id nor the beginning of speech is told", "events", ANY, richer),
        Correction(
            "audio is counted at the end of a turn only",
            "usage.audio_duration",
            ANY,
            seconds,
            shared=not fails,
        ),
        *sent,
    ]


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    options = {**VAD, **options}
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(0.2)), until_events(1), end),
        "connections": [[START, READY, AfterAudio(seconds=0.2), *accepted(2), TURN, *script]],
        "corrections": ours(),
        **more,
    }
    return Case(name, speechmatics_plugin(**options), "speechmatics", expect, **settings)


def failing(name: str, expect: Sequence[str], script: Sequence[Any], error: Correction, **more: Any) -> Case:
    return streaming(
        name, {}, expect, script, **{"app": (say(tone(0.2)),), "corrections": ours(error, fails=True), **more}
    )


CASES = [
    streaming(
        "plain exchange with a tail after the end of input",
        {},
        [
            "start_of_speech",
            "interim_transcript: hel",
            "final_transcript: Hello.",
            "end_of_speech",
            "start_of_speech",
            "final_transcript: Bye.",
            "end_of_speech",
        ],
        [
            segment("hel", None, final=False),
            segment("Hello."),
            TURN_OVER,
            END_OF_STREAM,
            TURN,
            segment("Bye.", "S2", start=0.2),
            TURN_OVER,
            Send({"message": "EndOfTranscript"}),
            Close(1000),
        ],
    ),
    streaming(
        "every option",
        {
            "model": "linden-1",
            "domain": "medical",
            "language": "en",
            "output_locale": "en-GB",
            "include_partials": True,
            "enable_diarization": True,
            "additional_vocab": [{"content": "gnocchi", "sounds_like": ["nyohki"]}],
            "speaker_sensitivity": 0.5,
            "max_speakers": 3,
            "speaker_format": "@{speaker_id}: {text}",
            "prefer_current_speaker": True,
            "known_speakers": [{"label": "Alice", "speaker_identifiers": ["x"]}],
            "sample_rate": 16000,
        },
        ["start_of_speech", "final_transcript: @S1: Hello.", "end_of_speech"],
        [segment("Hello."), TURN_OVER, *LAST],
    ),
    streaming(
        "no speakers, no partials",
        {"enable_diarization": False, "include_partials": False, "max_speakers": 3, "language": "de"},
        ["start_of_speech", "final_transcript: Hallo.", "end_of_speech"],
        [segment("Hallo.", None), TURN_OVER, *LAST],
    ),
    streaming(
        "a flush ends the turn when nobody else does",
        {"turn_detection_mode": "external"},
        ["start_of_speech", "final_transcript: Hello.", "end_of_speech"],
        [],
        app=(say(tone(0.2)), until_events(1), flush, until_events(3), end),
        connections=[
            [START, READY, AfterAudio(seconds=0.2), *accepted(2), TURN, segment("Hello."), TURN_OVER, *LAST]
        ],
        ours=[
            [
                START,
                READY,
                AfterAudio(seconds=0.2),
                *accepted(2),
                TURN,
                AfterText({"message": "ForceEndOfUtterance"}),
                segment("Hello."),
                TURN_OVER,
                *LAST,
            ]
        ],
        corrections=ours(
            Correction(
                "a flush is not passed on",
                "wire.connections.0.sent",
                ANY,
                lambda sent: [
                    *sent[:2],
                    *[{"message": "ForceEndOfUtterance", "timestamp": 0.2}] * 2,
                    sent[2],
                ],
            )
        ),
    ),
    failing(
        "in-band error of the caller's",
        ["start_of_speech"],
        [Send({"message": "Error", "type": "not_authorised", "reason": "Bad key", "code": 4001})],
        Correction(
            "an in-band error has no status",
            "error",
            {"status": None, "retryable": False},
            {"status": 401, "retryable": False},
        ),
    ),
    failing(
        "in-band error that passes",
        ["start_of_speech"],
        [Send({"message": "Error", "type": "job_error", "reason": "Try again"})],
        Correction(
            "an in-band error that passes is fatal",
            "error",
            {"status": None, "retryable": False},
            {"status": 503, "retryable": True},
        ),
    ),
    streaming(
        "refused after the handshake",
        {},
        [],
        [],
        app=(),
        connections=[[START, Send({"message": "Error", "type": "invalid_model", "reason": "No such model"})]],
        corrections=[
            ours()[0],
            Correction(
                "an in-band error has no status",
                "error",
                {"status": None, "retryable": False},
                {"status": 400, "retryable": False},
            ),
        ],
    ),
    streaming(
        "dropped with 1011",
        {},
        ["start_of_speech"],
        [],
        app=(say(tone(0.2)),),
        connections=[[START, READY, AfterAudio(seconds=0.2), *accepted(2), TURN, Close(1011)]],
        error=("retryable",),
        plugin_until=seen(1),
        corrections=ours(
            Correction(
                "a lost connection is not noticed while no audio is sent", "error", None, {"retryable": True}
            )
        ),
    ),
    *(
        streaming(
            f"handshake refused with {status}",
            {},
            [],
            [],
            app=(),
            connections=[[Refuse(status, "No.")]],
            corrections=[
                ours()[0],
                Correction(
                    "a refusal loses its HTTP status",
                    "error",
                    {"status": None, "retryable": True},
                    {"status": status, "retryable": status != 401},
                ),
            ],
        )
        for status in (401, 503)
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)


@pytest.mark.parametrize(
    "options", [{"max_speakers": 1}, {"speaker_sensitivity": 1.5}, {"sample_rate": 8000}], ids=str
)
def test_refused_alike(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        speechmatics.STT(api_key="test-key", vad=None, **options)
    with pytest.raises(ValueError, match=next(iter(options))):
        load_adapter("speechmatics", api_key="test-key", **options)


async def test_address_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = ScriptedVendor([START, READY, *LAST])
    async with vendor:
        monkeypatch.setenv("SPEECHMATICS_RT_URL", f"{vendor.ws_url}/eu/v2/agent")
        adapter = load_adapter("speechmatics", api_key="test-key")
        stream = adapter.stream()
        stream.end_input()
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert [(item.path, item.header("authorization")) for item in vendor.handshakes] == [
        ("/eu/v2/agent", "Bearer test-key")
    ]
