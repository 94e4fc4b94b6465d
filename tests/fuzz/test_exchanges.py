"""Any replies to any request: an exchange ends with a transcript, an `APIError`, or a named misfit."""

from __future__ import annotations

import contextlib
from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.agents import APIError

from specbuilder import list_specs, load_adapter, load_spec
from specbuilder.adapters.stt import SpecSTT
from specbuilder.protocol.http import Reply, Request
from specbuilder.protocol.recognition import recognition, recognition_event
from specbuilder.protocol.requests import Shared
from tests.fuzz.strategies import JSON, budget, damaged, examples

OPTIONS: dict[str, dict[str, Any]] = {
    "azure": {"speech_region": "westeurope"},
    "azure_openai": {"azure_endpoint": "https://name.openai.azure.com"},
    "clova": {"invoke_url": "https://clova.example/external/v1/7/abc"},
}


@cache
def adapter_of(name: str) -> SpecSTT | None:
    """An adapter of a bundled spec with a request; None where it has none, or needs more than a key."""
    try:
        adapter = load_adapter(name, api_key="key", **OPTIONS.get(name, {}))
    except ValueError:
        return None
    plan = adapter._settings.plan.recognize
    return adapter if plan is not None and plan.request is not None else None


NAMES = [name for name in list_specs() if adapter_of(name) is not None]


@cache
def replies(name: str) -> st.SearchStrategy[list[Reply]]:
    """Replies of the vendor's kind, and others."""
    known = [
        reply.get("body", {})
        for reply in examples(load_spec(name), "recognize", "reply")
        if isinstance(reply, dict)
    ]
    body = st.one_of(
        damaged(known).map(_bytes),
        JSON.map(_bytes),
        st.binary(max_size=40),
        st.just(b"[" * 5000 + b"]" * 5000),
    )
    headers = st.dictionaries(
        st.sampled_from(["retry-after", "x-request-id", "content-type"]), st.text(max_size=20), max_size=2
    )
    status = st.sampled_from([200, 200, 200, 201, 204, 301, 400, 401, 429, 500, 503, 999, 100])
    return st.lists(st.builds(Reply, status, headers, body), min_size=1, max_size=6)


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


def play(adapter: SpecSTT, answers: list[Reply]) -> None:
    """Answer an exchange's requests in turn, until it ends or there are no more answers."""
    settings = adapter._settings
    context = adapter.context(settings)
    names = context.names
    names["audio"] = {"data": b"", "wav": b"", "sample_rate": 16000, "channels": 1}
    exchange = context.exchange(names)
    running, left = recognition(settings.plan, exchange), list(answers)
    stack = [running]
    answer: Any = None
    try:
        while True:
            try:
                action = stack[-1].send(answer)
            except StopIteration as stop:
                stack.pop()
                answer = stop.value if not stack else stop.value[0]
                if not stack:
                    break
                continue
            answer = None
            if isinstance(action, Shared):
                stack.append(action.fetch())
            elif isinstance(action, Request):
                if not left:
                    return
                answer = left.pop(0)
    finally:
        for generator in stack:
            generator.close()
    plan = settings.plan.recognize
    assert plan is not None
    event = recognition_event(plan, exchange, answer, "en", 1.0)
    assert all(isinstance(data.text, str) for data in event.alternatives)


@pytest.mark.parametrize("name", NAMES)
@budget(60)
@given(data=st.data())
def test_an_exchange(name: str, data: st.DataObject) -> None:
    adapter = adapter_of(name)
    assert adapter is not None
    # A ValueError says that the reply lacks what the spec needs; the adapter makes an APIError of it.
    with contextlib.suppress(APIError, ValueError):
        play(adapter, data.draw(replies(name)))
