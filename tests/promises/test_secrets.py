"""Keys never appear in a log, a repr, an exception or its chain, whatever the vendor echoes."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from livekit.agents import APIConnectOptions, APIError

from specbuilder import load_adapter, load_spec
from tests.promises.acme import KEY, NO_RETRY, ONE_RETRY, SPEC, acme, http_spec, merged, stream_spec
from tests.promises.listening import listen
from tests.support.streams import outcome, push, silence, tone
from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, Reply, ScriptedVendor, Send

PASSWORD = "open sesame/42"
FORMS = {
    form
    for secret in (KEY, PASSWORD)
    for form in (
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        base64.b64encode(secret.encode()).decode(),
        repr(secret)[1:-1],
    )
}
"""The secrets as they are, and as they are written in addresses and headers."""

IN_QUERY = merged(
    SPEC,
    {
        "headers": {"Authorization": None},
        "options": {"password": {"type": "string", "secret": True}},
        "stream": {"query": {"token": "{{ api_key }}", "password": "{{ password }}"}},
    },
)


def assert_clean(text: str) -> None:
    """No form of a secret is in a text."""
    found = [form for form in FORMS if form in text]
    assert not found, f"{found} in {text}"


def everything_of(error: BaseException) -> Iterator[str]:
    """All that a log could show of an error and of whatever it is chained to."""
    yield "".join(traceback.format_exception(type(error), error, error.__traceback__))
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]
    while queue:
        one = queue.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        queue += [one.__cause__, one.__context__]
        yield from (repr(one), str(one), repr(one.args), repr(vars(one)))


@pytest.fixture(autouse=True)
async def clean_logs(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Every test here runs with all logs on, of every library, and they are clean afterwards."""
    caplog.set_level(logging.DEBUG)
    for name in ("websockets", "aiohttp", "asyncio", "livekit", "livekit.agents", "specbuilder"):
        caplog.set_level(logging.DEBUG, logger=name)
    yield
    # The access log is the scripted vendor's own.
    records = [record for record in caplog.get_records("call") if record.name != "aiohttp.access"]
    format = logging.Formatter().format
    assert_clean("\n".join(f"{format(record)} {vars(record)}" for record in records))


def assert_error_clean(error: BaseException | None) -> None:
    """The error, its chain, and their attributes hold no secret."""
    assert isinstance(error, APIError), repr(error)
    for text in everything_of(error):
        assert_clean(text)


async def refused(spec: Any, *script: Any, **options: Any) -> BaseException | None:
    """The error of a stream with that spec and vendor."""
    result, _ = await listen(list(script), spec=spec, **options)
    return result.error


@pytest.mark.parametrize("spec", [SPEC, IN_QUERY], ids=["in a header", "in the query"])
@pytest.mark.parametrize("status", [401, 403, 429, 503])
async def test_a_handshake_refused_with_the_key_in_the_answer(spec: Any, status: int) -> None:
    options = {"password": PASSWORD} if spec is IN_QUERY else {}
    body = {"error": {"message": f"key {KEY} and {quote(KEY, safe='')} of {PASSWORD}", "id": KEY}}
    if spec is SPEC:
        body = {"error": {"message": f"key {KEY} in any form {quote(KEY, safe='')}", "id": KEY}}
    assert_error_clean(await refused(spec, Refuse(status, body, {"X-Request-Id": KEY}), **options))


async def test_a_connection_that_is_refused_hangs_or_speaks_nonsense() -> None:
    for url in ("http://127.0.0.1:1", "http://256.1.1.1:80", "http://no-such-host.invalid"):
        adapter = acme(url, IN_QUERY, password=PASSWORD)
        result = await outcome(adapter.stream(conn_options=NO_RETRY))
        await adapter.aclose()
        assert_error_clean(result.error)


@pytest.mark.parametrize("status", [200, 401, 500])
@pytest.mark.parametrize("echo", ["json", "text"])
async def test_a_reply_that_echoes_the_key(status: int, echo: str) -> None:
    text = f"bad key {KEY}, in base64 {base64.b64encode(KEY.encode()).decode()}"
    value = {"type": "error", "code": 401, "message": text, "error": {"message": text, "id": KEY}}
    reply = Reply(status, json=value) if echo == "json" else Reply(status, body=text)
    async with ScriptedVendor(replies={"POST /v1/transcribe": [reply]}) as vendor:
        adapter = acme(vendor, http_spec(query={"token": "{{ api_key }}"}))
        with pytest.raises(APIError) as failure:
            await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        await adapter.aclose()
    assert_error_clean(failure.value)


async def test_requests_that_fail_on_the_way() -> None:
    async with ScriptedVendor(replies={"POST /v1/transcribe": [Reply(drop=True)]}) as vendor:
        spec = http_spec(query={"token": "{{ api_key }}"})
        for url in (vendor.url, "http://127.0.0.1:1", "http://no-such-host.invalid"):
            adapter = acme(url, spec)
            with pytest.raises(APIError) as failure:
                await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
            await adapter.aclose()
            assert_error_clean(failure.value)


async def test_a_message_and_a_close_that_echo_the_key() -> None:
    message = {"type": "error", "code": 401, "message": f"no such key {KEY}"}
    assert_error_clean(await refused(SPEC, AfterAudio(0.1), Send(message)))
    assert_error_clean(await refused(SPEC, AfterAudio(0.1), Close(4001, f"key {KEY}"), end=False))


