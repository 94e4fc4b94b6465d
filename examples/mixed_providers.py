"""A voice agent of mixed providers: a vendor's WebSocket by its address, OpenAI's plugin for the rest.

    python examples/mixed_providers.py --local      on this machine, without keys
    python examples/mixed_providers.py dev          as a LiveKit worker

The worker needs LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET, OPENAI_API_KEY and DEEPGRAM_API_KEY.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli, stt
from local_room import run_locally

from specbuilder.providers import LLMConfig, ProviderFactory, ProviderType, STTConfig, TTSConfig

server = AgentServer()


def local_stt(url: str) -> stt.STT[Any]:
    """The same kind of provider, with the embedded recogniser's server behind it."""
    address = url.replace("http://", "ws://")
    return ProviderFactory.create_stt(STTConfig(provider=ProviderType.CUSTOM_WS, ws_url=address))


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Join the room and talk."""
    stt_config = STTConfig(
        provider=ProviderType.CUSTOM_WS,
        ws_url="wss://api.deepgram.com/v1/listen?smart_format=true",
        api_key=os.environ["DEEPGRAM_API_KEY"],
        language="en-US",
        on_error="raise",
    )
    llm_config = LLMConfig(provider=ProviderType.OPENAI, model="gpt-4o-mini")
    tts_config = TTSConfig(provider=ProviderType.OPENAI, voice="alloy")
    session: AgentSession[None] = AgentSession(
        stt=ProviderFactory.create_stt(stt_config),
        llm=ProviderFactory.create_llm(llm_config),
        tts=ProviderFactory.create_tts(tts_config),
    )
    await session.start(Agent(instructions="You are a friendly assistant."), room=ctx.room)


if __name__ == "__main__":
    if "--local" in sys.argv[1:]:
        sys.exit(run_locally(local_stt))
    cli.run_app(server)
