"""What a script of a spec cannot show: bytes of framed protocols, sockets that follow one another, jobs."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from livekit.agents import APIConnectOptions, stt

from specbuilder import load_adapter
from specbuilder.protocol.codecs import codec
from tests.support.streams import Outcome, outcome, push, tone, transcripts
from tests.support.vendor import (
    AfterAudio,
    AfterText,
    Binary,
    Close,
    HttpRequest,
    Reply,
    Script,
    ScriptedVendor,
    Send,
    Text,
    base64_audio,
)

KINDS = ("start_of_speech", "interim_transcript", "final_transcript", "end_of_speech")


def kinds(events: Sequence[stt.SpeechEvent]) -> list[str]:
    return [event.type.value for event in events if event.type.value in KINDS]


async def listen(
    name: str, *scripts: Script, audio: Any = None, seconds: float = 0.2, retries: int = 0, **options: Any
) -> tuple[Outcome, ScriptedVendor]:
    """Push a tone into the spec's stream, end the input and read all of it."""
    vendor = ScriptedVendor(*scripts, **({"audio": audio} if audio else {}))
    async with aiohttp.ClientSession() as session, vendor:
        adapter = load_adapter(
            name, api_key="test-key", base_url=vendor.ws_url, http_session=session, **options
        )
        stream = adapter.stream(conn_options=APIConnectOptions(max_retry=retries, timeout=3.0))
        await push(stream, tone(seconds))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    return result, vendor


# -- Volcengine: numbered, compressed binary frames --------------------------------------------------------

VOLC = codec("volc_v3")


def volc_audio(record: Text | Binary) -> bytes:
    message = VOLC.decode(record.data) if isinstance(record, Binary) else None
    body = message["body"] if message and message["headers"]["type"] == "audio" else None
    return body if isinstance(body, bytes) else b""


def volc_reply(sequence: int, *utterances: dict[str, Any], last: bool = False) -> Send:
    body = {"audio_info": {"duration": 200}, "result": {"utterances": list(utterances)}}
    return Send(
        VOLC.encode({"headers": {"type": "response", "sequence": sequence, "last": last}, "body": body})
    )


async def test_volcengine_counts_its_frames_and_marks_the_last() -> None:
    hello = {"text": "hello", "start_time": 0, "end_time": 150}
    result, vendor = await listen(
        "volcengine_bigmodel",
        [
            volc_reply(1),
            AfterAudio(seconds=0.2),
            volc_reply(2, {**hello, "definite": False}),
            volc_reply(3, {**hello, "definite": True}, last=True),
            Close(1000),
        ],
        audio=volc_audio,
    )
    assert result.error is None
    assert kinds(result.events) == list(KINDS)
    assert transcripts(result.events) == ["hello"]
    sent = [record.data for record in vendor.wire if isinstance(record, Binary)]
    # version and header size | type and flags | JSON or raw, gzip
    assert [frame[:3].hex() for frame in sent] == ["111111", "112101", "112101", "112201"]
    assert [struct.unpack(">i", frame[4:8])[0] for frame in sent[:3]] == [1, 2, 3]


async def test_volcengine_says_what_is_wrong_in_a_frame_of_its_own() -> None:
    error = {"headers": {"type": "error", "code": 45000001, "gzip": False}, "body": b"bad rate"}
    result, _ = await listen("volcengine_bigmodel", [Send(VOLC.encode(error))], audio=volc_audio)
    assert getattr(result.error, "status_code", None) == 400
    assert "bad rate" in str(result.error)


# -- iFlytek: a connection for each utterance --------------------------------------------------------------


def iflytek_result(text: str, status: int) -> Send:
    words = [{"cw": [{"w": text}]}]
    return Send({"code": 0, "sid": "s", "data": {"status": status, "result": {"sn": 1, "ws": words}}})


