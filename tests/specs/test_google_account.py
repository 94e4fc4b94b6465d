"""Google with a service account: a token is fetched once, and the API key of another service is not sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from specbuilder import load_adapter
from tests.support.streams import tone
from tests.support.vendor import Reply, ScriptedVendor

HELLO = Reply(json={"results": [{"alternatives": [{"transcript": "hello", "confidence": 0.9}]}]})
TOKEN = Reply(json={"access_token": "ya29.token", "expires_in": 3599, "token_type": "Bearer"})


@pytest.fixture(scope="module")
def private_key() -> str:
    return (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


@pytest.mark.parametrize("given", ["credentials_info", "credentials_file", "environment"])
async def test_the_token_is_shared(
    given: str, private_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/v2/projects/project-1/locations/global/recognizers/_:recognize"
    vendor = ScriptedVendor(replies={"POST /token": [TOKEN], f"POST {path}": [HELLO, HELLO]})
    async with aiohttp.ClientSession() as session, vendor:
        account = {
            "type": "service_account",
            "project_id": "project-1",
            "client_email": "stt@project-1.example",
            "private_key": private_key,
            "private_key_id": "key-1",
            "token_uri": f"{vendor.url}/token",
        }
        file = tmp_path / "account.json"
        file.write_text(json.dumps(account), encoding="utf-8")
        options: dict[str, Any] = {}
        if given == "credentials_info":
            options = {"credentials_info": account}
        elif given == "credentials_file":
            options = {"credentials_file": str(file), "project": "project-1"}
        else:
            monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        # Of another Google service; the account is meant.
        monkeypatch.setenv("GOOGLE_API_KEY", "other-key")
        adapter = load_adapter(
            "google", model="chirp_2", base_url=vendor.url, http_session=session, **options
        )
        try:
            events = [await adapter.recognize(tone(0.1)) for _ in range(2)]
        finally:
            await adapter.aclose()
    assert [event.alternatives[0].text for event in events] == ["hello", "hello"]
    assert [request.path for request in vendor.requests] == ["/token", path, path]
    for request in vendor.requests[1:]:
        assert request.header("authorization") == "Bearer ya29.token"
        assert request.header("x-goog-api-key") is None
