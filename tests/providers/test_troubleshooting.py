"""docs/troubleshooting.md: every message on it is provoked here, and is what the page says."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from livekit.agents import APIConnectOptions

from specbuilder import load_adapter
from specbuilder.providers import ProviderFactory, ProviderType, STTConfig
from specbuilder.providers.adapters import CustomHTTPSTTAdapter, CustomWebSocketSTTAdapter
from tests.providers.blocks import DOCS
from tests.support.streams import outcome, push, silence
from tests.support.vendor import AfterAudio, Close, Refuse, Reply, Script, ScriptedVendor, Send

ONE_TRY = APIConnectOptions(max_retry=0, timeout=2.0)
KEY = "sk-test-secret-0042"


class Provoked:
    """Ways to the messages; the names of the methods are the page's anchors."""

    def __init__(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.folder = tmp_path
        self.log = caplog
        self.patch = monkeypatch

    # -- before anything is sent ---------------------------------------------------------------------------

    async def missing_key(self) -> Any:
        return load_adapter("deepgram")

    async def unknown_option(self) -> Any:
        return load_adapter("deepgram", api_key=KEY, modle="nova-2")

    async def bad_value(self) -> Any:
        return load_adapter("deepgram", api_key=KEY, sample_rate="fast")

    async def refused_combination(self) -> Any:
        return load_adapter("openai", api_key=KEY, language=["en", "de"])

    async def unknown_spec(self) -> Any:
        return load_adapter("deepgarm")

    async def bad_base_url(self) -> Any:
        return load_adapter("deepgram", api_key=KEY, base_url="api.example.com")

    async def misspelt_key(self) -> Any:
        return self._spec("recognize:\n  pots: /v1\n")

    async def unknown_name(self) -> Any:
        return self._spec(
            "recognize:\n  post: /v1\n  body: '{{ audio.wav }}'\n  query: {model: '{{ modle }}'}\n"
        )

    async def unquoted_template(self) -> Any:
        return self._spec("recognize:\n  post: /v1\n  body: {{ audio.wav }}\n")

    def _spec(self, text: str) -> Any:
        file = self.folder / "my_vendor.yaml"
        head = "spec: 1\nname: my_vendor\nbase_url: https://api.example.com\noptions: {model: tiny}\n"
        file.write_text(head + text, encoding="utf-8")
        self.patch.chdir(self.folder)
        return load_adapter("./my_vendor.yaml")

    async def open_websocket(self) -> Any:
        return CustomWebSocketSTTAdapter("ws://api.example.com/v1/stream", KEY)

    async def wrong_adapter(self) -> Any:
        return CustomWebSocketSTTAdapter("https://api.example.com/v1/stream", KEY)

    async def no_streaming(self) -> Any:
        return CustomHTTPSTTAdapter("https://api.example.com/v1/transcribe", KEY).stream()

    async def incomplete_configuration(self) -> Any:
        return STTConfig(provider=ProviderType.CUSTOM_HTTP, api_key=KEY)

    async def missing_plugin(self) -> Any:
        self.patch.setitem(sys.modules, "livekit.plugins.cartesia", None)
        return ProviderFactory.create_stt(STTConfig(provider=ProviderType.CARTESIA, api_key=KEY))

    async def parameter_left_out(self) -> Any:
        CustomHTTPSTTAdapter("https://api.deepgram.com/v1/listen?tokens=all", KEY)

    async def key_in_the_open(self) -> Any:
        CustomHTTPSTTAdapter("http://10.0.0.7/v1/transcribe", KEY)

    # -- HTTP ----------------------------------------------------------------------------------------------

    async def refused_key(self) -> Any:
        answer = {"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials."}
        await self._listen(Reply(401, json=answer))

    async def wrong_path(self) -> Any:
        await self._transcribe(Reply(404, body="Not Found"))

    async def twice_the_path(self) -> Any:
        replies = {"POST /v1/v1/audio/transcriptions": [Reply(404, body="Not Found")]}
        async with (
            ScriptedVendor(replies=replies) as vendor,
            load_adapter("openai", api_key=KEY, base_url=f"{vendor.url}/v1") as adapter,
        ):
            await adapter.recognize(silence(0.1), conn_options=ONE_TRY)

    async def too_many_requests(self) -> Any:
        await self._transcribe(Reply(429, json={"error": {"message": "Rate limit reached"}}))

    async def not_json(self) -> Any:
        await self._transcribe(Reply(body="<html>Welcome</html>"))

    async def too_slow(self) -> Any:
        await self._transcribe(Reply(json={}, delay=3), request_timeout=0.2)

    async def nobody_there(self) -> Any:
        adapter = CustomHTTPSTTAdapter("http://127.0.0.1:9/v1/transcribe", on_error="raise")
        async with adapter:
            await adapter.recognize(silence(0.1), conn_options=ONE_TRY)

    async def override_of_another_form(self) -> Any:
        class MyAdapter(CustomHTTPSTTAdapter):
            async def _send_audio_chunk(self, audio_data: bytes) -> str:
                answer: dict[str, Any] = {"text": "hello"}
                return str(answer["transcript"]["text"])

        adapter = MyAdapter("https://api.example.com/v1", on_error="raise")
        await adapter.recognize(silence(0.1), conn_options=ONE_TRY)

    async def _transcribe(self, reply: Reply, **arguments: Any) -> None:
        async with ScriptedVendor(replies={"POST /v1/transcribe": [reply]}) as vendor:
            url = f"{vendor.url}/v1/transcribe"
            async with CustomHTTPSTTAdapter(url, KEY, on_error="raise", **arguments) as adapter:
                await adapter.recognize(silence(0.1), conn_options=ONE_TRY)

    async def _listen(self, reply: Reply) -> None:
        async with (
            ScriptedVendor(replies={"POST /v1/listen": [reply]}) as vendor,
            load_adapter("deepgram", api_key=KEY, base_url=vendor.url) as adapter,
        ):
            await adapter.recognize(silence(0.1), conn_options=ONE_TRY)

    # -- WebSocket -----------------------------------------------------------------------------------------

    async def refused_handshake(self) -> Any:
        await self._stream([Refuse(403, "")])

    async def closed_by_vendor(self) -> Any:
        await self._stream([AfterAudio(0.1), Close(1008, "session limit")])

    async def error_message(self) -> Any:
        await self._stream([AfterAudio(0.1), Send({"type": "error", "message": "unsupported sample rate"})])

    async def _stream(self, script: Script) -> None:
        async with ScriptedVendor(script) as vendor:
            adapter = CustomWebSocketSTTAdapter(f"{vendor.ws_url}/v1/stream", KEY, on_error="raise")
            stream = adapter.stream(conn_options=ONE_TRY)
            await push(stream, silence(0.1))
            result = await outcome(stream)
            await adapter.aclose()
            if result.error is not None:
                raise result.error


ANCHORS = [name for name in vars(Provoked) if not name.startswith("_")]

# A heading, its anchor, the message, and a way out.
_ENTRY = re.compile(
    r'^### [^\n]+\n<a id="(?P<anchor>\w+)"></a>\n\n```text\n(?P<message>.+?)\n```\n\n(?=[\w`[])',
    re.MULTILINE | re.DOTALL,
)


def entries() -> dict[str, re.Match[str]]:
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    return {match["anchor"]: match for match in _ENTRY.finditer(text)}


async def provoke(way: Callable[[], Awaitable[Any]], log: pytest.LogCaptureFixture) -> str:
    """The message of the error, or of the warning where nothing was raised."""
    try:
        await way()
    except Exception as error:
        message = getattr(error, "message", None) or str(error)
    else:
        message = next(record.getMessage() for record in log.records if record.levelno >= logging.WARNING)
    message = re.sub(r"looked in .*?specs\)", "looked in …/specs)", message)
    return re.sub(r"127\.0\.0\.1:\d{4,}", "127.0.0.1:8000", message)


@pytest.mark.parametrize("anchor", ANCHORS)
async def test_the_page_has_the_message_as_it_is_printed(
    anchor: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await provoke(getattr(Provoked(tmp_path, caplog, monkeypatch), anchor), caplog)
    assert KEY not in message
    found = entries().get(anchor)
    shown = found["message"] if found else None
    assert shown in (message, *message.splitlines())


def test_the_page_has_no_message_that_nothing_provokes() -> None:
    assert set(entries()) == set(ANCHORS)
    assert len(ANCHORS) >= 23
