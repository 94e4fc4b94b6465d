"""What happens once: imports and loading. Nothing is imported here, as imports are what is measured."""

from __future__ import annotations

import gc
import importlib
import statistics
import subprocess
import sys
import time
from typing import Any

__all__ = ["load", "start"]

_ROOMS = {"plugin": ("livekit.plugins.deepgram",), "ours": ("specbuilder", "specbuilder.adapters.stt")}


def start(name: str) -> dict[str, Any]:
    """Import time beyond livekit.agents and aiohttp.

    Python's garbage collector has livekit's objects to look through once they have grown by a quarter, which
    takes longer than most imports, whoever imports next. It does so before the clock starts.

    Returns:
        `import`: ms for everything `load_adapter` needs (ours) or for livekit.plugins.deepgram (plugin).
    """
    importlib.import_module("livekit.agents")
    importlib.import_module("aiohttp")
    gc.collect()
    began = time.perf_counter()
    for room in _ROOMS[name]:
        importlib.import_module(room)
    return {"import": round((time.perf_counter() - began) * 1e3, 1)}


_LARGEST = """
from specbuilder import load_adapter
from specbuilder.language.catalog import specs_folder

for path in sorted(specs_folder().glob("*.yaml"), key=lambda path: -path.stat().st_size):
    try:
        load_adapter(path.stem, api_key="test-key")
    except ValueError:
        continue  # a region or an account is wanted too
    print(path.stem)
    break
"""


def _largest_spec() -> str:
    """The bundled spec with the most bytes among those that need nothing but a key.

    Found in another process, so that nothing is compiled here yet.
    """
    done = subprocess.run([sys.executable, "-c", _LARGEST], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def load(name: str, *, times: int = 15) -> dict[str, Any]:
    """Making an STT: `load_adapter` of the largest bundled spec, or Deepgram's plugin class.

    Returns:
        `cold`: ms of the first one, imports done; `warm`: median ms of `times` more; `spec`: which one.
    """
    start(name)
    spec = "deepgram"
    if name == "ours":
        import specbuilder

        spec = _largest_spec()

        def make() -> Any:
            return specbuilder.load_adapter(spec, api_key="test-key")

    else:
        from livekit.plugins import deepgram

        def make() -> Any:
            return deepgram.STT(api_key="test-key")

    spans = []
    for _ in range(times + 1):
        began = time.perf_counter()
        make()
        spans.append((time.perf_counter() - began) * 1e3)
    return {"cold": round(spans[0], 2), "warm": round(statistics.median(spans[1:]), 3), "spec": spec}
