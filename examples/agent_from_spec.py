"""A voice agent whose speech-to-text is a spec.

    python examples/agent_from_spec.py --local      on this machine, without keys
    python examples/agent_from_spec.py dev          as a LiveKit worker

The worker needs LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET, OPENAI_API_KEY and DEEPGRAM_API_KEY.
"""

from __future__ import annotations

import sys

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from local_room import run_locally

from specbuilder import load_adapter
from specbuilder.adapters.stt import SpecSTT
from specbuilder.providers import LLMConfig, ProviderFactory, ProviderType, TTSConfig

server = AgentServer()


def local_stt(url: str) -> SpecSTT:
    """The embedded recogniser's server speaks vosk-server's protocol, which is a bundled spec too."""
    return load_adapter("vosk", base_url=url)


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Join the room and talk. "./my_vendor.yaml" in the place of "deepgram" is a spec of one's own."""
    session: AgentSession[None] = AgentSession(
        stt=load_adapter("deepgram", language="en-US"),
        llm=ProviderFactory.create_llm(LLMConfig(provider=ProviderType.OPENAI)),
        tts=ProviderFactory.create_tts(TTSConfig(provider=ProviderType.OPENAI, voice="alloy")),
    )
    await session.start(Agent(instructions="You are a friendly assistant."), room=ctx.room)


if __name__ == "__main__":
    if "--local" in sys.argv[1:]:
        sys.exit(run_locally(local_stt))
    cli.run_app(server)
