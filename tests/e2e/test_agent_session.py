"""A real `AgentSession` hears a user through our adapters: livekit's VAD, the real recogniser, no room."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, inference

from specbuilder.adapters.stt import SpecSTT
from specbuilder.local import word_error_rate
from tests.local.conftest import Recording

from .voice import Loudspeaker, Microphone, ScriptedLLM, ToneTTS

PAUSE = bytes(2 * 32_000)
"""Two seconds in which the agent answers."""


class Conversation:
    """A session in which a user says two sentences and the agent answers each."""

    def __init__(self, recognizer: SpecSTT, first: Recording, second: Recording, **session: Any) -> None:
        self.llm = ScriptedLLM("I heard you.")
        self.loudspeaker = Loudspeaker()
        self.transcribed: list[Any] = []
        self._sentences = first, second
        self._answers = 0
        self._answered = asyncio.Event()
        self._session: AgentSession[None] = AgentSession(
            stt=recognizer,
            llm=self.llm,
            tts=ToneTTS(),
            session_close_transcript_timeout=0.0,
            **session,
        )
        self._session.input.audio = Microphone(first.pcm + PAUSE + second.pcm)
        self._session.output.audio = self.loudspeaker
        self._session.on("user_input_transcribed", self.transcribed.append)
        self._session.on("conversation_item_added", self._added)

    def _added(self, event: Any) -> None:
        if event.item.type == "message" and event.item.role == "assistant":
            self._answers += 1
            if self._answers == len(self._sentences):
                self._answered.set()

    async def run(self) -> None:
        """Talk until both sentences are answered, and hold what the agent understood against them."""
        await self._session.start(Agent(instructions="Listen."), record=False)
        try:
            answered = asyncio.ensure_future(self._answered.wait())
            await asyncio.wait([answered], timeout=30.0)
            answered.cancel()
            assert self._answered.is_set(), self._session.history.to_dict()
        finally:
            await self._session.aclose()
        messages = [item for item in self._session.history.items if item.type == "message"]
        assert [message.role for message in messages] == ["user", "assistant"] * 2
        for message, sentence in zip(messages[::2], self._sentences, strict=True):
            heard = message.text_content or ""
            assert word_error_rate(sentence.transcript, heard) <= 0.25
            assert heard in self.llm.told
        assert self.loudspeaker.played >= 0.4


@pytest.mark.parametrize(
    "session",
    [
        pytest.param({"turn_handling": {"turn_detection": "stt"}}, id="stt"),
        pytest.param({"turn_handling": {"turn_detection": "vad"}}, id="vad"),
        pytest.param({"turn_handling": {"turn_detection": "stt"}, "vad": None}, id="stt-alone"),
    ],
)
async def test_the_agent_hears_a_stream(
    vosk: SpecSTT, recordings: dict[str, Recording], session: dict[str, Any]
) -> None:
    session.setdefault("vad", inference.VAD())
    talk = Conversation(vosk, recordings["arctic_a0009"], recordings["librivox_0880"], **session)
    await talk.run()
    finals = [event.transcript for event in talk.transcribed if event.is_final]
    assert len(finals) == 2
    # The user could read along.
    assert len(talk.transcribed) > len(finals)


async def test_the_agent_hears_through_requests_alone(
    openai: SpecSTT, recordings: dict[str, Recording]
) -> None:
    # livekit wraps an STT that does not stream, and asks once for each stretch of speech its VAD hears.
    talk = Conversation(
        openai,
        recordings["arctic_a0009"],
        recordings["librivox_0880"],
        vad=inference.VAD(),
        turn_handling={"turn_detection": "vad"},
    )
    await talk.run()
    assert all(event.is_final for event in talk.transcribed)
