from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from specbuilder.local import LocalServer, word_error_rate

from .conftest import Recording

CONFIG = '{"config" : {"sample_rate" : 16000, "words" : true, "max_alternatives" : 0}}'
EOF = '{"eof" : 1}'
RESET = '{"reset" : 1}'
PIECE = 6400


def address(server: LocalServer, path: str = "/") -> str:
    return server.url.replace("http:", "ws:") + path


async def talk(ws: ClientConnection, pcm: bytes) -> list[dict[str, Any]]:
    """Send audio in lock-step: every piece has exactly one reply."""
    replies = []
    for at in range(0, len(pcm), PIECE):
        await ws.send(pcm[at : at + PIECE])
        replies.append(json.loads(await ws.recv()))
    return replies


async def ask(ws: ClientConnection, control: str) -> dict[str, Any]:
    await ws.send(control)
    reply: dict[str, Any] = json.loads(await ws.recv())
    return reply


async def transcript(server: LocalServer, pcm: bytes) -> str:
    async with connect(address(server)) as ws:
        await ws.send(CONFIG)
        replies = [*await talk(ws, pcm), await ask(ws, EOF)]
    return " ".join(reply["text"] for reply in replies if reply.get("text"))


async def test_one_reply_a_message_then_a_normal_close(
    server: LocalServer, recordings: dict[str, Recording]
) -> None:
    pcm = recordings["librivox_0930"].pcm
    pieces = -(-len(pcm) // PIECE)
    async with connect(address(server)) as ws:
        await ws.send(CONFIG)
        for at in range(0, len(pcm), PIECE):
            await ws.send(pcm[at : at + PIECE])
        await ws.send(EOF)
        replies = [json.loads(message) async for message in ws]
    assert ws.close_code == 1000
    assert len(replies) == pieces + 1
    assert all(set(reply) in ({"partial"}, {"result", "text"}) for reply in replies)
    partials = [reply["partial"] for reply in replies if "partial" in reply]
    assert partials[0] == ""
    assert any("might even have" in partial for partial in partials)
    final = replies[-1]
    assert word_error_rate(recordings["librivox_0930"].transcript, final["text"]) <= 0.15
    assert [word["word"] for word in final["result"]] == final["text"].split()
    assert all(set(word) == {"conf", "start", "end", "word"} for word in final["result"])


async def test_the_wire_is_written_as_kaldi_writes_it(
    server: LocalServer, recordings: dict[str, Recording]
) -> None:
    async with connect(address(server)) as ws:
        await ws.send(bytes(PIECE))
        assert await ws.recv() == '{\n  "partial" : ""\n}'
        await ws.send(EOF)
        assert await ws.recv() == '{\n  "text" : ""\n}'


async def test_text_is_lower_case_without_punctuation(
    server: LocalServer, recordings: dict[str, Recording]
) -> None:
    text = await transcript(server, recordings["arctic_a0009"].pcm)
    assert text == " ".join(text.lower().replace(".", "").replace(",", "").split())
    assert text.startswith("he turned sharply")


async def test_without_words_a_final_is_text_alone(
    server: LocalServer, recordings: dict[str, Recording]
) -> None:
    async with connect(address(server, "/any/path")) as ws:
        await ws.send('{"config" : {"words" : false}}')
        await talk(ws, recordings["arctic_a0009"].pcm)
        final = await ask(ws, EOF)
    assert set(final) == {"text"}
    assert final["text"].endswith("table")


async def test_alternatives(server: LocalServer, recordings: dict[str, Recording]) -> None:
    async with connect(address(server)) as ws:
        await ws.send('{"config" : {"max_alternatives" : 3, "phrase_list" : ["table", "[unk]"]}}')
        await talk(ws, recordings["arctic_a0009"].pcm)
        final = await ask(ws, EOF)
    assert set(final) == {"alternatives"}
    best = final["alternatives"][0]
    assert set(best) == {"confidence", "text", "result"}
    assert best["confidence"] > 1
    assert all(set(word) == {"start", "end", "word"} for word in best["result"])
    assert best["text"].startswith("he turned")


async def test_reset_gives_a_final_and_times_count_on(
    server: LocalServer, recordings: dict[str, Recording]
) -> None:
    pcm = recordings["arctic_a0009"].pcm
    async with connect(address(server)) as ws:
        await ws.send(CONFIG)
        await talk(ws, pcm)
        first = await ask(ws, RESET)
        assert await ask(ws, RESET) == {"text": ""}
        await talk(ws, pcm)
        second = await ask(ws, EOF)
    assert word_error_rate(first["text"], second["text"]) <= 0.15
    assert second["result"][0]["start"] >= len(pcm) / 32_000


async def test_a_late_config_changes_nothing(server: LocalServer, recordings: dict[str, Recording]) -> None:
    pcm = recordings["arctic_a0009"].pcm
    async with connect(address(server)) as ws:
        await ws.send(CONFIG)
        await talk(ws, pcm[:PIECE])
        await ws.send('{"config" : {"sample_rate" : 8000}}')
        await talk(ws, pcm[PIECE:])
        final = await ask(ws, EOF)
    assert word_error_rate(recordings["arctic_a0009"].transcript, final["text"]) <= 0.15


async def test_the_sample_rate_is_heeded(server: LocalServer, recordings: dict[str, Recording]) -> None:
    pcm = recordings["librivox_0930"].pcm
    narrow = b"".join(pcm[at : at + 2] for at in range(0, len(pcm) - 1, 4))
    async with connect(address(server)) as ws:
        await ws.send('{"config" : {"sample_rate" : 8000.0}}')
        await talk(ws, narrow)
        final = await ask(ws, EOF)
    assert word_error_rate(recordings["librivox_0930"].transcript, final["text"]) <= 0.2
    assert final["result"][-1]["end"] == pytest.approx(3.1, abs=0.3)


async def test_long_silence_gives_empty_finals(server: LocalServer) -> None:
    async with connect(address(server)) as ws:
        replies = await talk(ws, bytes(12 * 32_000))
    assert [reply for reply in replies if reply != {"partial": ""}] == [{"text": ""}, {"text": ""}]


async def test_noise_gives_no_text(server: LocalServer, noise: bytes) -> None:
    assert await transcript(server, noise) == ""


@pytest.mark.parametrize(
    "message",
    [
        '{"eof":1}',
        '{"eof": 1}',
        "hello",
        "",
        '{"config" : 5}',
        '{"config"',
        '["config"]',
        '{"config" : {"sample_rate" : "fast"}}',
        '{"config" : {"max_alternatives" : null}}',
    ],
)
async def test_what_the_real_server_fails_on_closes_with_1011(server: LocalServer, message: str) -> None:
    async with connect(address(server)) as ws:
        await ws.send(bytes(PIECE))
        assert json.loads(await ws.recv()) == {"partial": ""}
        await ws.send(message)
        with pytest.raises(ConnectionClosed):
            await ws.recv()
    assert ws.close_code == 1011


async def test_an_impossible_sample_rate_closes_with_1011(server: LocalServer) -> None:
    async with connect(address(server)) as ws:
        await ws.send('{"config" : {"sample_rate" : 1}}')
        await ws.send(bytes(PIECE))
        with pytest.raises(ConnectionClosed):
            await ws.recv()
    assert ws.close_code == 1011


async def test_too_large_a_message_closes_with_1009(server: LocalServer) -> None:
    async with connect(address(server)) as ws:
        await ws.send(bytes(2**20 + 2))
        with pytest.raises(ConnectionClosed):
            await ws.recv()
    assert ws.close_code == 1009


async def test_eight_streams_at_once(server: LocalServer, recordings: dict[str, Recording]) -> None:
    several = [recordings[id] for id in ("librivox_0880", "librivox_0930", "go_forward", "arctic_a0009")] * 2
    texts = await asyncio.gather(*(transcript(server, recording.pcm) for recording in several))
    for recording, text in zip(several, texts, strict=True):
        assert word_error_rate(recording.transcript, text) <= 0.25, recording.id


async def test_a_stream_too_many_is_told_to_come_back() -> None:
    async with LocalServer(max_streams=2) as server:
        async with connect(address(server)) as first, connect(address(server)) as second:
            with pytest.raises(InvalidStatus) as refused:
                await connect(address(server))
            assert refused.value.response.status_code == 503
            assert refused.value.response.headers["Retry-After"] == "1"
            assert await ask(second, EOF) == {"text": ""}
            await second.wait_closed()
            assert await ask(first, RESET) == {"text": ""}
        # Both places are free again, also the one that was left without eof.
        for _ in range(3):
            assert await transcript(server, bytes(PIECE)) == ""


async def test_a_client_that_vanishes_frees_its_place() -> None:
    async with LocalServer(max_streams=1) as server:
        ws = await connect(address(server))
        await ws.send(bytes(PIECE))
        ws.transport.abort()
        await ws.wait_closed()
        for _ in range(200):
            try:
                assert await transcript(server, bytes(PIECE)) == ""
                break
            except InvalidStatus:
                await asyncio.sleep(0.02)
        else:
            pytest.fail("the place was never freed")


async def test_plain_http_is_told_to_upgrade(server: LocalServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 426 ")
