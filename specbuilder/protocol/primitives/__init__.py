"""Step primitives: what templates cannot compute, reached by name with `use` in a step."""

from __future__ import annotations

from ..named import Named
from .aws import aws_sigv4
from .google import google_service_account
from .jwt import jwt
from .steps import Exchange, Primitive, PrimitiveError

__all__ = ["PRIMITIVES", "Exchange", "Primitive", "PrimitiveError", "primitive"]

PRIMITIVES: Named[Primitive] = Named(
    "step primitive",
    {
        "google_service_account": google_service_account,
        "aws_sigv4": aws_sigv4,
        "jwt": jwt,
    },
)


def primitive(name: str) -> Primitive:
    """Return the step primitive of that name.

    Raises:
        ValueError: there is none.
    """
    return PRIMITIVES.get(name)
