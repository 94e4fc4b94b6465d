"""A voice agent that changes to an official plugin when its spec's vendor fails.

    python examples/agent_fallback.py --local      on this machine, without keys: the first one is not there
    python examples/agent_fallback.py dev          as a LiveKit worker

The worker needs LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET, OPENAI_API_KEY and DEEPGRAM_API_KEY.
"""

from __future__ import annotations

import sys

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli, inference, stt
from livekit.plugins import openai
from local_room import run_locally

from specbuilder import load_adapter
from specbuilder.providers import LLMConfig, ProviderFactory, ProviderType, TTSConfig

server = AgentServer()


def local_stt(url: str) -> stt.FallbackAdapter:
    """Nothing listens on port 9; the official OpenAI plugin reaches the embedded recogniser's server."""
    return stt.FallbackAdapter(
        [
            load_adapter("vosk", base_url="ws://127.0.0.1:9"),
            openai.STT(base_url=f"{url}/v1", api_key="none", model="whisper-1"),
        ],
        vad=inference.VAD(),
        max_retry_per_stt=0,
    )


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Join the room and talk. Adapters in a FallbackAdapter must raise, as `load_adapter`'s do."""
    session: AgentSession[None] = AgentSession(
        stt=stt.FallbackAdapter(
            [load_adapter("deepgram"), openai.STT(model="gpt-4o-mini-transcribe")], vad=inference.VAD()
        ),
        llm=ProviderFactory.create_llm(LLMConfig(provider=ProviderType.OPENAI)),
        tts=ProviderFactory.create_tts(TTSConfig(provider=ProviderType.OPENAI, voice="alloy")),
    )
    await session.start(Agent(instructions="You are a friendly assistant."), room=ctx.room)


if __name__ == "__main__":
    if "--local" in sys.argv[1:]:
        sys.exit(run_locally(local_stt))
    cli.run_app(server)
