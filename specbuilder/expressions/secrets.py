"""Values that must never be written anywhere by accident: API keys, tokens, passwords.

A `Secret` shows stars wherever it is printed, formatted or logged. Its value leaves it only through
`reveal()`, which templates call at the last moment, while a request is being built.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import NoReturn
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "Secret", "redact"]

MASK = "***"

# Masking every occurrence of a text this short would make a log unreadable and hide nothing worth hiding.
_SHORTEST_MASKED = 4


class Secret:
    """A text whose value is shown only on request.

    Arguments:
        value: the secret text; another `Secret` is taken over as it is.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | Secret) -> None:
        self._value: str = value._value if isinstance(value, Secret) else value

    def reveal(self) -> str:
        """Return the secret text itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return format(MASK, format_spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self


def redact(text: str, secrets: Iterable[Secret]) -> str:
    """Mask every secret in a text with stars.

    Arguments:
        text: what is about to be logged or raised.
        secrets: the secrets that may have found their way into it.

    Returns the text with each secret of four characters or more replaced, also where it stands
    percent-encoded (RFC 3986, and the form encoding with `+` for a space) or base64-encoded (RFC 4648, both
    alphabets).
    """
    masked: set[str] = set()
    for secret in secrets:
        if len(secret.reveal()) >= _SHORTEST_MASKED:
            masked |= _written_forms(secret.reveal())
    # Longest first, so that a secret containing another one disappears whole.
    for form in sorted(masked, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def _written_forms(value: str) -> set[str]:
    raw = value.encode()
    encoded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    return {
        value,
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        *encoded,
        *(form.rstrip("=") for form in encoded),
    }
