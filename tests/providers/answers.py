"""Answers of real vendors, as their documentation and servers show them, and the text in each."""

from __future__ import annotations

from typing import Any

__all__ = ["HTTP_ANSWERS", "WEBSOCKET_MESSAGES"]

HTTP_ANSWERS: dict[str, tuple[Any, str]] = {
    "deepgram": (
        {
            "metadata": {"request_id": "rid-b", "duration": 1.0, "channels": 1},
            "results": {
                "channels": [
                    {
                        "detected_language": "es",
                        "alternatives": [{"transcript": "Hola mundo.", "confidence": 0.98, "words": []}],
                    }
                ]
            },
        },
        "Hola mundo.",
    ),
    "openai": ({"text": "hello world", "usage": {"type": "tokens", "input_tokens": 14}}, "hello world"),
    "openai verbose": (
        {
            "task": "transcribe",
            "language": "german",
            "duration": 1.2,
            "text": "hallo welt",
            "segments": [{"id": 0, "start": 0.0, "end": 1.1, "text": "hallo welt"}],
        },
        "hallo welt",
    ),
    "whisper.cpp": ({"text": " Hello world.\n This is a test.\n"}, "Hello world. This is a test."),
    "groq": ({"text": " hello world", "x_groq": {"id": "req_01abc"}}, "hello world"),
    "google v1": (
        {
            "results": [
                {"alternatives": [{"transcript": "how old is", "confidence": 0.98}], "languageCode": "en-us"},
                {"alternatives": [{"transcript": " the bridge", "confidence": 0.9}]},
            ],
            "requestId": "84",
        },
        "how old is the bridge",
    ),
    "google v2": (
        {
            "results": [{"alternatives": [{"transcript": "hello world"}], "languageCode": "en-US"}],
            "metadata": {"requestId": "abc", "totalBilledDuration": "1s"},
        },
        "hello world",
    ),
    "assemblyai": (
        {"id": "9ea6", "status": "completed", "text": "Hello world.", "confidence": 0.95, "error": None},
        "Hello world.",
    ),
    "azure short": (
        {"RecognitionStatus": "Success", "DisplayText": "Remind me to buy 5 pencils.", "Offset": "1236"},
        "Remind me to buy 5 pencils.",
    ),
    "azure detailed": (
        {
            "RecognitionStatus": "Success",
            "NBest": [{"Confidence": 0.98, "Lexical": "good morning", "Display": "Good morning."}],
        },
        "Good morning.",
    ),
    "azure fast": (
        {
            "durationMilliseconds": 1600,
            "combinedPhrases": [{"channel": 0, "text": "Good afternoon. This is Sam."}],
            "phrases": [{"text": "Good afternoon.", "locale": "en-US", "confidence": 0.936}],
        },
        "Good afternoon. This is Sam.",
    ),
    "elevenlabs": (
        {"language_code": "eng", "language_probability": 0.98, "text": "Hello you", "transcription_id": "t"},
        "Hello you",
    ),
    "gladia": (
        {
            "id": "45463597",
            "status": "done",
            "result": {"transcription": {"full_transcript": "Hello world.", "languages": ["en"]}},
        },
        "Hello world.",
    ),
    "speechmatics": (
        {
            "format": "2.9",
            "results": [
                {"type": "word", "alternatives": [{"content": "Welcome", "confidence": 1}]},
                {"type": "word", "alternatives": [{"content": "home", "confidence": 1}]},
                {"type": "punctuation", "alternatives": [{"content": ".", "confidence": 1}]},
            ],
        },
        "Welcome home.",
    ),
    "aws": ({"results": {"transcripts": [{"transcript": "Hello there."}], "items": []}}, "Hello there."),
    "clova": (
        {"result": "COMPLETED", "message": "Succeeded", "text": "hi there", "confidence": 0.9},
        "hi there",
    ),
    "huggingface": (
        {"text": " Hello world", "chunks": [{"text": " Hello world.", "timestamp": [0.0, 2.4]}]},
        "Hello world",
    ),
    "fal": (
        {"text": "hi fal", "chunks": [{"timestamp": [0, 1.2], "text": "hi fal"}], "languages": ["en"]},
        "hi fal",
    ),
    "sarvam": (
        {"request_id": "q1", "transcript": "hello", "language_code": "hi-IN", "language_probability": 0.93},
        "hello",
    ),
    "wit.ai": ({"_text": "turn off the light", "msg_id": "m", "entities": {}}, "turn off the light"),
    "mistral": (
        {"model": "voxtral-mini-latest", "text": "Bonjour le monde", "language": "fr", "segments": []},
        "Bonjour le monde",
    ),
    "spitch": ({"request_id": "z1", "text": "ba wo", "segments": None}, "ba wo"),
    "xai": ({"text": "Hello world.", "language": "English", "duration": 1.2, "words": []}, "Hello world."),
    "the usage guide": ({"transcript": {"text": "as in the guide"}}, "as in the guide"),
    "a result object": ({"result": {"text": "nested", "score": 0.5}}, "nested"),
    "a list of results": ({"err_no": 0, "result": ["first best", "second best"]}, "first best"),
}
"""Answer and text, by where it comes from."""


_DEEPGRAM = {"type": "Results", "start": 0.0, "duration": 1.0}


def _deepgram(text: str, final: bool, ended: bool) -> dict[str, Any]:
    alternatives = [{"transcript": text, "confidence": 0.9, "words": []}]
    return {
        **_DEEPGRAM,
        "is_final": final,
        "speech_final": ended,
        "channel": {"alternatives": alternatives},
        "metadata": {"request_id": "req-1"},
    }


_OPENAI = "conversation.item.input_audio_transcription"

