"""Adapters that follow their spec's file: an edit holds for new streams and recognitions.

The files are looked at when a stream or a recognition begins, which costs microseconds and needs no thread or
task that someone would have to end. Reading an edited spec takes some tens of milliseconds: this is for
those who write a spec, not for production.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr, stt

from ..language.errors import SpecError
from ..language.loader import load
from ..protocol.spec import load_spec
from ..protocol.trust import declared_hosts
from .stream import SpecStream
from .tolerant import TolerantSTT

__all__ = ["WatchedSTT"]

logger = logging.getLogger("specbuilder")


class WatchedSTT(TolerantSTT):
    """A `TolerantSTT` that takes up edits of its spec.

    Arguments:
        source: a bundled name or a path.
        arguments: as for `TolerantSTT`, with its errors.
    """

    def __init__(self, source: str | os.PathLike[str], **arguments: Any) -> None:
        self._source = source
        self._files = load(source).files
        self._seen = _signature(self._files)
        super().__init__(load_spec(source), **arguments)

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        replay: float | None = None,
    ) -> SpecStream:
        """Open a stream with the spec as it is now; arguments and errors as of `SpecSTT.stream`."""
        self.reload()
        return super().stream(language=language, conn_options=conn_options, replay=replay)

    async def _recognize_impl(self, *arguments: Any, **more: Any) -> stt.SpeechEvent:
        self.reload()
        return await super()._recognize_impl(*arguments, **more)

    def reload(self) -> bool:
        """Take up the spec if a file of it was edited. An edit that is broken is logged once, and the spec
        stays as it was, as it does when the options given do not fit the new one.

        Returns:
            whether another spec is in use now.
        """
        seen = _signature(self._files)
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            self._adopt()
        except (SpecError, TypeError, ValueError) as problem:
            logger.warning("%s: the edited spec is not used: %s", self._label, self.redact(str(problem)))
            return False
        logger.info("%s: the edited spec is used from now on", self._label)
        return True

    def _adopt(self) -> None:
        """Use the files as they are now; all or nothing."""
        files = load(self._source).files
        before = self._spec, self._user
        self._spec = load_spec(self._source)
        try:
            self._user = self._spec.options.check(self._user)
            settings = self.settings_for(self.given())
            # The hosts of an untrusted spec are those that are written in it now.
            hosts = None if self._hosts is None else declared_hosts(self._spec)
        except (SpecError, TypeError, ValueError):
            self._spec, self._user = before
            raise
        self._settings, self._hosts = settings, hosts
        self._capabilities = self._derive(settings)
        self._files, self._seen = files, _signature(files)


def _signature(files: Sequence[Path]) -> tuple[Any, ...]:
    """What tells one state of files from another; None for one that an editor is just replacing."""
    found: list[Any] = []
    for file in files:
        try:
            state = file.stat()
        except OSError:
            found.append(None)
        else:
            found.append((state.st_mtime_ns, state.st_size, state.st_ino))
    return tuple(found)
