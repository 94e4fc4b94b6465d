"""`specbuilder transcribe` against scripted vendors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, Reply, Script, ScriptedVendor, Send

from .conftest import run, run_beside

POST = "POST /v1/audio/transcriptions"
EOF = '{"eof" : 1}'


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hush")


@pytest.fixture
def short(audio: dict[str, Path]) -> Path:
    """A recording of 2.8 s."""
    return audio["go_forward"]


def vendor(*replies: Reply) -> ScriptedVendor:
    """OpenAI's transcription request."""
    return ScriptedVendor(replies={POST: list(replies)})


def word(text: str, start: float, end: float) -> dict[str, Any]:
    return {"word": text, "start": start, "end": end, "conf": 0.9}


def vosk(*finals: str) -> Script:
    """vosk-server: interim text, then the finals once the audio has ended."""
    results = [
        {
            "text": text,
            "result": [word(part, at + 0.1 * i, at + 0.1 * (i + 1)) for i, part in enumerate(text.split())],
        }
        for at, text in enumerate(finals)
    ]
    return [
        AfterAudio(0.5),
        Send({"partial": "go"}),
        AfterAudio(1.5),
        Send({"partial": "go for"}),
        AfterText(EOF),
        *map(Send, results),
        Send({"text": ""}),
        Close(1000),
    ]


async def test_batch_prints_the_text(short: Path) -> None:
    async with vendor(Reply(json={"text": "Go forward\nten meters."})) as server:
        result = await run_beside("transcribe", "--spec", "openai", "--base-url", server.url, short)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Go forward ten meters.\n", "")
    assert server.requests[0].header("authorization") == "Bearer sk-hush"


async def test_options_reach_the_vendor_with_their_types(short: Path) -> None:
    async with vendor(Reply(json={"text": "ja"})) as server:
        result = await run_beside(
            *("transcribe", "--spec", "openai", "--base-url", server.url),
            *("--option", "language=de", "--option", "temperature=0.5", "--option", "model=whisper-1"),
            short,
        )
    assert result.exit_code == 0
    parts = {part.name: part.value for part in server.requests[0].parts or ()}
    assert (parts["language"], parts["temperature"], parts["model"]) == ("de", "0.5", "whisper-1")


async def test_the_key_of_another_variable(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "sk-other")
    async with vendor(Reply(json={"text": "ja"})) as server:
        result = await run_beside(
            *("transcribe", "--spec", "openai", "--base-url", server.url, "--api-key-env", "OTHER"), short
        )
    assert result.exit_code == 0
    assert server.requests[0].header("authorization") == "Bearer sk-other"


async def test_several_files_go_on_after_one_that_fails(short: Path, audio: dict[str, Path]) -> None:
    refusal = Reply(400, json={"error": {"message": "too loud"}}, headers={"x-request-id": "req-7"})
    async with vendor(Reply(json={"text": "one"}), refusal, Reply(json={"text": "two"})) as server:
        result = await run_beside(
            *("transcribe", "--spec", "openai", "--base-url", server.url),
            *(short, "missing.wav", audio["jfk"], short),
        )
    assert result.exit_code == 1
    assert result.stdout == (
        f"==> {short} <==\none\n\n==> missing.wav <==\n\n==> {audio['jfk']} <==\n\n==> {short} <==\ntwo\n"
    )
    assert result.stderr == (
        "error: missing.wav: there is no such file\n"
        f"error: {audio['jfk']}: too loud (status 400, request req-7)\n"
    )


async def test_a_refused_key_is_one_line_without_the_key(short: Path) -> None:
    async with vendor(Reply(401, json={"error": {"message": "bad key sk-hush\x1b[2J"}})) as server:
        result = await run_beside("transcribe", "--spec", "openai", "--base-url", server.url, short)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "status 401" in result.stderr
    assert "hush" not in result.stderr
    assert "\x1b" not in result.stderr


async def test_json_has_segments_words_and_usage(short: Path) -> None:
    async with ScriptedVendor(vosk("go forward", "ten meters")) as server:
        result = await run_beside(
            *("transcribe", "--spec", "vosk", "--stream", "--speed", "0", "--format", "json"),
            *("--base-url", server.url, short),
        )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["text"] == "go forward ten meters"
    assert (found["file"], found["spec"], found["complete"]) == (str(short), "vosk", True)
    assert found["duration"] == pytest.approx(2.786, abs=0.01)
    assert found["segments"][1] == {
        "text": "ten meters",
        "start": 1.0,
        "end": 1.2,
        "confidence": 0.9,
        "words": [
            {"text": "ten", "start": 1.0, "end": 1.1, "confidence": 0.9},
            {"text": "meters", "start": 1.1, "end": 1.2, "confidence": 0.9},
        ],
    }
    assert found["usage"]["audio_duration"] == pytest.approx(2.786, abs=0.1)


