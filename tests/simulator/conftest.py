"""The pytest plugin's fixture, also where the package is not installed and its plugin not loaded."""

from __future__ import annotations

from specbuilder.testing.plugin import stt_vendor

__all__ = ["stt_vendor"]
