"""Code blocks of Markdown pages, and running them."""

from __future__ import annotations

import ast
import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["DOCS", "python_blocks", "run"]

DOCS = Path(__file__).parents[2] / "docs"

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def python_blocks(page: str) -> Iterator[tuple[int, str]]:
    """The Python blocks of a page with the lines they begin at."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        yield text.count("\n", 0, match.start(1)) + 1, match[1]


async def run(code: str, name: str, line: int, namespace: dict[str, Any]) -> None:
    """Run a block; `await` may stand outside of functions, as in Python's own asyncio console."""
    compiled = compile(
        "\n" * (line - 1) + code, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
    )
    if compiled.co_flags & inspect.CO_COROUTINE:
        await types.FunctionType(compiled, namespace)()
    else:
        exec(compiled, namespace)
