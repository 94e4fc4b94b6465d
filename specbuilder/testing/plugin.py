"""pytest plugin: `pytest specs/` runs the tests inside spec files, one item for each, and `stt_vendor` is a
fixture that plays a vendor.

A YAML file is a spec when its first key is `spec`; every other YAML file is left alone.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

try:
    import pytest_asyncio
except ImportError:  # The fixture needs it, and collecting specs does not.
    pytest_asyncio = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from ..protocol.spec import Spec
    from ..simulator import Simulator
    from .results import TestResult

__all__ = ["SpecFile", "SpecTest", "pytest_collect_file", "stt_vendor"]

_BEGINNING = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[ \t]*(?:#[^\n]*|---[^\n]*|%[^\n]*)?\r?\n)*spec[ \t]*:[ \t]*\d"
)
"""Blank lines, comments, directives, then the language version."""

_BEGINNING_BYTES = 16384


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SpecFile | None:
    """Collect a file if it is a spec."""
    if file_path.suffix not in (".yaml", ".yml") or not _is_spec(file_path):
        return None
    return SpecFile.from_parent(parent, path=file_path)


def _is_spec(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _BEGINNING.match(file.read(_BEGINNING_BYTES)) is not None
    except OSError:
        return False


async def _vendors() -> AsyncIterator[Callable[..., Awaitable[Simulator]]]:
    async with AsyncExitStack() as stack:

        async def start(spec: Any, **settings: Any) -> Simulator:
            from ..simulator import Simulator

            return await stack.enter_async_context(Simulator(spec, **settings))

        yield start


def _missing() -> Any:
    pytest.fail("the fixture stt_vendor needs pytest-asyncio", pytrace=False)


stt_vendor: Any = (
    pytest.fixture(_missing, name="stt_vendor")
    if pytest_asyncio is None
    else pytest_asyncio.fixture(_vendors, name="stt_vendor")
)
"""Starts simulators: `vendor = await stt_vendor("deepgram", fault="drop")`.

The arguments are those of `specbuilder.simulator.Simulator`. What it gives listens at `vendor.url` until the
test is over; `vendor.wire` is what went over it, `vendor.events` what a right client makes of it.
"""


class SpecFile(pytest.File):
    """A spec's file; its tests are the items."""

    def collect(self) -> Iterable[SpecTest]:
        """Load the spec; one that cannot be used is a collection error with every issue."""
        from ..language.errors import SpecError
        from ..protocol.spec import load_spec

        try:
            spec = load_spec(self.path)
        except SpecError as error:
            problem = str(error)
        else:
            tests = spec.document.value.get("tests") or []
            for index, test in enumerate(tests):
                yield SpecTest.from_parent(self, name=test["name"], spec=spec, index=index)
            return
        raise self.CollectError(problem)


class SpecTest(pytest.Item):
    """One test of a spec."""

    def __init__(self, *, spec: Spec, index: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._spec = spec
        self._index = index

    def runtest(self) -> None:
        """Run the test's script."""
        from .runner import run_test

        result = run_test(self._spec, self._index)
        if not result.passed:
            raise _Failed(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The places and differences alone; where in the runner it was noticed helps nobody."""
        from .report import format_failures

        if isinstance(excinfo.value, _Failed):
            return format_failures(excinfo.value.result)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the test stands."""
        line = self._spec.document.mark(("tests", self._index)).line
        return self.path, None if line is None else line - 1, self.name


class _Failed(Exception):
    """A test that failed."""

    def __init__(self, result: TestResult) -> None:
        super().__init__(result.name)
        self.result = result