WEBSOCKET_MESSAGES: dict[str, tuple[list[Any], list[str]]] = {
    "deepgram": (
        [
            {"type": "SpeechStarted", "channel": [0], "timestamp": 0.1},
            _deepgram("hello", False, False),
            _deepgram("Hello world.", True, False),
            _deepgram("", True, True),
            {"type": "UtteranceEnd", "channel": [0], "last_word_end": 2.5},
        ],
        ["start", "~hello", "Hello world.", "end"],
    ),
    "assemblyai": (
        [
            {"type": "Begin", "id": "s", "expires_at": 1},
            {"type": "Turn", "turn_order": 0, "end_of_turn": False, "transcript": "my name"},
            {"type": "Turn", "turn_order": 0, "end_of_turn": True, "transcript": "My name is"},
        ],
        ["start", "~my name", "My name is", "end"],
    ),
    "assemblyai v2": (
        [
            {"message_type": "SessionBegins", "session_id": "s"},
            {"message_type": "PartialTranscript", "text": "hel", "confidence": 0.5},
            {"message_type": "FinalTranscript", "text": "Hello.", "confidence": 0.9},
        ],
        ["start", "~hel", "Hello.", "end"],
    ),
    "vosk": (
        [{"partial": ""}, {"partial": "one"}, {"result": [{"word": "one"}], "text": "one two"}, {"text": ""}],
        ["start", "~one", "one two", "end"],
    ),
    "gladia": (
        [
            {"type": "speech_start", "data": {"time": 0.1}},
            {"type": "transcript", "data": {"is_final": False, "utterance": {"text": "hel"}}},
            {
                "type": "transcript",
                "data": {"is_final": True, "utterance": {"text": "Hello.", "language": "en"}},
            },
            {"type": "speech_end", "data": {"time": 0.9}},
        ],
        ["start", "~hel", "Hello.", "end"],
    ),
    "elevenlabs": (
        [
            {"message_type": "session_started", "session_id": "0b0a"},
            {"message_type": "partial_transcript", "text": "Hello"},
            {"message_type": "committed_transcript", "text": "Hello you"},
        ],
        ["start", "~Hello", "Hello you", "end"],
    ),
    "openai": (
        [
            {"type": "input_audio_buffer.speech_started", "item_id": "i1"},
            {"type": f"{_OPENAI}.delta", "item_id": "i1", "delta": "Hello"},
            {"type": f"{_OPENAI}.delta", "item_id": "i1", "delta": " wor"},
            {"type": "input_audio_buffer.speech_stopped", "item_id": "i1"},
            {"type": f"{_OPENAI}.completed", "item_id": "i1", "transcript": "Hello world"},
        ],
        ["start", "~Hello", "~Hello wor", "Hello world", "end"],
    ),
    "xai": (
        [
            {"type": "transcript.created"},
            {"type": "transcript.partial", "text": "Hel", "is_final": False, "speech_final": False},
            {"type": "transcript.partial", "text": "Hello.", "is_final": True, "speech_final": True},
        ],
        ["start", "~Hel", "Hello.", "end"],
    ),
    "slng": (
        [
            {"type": "partial_transcript", "transcript": "hello", "confidence": 0.5},
            {"type": "final_transcript", "transcript": " hello world ", "language": "en"},
        ],
        ["start", "~hello", "hello world", "end"],
    ),
    "sarvam": (
        [
            {"event": "transcript.partial", "utterance_idx": 0, "text": "hel", "language": "en-IN"},
            {"event": "transcript.final", "utterance_idx": 0, "text": "hello", "language": "en-IN"},
        ],
        ["start", "~hel", "hello", "end"],
    ),
    "rtzr": (
        [
            {"seq": 0, "final": False, "alternatives": [{"text": "안녕", "confidence": 0.0}]},
            {"seq": 0, "final": True, "alternatives": [{"text": "안녕하세요", "confidence": 0.91}]},
        ],
        ["start", "~안녕", "안녕하세요", "end"],
    ),
    "cartesia ink": (
        [
            {"type": "transcript", "is_final": False, "text": "Hel", "request_id": "r1"},
            {"type": "transcript", "is_final": True, "text": "Hello there", "request_id": "r1"},
        ],
        ["start", "~Hel", "Hello there", "end"],
    ),
    "cartesia turns": (
        [
            {"type": "connected", "request_id": "r1"},
            {"type": "turn.start", "request_id": "r1"},
            {"type": "turn.update", "transcript": "Hey can", "request_id": "r1"},
            {"type": "turn.end", "transcript": "Hey can you help?", "request_id": "r1"},
        ],
        ["start", "~Hey can", "Hey can you help?", "end"],
    ),
    "speechmatics": (
        [
            {"message": "AddPartialTranscript", "metadata": {"transcript": "Hello"}, "results": []},
            {"message": "AddTranscript", "metadata": {"transcript": "Hello world. "}, "results": []},
            {"message": "EndOfUtterance", "metadata": {}},
        ],
        ["start", "~Hello", "Hello world.", "end"],
    ),
    "mistral": (
        [
            {"type": "transcription.text.delta", "text": "Hello"},
            {"type": "transcription.text.delta", "text": " world"},
            {"type": "transcription.done", "text": "Hello world", "language": None},
        ],
        ["start", "~Hello", "~Hello world", "Hello world", "end"],
    ),
    "baseten": (
        [
            {"type": "transcription", "is_final": False, "segments": [{"text": "hello"}]},
            {
                "type": "transcription",
                "is_final": True,
                "segments": [{"text": "hello world"}, {"text": "again"}],
            },
        ],
        ["start", "~hello", "hello world again", "end"],
    ),
}
"""Messages, and what they are to livekit: `~` marks an interim transcript."""
