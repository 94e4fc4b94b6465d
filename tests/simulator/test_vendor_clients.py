"""The simulator is honest: vendors' own clients of PyPI hold a session and get the text."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from specbuilder.simulator import Simulator
from tests.simulator.scripts import SCRIPTS
from tests.support.streams import tone

PCM = b"".join(bytes(frame.data) for frame in tone(0.5))


async def test_deepgram_sdk_streams() -> None:
    deepgram = pytest.importorskip("deepgram")
    environment = pytest.importorskip("deepgram.environment")
    async with Simulator("deepgram", tests=SCRIPTS["deepgram"]) as vendor:
        client = deepgram.AsyncDeepgramClient(
            api_key="test-key",
            environment=environment.DeepgramClientEnvironment(
                base=vendor.url, production=vendor.ws_url, agent=vendor.ws_url, agent_rest=vendor.url
            ),
        )
        texts = []
        async with client.listen.v1.connect(
            model="nova-3", encoding="linear16", sample_rate="16000", interim_results="true"
        ) as connection:
            await connection.send_media(PCM)
            await connection.send_close_stream()
            async for message in connection:
                if message.type == "Results" and message.is_final:
                    texts.append(message.channel.alternatives[0].transcript)
                if message.type == "Metadata":
                    break
    assert texts == ["Hello world."]
    assert {"type": "CloseStream"} in vendor.messages()
    assert vendor.audio_bytes() == len(PCM)


async def test_deepgram_sdk_is_told_of_a_wrong_key() -> None:
    deepgram = pytest.importorskip("deepgram")
    environment = pytest.importorskip("deepgram.environment")
    async with Simulator("deepgram") as vendor:
        client = deepgram.AsyncDeepgramClient(
            api_key="another-key",
            environment=environment.DeepgramClientEnvironment(
                base=vendor.url, production=vendor.ws_url, agent=vendor.ws_url, agent_rest=vendor.url
            ),
        )
        with pytest.raises(deepgram.core.api_error.ApiError) as error:
            async with client.listen.v1.connect(model="nova-3"):
                pass
    assert error.value.status_code == 401


async def test_openai_client_transcribes() -> None:
    async with Simulator("openai", tests=SCRIPTS["openai"]) as vendor:
        async with openai.AsyncOpenAI(
            api_key="test-key", base_url=f"{vendor.url}/v1", max_retries=0
        ) as client:
            reply = await client.audio.transcriptions.create(
                model="gpt-4o-mini-transcribe", file=("speech.wav", PCM), language="en"
            )
        async with openai.AsyncOpenAI(api_key="no", base_url=f"{vendor.url}/v1", max_retries=0) as wrong:
            with pytest.raises(openai.AuthenticationError):
                await wrong.audio.transcriptions.create(model="whisper-1", file=("speech.wav", PCM))
    assert reply.text == "Hello world."


async def test_openai_client_keeps_to_retry_after() -> None:
    async with (
        Simulator("openai", tests=SCRIPTS["openai"], fault="429", fault_times=1) as vendor,
        openai.AsyncOpenAI(api_key="test-key", base_url=f"{vendor.url}/v1", max_retries=1) as client,
    ):
        reply = await client.audio.transcriptions.create(
            model="gpt-4o-mini-transcribe", file=("speech.wav", PCM)
        )
    assert reply.text == "Hello world."
    assert [entry.value for entry in vendor.wire if entry.what == "reply"] == [429, 200]


async def test_elevenlabs_client_transcribes() -> None:
    elevenlabs = pytest.importorskip("elevenlabs.client")
    async with Simulator("elevenlabs") as vendor:
        client = elevenlabs.AsyncElevenLabs(api_key="test-key", base_url=vendor.url)
        reply = await client.speech_to_text.convert(model_id="scribe_v2", file=PCM)
    assert vendor.recognize is not None
    assert reply.text == vendor.recognize.finals[0]


async def test_speechmatics_client_streams() -> None:
    rt = pytest.importorskip("speechmatics.rt")
    script = [
        {
            "name": "two words and the end",
            "options": {"protocol": "classic"},
            "stream": [
                {"received": {"message": "RecognitionStarted", "id": "1", "language_pack_info": {}}},
                {"audio": "100ms"},
                {"received": {"message": "AudioAdded", "seq_no": 1}},
                {
                    "received": {
                        "message": "AddTranscript",
                        "metadata": {"transcript": "Hello. ", "start_time": 0.0, "end_time": 0.5},
                        "results": [
                            {
                                "type": "word",
                                "start_time": 0.0,
                                "end_time": 0.4,
                                "alternatives": [{"content": "Hello", "confidence": 0.9, "language": "en"}],
                            },
                            {
                                "type": "punctuation",
                                "is_eos": True,
                                "start_time": 0.4,
                                "end_time": 0.4,
                                "alternatives": [{"content": ".", "confidence": 0.9, "language": "en"}],
                            },
                        ],
                    }
                },
                {"received": {"message": "EndOfUtterance", "metadata": {"start_time": 0.5, "end_time": 0.5}}},
                "end_input",
                {"received": {"message": "EndOfTranscript"}},
            ],
        }
    ]
    async with Simulator("speechmatics", options={"protocol": "classic"}, tests=script) as vendor:
        texts: list[str] = []
        async with rt.AsyncClient(api_key="test-key", url=f"{vendor.ws_url}/v2") as client:

            @client.on(rt.ServerMessageType.ADD_TRANSCRIPT)  # type: ignore[untyped-decorator]
            def heard(message: dict[str, Any]) -> None:
                texts.append(message["metadata"]["transcript"])

            await client.start_session(
                transcription_config=rt.TranscriptionConfig(language="en"),
                audio_format=rt.AudioFormat(
                    encoding=rt.AudioEncoding.PCM_S16LE, sample_rate=16000, chunk_size=1600
                ),
            )
            for start in range(0, len(PCM), 3200):
                await client.send_audio(PCM[start : start + 3200])
            await client.stop_session()
    assert texts == ["Hello. "]
    assert vendor.audio_bytes() == len(PCM)
