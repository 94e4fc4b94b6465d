"""Secrets go over TLS only, and a spec of someone else's reaches only the hosts written in it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from livekit.agents import APIConnectionError

from specbuilder import SpecError, load_adapter, load_spec
from specbuilder.protocol.codecs import CODECS
from specbuilder.protocol.primitives import PRIMITIVES
from specbuilder.protocol.registry import register_codec, register_primitive, register_state
from specbuilder.protocol.state import STATES
from specbuilder.protocol.trust import is_local
from tests.promises.acme import KEY, NO_RETRY, ONE_RETRY, SPEC, acme, http_spec, merged, stream_spec
from tests.promises.listening import listen
from tests.support.streams import outcome, push, silence, tone
from tests.support.vendor import AfterAudio, AfterText, Drop, Reply, ScriptedVendor, Send

NO_KEY = {**merged(SPEC, {"headers": None}), "api_key": None}


def untrusted(spec: Any, **arguments: Any) -> Any:
    """An adapter of a spec that is not trusted."""
    return load_adapter(spec, trust="untrusted", **{"api_key": KEY, **arguments})


def codec_named(name: str) -> dict[str, Any]:
    """The spec with a codec and a state type of the user's."""
    return stream_spec(codec=name, state={"words": {"type": name}})


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python of the user's, registered under one name for the length of a test."""
    for table in (CODECS, STATES, PRIMITIVES):
        monkeypatch.setattr(table, "_added", {})
    register_codec("their_own", CODECS.get("json"))
    register_state("their_own", STATES.get("text"))
    register_primitive("their_own", _never)


def _never(arguments: Any, wall: Any) -> Any:
    raise AssertionError("it ran")


def test_a_spec_that_names_only_its_vendor_can_be_used_untrusted() -> None:
    assert untrusted(SPEC).provider == "acme"


@pytest.mark.parametrize("name", ["deepgram", "assemblyai", "soniox", "gladia", "elevenlabs", "openai"])
def test_bundled_specs_can_be_used_untrusted(name: str) -> None:
    assert untrusted(name).provider == name


@pytest.mark.parametrize(
    ("changes", "place", "what"),
    [
        ({"base_url": "http://api.acme.example"}, "base_url", "written out"),
        ({"base_url": "https://{{ model }}.acme.example"}, "base_url", "written out"),
        ({"base_url": "https://user@api.acme.example"}, "base_url", "written out"),
        ({"base_url": "https://api.acme.example#@evil.example"}, "base_url", "written out"),
        ({"base_url": "https://localhost"}, "base_url", "private"),
        ({"base_url": "https://169.254.169.254"}, "base_url", "private"),
        ({"base_url": "https://[::1]:8080/x"}, "base_url", "private"),
        ({"base_url": "https://vault.internal"}, "base_url", "private"),
        ({"base_url": "https://127.1"}, "base_url", "private"),
        ({"stream": {"connect": "ws://api.acme.example/x"}}, "stream.connect", "written out"),
        ({"stream": {"connect": "wss://10.0.0.8/x"}}, "stream.connect", "private"),
        (
            {"steps": [{"name": "a", "post": "https://{{ model }}/token", "json": {"k": "{{ api_key }}"}}]},
            "steps[0].post",
            "written out",
        ),
        (
            {"recognize": {"post": "/x", "cleanup": {"delete": "https://10.0.0.8/jobs"}}},
            "recognize.cleanup.delete",
            "private",
        ),
        (
            {"variants": [{"if": "model", "base_url": "https://a.local"}]},
            "variants[0].base_url",
            "private",
        ),
    ],
)
def test_what_an_untrusted_spec_may_not_name(changes: dict[str, Any], place: str, what: str) -> None:
    spec = merged(SPEC, changes)
    load_spec(spec)
    with pytest.raises(SpecError) as refused:
        untrusted(spec)
    assert [issue.path for issue in refused.value.issues] == [place]
    assert what in refused.value.issues[0].message


