"""Real speech through two specs, on this machine alone: `make demo`.

The embedded recogniser's server stands in for two vendors. A recording goes through the `vosk` spec as a live
stream at real-time pace, then through the `openai_compatible` spec as a file. Each text is held against what
was said; the exit status is 1 when too many words are wrong. No key and no network is needed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from livekit import rtc
from livekit.agents import stt, utils
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from specbuilder import load_adapter
from specbuilder.local import EngineUnavailable, LocalServer, word_error_rate

RECORDING = Path(__file__).parent / "audio" / "jfk.wav"
SAID = (
    "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
)
STREAM_BOUND, BATCH_BOUND = 0.15, 0.10
"""The share of words that may be wrong, missing or too many."""

# Piped output is for other programs: its lines are not broken.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 1000)


async def main() -> int:
    """Transcribe the recording in both ways and return the exit status."""
    async with LocalServer() as server:
        frames = [frame async for frame in utils.audio.audio_frames_from_file(str(RECORDING), 16_000)]
        console.print(f"The embedded recogniser, {server.engine}, listens at {server.url}")

        console.print(f"\n[bold]vosk[/]: {RECORDING.name} as a live WebSocket stream")
        async with load_adapter("vosk", base_url=server.url) as vosk:
            streamed = await transcribe_stream(vosk, frames)
        good = report(streamed, STREAM_BOUND)

        console.print(f"\n[bold]openai_compatible[/]: {RECORDING.name} in one HTTP request")
        async with load_adapter("openai_compatible", base_url=server.url) as openai:
            batch = await transcribe_file(openai, frames)
        return 0 if report(batch, BATCH_BOUND) and good else 1


async def transcribe_stream(recogniser: stt.STT[Any], frames: list[rtc.AudioFrame]) -> str:
    """Speak into a stream, show what comes back while it is spoken, and return the final text."""
    interims_at: list[float] = []
    finals_at: list[float] = []
    finals: list[str] = []
    started = time.monotonic()
    async with recogniser.stream() as stream:
        speaker = asyncio.create_task(speak(stream, frames))
        try:
            with Live(console=console, auto_refresh=False, transient=True) as live:
                async for event in stream:
                    now = time.monotonic() - started
                    if event.type == stt.SpeechEventType.INTERIM_TRANSCRIPT:
                        interims_at.append(now)
                        caption(live, now, event.alternatives[0].text, final=False)
                    elif event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
                        finals_at.append(now)
                        finals.append(event.alternatives[0].text)
                        caption(live, now, finals[-1], final=True)
        finally:
            await utils.aio.cancel_and_wait(speaker)
    if interims_at and finals_at:
        late = finals_at[-1] - sum(frame.duration for frame in frames)
        show(
            "timing",
            f"first interim after {interims_at[0]:.1f} s, first final after {finals_at[0]:.1f} s, "
            f"last one {late:.1f} s after the end",
        )
    return " ".join(finals)


async def speak(stream: stt.RecognizeStream, frames: list[rtc.AudioFrame]) -> None:
    """Push frames as a microphone does: no faster than they were spoken."""
    due = time.monotonic()
    for frame in frames:
        due += frame.duration
        await asyncio.sleep(due - time.monotonic())
        stream.push_frame(frame)
    stream.end_input()


async def transcribe_file(recogniser: stt.STT[Any], frames: list[rtc.AudioFrame]) -> str:
    """Have a whole recording transcribed at once."""
    started = time.monotonic()
    event = await recogniser.recognize(frames)
    show("timing", f"answered after {time.monotonic() - started:.1f} s")
    return event.alternatives[0].text if event.alternatives else ""


def caption(live: Live, at: float, text: str, *, final: bool) -> None:
    """What is heard: interims redrawn in place on a terminal, a line each where the output is piped."""
    line = row(f"{at:.1f} s", text, "bold") if final else row(f"{at:.1f} s", f"… {text}", "dim italic")
    live.update("" if final else line, refresh=True)
    if final or not console.is_terminal:
        console.print(line)


def row(label: str, text: str, style: str = "") -> Table:
    """A label and a text beside it, however often that wraps."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=10, justify="right")
    grid.add_column()
    grid.add_row(Text(label, "cyan"), Text(text, style))
    return grid


def show(label: str, text: str, style: str = "") -> None:
    """Print a labelled line."""
    console.print(row(label, text, style))


def report(heard: str, bound: float) -> bool:
    """Hold what was heard against what was said; whether few enough words are wrong."""
    rate = word_error_rate(SAID, heard)
    show("heard", heard)
    show("said", SAID)
    show("wrong", f"{rate:.1%} of the words, {bound:.0%} allowed", "green" if rate <= bound else "bold red")
    return rate <= bound


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except EngineUnavailable as error:
        sys.exit(f"The embedded recogniser cannot be used here: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
