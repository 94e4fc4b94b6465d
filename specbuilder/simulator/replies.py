"""Which reply an HTTP request gets."""

from __future__ import annotations

from urllib.parse import urlsplit

from .scenes import Exchange, Scene

__all__ = ["Replies"]


class Replies:
    """The replies of scenes by method and path, in order; the last one of a path stays."""

    def __init__(self, scenes: list[Scene]) -> None:
        self._routes: dict[tuple[str, str], list[tuple[Scene, Exchange]]] = {}
        self._at: dict[tuple[str, str], int] = {}
        self.exchanges = [exchange for scene in scenes for exchange in scene.exchanges]
        for scene in scenes:
            own: dict[tuple[str, str], list[tuple[Scene, Exchange]]] = {}
            for exchange in scene.exchanges:
                route = (exchange.request.method, urlsplit(exchange.request.url).path)
                own.setdefault(route, []).append((scene, exchange))
            for route, replies in own.items():
                self._routes.setdefault(route, replies)

    def next(self, method: str, path: str) -> tuple[Scene, Exchange] | None:
        """The reply to a request; None where nothing of the kind is asked."""
        route = (method, path)
        replies = self._routes.get(route)
        if replies is None:
            return None
        if next(iter(self._routes)) == route:
            # Another exchange begins: what is polled begins anew as well.
            self._at = {name: 0 for name in self._at if name == route}
        at = self._at.get(route, 0)
        self._at[route] = at + 1
        return replies[min(at, len(replies) - 1)]
