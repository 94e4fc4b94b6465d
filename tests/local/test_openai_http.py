from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from specbuilder.local import LocalServer, word_error_rate

from .conftest import Recording


def form(file: bytes | None, content_type: str = "audio/wav", **fields: str | list[str]) -> aiohttp.FormData:
    data = aiohttp.FormData(default_to_multipart=True)
    if file is not None:
        data.add_field("file", file, filename="audio", content_type=content_type)
    for name, value in {"model": "whisper-1", **fields}.items():
        for one in [value] if isinstance(value, str) else value:
            data.add_field(name, one)
    return data


async def post(server: LocalServer, data: aiohttp.FormData, **headers: str) -> tuple[int, Any, Any]:
    """The status, headers and body (JSON where it is JSON) of a transcription request."""
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{server.url}/v1/audio/transcriptions", data=data, headers=headers) as response,
    ):
        body = await response.text()
        return response.status, response.headers, json.loads(body) if body.startswith("{") else body


async def test_json(server: LocalServer, recordings: dict[str, Recording]) -> None:
    status, _, body = await post(server, form(recordings["jfk"].file, prompt="a speech", temperature="0.2"))
    assert status == 200
    assert word_error_rate(recordings["jfk"].transcript, body["text"]) <= 0.1
    assert body["usage"] == {"type": "duration", "seconds": 11}


async def test_verbose_json_has_what_was_asked_for(
    server: LocalServer, recordings: dict[str, Recording]
) -> None:
    file = recordings["arctic_a0009"].file
    _, _, plain = await post(server, form(file, response_format="verbose_json"))
    _, _, words = await post(
        server, form(file, response_format="verbose_json", **{"timestamp_granularities[]": "word"})
    )
    asked: dict[str, str | list[str]] = {"timestamp_granularities[]": ["word", "segment"]}
    _, _, both = await post(server, form(file, "audio/wav", response_format="verbose_json", **asked))
    assert ("words" in plain, "segments" in plain) == (False, True)
    assert ("words" in words, "segments" in words) == (True, False)
    assert ("words" in both, "segments" in both) == (True, True)
    assert plain["language"] == "english"
    assert plain["duration"] == pytest.approx(3.095, abs=0.01)
    assert [word["word"] for word in words["words"]][:2] == ["He", "turned"]
    assert words["words"][1]["start"] == pytest.approx(0.27, abs=0.1)
    assert both["segments"][0]["text"] == both["text"]
    assert both["segments"][0]["start"] == both["words"][0]["start"]


async def test_text_and_subtitles(server: LocalServer, recordings: dict[str, Recording]) -> None:
    file = recordings["go_forward"].file
    _, headers, text = await post(server, form(file, response_format="text"))
    assert headers["Content-Type"].startswith("text/plain")
    assert text.endswith("\n")
    assert word_error_rate("go forward ten meters", text) == 0.0
    _, _, srt = await post(server, form(file, response_format="srt"))
    number, times, line = srt.strip().split("\n")
    assert number == "1"
    assert times.startswith("00:00:00,")
    assert " --> 00:00:02," in times
    assert line == text.strip()
    _, headers, vtt = await post(server, form(file, response_format="vtt"))
    assert headers["Content-Type"].startswith("text/vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:00.")


async def test_a_stream_of_deltas_adds_up_to_the_text(
    server: LocalServer, recordings: dict[str, Recording]
) -> None:
    _, headers, body = await post(server, form(recordings["jfk"].file, stream="true"))
    assert headers["Content-Type"] == "text/event-stream"
    events = [json.loads(line.removeprefix("data: ")) for line in body.split("\n\n") if line]
    deltas = [event["delta"] for event in events[:-1]]
    assert {event["type"] for event in events[:-1]} == {"transcript.text.delta"}
    assert len(deltas) > 10
    assert events[-1]["type"] == "transcript.text.done"
    assert events[-1]["text"] == "".join(deltas)
    assert events[-1]["usage"]["seconds"] == 11


async def test_headerless_pcm_is_told_by_its_type(
    server: LocalServer, recordings: dict[str, Recording]
) -> None:
    status, _, body = await post(server, form(recordings["go_forward"].pcm, "audio/pcm"))
    assert (status, word_error_rate("go forward ten meters", body["text"])) == (200, 0.0)


async def test_silence_has_an_empty_text(server: LocalServer) -> None:
    status, _, body = await post(server, form(bytes(64_000), "audio/pcm"))
    assert (status, body["text"]) == (200, "")


