"""HTTP: three seconds of audio to OpenAI's transcription endpoint, one request after the other."""

from __future__ import annotations

import gc
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from bench.messages import TEXT
from bench.sides import KEY, adapter, open_session
from bench.streaming import frames
from bench.vendor import VendorProcess

__all__ = ["batch"]

_SECONDS = 3.0
_WARM_UP = 20
_REPLY = {
    "text": TEXT,
    "usage": {"type": "tokens", "total_tokens": 43, "input_tokens": 28, "output_tokens": 15},
}


def _floor(session: aiohttp.ClientSession, address: str, wav: bytes) -> Callable[[], Awaitable[str]]:
    """A bare multipart post of the same fields."""

    async def ask() -> str:
        form = aiohttp.FormData()
        form.add_field("model", "gpt-4o-mini-transcribe")
        form.add_field("language", "en")
        form.add_field("response_format", "json")
        form.add_field("file", wav, filename="file.wav", content_type="audio/wav")
        url = f"http://{address}/v1/audio/transcriptions"
        async with session.post(url, data=form, headers={"Authorization": f"Bearer {KEY}"}) as reply:
            return str((await reply.json())["text"])

    return ask


async def batch(name: str, *, requests: int) -> dict[str, Any]:
    """`recognize()` on a buffer of one frame.

    Returns:
        `cpu`: µs per request; `took`: µs from the call to the event.
    """
    frame = frames(16000, seconds=_SECONDS, count=1)[0]
    async with VendorProcess(reply=_REPLY) as far, open_session() as session:
        if name == "floor":
            ask = _floor(session, far.address, frame.to_wav_bytes())
        else:
            stt = adapter("openai_http", name, far.address, session)

            async def ask() -> str:
                return (await stt.recognize(frame)).alternatives[0].text

        for _ in range(_WARM_UP):
            if await ask() != TEXT:
                raise RuntimeError("the reply was not read")
        gc.collect()
        began, cpu = time.perf_counter(), time.process_time()
        for _ in range(requests):
            await ask()
        cpu, took = time.process_time() - cpu, time.perf_counter() - began
        if name != "floor":
            await stt.aclose()
    return {"cpu": round(cpu / requests * 1e6, 1), "took": round(took / requests * 1e6, 1)}