async def test_a_step_that_echoes_the_key() -> None:
    spec = stream_spec(steps=[{"name": "session", "post": "/v1/session", "json": {"key": "{{ api_key }}"}}])
    reply = Reply(403, json={"error": {"message": f"key {KEY}"}})
    async with ScriptedVendor(replies={"POST /v1/session": [reply]}) as vendor:
        adapter = acme(vendor, spec)
        result = await outcome(adapter.stream(conn_options=NO_RETRY))
        await adapter.aclose()
    assert_error_clean(result.error)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"connect": "{{ api_key }}\nx"}, id="an address with a line break"),
        pytest.param({"connect": "ws://[{{ api_key }}/x"}, id="no address"),
        pytest.param({"headers": {"X-Key": "{{ api_key }}\r\nX: y"}}, id="a header with a line break"),
        pytest.param({"query": {"key": {"nested": "{{ api_key }}"}}}, id="a mapping in the query"),
        pytest.param({"ping": "{{ api_key }}"}, id="a duration"),
        pytest.param({"subprotocols": ["token, {{ api_key }}"]}, id="a subprotocol"),
        pytest.param({"keepalive": {"every": "{{ api_key }}", "send": "x"}}, id="another duration"),
        pytest.param({"open": [{"send": {"key": "{{ api_key | bytes }}"}}]}, id="bytes in JSON"),
        pytest.param({"query": {"key": "{{ api_key + 1 }}"}}, id="arithmetic"),
        pytest.param({"query": {"key": "{{ api_key | number }}"}}, id="a filter"),
    ],
)
async def test_a_template_that_fails_on_the_key(changes: dict[str, Any]) -> None:
    async with ScriptedVendor([]) as vendor:
        try:
            adapter = acme(vendor, stream_spec(**{"timeouts": {"finish": "200ms"}, **changes}))
            stream = adapter.stream(conn_options=NO_RETRY)
        except ValueError as error:
            for text in everything_of(error):
                assert_clean(text)
            return
        stream.end_input()
        result = await outcome(stream)
        await adapter.aclose()
    if result.error is not None:
        assert_error_clean(result.error)


async def test_a_retry_that_is_logged() -> None:
    """livekit logs each failure with its text before it tries again."""
    refusal = Refuse(503, {"error": {"message": f"key {KEY} is busy"}})
    result, _ = await listen([refusal], [refusal], conn_options=ONE_RETRY)
    assert_error_clean(result.error)


async def test_the_whole_of_a_good_stream_is_clean() -> None:
    result, vendor = await listen(
        [AfterText({"type": "stop"}), Send({"type": "final", "text": "hi"}), Send({"type": "done"})],
        spec=IN_QUERY,
        password=PASSWORD,
    )
    assert result.error is None
    assert dict(vendor.handshakes[0].pairs)["token"] == KEY
    assert dict(vendor.handshakes[0].pairs)["password"] == PASSWORD


async def test_objects_do_not_show_their_keys() -> None:
    adapter = load_adapter(load_spec(IN_QUERY), api_key=KEY, password=PASSWORD)
    stream = adapter.stream(conn_options=APIConnectOptions(max_retry=0, timeout=0.1))
    shown = [
        adapter,
        stream,
        adapter.spec,
        adapter._settings,
        vars(adapter),
        adapter._settings.names(),
        adapter.given(),
    ]
    assert_clean("\n".join(f"{one!r} {one}" for one in shown))
    await adapter.aclose()


async def test_error_events_and_metrics_do_not_show_the_key() -> None:
    shown: list[str] = []
    vendor = ScriptedVendor([Refuse(401, {"error": {"message": f"key {KEY}"}})])
    async with vendor:
        adapter = acme(vendor, IN_QUERY, password=PASSWORD)
        adapter.on("error", lambda error: shown.append(f"{error!r} {error.error!r}"))
        adapter.on("metrics_collected", lambda metrics: shown.append(repr(metrics)))
        await outcome(adapter.stream(conn_options=NO_RETRY))
        await adapter.aclose()
    assert shown
    assert_clean("\n".join(shown))


async def test_a_secret_that_was_replaced_stays_masked() -> None:
    """A live connection still has the old one; a stream may have one of its own."""
    vendor = ScriptedVendor([Close(4001, f"old {PASSWORD} and {KEY}")])
    spec = merged(IN_QUERY, {"stream": {"open": [{"wait": "type == 'ready'"}]}})
    async with vendor:
        adapter = acme(vendor, spec, password="another one")
        stream = adapter.stream(conn_options=NO_RETRY)
        stream.update_options(password=PASSWORD)
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert_error_clean(result.error)


@pytest.mark.parametrize("value", [7, ["x"], {"a": "b"}], ids=repr)
async def test_a_secret_of_the_wrong_type_is_not_quoted(value: Any) -> None:
    with pytest.raises(ValueError, match="password") as failure:
        load_adapter(IN_QUERY, api_key=KEY, password=value)
    assert repr(value) not in str(failure.value)


async def test_a_bad_base_url_is_not_quoted_with_its_password() -> None:
    with pytest.raises(ValueError, match="base_url") as failure:
        load_adapter(SPEC, api_key=KEY, base_url=f"ftp://user:{quote(PASSWORD, safe='')}@host/")
    for text in everything_of(failure.value):
        assert_clean(text)


async def test_audio_and_key_of_a_bundled_spec_stay_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    vendor = ScriptedVendor([Refuse(401, f"Invalid credentials: {KEY}")])
    async with vendor:
        for name in ("deepgram",):
            adapter = load_adapter(name, api_key=KEY, base_url=vendor.url)
            stream = adapter.stream(conn_options=NO_RETRY)
            await push(stream, tone(0.01), end=False)
            result = await outcome(stream)
            await adapter.aclose()
            assert_error_clean(result.error)
