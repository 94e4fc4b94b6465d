"""`jwt`: a signed JSON Web Token (RFC 7519)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .steps import Exchange, PrimitiveError, quietly, text_argument

__all__ = ["jwt"]


def jwt(args: Mapping[str, Any], clock: Callable[[], float]) -> Exchange:
    """Sign claims.

    Arguments:
        args: `claims` (a mapping, written as given: times are the spec's, from `now()`), `key` (the secret of
            HS256 and its like, or a private key in PEM), `algorithm` (RFC 7518 names, not "none"), and
            optionally `headers` (a mapping, such as `kid`).
        clock: not used.

    Returns:
        `{token}`.

    Raises:
        PrimitiveError: an argument is missing, or the key does not fit the algorithm.
    """
    yield from ()
    claims, headers = args.get("claims"), args.get("headers")
    if not isinstance(claims, Mapping) or not isinstance(headers, Mapping | None):
        raise PrimitiveError("jwt needs 'claims' (a mapping) and may have 'headers' (a mapping)")
    key, algorithm = text_argument(args, "key", "jwt"), text_argument(args, "algorithm", "jwt")
    if algorithm.lower() == "none":
        raise PrimitiveError("jwt needs an algorithm that signs")

    def sign() -> str:
        import jwt as pyjwt

        return pyjwt.encode(dict(claims), key, algorithm=algorithm, headers=dict(headers or {}))

    return {"token": quietly(sign, f"jwt cannot sign with {algorithm!r} and this key")}
