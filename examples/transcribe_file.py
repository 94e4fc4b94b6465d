"""Transcribe a file with any spec, in one request.

python examples/transcribe_file.py --local                       on this machine, without keys
python examples/transcribe_file.py --spec deepgram talk.mp3      with the key in DEEPGRAM_API_KEY
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from livekit.agents import APIError, utils

from specbuilder import load_adapter
from specbuilder.adapters.stt import SpecSTT
from specbuilder.local import EngineUnavailable, LocalServer

RECORDING = Path(__file__).parent / "audio" / "jfk.wav"


async def transcribe(adapter: SpecSTT, file: Path) -> str:
    """The text of a file of any format that FFmpeg reads.

    Raises:
        APIError: the vendor could not be reached, or refused.
    """
    frames = [frame async for frame in utils.audio.audio_frames_from_file(str(file), 16_000)]
    async with adapter:
        event = await adapter.recognize(frames)
    return event.alternatives[0].text


async def main() -> int:
    """Print the text; the exit status is 1 when there is none."""
    parser = argparse.ArgumentParser(description="Transcribe a file with a spec.")
    parser.add_argument("file", nargs="?", type=Path, default=RECORDING)
    parser.add_argument("--spec", default="deepgram", help="a bundled spec's name, or a path")
    parser.add_argument("--local", action="store_true", help="use the embedded recogniser")
    arguments = parser.parse_args()
    try:
        if arguments.local:
            async with LocalServer() as server:
                text = await transcribe(
                    load_adapter("openai_compatible", base_url=server.url), arguments.file
                )
        else:
            text = await transcribe(load_adapter(arguments.spec), arguments.file)
    except (APIError, EngineUnavailable, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(text)
    return 0 if text else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
