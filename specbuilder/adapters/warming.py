"""Work that is done ahead of the first request: shared tokens, an open HTTP connection."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS

from ..protocol.http import Request
from ..protocol.requests import Action
from .handshake import ConnectContext

__all__ = ["warm"]

logger = logging.getLogger("specbuilder")


async def warm(context: ConnectContext, label: str) -> None:
    """Fetch shared tokens and leave a connection in the HTTP session's pool. What fails is only logged.

    Arguments:
        context: what a request of the adapter's is made of.
        label: the adapter's, for logs.
    """
    exchange = context.exchange(context.names)
    timeout = DEFAULT_API_CONNECT_OPTIONS.timeout
    try:
        steps = tuple(step for step in context.plan.steps if step.shared)
        await context.driver.run(exchange.run_steps(steps), timeout)
        batch = context.plan.recognize.request if context.plan.recognize is not None else None
        if batch is not None:
            address = exchange.address(batch.address, batch.from_reply, websocket=False, place=batch.place)
            # Without a key, and whatever the answer: the connection stays in the session's pool.
            await context.driver.run(_once(Request("HEAD", address.root, [], None, timeout)), timeout)
    except Exception as error:
        logger.warning("%s: prewarm failed (%s)", label, type(error).__name__)


def _once(request: Request) -> Generator[Action, Any, None]:
    yield request