@pytest.mark.parametrize(
    ("fields", "param", "status"),
    [
        ({"model": ""}, "model", 400),
        ({"model": "whisper-99"}, "model", 404),
        ({"language": "de"}, "language", 400),
        ({"response_format": "xml"}, "response_format", 400),
        ({"temperature": "hot"}, "temperature", 400),
        ({"temperature": "1.5"}, "temperature", 400),
        ({"stream": "perhaps"}, "stream", 400),
        ({"timestamp_granularities[]": "word"}, "timestamp_granularities[]", 400),
        ({"timestamp_granularities[]": "letter"}, "timestamp_granularities[]", 400),
    ],
)
async def test_a_wrong_field_is_named(
    server: LocalServer, recordings: dict[str, Recording], fields: dict[str, str], param: str, status: int
) -> None:
    got, _, body = await post(server, form(recordings["go_forward"].file, **fields))
    assert (got, body["error"]["param"]) == (status, param)
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["message"]
    assert (body["error"]["code"] == "model_not_found") is (status == 404)


async def test_a_missing_or_unreadable_file(server: LocalServer) -> None:
    status, _, body = await post(server, form(None))
    assert (status, body["error"]["param"]) == (400, "file")
    status, _, body = await post(server, form(b"this is no sound" * 100))
    assert (status, body["error"]["code"]) == (400, "invalid_file")


async def test_a_body_that_is_no_form(server: LocalServer) -> None:
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{server.url}/v1/audio/transcriptions", json={"model": "whisper-1"}) as response,
    ):
        assert response.status == 400
        assert "multipart/form-data" in (await response.json())["error"]["message"]


@pytest.mark.parametrize("chunked", [False, True])
async def test_too_large_a_body(server: LocalServer, chunked: bool) -> None:
    data = form(bytes(3 * 2**20), "audio/pcm")
    async with (
        aiohttp.ClientSession() as client,
        client.post(
            f"{server.url}/v1/audio/transcriptions", data=data, chunked=True if chunked else None
        ) as response,
    ):
        assert response.status == 413
        assert (await response.json())["error"]["code"] == "request_too_large"


async def test_models_and_health(server: LocalServer) -> None:
    async with aiohttp.ClientSession() as client:
        async with client.get(f"{server.url}/v1/models") as response:
            models = [model["id"] for model in (await response.json())["data"]]
        async with client.get(f"{server.url}/healthz") as response:
            health = await response.json()
    assert models[:2] == ["moonshine-tiny-en", "whisper-1"]
    assert health == {"status": "ok", "engine": "moonshine-tiny-en"}


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/healthz", 405)])
async def test_unknown_requests_have_the_same_shape(
    server: LocalServer, method: str, path: str, status: int
) -> None:
    async with aiohttp.ClientSession() as client, client.request(method, server.url + path) as response:
        assert response.status == status
        assert set((await response.json())["error"]) == {"message", "type", "param", "code"}


async def test_a_server_with_a_key_asks_for_it(recordings: dict[str, Recording]) -> None:
    async with LocalServer(api_key="s3cret") as server:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret"}):
            status, _, body = await post(server, form(recordings["go_forward"].file), **headers)
            assert (status, body["error"]["code"]) == (401, "invalid_api_key")
            assert "s3cret" not in json.dumps(body)
        status, _, _ = await post(server, form(recordings["go_forward"].file), Authorization="Bearer s3cret")
        assert status == 200
        async with aiohttp.ClientSession() as client:
            async with client.get(f"{server.url}/v1/models") as response:
                assert response.status == 401
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.ws_connect(server.url)
            assert refused.value.status == 401


async def test_more_requests_than_allowed_are_told_to_come_back(recordings: dict[str, Recording]) -> None:
    async with LocalServer(max_requests=1) as server, aiohttp.ClientSession() as client:
        # A request whose body has not ended yet holds the only place.
        begun = asyncio.Event()
        release = asyncio.Event()

        async def slow() -> Any:
            yield b"--x\r\n"
            begun.set()
            await release.wait()
            yield b"--x--\r\n"

        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        url = f"{server.url}/v1/audio/transcriptions"
        first = asyncio.create_task(client.post(url, data=slow(), headers=headers))
        await begun.wait()
        for _ in range(200):  # until the server has seen the first one
            status, answer, body = await post(server, form(None))
            if status == 503:
                break
        assert status == 503
        assert answer["Retry-After"] == "1"
        assert body["error"]["code"] == "server_busy"
        release.set()
        (await first).close()
        status, _, _ = await post(server, form(recordings["go_forward"].file))
        assert status == 200
