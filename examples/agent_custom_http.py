"""A voice agent whose speech-to-text is an HTTP endpoint of one's own.

    python examples/agent_custom_http.py --local      on this machine, without keys
    python examples/agent_custom_http.py dev          as a LiveKit worker

The worker needs LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET and OPENAI_API_KEY, and the endpoint's
address and key in STT_URL and STT_API_KEY.
"""

from __future__ import annotations

import os
import sys

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from local_room import run_locally

from specbuilder.providers import LLMConfig, ProviderFactory, ProviderType, TTSConfig
from specbuilder.providers.adapters import CustomHTTPSTTAdapter

server = AgentServer()


def local_stt(url: str) -> CustomHTTPSTTAdapter:
    """The embedded recogniser's server answers as OpenAI does."""
    return CustomHTTPSTTAdapter(f"{url}/v1/audio/transcriptions", model="whisper-1")


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Join the room and talk. The session's voice activity detector cuts the audio into recordings."""
    session: AgentSession[None] = AgentSession(
        # Failures are raised, so that the session sees them and opens the stream anew.
        stt=CustomHTTPSTTAdapter(
            os.environ["STT_URL"],
            os.environ.get("STT_API_KEY"),
            language="en-US",
            request_timeout=30,
            on_error="raise",
        ),
        llm=ProviderFactory.create_llm(LLMConfig(provider=ProviderType.OPENAI)),
        tts=ProviderFactory.create_tts(TTSConfig(provider=ProviderType.OPENAI, voice="alloy")),
    )
    await session.start(Agent(instructions="You are a friendly assistant."), room=ctx.room)


if __name__ == "__main__":
    if "--local" in sys.argv[1:]:
        sys.exit(run_locally(local_stt))
    cli.run_app(server)
