"""pytest plugin: `pytest specs/` runs the tests inside spec files, one item for each.

A YAML file is a spec when its first key is `spec`; every other YAML file is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..protocol.spec import Spec
    from .results import TestResult

__all__ = ["SpecFile", "SpecTest", "pytest_collect_file"]

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