@pytest.mark.usefixtures("hooks")
def test_an_untrusted_spec_names_no_python_of_the_users() -> None:
    spec = {**codec_named("their_own"), "steps": [{"name": "token", "use": "their_own"}]}
    load_spec(spec)
    with pytest.raises(SpecError) as refused:
        untrusted(spec)
    assert {issue.path for issue in refused.value.issues} == {
        "steps[0].use",
        "stream.codec",
        "stream.state.words.type",
    }


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("api.acme.example", False),
        ("8.8.8.8", False),
        ("127.0.0.1", True),
        ("0x7f.1", True),
        ("2130706433", True),
        ("10.1.2.3", True),
        ("192.168.0.1", True),
        ("100.64.0.1", True),
        ("fe80::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("localhost.", True),
        ("router", True),
        ("a.home.arpa", True),
    ],
)
def test_local_hosts(host: str, local: bool) -> None:
    assert is_local(host) is local


def test_an_untrusted_spec_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", KEY)
    assert load_adapter(SPEC)
    with pytest.raises(ValueError, match="API key is required"):
        load_adapter(SPEC, trust="untrusted")


def test_a_spec_reads_only_the_variables_it_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    class Environment(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            read.append(name)
            return super().get(name, default)

    spec = merged(SPEC, {"options": {"account": {"type": "string", "secret": True, "env": "ACME_ACCOUNT"}}})
    loaded = load_spec(spec)
    loaded.resolve({}, environ=Environment(ACME_API_KEY=KEY, OTHER_API_KEY="other"))
    assert set(read) == {"ACME_API_KEY", "ACME_ACCOUNT"}


def test_no_template_reaches_the_environment() -> None:
    for hole in ("{{ env.HOME }}", "{{ environ }}", "{{ os.environ }}", "{{ self }}"):
        with pytest.raises(SpecError):
            load_spec(stream_spec(query={"x": hole}))


def test_trust_is_one_of_two_words() -> None:
    with pytest.raises(ValueError, match="trust must be"):
        load_adapter(SPEC, api_key=KEY, trust="unsure")  # type: ignore[arg-type]


# -- where a reply leads -------------------------------------------------------------------------------------

SESSION = merged(
    SPEC,
    {
        "steps": [{"name": "session", "post": "/v1/session", "json": {"model": "{{ model }}"}}],
        "stream": {"connect": "{{ session.url }}", "query": None},
    },
)


async def test_an_untrusted_spec_does_not_follow_a_reply_to_another_host() -> None:
    async with ScriptedVendor(
        replies={"POST /v1/session": [Reply(json={"url": "wss://evil.example/x"})]}
    ) as vendor:
        adapter = untrusted(SESSION, base_url=vendor.url)
        result = await outcome(adapter.stream(conn_options=NO_RETRY))
        await adapter.aclose()
    assert isinstance(result.error, APIConnectionError)
    assert "the host evil.example is not one that the untrusted spec names" in str(result.error)
    assert not result.error.retryable


async def test_an_untrusted_spec_is_heard_where_the_caller_points_it() -> None:
    session = {"POST /v1/session": [Reply(json=lambda request: {"url": f"ws://{request.header('host')}/x"})]}
    script = [AfterText({"type": "stop"}), Send({"type": "final", "text": "hello"}), Send({"type": "done"})]
    async with ScriptedVendor(script, replies=session) as vendor:
        adapter = untrusted(SESSION, base_url=vendor.url)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.2))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert "final_transcript" in result.kinds


# -- secrets and TLS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec",
    [
        merged(SPEC, {"base_url": "http://192.0.2.1"}),
        {**SPEC, "stream": {**SPEC["stream"], "connect": "ws://192.0.2.1/x"}},
    ],
    ids=["base_url", "connect"],
)
async def test_a_key_is_not_sent_without_tls(spec: Any) -> None:
    adapter = load_adapter(spec, api_key=KEY)
    result = await outcome(adapter.stream(conn_options=NO_RETRY), deadline=1.0)
    await adapter.aclose()
    assert "has no TLS, and secrets are not sent without it" in str(result.error)
    assert not getattr(result.error, "retryable", True)


