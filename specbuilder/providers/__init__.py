"""Providers by configuration: specs, endpoints of one's own, livekit's official plugins."""

from __future__ import annotations

from .base import LLMConfig, ProviderType, STTConfig, TTSConfig
from .factory import ProviderFactory

__all__ = ["LLMConfig", "ProviderFactory", "ProviderType", "STTConfig", "TTSConfig"]
