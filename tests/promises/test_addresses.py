"""Where requests go with a `base_url` of the caller's, and what a query is made of."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from livekit.agents import APIStatusError

from specbuilder import load_adapter
from specbuilder.protocol.addresses import parse_base_url, repeated
from specbuilder.protocol.primitives import primitive
from tests.promises.acme import KEY, NO_RETRY, SPEC, acme, http_spec, merged, stream_spec
from tests.promises.listening import listen
from tests.support.streams import outcome, silence
from tests.support.vendor import AfterText, Refuse, Reply, ScriptedVendor, Send
from tests.support.wire import HttpRequest

STOP = AfterText({"type": "stop"})
DONE = Send({"type": "done"})


@pytest.mark.parametrize(
    ("base", "path", "twice"),
    [
        ("http://h/v1", "/v1/v1/audio", "/v1"),
        ("http://h/v1/", "/v1/v1/audio", "/v1"),
        ("http://h/gate/openai/v1", "/gate/openai/v1/openai/v1/x", "/openai/v1"),
        ("http://h/v1", "/v1/v1", "/v1"),
        ("http://h/v1", "/v1/v10/audio", None),
        ("http://h/gate", "/gate/v1/audio", None),
        ("http://h", "/v1/v1/audio", None),
        ("http://h/", "/v1/v1/audio", None),
    ],
)
def test_what_stands_twice_in_a_path(base: str, path: str, twice: str | None) -> None:
    assert repeated(path, parse_base_url(base)) == twice


async def test_a_path_that_is_not_found_is_told_to_be_there_twice() -> None:
    """The path of a `base_url` goes before the spec's, and may be meant: none is left out by guessing."""
    replies = {"POST /v1/v1/transcribe": [Reply(404), Reply(400)], "POST /v1/transcribe": [Reply(404)]}
    async with ScriptedVendor([Refuse(404)], replies=replies) as vendor:
        hint = r"base_url ends with /v1, and the spec's path begins with it"
        batch, live = acme(f"{vendor.url}/v1", http_spec()), acme(f"{vendor.url}/v1")
        with pytest.raises(APIStatusError, match=hint):
            await batch.recognize(silence(0.1), conn_options=NO_RETRY)
        with pytest.raises(APIStatusError) as other:
            await batch.recognize(silence(0.1), conn_options=NO_RETRY)
        stream = live.stream(conn_options=NO_RETRY)
        stream.end_input()
        refused = await outcome(stream)
        plain = acme(vendor, http_spec())
        with pytest.raises(APIStatusError) as third:
            await plain.recognize(silence(0.1), conn_options=NO_RETRY)
        for adapter in (batch, live, plain):
            await adapter.aclose()
    assert "base_url ends with /v1" in str(refused.error)
    assert "base_url" not in f"{other.value} {third.value}"


async def test_a_null_that_is_merged_into_a_query_or_header_is_left_out() -> None:
    given = {"a": None, "b": [1, None, 2], "c": False, "d": ""}
    spec = http_spec(query={"$merge": "{{ vars }}"}, headers={"$merge": "{{ heads }}"})
    spec["vars"] = {"vars": given, "heads": {"X-A": None, "X-B": "b"}}
    async with ScriptedVendor(replies={"POST /v1/transcribe": [Reply(json={"text": ""})]}) as vendor:
        adapter = acme(vendor, spec)
        await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        await adapter.aclose()
    [request] = vendor.requests
    assert request.query == "model=one&language=en&b=1&b=2&c=false&d="
    assert "null" not in str(request.headers)
    assert request.header("x-b") == "b"


async def test_a_null_is_left_out_of_a_handshake_too() -> None:
    spec = {**SPEC, "vars": {"more": {"a": None, "b": "x"}}}
    spec["stream"] = {**SPEC["stream"], "query": {"$merge": "{{ more }}"}}
    result, vendor = await listen([Refuse(400)], spec=spec, conn_options=NO_RETRY)
    assert result.error is not None
    assert vendor.handshakes[0].query == "b=x"


async def test_aws_signs_for_the_host_it_is_told_of() -> None:
    """Whatever is in between: `base_url` names a gateway, `host` an endpoint of Amazon's."""
    host = "vpce-1.transcribestreaming.us-east-1.vpce.amazonaws.com:8443"
    async with ScriptedVendor([Refuse(403)]) as vendor:
        options: dict[str, Any] = {"access_key_id": "AKIDEXAMPLE", "api_key": "secret", "host": host}
        adapter = load_adapter("aws", base_url=vendor.url, **options)
        stream = adapter.stream(conn_options=NO_RETRY)
        stream.end_input()
        await outcome(stream)
        await adapter.aclose()
    query = dict(vendor.handshakes[0].pairs)
    asked_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    signing = primitive("aws_sigv4")(
        {
            "service": "transcribe",
            "region": "us-east-1",
            "access_key": "AKIDEXAMPLE",
            "secret_key": "secret",
            "url": f"wss://{host}/stream-transcription-websocket",
            "query": {name: value for name, value in query.items() if not name.startswith("X-Amz-")},
        },
        asked_at.timestamp,
    )
    with pytest.raises(StopIteration) as signed:
        next(signing)
    assert signed.value.value["X-Amz-Signature"] == query["X-Amz-Signature"]


@pytest.mark.parametrize("leads", ["home", "elsewhere"])
async def test_the_specs_headers_go_to_its_own_server_only(leads: str) -> None:
    """A key stays with the server of `base_url`, also where a reply leads to another one."""
    async with ScriptedVendor([STOP, DONE]) as other:

        def session(request: HttpRequest) -> Any:
            return {"url": other.ws_url if leads == "elsewhere" else f"ws://{request.header('host')}"}

        replies = {"POST /v1/session": [Reply(json=session)]}
        async with ScriptedVendor([STOP, DONE], replies=replies) as own:
            spec = stream_spec(connect="{{ session.url }}/x", query=None)
            adapter = acme(own, merged(spec, {"steps": [{"name": "session", "post": "/v1/session"}]}))
            stream = adapter.stream(conn_options=NO_RETRY)
            stream.end_input()
            result = await outcome(stream)
            await adapter.aclose()
            assert result.error is None
            assert own.requests[0].header("Authorization") == f"Bearer {KEY}"
            (handshake,) = (*own.handshakes, *other.handshakes)
            assert handshake.header("Authorization") == (None if leads == "elsewhere" else f"Bearer {KEY}")
