"""The adapters for endpoints and protocols of one's own."""

from __future__ import annotations

from ..adapters.custom import CustomHTTPSTTAdapter, CustomWebSocketSTTAdapter
from ..adapters.own import STTAdapter

__all__ = ["CustomHTTPSTTAdapter", "CustomWebSocketSTTAdapter", "STTAdapter"]