async def test_streaming_into_a_pipe_prints_finals_and_interims_only_when_asked(short: Path) -> None:
    async with ScriptedVendor(vosk("go forward", "ten meters"), repeat=True) as server:
        command = ("transcribe", "--spec", "vosk", "--stream", "--speed", "0", "--base-url", server.url)
        plain = await run_beside(*command, short)
        chatty = await run_beside(*command, "--interims", short)
    assert (plain.exit_code, plain.stdout) == (0, "go forward\nten meters\n")
    assert (chatty.exit_code, chatty.stdout) == (0, "~ go\n~ go for\ngo forward\nten meters\n")
    # Nothing is lost at the end: every sample has been sent.
    assert server.audio_bytes(0) == pytest.approx(2.786 * 32_000, abs=700)


async def test_a_stream_is_fed_at_the_pace_of_speech(short: Path) -> None:
    async with ScriptedVendor(vosk("go")) as server:
        result = await run_beside(
            *("transcribe", "--spec", "vosk", "--stream", "--speed", "4", "--base-url", server.url, short)
        )
    assert result.exit_code == 0
    frames = [frame.at for frame in server.frames(0)]
    assert frames[-1] - frames[0] >= 2.4 / 4


async def test_captions_into_a_folder_a_file_each(
    short: Path, audio: dict[str, Path], tmp_path: Path
) -> None:
    async with ScriptedVendor(vosk("go forward"), repeat=True) as server:
        command = ("transcribe", "--spec", "vosk", "--stream", "--speed", "0", "--base-url", server.url)
        result = await run_beside(
            *command, "--format", "srt", "--output", f"{tmp_path}/new/", short, audio["arctic_a0009"]
        )
        single = await run_beside(*command, "--format", "vtt", short)
    assert (result.exit_code, result.stdout) == (0, "")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        f"{audio['arctic_a0009'].stem}.srt",
        f"{short.stem}.srt",
    ]
    assert (tmp_path / "new" / f"{short.stem}.srt").read_text() == (
        "1\n00:00:00,000 --> 00:00:01,000\ngo forward\n"
    )
    assert single.stdout == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\ngo forward\n"


async def test_text_of_several_files_into_one(short: Path, tmp_path: Path) -> None:
    target = tmp_path / "all.txt"
    target.write_text("old")
    async with vendor(Reply(json={"text": "one"}), Reply(json={"text": "two"})) as server:
        result = await run_beside(
            *("transcribe", "--spec", "openai", "--base-url", server.url, "-o", target, short, short)
        )
    assert (result.exit_code, result.stdout) == (0, "")
    assert target.read_text() == f"==> {short} <==\none\n\n==> {short} <==\ntwo\n"


async def test_what_was_understood_before_a_failure_is_kept(short: Path) -> None:
    script: Script = [AfterAudio(0.5), Send({"text": "go forward"}), Close(1008, "no more")]
    async with ScriptedVendor(script, [Refuse(403, {"error": "gone"})], repeat=True) as server:
        result = await run_beside(
            *("transcribe", "--spec", "vosk", "--stream", "--speed", "0", "--format", "json"),
            *("--base-url", server.url, short),
        )
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["text"], found["complete"]) == ("go forward", False)
    assert "(status 403)" in result.stderr.splitlines()[-1]


async def test_a_refused_handshake(short: Path) -> None:
    async with ScriptedVendor([Refuse(401, "who are you?")]) as server:
        result = await run_beside(
            *("transcribe", "--spec", "vosk", "--stream", "--speed", "0", "--base-url", server.url, short)
        )
    assert result.exit_code == 1
    assert result.stderr == f"error: {short}: who are you? (status 401)\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--option", "modell=x", "a.wav"), "unknown option 'modell' (did you mean 'model'?)"),
        (("--option", "temperature=hot", "a.wav"), "expected a number"),
        (("--option", "noise_reduction_type=no", "a.wav"), "is not one of near_field, far_field"),
        (("--api-key-env", "NO_SUCH", "a.wav"), "variable NO_SUCH is not set"),
        (("--base-url", "ftp://x", "a.wav"), "base_url"),
        (("--stream", "a.wav"), "openai does not stream with these options: leave --stream out"),
        (("--format", "srt", "a.wav", "b.wav"), "give --output a folder"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str) -> None:
    result = run("transcribe", "--spec", "openai", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_wrong_usage_that_depends_on_more(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "live.yaml"
    spec.write_text(
        "spec: 1\nbase_url: ws://a.example\n"
        "stream: {connect: /, rules: [{when: text, emit: final_transcript}], transcript: {text: text}}\n"
    )
    only_live = run("transcribe", "--spec", spec, "a.wav")
    assert only_live.exit_code == 2
    assert "live only streams with these options: add --stream" in only_live.stderr
    clash = run("transcribe", "--spec", "openai", "-o", tmp_path, "x/a.wav", "y/a.mp3")
    assert clash.exit_code == 2
    assert "x/a.wav and y/a.mp3 would both be written to" in clash.stderr
    itself = run("transcribe", "--spec", "openai", "-o", short, short)
    assert itself.exit_code == 2
    assert "is a recording" in itself.stderr
    monkeypatch.delenv("OPENAI_API_KEY")
    missing = run("transcribe", "--spec", "openai", "a.wav")
    assert missing.exit_code == 2
    assert missing.stderr == "error: openai: an API key is required: set OPENAI_API_KEY\n"


def test_there_is_no_option_for_the_key() -> None:
    result = run("transcribe", "--spec", "openai", "--api-key", "sk-hush", "a.wav")
    assert result.exit_code == 2
