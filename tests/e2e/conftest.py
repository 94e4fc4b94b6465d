"""One real server for the tests of this folder, and our two adapters pointed at it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from specbuilder import load_adapter
from specbuilder.adapters.stt import SpecSTT
from specbuilder.local import LocalServer
from tests.local.conftest import noise, recordings, server

__all__ = ["noise", "openai", "recordings", "server", "vosk"]


@pytest.fixture
async def vosk(server: LocalServer) -> AsyncIterator[SpecSTT]:
    """The streaming adapter."""
    adapter = load_adapter("vosk", base_url=server.url)
    async with adapter:
        yield adapter


@pytest.fixture
async def openai(server: LocalServer) -> AsyncIterator[SpecSTT]:
    """The adapter that only makes HTTP requests."""
    adapter = load_adapter("openai_compatible", base_url=server.url)
    async with adapter:
        yield adapter
