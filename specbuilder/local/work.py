"""Where the server's speech work runs: a few threads, never the event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Work"]

T = TypeVar("T")


class Work:
    """A bounded pool of threads that can be shut down without leaving a thread behind.

    Args:
        threads: how many jobs run at once; further ones wait in order.
    """

    def __init__(self, threads: int) -> None:
        self._threads = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="specbuilder-local")
        self._jobs: set[concurrent.futures.Future[Any]] = set()
        self._stopping = threading.Event()

    def stopping(self) -> bool:
        """True from `stop` on: long jobs ask this and end early."""
        return self._stopping.is_set()

    async def run(self, job: Callable[[], T]) -> T:
        """The result of `job`, called in a thread. A caller's cancellation does not stop a job that runs."""
        future = self._threads.submit(job)
        self._jobs.add(future)
        future.add_done_callback(self._jobs.discard)
        return await asyncio.wrap_future(future)

    def stop(self) -> None:
        """Ask jobs that run to end early. Jobs can still be run, for what is to be released."""
        self._stopping.set()

    async def close(self) -> None:
        """Drop jobs that wait, let those that run come to their end, end the threads."""
        self.stop()
        jobs = [job for job in tuple(self._jobs) if not job.cancel()]
        if jobs:
            await asyncio.wait([asyncio.wrap_future(job) for job in jobs])
        # Every thread is idle now, so this takes no time.
        self._threads.shutdown(wait=True)
