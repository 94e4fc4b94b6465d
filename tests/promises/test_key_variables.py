"""A key from the first of several environment variables, and from no other."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import APIStatusError

from specbuilder import load_adapter, load_spec, validate_spec
from specbuilder.toolkit.comparing import compare
from tests.promises.acme import NO_RETRY, http_spec
from tests.support.streams import silence
from tests.support.vendor import Reply, ScriptedVendor

NAMES = ["ACME_API_KEY", "ACME_TOKEN"]


def keyed(env: Any, **more: Any) -> dict[str, Any]:
    """A spec whose key comes from there."""
    return {**http_spec(), "api_key": {"env": env, **more}}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


async def sent(spec: Any, **options: Any) -> str | None:
    """The header that the key arrives in."""
    async with ScriptedVendor(replies={"POST /v1/transcribe": [Reply(json={"text": ""})]}) as vendor:
        adapter = load_adapter(spec, base_url=vendor.url, **options)
        await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        await adapter.aclose()
    return vendor.requests[0].header("Authorization")


async def test_the_first_that_is_set_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_TOKEN", "second")
    assert await sent(keyed(NAMES)) == "Bearer second"
    monkeypatch.setenv("ACME_API_KEY", "")
    assert await sent(keyed(NAMES)) == "Bearer second"
    monkeypatch.setenv("ACME_API_KEY", "first")
    assert await sent(keyed(NAMES)) == "Bearer first"
    assert await sent(keyed(NAMES[::-1])) == "Bearer second"
    assert await sent(keyed(NAMES), api_key="given") == "Bearer given"


async def test_no_other_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_TOKEN", "second")
    with pytest.raises(ValueError, match=r"pass api_key=… or set ACME_API_KEY$"):
        load_adapter(keyed("ACME_API_KEY"))


def test_the_error_names_all_of_them() -> None:
    with pytest.raises(ValueError, match=r"pass api_key=… or set ACME_API_KEY or ACME_TOKEN$"):
        load_adapter(keyed(NAMES))


async def test_an_untrusted_spec_reads_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_TOKEN", "second")
    with pytest.raises(ValueError, match="an API key is required"):
        load_adapter(keyed(NAMES), trust="untrusted")


async def test_a_key_of_the_second_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_TOKEN", "sesame-open")
    answer = Reply(400, json={"error": {"message": "not sesame-open"}})
    async with ScriptedVendor(replies={"POST /v1/transcribe": [answer]}) as vendor:
        adapter = load_adapter(keyed(NAMES), base_url=vendor.url)
        with pytest.raises(APIStatusError) as failure:
            await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        await adapter.aclose()
    assert "sesame-open" not in f"{failure.value} {failure.value.body}"


@pytest.mark.parametrize("env", [[], ["1X"], [["A"]], 5, ["A-B"]])
def test_what_is_no_list_of_names_is_refused(env: Any) -> None:
    [issue] = validate_spec(keyed(env))
    assert "env" in str(issue)


def test_another_variable_behind_the_old_one_breaks_nobody() -> None:
    one, two, other = (load_spec(keyed(env)) for env in (NAMES[0], NAMES, NAMES[::-1]))
    [more] = compare(one, two)
    assert (more.change, more.breaking) == (
        "comes from ACME_API_KEY or ACME_TOKEN instead of ACME_API_KEY",
        False,
    )
    assert [difference.breaking for difference in compare(two, one)] == [True]
    assert [difference.breaking for difference in compare(one, other)] == [True]
