"""docs/usage-guide.md, block after block, against servers on 127.0.0.1."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from livekit.agents import AgentSession, stt

from specbuilder.adapters.tolerant import TolerantSTT
from tests.providers.answers import HTTP_ANSWERS, WEBSOCKET_MESSAGES
from tests.providers.blocks import python_blocks, run
from tests.providers.conftest import Redirect

PAGE = "usage-guide.md"


class GuideServer:
    """The endpoint of the guide's examples, and the vendors its addresses belong to."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.forms: list[set[str]] = []
        self.address = ""

    async def start(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_post("/v1/transcribe", self._transcribe)
        application.router.add_post("/v1/listen", self._listen)
        application.router.add_get("/{path:.*}", self._socket)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.address = "{}:{}".format(*runner.addresses[0][:2])
        return runner

    def _note(self, request: web.Request) -> None:
        self.seen.append((request.path, request.headers.get("Authorization", "")))

    async def _transcribe(self, request: web.Request) -> web.Response:
        self._note(request)
        self.forms.append(set(await request.post()))
        return web.json_response({"text": "from the endpoint", "transcript": {"text": "from the override"}})

    async def _listen(self, request: web.Request) -> web.Response:
        self._note(request)
        return web.json_response(HTTP_ANSWERS["deepgram"][0])

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        self._note(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        kind = {"/v1/listen": "deepgram", "/v3/ws": "assemblyai"}.get(request.path, "vosk")
        answered = False
        async for message in socket:
            if message.type is WSMsgType.BINARY and not answered:
                answered = True
                for answer in WEBSOCKET_MESSAGES[kind][0]:
                    await socket.send_json(answer)
            elif message.type is WSMsgType.TEXT and re.search("eof|CloseStream|Terminate", message.data):
                await socket.close()
        return socket


@pytest.fixture
async def server(redirect: Redirect) -> AsyncIterator[GuideServer]:
    server = GuideServer()
    runner = await server.start()
    yield server
    await runner.cleanup()


@pytest.fixture
async def guide(server: GuideServer, redirect: Redirect) -> AsyncIterator[dict[str, Any]]:
    """The names of the guide after all of its blocks have run."""
    names: dict[str, Any] = {"__name__": "usage_guide"}
    for line, block in python_blocks(PAGE):
        # Addresses of nobody become the server's; a name under down.example.com a closed port.
        code = re.sub(r"(https|wss)://down\.example\.com", "http://127.0.0.1:9", block)
        for scheme, local in (("https", "http"), ("wss", "ws")):
            code = re.sub(rf"{scheme}://[a-z-]+\.example\.com", f"{local}://{server.address}", code)
        await run(code, PAGE, line, names)
    redirect(server)  # type: ignore[arg-type]  # the vendors' addresses from here on
    yield names
    for value in names.values():
        if isinstance(value, stt.STT):
            await value.aclose()


def finals(events: list[stt.SpeechEvent]) -> list[str]:
    return [
        event.alternatives[0].text for event in events if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT
    ]


async def listen(adapter: stt.STT[Any], names: dict[str, Any]) -> list[str]:
    stream = adapter.stream()
    stream.push_frame(names["silence"])
    stream.end_input()
    return finals([event async for event in stream])


async def test_the_guide_does_what_it_says(guide: dict[str, Any], server: GuideServer) -> None:
    assert guide["my_event"].alternatives[0].text == "from the override"
    assert server.seen[0] == ("/v1/transcribe", "Bearer your-api-key")
    assert server.forms[:2] == [{"file", "language"}, {"audio", "language"}]
    assert finals(guide["heard"]) == ["one two"]
    assert (guide["event"].alternatives[0].text, guide["text"]) == ("", "")
    assert guide["own_event"].alternatives[0].text == "32000 bytes for my service"
    assert finals(guide["own_heard"]) == ["32000 bytes for my service"]
    assert type(guide["plugin_stt"]).__module__ == "livekit.plugins.deepgram.stt"


async def test_the_guides_vendors_are_spoken_to_as_they_want(
    guide: dict[str, Any], server: GuideServer
) -> None:
    event = await guide["http_stt"].recognize(guide["silence"])
    assert event.alternatives[0].text == "Hola mundo."
    assert server.seen[-1] == ("/v1/listen", "Token your-deepgram-key")
    assert await listen(guide["ws_stt"], guide) == ["My name is"]
    assert server.seen[-1] == ("/v3/ws", "your-assemblyai-key")
    assert await listen(guide["deepgram_stt"], guide) == ["Hello world."]
    assert await listen(guide["assemblyai_stt"], guide) == ["My name is"]
    assert await listen(guide["spec_stt"], guide) == ["Hello world."]
    assert guide["google_stt"].provider == "google"


async def test_the_guides_own_test_passes(guide: dict[str, Any]) -> None:
    await guide["test_custom_stt"]()


async def test_the_guides_agent_starts(guide: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []

    async def start(self: Any, agent: Any, **arguments: Any) -> None:
        started.append((self.stt, agent.instructions, arguments["room"]))

    monkeypatch.setattr(AgentSession, "start", start)
    await guide["entrypoint"](SimpleNamespace(room="the room"))
    [(adapter, instructions, room)] = started
    assert isinstance(adapter, TolerantSTT)
    assert (adapter.provider, adapter.on_error, room) == ("deepgram", "raise", "the room")
    assert instructions == "You are a friendly assistant."
