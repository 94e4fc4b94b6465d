"""Real vendors' addresses, asked on 127.0.0.1: what is sent to them arrives at a scripted vendor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from specbuilder.adapters import exchange, handshake
from specbuilder.transport import http, websocket
from tests.support.vendor import ScriptedVendor

Redirect = Callable[[ScriptedVendor], list[str]]


@pytest.fixture
def redirect(monkeypatch: pytest.MonkeyPatch) -> Redirect:
    """`redirect(vendor)` sends every connection to the vendor; returns the hosts that were meant."""

    def install(vendor: ScriptedVendor) -> list[str]:
        meant: list[str] = []
        connect, send = websocket.connect, http.send

        def local(url: str) -> str:
            parts = urlsplit(url)
            meant.append(f"{parts.scheme}://{parts.netloc}")
            scheme = "ws" if parts.scheme in ("ws", "wss") else "http"
            return parts._replace(scheme=scheme, netloc=vendor.address).geturl()

        async def connect_local(url: str, **arguments: Any) -> Any:
            return await connect(local(url), **arguments)

        async def send_local(session: Any, request: Any, **arguments: Any) -> Any:
            return await send(session, replace(request, url=local(request.url)), **arguments)

        monkeypatch.setattr(handshake, "connect", connect_local)
        monkeypatch.setattr(exchange, "send", send_local)
        return meant

    return install