async def test_iflytek_takes_another_connection_for_the_next_utterance() -> None:
    result, vendor = await listen(
        "iflytek_iat",
        [AfterAudio(seconds=0.2), iflytek_result("one", 1), iflytek_result("one", 2), Close(1000)],
        [
            AfterText(lambda message: message["data"]["status"] == 2),
            iflytek_result("two", 2),
            Close(1000),
        ],
        audio=base64_audio("data", "audio"),
        seconds=0.4,
        retries=1,
        app_id="A",
        api_secret="S",
    )
    assert result.error is None
    assert transcripts(result.events) == ["one", "two"]
    assert kinds(result.events)[-3:] == ["start_of_speech", "final_transcript", "end_of_speech"]
    for number in (0, 1):
        first, *rest = [frame.json for frame in vendor.frames(number) if isinstance(frame, Text)]
        assert (first["common"], first["data"]["status"]) == ({"app_id": "A"}, 0)
        assert not any("common" in message for message in rest)


# -- WhisperLiveKit: an empty frame is the end -------------------------------------------------------------


async def test_whisperlivekit_ends_with_an_empty_frame() -> None:
    line = {"speaker": 1, "text": " Hello world.", "start": "0:00:00.00", "end": "0:00:00.20"}
    snapshot = {"status": "active_transcription", "lines": [line], "buffer_transcription": ""}
    result, vendor = await listen(
        "whisperlivekit",
        [
            Send({"type": "config", "mode": "full"}),
            AfterAudio(seconds=0.2),
            Send(snapshot),
            Send({"type": "ready_to_stop"}),
        ],
    )
    assert result.error is None
    assert transcripts(result.events) == ["Hello world."]
    sent = [record.data for record in vendor.wire if isinstance(record, Binary)]
    assert (sent[-1], [frame for frame in sent if not frame]) == (b"", [b""])


# -- jobs: upload, create, poll; every address is below the caller's ---------------------------------------

DONE: dict[str, dict[str, Sequence[Reply]]] = {
    "assemblyai_batch": {
        "POST /v2/upload": [Reply(json={"upload_url": "https://cdn.assemblyai.com/upload/abc"})],
        "POST /v2/transcript": [Reply(json={"id": "j1", "status": "queued"})],
        "GET /v2/transcript/j1": [Reply(json={"id": "j1", "status": "completed", "text": "Hello world."})],
    },
    "gladia_batch": {
        "POST /v2/upload": [Reply(json={"audio_url": "https://api.gladia.io/file/1"})],
        "POST /v2/pre-recorded": [Reply(201, json={"id": "j1"})],
        "GET /v2/pre-recorded/j1": [
            Reply(json={"status": "done", "result": {"transcription": {"full_transcript": "Hello world."}}})
        ],
    },
    "speechmatics_batch": {
        "POST /v2/jobs": [Reply(201, json={"id": "j1"})],
        "GET /v2/jobs/j1": [
            Reply(json={"job": {"id": "j1", "status": "running"}}),
            Reply(json={"job": {"id": "j1", "status": "done"}}),
        ],
        "GET /v2/jobs/j1/transcript": [
            Reply(
                json={
                    "job": {"id": "j1"},
                    "results": [
                        {"type": "word", "alternatives": [{"content": "Hello"}]},
                        {"type": "word", "alternatives": [{"content": "world"}]},
                        {
                            "type": "punctuation",
                            "attaches_to": "previous",
                            "alternatives": [{"content": "."}],
                        },
                    ],
                }
            )
        ],
    },
}


@pytest.mark.parametrize("name", DONE)
async def test_a_job_from_upload_to_transcript(name: str) -> None:
    vendor = ScriptedVendor(replies=DONE[name])
    async with aiohttp.ClientSession() as session, vendor:
        adapter = load_adapter(name, api_key="test-key", base_url=vendor.url, http_session=session)
        event = await adapter.recognize(tone(0.2))
        await adapter.aclose()
    assert event.alternatives[0].text == "Hello world."
    # The key goes with every request, and the audio with the first alone.
    assert all("test-key" in str(request.headers) for request in vendor.requests)
    assert [carries_audio(request) for request in vendor.requests] == [True] + [False] * (
        len(vendor.requests) - 1
    )


def carries_audio(request: HttpRequest) -> bool:
    values = [request.body, *(part.value for part in request.parts or ())]
    return any(isinstance(value, bytes) and value[:4] == b"RIFF" for value in values)
