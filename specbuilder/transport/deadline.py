"""One deadline for all of the transports.

`asyncio.wait_for` is not used anywhere: up to Python 3.11 it loses a cancellation that arrives in the moment
its inner coroutine finishes (python/cpython#86296), and a stream that is being closed then hangs.
"""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager

if sys.version_info >= (3, 11):
    from asyncio import timeout as _timeout
else:
    from async_timeout import timeout as _timeout

__all__ = ["timeout"]


def timeout(seconds: float | None) -> AbstractAsyncContextManager[object]:
    """Cancel the body of an `async with` when it takes longer than this.

    Arguments:
        seconds: from entering the block; None means no deadline.

    Raises:
        asyncio.TimeoutError: the body did not finish in time. Before Python 3.11 that is not the builtin
            `TimeoutError`, so catch it by its asyncio name. A cancellation from outside stays one.
    """
    context: AbstractAsyncContextManager[object] = _timeout(seconds)
    return context
