"""How recordings are fed into a stream, and how errors are put."""

from __future__ import annotations

import asyncio
import wave
from collections import deque
from pathlib import Path
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import APIConnectionError, APIStatusError, stt

from specbuilder import load_spec
from specbuilder.cli.destination import Destination, Format
from specbuilder.cli.transcription import Transcription, explain


class SlowStream:
    """A stream that takes a hundred frames whenever the loop has come round, and ends when all are taken."""

    def __init__(self) -> None:
        self.frames: deque[rtc.AudioFrame] = deque()
        self.most = 0
        self.taken = 0
        self.ended = False

    @property
    def waiting(self) -> int:
        return len(self.frames)

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        self.frames.append(frame)
        self.most = max(self.most, len(self.frames))

    def end_input(self) -> None:
        self.ended = True

    def __aiter__(self) -> SlowStream:
        return self

    async def __anext__(self) -> stt.SpeechEvent:
        while not self.ended or self.frames:
            await asyncio.sleep(0.01)
            for _ in range(min(100, len(self.frames))):
                self.frames.popleft()
                self.taken += 1
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.frames.clear()


class EarlyStream(SlowStream):
    """A stream that ends after its first second."""

    def __init__(self) -> None:
        super().__init__()
        self.full = asyncio.Event()

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        if len(self.frames) == 50:
            self.full.set()
            raise RuntimeError("the stream is closed")
        super().push_frame(frame)

    async def __anext__(self) -> stt.SpeechEvent:
        await self.full.wait()
        raise StopAsyncIteration


class Adapter:
    """As much of an adapter as the work needs."""

    def __init__(self, stream: SlowStream) -> None:
        self.spec = load_spec("vosk")
        self.model = "unknown"
        self.closed = False
        self._stream = stream

    def stream(self) -> SlowStream:
        return self._stream

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def minute(tmp_path: Path) -> Path:
    path = tmp_path / "minute.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(60 * 32_000))
    return path


async def transcribe(stream: SlowStream, file: Path) -> tuple[int, Adapter]:
    adapter = Adapter(stream)
    work = Transcription(
        cast(Any, adapter),
        Destination(Format.TEXT, None, [str(file)]),
        streaming=True,
        speed=0.0,
        interims=False,
    )
    return await work.run([str(file)]), adapter


async def test_a_long_recording_is_read_as_the_vendor_takes_it(minute: Path) -> None:
    stream = SlowStream()
    failed, adapter = await transcribe(stream, minute)
    assert (failed, stream.taken, adapter.closed) == (0, 3000, True)
    # Ten seconds of 20 ms frames, and the one that fills them up.
    assert stream.most <= 501


async def test_a_stream_that_ends_before_the_recording_is_a_failure(
    minute: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed, adapter = await transcribe(EarlyStream(), minute)
    assert (failed, adapter.closed) == (1, True)
    assert "the vendor ended the stream before the recording's end" in capsys.readouterr().err


def test_errors_in_one_line() -> None:
    refused = APIStatusError("no\nway", status_code=402, request_id="r-1", body=None)
    assert explain(refused) == "no way (status 402, request r-1)"
    with pytest.raises(APIConnectionError) as caught:
        raise APIConnectionError("failed after 4 attempts") from refused
    assert explain(caught.value) == "failed after 4 attempts: no way (status 402, request r-1)"
