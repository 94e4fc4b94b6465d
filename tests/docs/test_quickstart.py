"""docs/quickstart.md, followed from the first line to the last with a real recogniser."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from .pages import PORT, ROOT, Reader, blocks

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the pages are written for a POSIX shell")

PAGE = "docs/quickstart.md"


def test_the_whole_page(tmp_path: Path) -> None:
    steps = blocks(PAGE)
    with Reader(tmp_path) as reader:
        for block in steps:
            reader.follow(block)
        written = (reader.place / "house.yaml").read_text("utf-8").replace(f":{reader.port}", f":{PORT}")
    assert yaml.safe_load(written) == yaml.safe_load((ROOT / "docs" / "house.yaml").read_text("utf-8"))
    # A page whose blocks are not found would pass as well.
    assert len(steps) >= 20
    assert {block.language for block in steps} == {"console", "python", "yaml"}
