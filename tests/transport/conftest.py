"""After each test of a transport no task runs and no file is open that was not there before it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import pytest

_OPEN_FILES = "/proc/self/fd"


def _open_files() -> set[str]:
    """What the descriptors of this process point to, where the system tells."""
    if not os.path.isdir(_OPEN_FILES):
        return set()
    targets = set()
    for descriptor in os.listdir(_OPEN_FILES):
        try:
            targets.add(os.readlink(f"{_OPEN_FILES}/{descriptor}"))
        except OSError:
            continue
    return {target for target in targets if target.startswith("socket:")}


@pytest.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    """Fail a test that leaves a task or a socket behind."""
    tasks, files = asyncio.all_tasks(), _open_files()
    yield
    mine = {asyncio.current_task()}
    for _ in range(100):
        if not (asyncio.all_tasks() - tasks - mine or _open_files() - files):
            break
        await asyncio.sleep(0.01)
    assert asyncio.all_tasks() - tasks - mine == set()
    assert _open_files() - files == set()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxies of whoever runs the tests are not part of them."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy", "socks_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def no_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name is unknown, without asking any server."""

    async def unknown(*arguments: object, **settings: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
