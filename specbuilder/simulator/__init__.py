"""A vendor's side of any spec: a server that asks for the key, plays the spec's tests and does what vendors
do wrong, and the conformance run that holds a spec against all of it.

async with Simulator("deepgram", fault="drop") as vendor:
    stt = load_adapter("deepgram", api_key="test-key", base_url=vendor.url)
"""

from __future__ import annotations

from .faults import FAULTS
from .server import DEFAULT_KEY, Simulator

__all__ = ["DEFAULT_KEY", "FAULTS", "Simulator"]
