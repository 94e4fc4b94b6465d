"""Scripts with every field that the vendors document, for clients that read more than our specs do."""

from __future__ import annotations

from typing import Any

__all__ = ["SCRIPTS"]


def _results(text: str, final: bool, *words: str) -> dict[str, Any]:
    listed = [
        {"word": word.lower(), "start": 0.1, "end": 0.4, "confidence": 0.9, "punctuated_word": word}
        for word in words
    ]
    return {
        "received": {
            "type": "Results",
            "channel_index": [0, 1],
            "duration": 1.0,
            "start": 0.0,
            "is_final": final,
            "speech_final": final,
            "channel": {"alternatives": [{"transcript": text, "confidence": 0.95, "words": listed}]},
            "metadata": {
                "request_id": "req-1",
                "model_info": {"name": "general", "version": "1", "arch": "nova-3"},
                "model_uuid": "m-1",
            },
        }
    }


def _tokens(*tokens: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "received": {"tokens": list(tokens), "total_audio_proc_ms": 500, "final_audio_proc_ms": 400, **more}
    }


def _token(text: str, final: bool) -> dict[str, Any]:
    return {
        "text": text,
        "start_ms": 100,
        "end_ms": 300,
        "confidence": 0.9,
        "is_final": final,
        "language": "en",
    }


def _utterance(text: str, final: bool) -> dict[str, Any]:
    return {
        "received": {
            "type": "transcript",
            "session_id": "s",
            "data": {
                "id": "0",
                "is_final": final,
                "utterance": {
                    "text": text,
                    "start": 0.1,
                    "end": 0.9,
                    "confidence": 0.9,
                    "language": "en",
                    "channel": 0,
                    "words": [{"word": "Hello", "start": 0.1, "end": 0.4, "confidence": 0.9}],
                },
            },
        }
    }


_ITEM = "conversation.item.input_audio_transcription"

SCRIPTS: dict[str, list[dict[str, Any]]] = {
    "deepgram": [
        {
            "name": "a whole utterance",
            "stream": [
                {"audio": "100ms"},
                {"received": {"type": "SpeechStarted", "channel": [0, 1], "timestamp": 0.1}},
                _results("hello", False, "hello"),
                _results("Hello world.", True, "Hello", "world."),
                "end_input",
                {
                    "received": {
                        "type": "Metadata",
                        "transaction_key": "deprecated",
                        "request_id": "req-1",
                        "sha256": "0",
                        "created": "2025-01-01T00:00:00.000Z",
                        "duration": 0.6,
                        "channels": 1,
                    }
                },
            ],
        },
        {
            "name": "batch",
            "options": {"detect_language": True},
            "recognize": [
                {
                    "reply": {
                        "status": 200,
                        "body": {
                            "metadata": {"request_id": "req-2"},
                            "results": {
                                "channels": [
                                    {
                                        "detected_language": "es",
                                        "alternatives": [
                                            {
                                                "transcript": "Hola mundo.",
                                                "confidence": 0.9,
                                                "words": [
                                                    {
                                                        "word": "hola",
                                                        "start": 0.1,
                                                        "end": 0.4,
                                                        "confidence": 0.9,
                                                        "punctuated_word": "Hola",
                                                    }
                                                ],
                                            }
                                        ],
                                    }
                                ]
                            },
                        },
                    }
                }
            ],
        },
    ],
    "deepgram_flux": [
        {
            "name": "a turn",
            "stream": [
                {"received": {"type": "Connected", "request_id": "r1", "sequence_id": 0}},
                {"audio": "100ms"},
                *(
                    {
                        "received": {
                            "type": "TurnInfo",
                            "request_id": "r1",
                            "sequence_id": number,
                            "event": event,
                            "turn_index": 0,
                            "audio_window_start": 0.0,
                            "audio_window_end": 0.5,
                            "transcript": "hello",
                            "words": [{"word": "hello", "confidence": 0.8, "start": 0.1, "end": 0.4}],
                            "end_of_turn_confidence": 0.8,
                        }
                    }
                    for number, event in enumerate(["StartOfTurn", "Update", "EndOfTurn"], 1)
                ),
                "end_input",
            ],
        }
    ],
    "soniox": [
        {
            "name": "tokens and an end marker",
            "stream": [
                {"audio": "100ms"},
                _tokens(_token("Hello", True), _token(" wor", False)),
                _tokens(_token(" world.", True), {"text": "<end>", "is_final": True}),
                "end_input",
                _tokens(finished=True),
            ],
        }
    ],
    "gladia": [
        {
            "name": "a final while the client speaks",
            "stream": [
                {
                    "reply": {
                        "status": 201,
                        "body": {"id": "s", "url": "wss://api.gladia.io/v2/live?token=t"},
                    }
                },
                {"audio": "100ms"},
                _utterance("Hello", False),
                _utterance("Hello world.", True),
                "end_input",
                {"received": {"type": "post_final_transcript", "session_id": "s", "data": {"metadata": {}}}},
            ],
        }
    ],
    "openai": [
        {
            "name": "an item",
            "options": {"use_realtime": True},
            "stream": [
                {"received": {"type": "session.created", "session": {}}},
                {"audio": "100ms"},
                {
                    "received": {
                        "type": "input_audio_buffer.speech_started",
                        "audio_start_ms": 100,
                        "item_id": "item_1",
                    }
                },
                {
                    "received": {
                        "type": f"{_ITEM}.delta",
                        "item_id": "item_1",
                        "content_index": 0,
                        "delta": "Hello",
                    }
                },
                {
                    "received": {
                        "type": f"{_ITEM}.completed",
                        "item_id": "item_1",
                        "transcript": "Hello world",
                        "usage": {
                            "type": "tokens",
                            "total_tokens": 22,
                            "input_tokens": 13,
                            "output_tokens": 9,
                        },
                    }
                },
                "end_input",
            ],
        },
        {
            "name": "batch",
            "recognize": [{"reply": {"status": 200, "body": {"text": "Hello world.", "usage": None}}}],
        },
    ],
    "fireworksai": [
        {
            "name": "a segment",
            "stream": [
                {"audio": "100ms"},
                {
                    "received": {
                        "task": "transcribe",
                        "language": "en",
                        "text": "hello there",
                        "segments": [
                            {
                                "id": 0,
                                "seek": 0,
                                "text": "hello there",
                                "language": "en",
                                "words": [
                                    {
                                        "word": word,
                                        "probability": 0.9,
                                        "is_final": True,
                                        "start": 0.1,
                                        "end": 0.2,
                                    }
                                    for word in ("hello", "there")
                                ],
                            }
                        ],
                    }
                },
                "end_input",
                {"received": {"checkpoint_id": "final"}},
            ],
        }
    ],
}
"""By the name of the spec."""
