"""The work of `specbuilder transcribe`: audio in, transcripts out, one recording after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from livekit.agents import APIConnectionError, APIError, APIStatusError, stt

from .audio import FRAME_SECONDS, AudioFile, AudioFileError
from .destination import Destination
from .display import Display
from .output import complain
from .transcript import Transcript, one_line

if TYPE_CHECKING:
    from ..adapters.stream import SpecStream
    from ..adapters.stt import SpecSTT

__all__ = ["Transcription", "explain"]

_AHEAD = 10.0
"""Seconds of audio that may wait in a stream: a long recording is read as the vendor takes it."""

_LOOK_AGAIN = 0.02
"""Seconds between two looks at whether there is room again."""


class Transcription:
    """Transcribes recordings with one adapter.

    Arguments:
        adapter: closed by `run`.
        destination: where the transcripts go.
        streaming: push the audio through a stream; otherwise ask once per recording.
        speed: times real time at which a stream is fed; 0: as fast as it is taken.
        interims: print interim text as lines where nothing is redrawn.
    """

    def __init__(
        self, adapter: SpecSTT, destination: Destination, *, streaming: bool, speed: float, interims: bool
    ) -> None:
        self._adapter = adapter
        self._destination = destination
        self._streaming = streaming
        self._speed = speed
        self._interims = interims

    async def run(self, files: Iterable[str]) -> int:
        """Transcribe every recording; one that fails is named on stderr and does not stop the others.

        Returns:
            How many failed.
        """
        failed = 0
        try:
            for file in files:
                self._destination.begin(file)
                try:
                    await self._transcribe(file)
                except (APIError, AudioFileError) as error:
                    complain(f"{file}: {explain(error)}")
                    failed += 1
        finally:
            await self._adapter.aclose()
        return failed

    async def _transcribe(self, file: str) -> None:
        model = self._adapter.model
        # "unknown" is livekit's word for a spec without models.
        transcript = Transcript(file, self._adapter.spec.name, None if model == "unknown" else model)
        way = self._stream if self._streaming else self._recognize
        try:
            with (
                AudioFile(Path(file)) as audio,
                Display(
                    lines=self._destination.shows_lines, interims=self._interims, seconds=audio.seconds
                ) as display,
            ):
                await way(audio, transcript, display)
                transcript.complete = True
        finally:
            # What was understood before a failure, or before Ctrl-C, is not thrown away.
            if transcript.complete or transcript.segments:
                self._destination.write(transcript)

    async def _recognize(self, audio: AudioFile, transcript: Transcript, display: Display) -> None:
        display.interim("transcribing …")
        frames = await asyncio.to_thread(lambda: list(audio.frames()))
        transcript.duration = sum(frame.duration for frame in frames)
        event = await self._adapter.recognize(frames)
        display.interim("")
        segment = transcript.add(event)
        if segment is not None:
            display.final(segment.text)

    async def _stream(self, audio: AudioFile, transcript: Transcript, display: Display) -> None:
        stream = self._adapter.stream()
        pusher = asyncio.create_task(self._push(stream, audio, transcript, display))
        try:
            async for event in stream:
                self._show(event, transcript, display)
            # The result raises what stopped the reading of the file, if something did.
            if not pusher.done() or not pusher.result():
                raise APIConnectionError("the vendor ended the stream before the recording's end")
        finally:
            pusher.cancel()
            await asyncio.gather(pusher, return_exceptions=True)
            await stream.aclose()

    def _show(self, event: stt.SpeechEvent, transcript: Transcript, display: Display) -> None:
        segment = transcript.add(event)
        if segment is not None:
            display.final(segment.text)
        elif event.type in (
            stt.SpeechEventType.INTERIM_TRANSCRIPT,
            stt.SpeechEventType.PREFLIGHT_TRANSCRIPT,
        ):
            display.interim(one_line(event.alternatives[0].text))

    async def _push(
        self, stream: SpecStream, audio: AudioFile, transcript: Transcript, display: Display
    ) -> bool:
        """Feed the stream at the pace that was asked for, and end its input whatever happens.

        Returns:
            Whether the stream has taken everything.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            for frame in audio.frames():
                while stream.waiting * FRAME_SECONDS > _AHEAD:  # noqa: ASYNC110 (nothing tells of room)
                    await asyncio.sleep(_LOOK_AGAIN)
                stream.push_frame(frame)
                transcript.duration += frame.duration
                display.read(transcript.duration)
                due = began + transcript.duration / self._speed if self._speed else 0.0
                await asyncio.sleep(max(0.0, due - loop.time()))
            stream.end_input()
        except AudioFileError:
            stream.end_input()
            raise
        except RuntimeError:
            # livekit refuses frames for a stream that has ended.
            return False
        return True


def explain(error: APIError | AudioFileError) -> str:
    """An error in one line: what the vendor said, the status, the request to ask the vendor about."""
    if not isinstance(error, APIError):
        return str(error)
    facts = []
    if isinstance(error, APIStatusError):
        facts.append(f"status {error.status_code}")
        if error.request_id:
            facts.append(f"request {error.request_id}")
    text = error.message + (f" ({', '.join(facts)})" if facts else "")
    cause = error.__cause__
    return one_line(f"{text}: {explain(cause)}" if isinstance(cause, APIError) else text)