async def test_a_request_with_a_key_is_not_sent_without_tls() -> None:
    adapter = load_adapter(merged(http_spec(), {"base_url": "http://192.0.2.1"}), api_key=KEY)
    with pytest.raises(APIConnectionError, match="has no TLS"):
        await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
    await adapter.aclose()


async def test_a_reply_does_not_lead_a_key_off_tls() -> None:
    async with ScriptedVendor(
        replies={"POST /v1/session": [Reply(json={"url": "ws://192.0.2.1/x"})]}
    ) as vendor:
        adapter = acme(vendor, SESSION)
        result = await outcome(adapter.stream(conn_options=NO_RETRY), deadline=1.0)
        await adapter.aclose()
    assert "has no TLS" in str(result.error)


async def test_loopback_needs_no_tls(caplog: pytest.LogCaptureFixture) -> None:
    result, _ = await listen([AfterText({"type": "stop"}), Send({"type": "done"})])
    assert result.error is None
    assert "has no TLS" not in caplog.text


def test_a_base_url_without_tls_is_the_callers_own_choice(caplog: pytest.LogCaptureFixture) -> None:
    adapter = load_adapter(SPEC, api_key=KEY, base_url="http://192.0.2.1:81")
    adapter.context(adapter._settings).guard.check_url("http://192.0.2.1:81/v1")
    with pytest.raises(ValueError, match="has no TLS"):
        adapter.context(adapter._settings).guard.check_url("http://192.0.2.2:81/v1")
    warnings = [record for record in caplog.records if "no TLS" in record.getMessage()]
    assert [record.levelno for record in warnings] == [logging.WARNING]


def test_without_secrets_any_address_will_do(caplog: pytest.LogCaptureFixture) -> None:
    spec = {key: value for key, value in NO_KEY.items() if value is not None}
    adapter = load_adapter(spec, base_url="http://192.0.2.1")
    adapter.context(adapter._settings).guard.check_url("http://192.0.2.2/x")
    assert not caplog.records


# -- replay --------------------------------------------------------------------------------------------------


def dropping() -> list[Any]:
    """A vendor that drops the connection after 0.2 s, and then hears the rest."""
    done = [
        AfterText({"type": "stop"}),
        Send({"type": "final", "text": "x"}),
        Send({"type": "done"}),
    ]
    return [[AfterAudio(0.2), Drop()], done]


@pytest.mark.parametrize(("replay", "heard"), [(None, 0.2), (30.0, 0.2), (0, 0.0), (0.1, 0.1)])
async def test_replay_is_switched_by_the_caller(replay: float | None, heard: float) -> None:
    async with ScriptedVendor(*dropping()) as vendor:
        adapter = acme(vendor, replay=replay)
        stream = adapter.stream(conn_options=ONE_RETRY)
        await push(stream, tone(0.2), end=False)
        await vendor.until(lambda: len(vendor.handshakes) == 2, "a second connection")
        stream.end_input()
        await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert len(vendor.audio(1)) / 32000 == pytest.approx(heard, abs=0.05)


async def test_replay_of_one_stream() -> None:
    async with ScriptedVendor(*dropping()) as vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=ONE_RETRY, replay=0)
        await push(stream, tone(0.2), end=False)
        await vendor.until(lambda: len(vendor.handshakes) == 2, "a second connection")
        stream.end_input()
        await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert vendor.audio(1) == b""


@pytest.mark.parametrize("replay", [-1, float("inf"), float("nan"), "30"])
def test_replay_is_a_number_of_seconds(replay: Any) -> None:
    with pytest.raises(ValueError, match="replay must be"):
        load_adapter(SPEC, api_key=KEY, replay=replay)
