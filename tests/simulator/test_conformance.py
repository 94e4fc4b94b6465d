"""The conformance run: every bundled spec passes, and an adapter that breaks a promise does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, stt
from typer.testing import CliRunner

from specbuilder import list_specs, load_adapter, load_spec
from specbuilder.cli.app import app
from specbuilder.simulator.conformance import conform, conform_all


async def test_every_bundled_spec_conforms() -> None:
    reports = await conform_all([load_spec(name) for name in list_specs()], load_adapter)
    failed = [
        f"{report.spec} {check.section} {check.name}: {'; '.join(check.problems)}"
        for report in reports
        for check in report.checks
        if not check.passed
    ]
    assert not failed, "\n".join(failed)
    assert [report.spec for report in reports if not report.checks] == []


ONCE = APIConnectOptions(max_retry=0)


class Deaf(stt.STT[Any]):
    """An adapter that ends every stream without a word."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))

    async def _recognize_impl(
        self, buffer: Any, *, language: Any = None, conn_options: Any
    ) -> stt.SpeechEvent:
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[])

    def stream(self, *, language: Any = None, conn_options: Any = ONCE) -> stt.RecognizeStream:
        return _Silent(stt=self, conn_options=conn_options, sample_rate=16000)


class _Silent(stt.RecognizeStream):
    async def _run(self) -> None:
        async for _ in self._input_ch:
            pass


async def test_an_adapter_that_hears_nothing_fails() -> None:
    report = await conform(load_spec("xai"), lambda spec, **settings: Deaf())
    assert not report.passed
    failed = {check.name: check.problems for check in report.checks if not check.passed}
    assert "the finals are []" in failed["contract"][0]
    assert "no status error came" in failed["401"][0]
    assert "no status error came" in failed["wrong key"][0]


def test_the_command_prints_a_table() -> None:
    result = CliRunner().invoke(app, ["conformance", "groq"])
    assert result.exit_code == 0, result.output
    assert "recognize contract" in " ".join(result.output.split())
    assert "groq: 11 of 11 passed" in result.output


def test_the_command_prints_json() -> None:
    result = CliRunner().invoke(app, ["conformance", "groq", "--json"])
    (report,) = json.loads(result.stdout)
    assert report["spec"] == "groq"
    assert report["passed"] is True
    assert {"401", "429", "503", "drop", "contract"} <= {check["name"] for check in report["checks"]}


def test_a_spec_without_tests_cannot_be_checked(tmp_path: Any) -> None:
    path = tmp_path / "mute.yaml"
    path.write_text(
        "spec: 1\nname: mute\nbase_url: https://mute.example\n"
        "recognize: {post: /x}\ntranscript: {text: text}\n"
    )
    result = CliRunner().invoke(app, ["conformance", str(path)])
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--fault", "fire"], "there is no fault"),
        (["--test", "nobody"], "no test shows"),
        (["--script", "/nowhere.yaml"], "nowhere"),
        (["--say", "x", "--engine", "embedded"], "exclude each other"),
    ],
)
def test_simulate_says_what_is_wrong(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(app, ["simulate", "deepgram", *arguments])
    assert result.exit_code == 2
    assert told in result.output + (result.stderr if result.stderr_bytes else "")


def test_simulate_says_that_messages_cannot_carry_words() -> None:
    result = CliRunner().invoke(app, ["simulate", "fireworksai", "--say", "Hello."])
    assert result.exit_code == 2
    assert "the script is played" in result.output + (result.stderr if result.stderr_bytes else "")
