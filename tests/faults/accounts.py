"""Google with a service account: a token is fetched before the first request."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from specbuilder.adapters.stt import SpecSTT
from tests.faults.families import KEY, load
from tests.support.vendor import ScriptedVendor

__all__ = ["ACCOUNT_PATH", "account"]

ACCOUNT_PATH = "POST /v1/speech:recognize"
"""The request that the token is for."""


@contextlib.asynccontextmanager
async def account(vendor: ScriptedVendor, private_key: str) -> AsyncIterator[SpecSTT]:
    """An adapter with an account at a vendor, which gives out the tokens too; it is closed at the end."""
    credentials = {
        "type": "service_account",
        "project_id": "project-1",
        "client_email": "stt@project-1.example",
        "private_key": private_key,
        "private_key_id": "key-1",
        "token_uri": f"{vendor.url}/token",
    }
    # The key is of another service, and not sent.
    adapter = load("google", vendor.url, api_key=KEY, credentials_info=credentials)
    try:
        yield adapter
    finally:
        await adapter.aclose()
