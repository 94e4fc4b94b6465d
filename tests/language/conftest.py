"""The drafts: complete specs of sixteen vendors, played as the bundled ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from specbuilder.language import catalog, loader

DRAFTS = Path(__file__).parent / "drafts"


@pytest.fixture
def drafts(monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (catalog, loader):
        monkeypatch.setattr(module, "specs_folder", lambda: DRAFTS)
    return DRAFTS
