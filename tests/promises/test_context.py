"""What the session knows reaches the vendor: its key terms and what the agent has just said."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import llm
from livekit.agents.voice.events import ConversationItemAddedEvent

from tests.promises.acme import NO_RETRY, SPEC, acme, merged
from tests.support.streams import outcome, push, tone
from tests.support.vendor import AfterText, ScriptedVendor, Send

END_OF_ALL: list[Any] = [AfterText({"type": "stop"}), Send({"type": "done"})]


def said(text: str, role: Any = "assistant") -> ConversationItemAddedEvent:
    """The event of a turn in the conversation."""
    return ConversationItemAddedEvent(item=llm.ChatMessage(role=role, content=[text]))


def terms(vendor: ScriptedVendor, connection: int) -> list[str]:
    """The key terms of a handshake."""
    return [value for name, value in vendor.handshakes[connection].pairs if name == "terms"]


async def test_session_keyterms_come_behind_the_users_own_without_repeats() -> None:
    vendor = ScriptedVendor(END_OF_ALL, END_OF_ALL)
    async with vendor:
        adapter = acme(vendor, terms=["LiveKit", "Smith & Sons"])
        adapter._update_session_keyterms(["C#", "LiveKit", "C#"])
        stream = adapter.stream(conn_options=NO_RETRY)
        stream.end_input()
        await outcome(stream, failed=vendor.failed)
        adapter._update_session_keyterms([])
        other = adapter.stream(conn_options=NO_RETRY)
        other.end_input()
        await outcome(other, failed=vendor.failed)
        await adapter.aclose()
    assert terms(vendor, 0) == ["LiveKit", "Smith & Sons", "C#"]
    assert terms(vendor, 1) == ["LiveKit", "Smith & Sons"]


async def test_session_keyterms_reach_live_streams() -> None:
    vendor = ScriptedVendor([], END_OF_ALL)
    async with vendor:
        adapter = acme(vendor)
        assert adapter.capabilities.keyterms
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        await vendor.until(lambda: vendor.audio(0) != b"", "audio")
        adapter._update_session_keyterms(["Ink"])
        adapter._update_session_keyterms(["Ink"])
        stream.end_input()
        await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert [terms(vendor, number) for number in (0, 1)] == [[], ["Ink"]]


async def test_the_users_terms_change_and_the_sessions_stay() -> None:
    vendor = ScriptedVendor(END_OF_ALL)
    async with vendor:
        adapter = acme(vendor, terms=["a"])
        adapter._update_session_keyterms(["s"])
        adapter.update_options(terms=["b"])
        stream = adapter.stream(conn_options=NO_RETRY)
        stream.end_input()
        await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert terms(vendor, 0) == ["b", "s"]


async def test_session_keyterms_the_vendor_cannot_take_do_not_break_the_session() -> None:
    spec = merged(SPEC, {"checks": [{"if": "terms | length > 2", "error": "at most two terms"}]})
    vendor = ScriptedVendor(END_OF_ALL)
    async with vendor:
        adapter = acme(vendor, spec, terms=["a"])
        adapter._update_session_keyterms(["b", "c", "d"])
        stream = adapter.stream(conn_options=NO_RETRY)
        stream.end_input()
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert terms(vendor, 0) == ["a"]


async def test_what_the_agent_said_goes_to_live_streams() -> None:
    """Only the assistant's turns, and of a long one the end: the option takes twenty characters."""
    vendor = ScriptedVendor(END_OF_ALL)
    async with vendor:
        adapter = acme(vendor)
        assert adapter.capabilities.chat_context
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        await vendor.until(lambda: vendor.audio(0) != b"", "audio")
        adapter._push_conversation_item(said("And where do you live?"))
        adapter._push_conversation_item(said("in Berlin", role="user"))
        stream.end_input()
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    updates = [message for message in vendor.messages(0) if message["type"] == "set"]
    assert updates == [{"type": "set", "context": "d where do you live?"}]


async def test_what_the_agent_said_is_known_to_the_next_stream() -> None:
    vendor = ScriptedVendor(END_OF_ALL)
    async with vendor:
        adapter = acme(vendor)
        adapter._push_conversation_item(said("How old?"))
        stream = adapter.stream(conn_options=NO_RETRY)
        stream.end_input()
        await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert dict(vendor.handshakes[0].pairs)["context"] == "How old?"


async def test_an_adapter_without_the_roles_ignores_both() -> None:
    spec = merged(SPEC, {"options": {"terms": {"role": None}, "context": {"role": None}}})
    vendor = ScriptedVendor(END_OF_ALL)
    async with vendor:
        adapter = acme(vendor, spec)
        assert not adapter.capabilities.keyterms
        assert not adapter.capabilities.chat_context
        adapter._update_session_keyterms(["a"])
        adapter._push_conversation_item(said("b"))
        stream = adapter.stream(conn_options=NO_RETRY)
        stream.end_input()
        await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert dict(vendor.handshakes[0].pairs) == {"model": "one", "language": "en"}


async def test_a_conversation_item_while_the_user_speaks_does_not_cut_the_utterance() -> None:
    vendor = ScriptedVendor(END_OF_ALL)
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        pushing = asyncio.create_task(push(stream, tone(0.3), pace=2.0))
        adapter._push_conversation_item(said("Yes?"))
        result = await outcome(stream, failed=vendor.failed)
        await pushing
        await adapter.aclose()
    assert result.error is None
    assert len(vendor.audio(0)) == 9600
