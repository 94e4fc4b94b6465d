"""The generated factories: up to date, complete, and with the arguments of the usage guide."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from livekit.agents import APIConnectOptions

from specbuilder import list_specs, load_spec
from specbuilder.adapters.tolerant import TolerantSTT
from specbuilder.providers import custom_provider, generate
from tests.providers.conftest import Redirect
from tests.support.streams import silence
from tests.support.vendor import Reply, ScriptedVendor

KEY = "sk-test-secret-0042"


def test_the_module_is_what_the_generator_writes() -> None:
    text = generate.TARGET.read_text(encoding="utf-8")
    assert text == generate.generate(), "run python -m specbuilder.providers.generate"


@pytest.mark.parametrize("name", list_specs())
def test_every_bundled_spec_has_a_factory_with_its_options(name: str) -> None:
    spec = load_spec(name)
    factory = getattr(custom_provider, generate.function_name(name))
    parameters = inspect.signature(factory).parameters
    assert set(spec.options.options) <= set(parameters)
    assert {"base_url", "http_session", "on_error"} <= set(parameters)
    assert generate.function_name(name) in custom_provider.__all__
    for option in parameters:
        assert f"{option}: " in (factory.__doc__ or "")


def positional(factory: Any) -> list[str]:
    kinds = inspect.signature(factory).parameters.values()
    return [one.name for one in kinds if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]


def test_the_factories_of_the_guide_have_its_arguments() -> None:
    assert positional(custom_provider.create_deepgram_stt) == ["api_key", "language", "model"]
    assert positional(custom_provider.create_assemblyai_stt)[:2] == ["api_key", "language"]
    assert positional(custom_provider.create_google_cloud_stt) == ["api_key", "language", "project_id"]


def test_what_is_given_arrives_and_what_is_not_has_the_specs_default() -> None:
    stt = custom_provider.create_deepgram_stt(KEY, "de", on_error="empty", endpointing_ms=100)
    assert isinstance(stt, TolerantSTT)
    assert (stt.provider, stt.on_error) == ("deepgram", "empty")
    assert stt.given() == {"language": "de", "endpointing_ms": 100}
    assert stt.model == load_spec("deepgram").options.options["model"].default


def test_the_language_goes_into_the_vendors_own_option() -> None:
    stt = custom_provider.create_assemblyai_stt(KEY, "en-US")
    assert isinstance(stt, TolerantSTT)
    assert stt.given() == {"language_codes": "en"}
    own = custom_provider.create_gladia_stt(KEY, "en", languages=["de", "fr"])
    assert isinstance(own, TolerantSTT)
    assert own.given() == {"languages": ["de", "fr"]}


def test_bad_values_are_refused_as_by_load_adapter() -> None:
    with pytest.raises(ValueError, match="deepgram: option sample_rate: 'fast' is not a whole number"):
        custom_provider.create_deepgram_stt(KEY, sample_rate="fast")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="pass api_key=… or set DEEPGRAM_API_KEY"):
        custom_provider.create_deepgram_stt()


async def test_the_guides_google_cloud_example_works(redirect: Redirect) -> None:
    answer = {"results": [{"alternatives": [{"transcript": "hello"}]}]}
    async with ScriptedVendor(replies={"POST /v1/speech:recognize": [Reply(json=answer)]}) as vendor:
        redirect(vendor)
        stt = custom_provider.create_google_cloud_stt(api_key=KEY, language="en-US", project_id="my-project")
        event = await stt.recognize(silence(0.1), conn_options=APIConnectOptions(max_retry=0))
        await stt.aclose()
    assert event.alternatives[0].text == "hello"
    assert vendor.requests[0].json["config"]["languageCode"] == "en-US"
