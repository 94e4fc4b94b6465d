"""`load_adapter(..., watch=True)`: an edited spec holds for new streams; a broken edit changes nothing."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest
from livekit.agents import APIConnectOptions, stt

from specbuilder import SpecError, load_adapter
from tests.support.streams import outcome, push, tone
from tests.support.vendor import AfterText, Reply, Script, ScriptedVendor, Send
from tests.support.wire import Handshake

SPEC = """\
spec: 1
name: acme
base_url: ws://127.0.0.1:9
options: {language: {default: en, role: language}}
stream:
  connect: /one
  query: {language: "{{ language }}"}
  finish: {send: bye, until: done}
  rules: [{when: text, emit: final_transcript}]
  transcript: {text: text}
recognize: {post: /batch, body: "{{ audio.wav }}", transcript: {text: text}}
"""
ONCE = APIConnectOptions(max_retry=0)
SCRIPT: Script = [AfterText("bye"), Send({"text": "a", "other": "b"}), Send({"done": True})]


def edit(file: Path, text: str) -> None:
    """Write a file as an editor does, and make sure that its time is another one."""
    before = file.stat().st_mtime_ns
    file.write_text(text)
    os.utime(file, ns=(before + 1_000_000, before + 1_000_000))


async def said(adapter: stt.STT, vendor: ScriptedVendor) -> str:
    stream = adapter.stream(conn_options=ONCE)
    await push(stream, tone(0.1), end=True)
    result = await outcome(stream, failed=vendor.failed)
    assert result.error is None
    return next(e.alternatives[0].text for e in result.events if e.type.value == "final_transcript")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "acme.yaml"
    path.write_text(SPEC)
    return path


async def test_an_edit_holds_for_new_streams_and_recognitions(file: Path) -> None:
    replies = {"POST /batch": [Reply(200, {"text": "x", "other": "y"})] * 2}
    async with ScriptedVendor(SCRIPT, SCRIPT, replies=replies) as vendor:
        adapter = load_adapter(file, base_url=vendor.url, watch=True, language="de")
        assert await said(adapter, vendor) == "a"
        assert (await adapter.recognize(tone(0.1))).alternatives[0].text == "x"
        edit(file, SPEC.replace("text: text", "text: other").replace("/one", "/two"))
        assert await said(adapter, vendor) == "b"
        assert (await adapter.recognize(tone(0.1))).alternatives[0].text == "y"
        await adapter.aclose()
    shakes = [record for record in vendor.wire if isinstance(record, Handshake)]
    assert [(shake.path, shake.query) for shake in shakes] == [
        ("/one", "language=de"),
        ("/two", "language=de"),
    ]


async def test_a_stream_that_is_open_goes_on_as_it_began(file: Path) -> None:
    async with ScriptedVendor(SCRIPT) as vendor:
        adapter = load_adapter(file, base_url=vendor.url, watch=True)
        stream = adapter.stream(conn_options=ONCE)
        edit(file, SPEC.replace("text: text", "text: other"))
        assert adapter.reload()  # type: ignore[attr-defined]
        await push(stream, tone(0.1), end=True)
        result = await outcome(stream, failed=vendor.failed)
        assert [e.alternatives[0].text for e in result.events if e.type.value == "final_transcript"] == ["a"]
        await adapter.aclose()


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (SPEC.replace("rules:", "ruls:"), "unknown key 'ruls'"),
        ("spec: [", "a value is missing here"),
        (
            SPEC.replace("language: {default", "langue: {default").replace("{{ language", "{{ langue"),
            "language",
        ),
    ],
    ids=["schema", "yaml", "the options given do not fit"],
)
async def test_a_broken_edit_is_logged_once_and_mended_later(
    file: Path, broken: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with ScriptedVendor(SCRIPT, SCRIPT, SCRIPT) as vendor:
        adapter = load_adapter(file, base_url=vendor.url, watch=True, language="de")
        with caplog.at_level(logging.INFO, "specbuilder"):
            edit(file, broken)
            assert await said(adapter, vendor) == "a"
            assert await said(adapter, vendor) == "a"
            logged = [
                record.getMessage() for record in caplog.records if "edited spec" in record.getMessage()
            ]
            assert len(logged) == 1
            assert why in logged[0]
            edit(file, SPEC.replace("text: text", "text: other"))
            assert await said(adapter, vendor) == "b"
        await adapter.aclose()


async def test_a_file_that_is_being_replaced_is_no_reason_to_stop(file: Path) -> None:
    adapter = load_adapter(file, watch=True)
    file.unlink()  # noqa: ASYNC240 (a test may wait for its disk)
    assert not adapter.reload()  # type: ignore[attr-defined]
    file.write_text(SPEC.replace("default: en", "default: fr"))  # noqa: ASYNC240
    assert adapter.reload()  # type: ignore[attr-defined]
    assert "fr" in str(adapter.spec.document.value["options"])
    await adapter.aclose()


async def test_the_base_of_a_spec_is_watched_too(tmp_path: Path, file: Path) -> None:
    child = tmp_path / "child.yaml"
    child.write_text("spec: 1\nextends: acme.yaml\n")
    adapter = load_adapter(child, watch=True)
    edit(file, SPEC.replace("stream:", "capabilities: {streaming: false}\nstream:"))
    assert adapter.reload()  # type: ignore[attr-defined]
    assert not adapter.capabilities.streaming
    await adapter.aclose()


def test_what_has_no_file_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file to watch"):
        load_adapter({"spec": 1, "base_url": "https://a", "recognize": {"post": "/"}}, watch=True)
    (tmp_path / "broken.yaml").write_text("spec: 1\n")
    with pytest.raises(SpecError):
        load_adapter(tmp_path / "broken.yaml", watch=True)


async def test_nothing_is_left_running(file: Path) -> None:
    before = asyncio.all_tasks()
    adapter = load_adapter(file, watch=True)
    assert asyncio.all_tasks() == before
    await adapter.aclose()
