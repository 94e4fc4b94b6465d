"""`google_service_account`: an access token for Google's APIs out of a service account's key.

Source: https://developers.google.com/identity/protocols/oauth2/service-account (both ways: "HTTP/REST"
and "service account authorization without OAuth"), RFC 7523.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ..http import Reply, Request
from .steps import Exchange, PrimitiveError, quietly, text_argument

__all__ = ["google_service_account"]

_NAME = "google_service_account"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME = 3600
"""Seconds; the longest Google accepts."""


def google_service_account(args: Mapping[str, Any], clock: Callable[[], float]) -> Exchange:
    """Get an access token.

    Arguments:
        args: `credentials` (the service account's JSON as a mapping or a text, or the path of its file),
        and one of
            `scope` (text; scopes separated by blanks), exchanged at the credentials' `token_uri`, or
            `audience` (text, such as https://speech.googleapis.com/), for a token signed here without any
            request.
        clock: epoch seconds, the time the token is issued.

    Returns:
        `{access_token, expires_in}`, seconds.

    Raises:
        PrimitiveError: the credentials cannot be used, Google refuses them, or google-auth is not installed.
    """
    account = _account(args.get("credentials"))
    scope, audience = args.get("scope"), args.get("audience")
    if bool(scope) == bool(audience):
        raise PrimitiveError(f"{_NAME} needs one of 'scope' and 'audience'")
    _require_google_auth()
    if audience:
        claims = {"sub": account["client_email"], "aud": text_argument(args, "audience", _NAME)}
        return {"access_token": _signed(account, claims, clock()), "expires_in": _LIFETIME}
    claims = {"scope": text_argument(args, "scope", _NAME), "aud": account["token_uri"]}
    form = urlencode({"grant_type": _GRANT, "assertion": _signed(account, claims, clock())})
    reply = yield Request(
        "POST",
        account["token_uri"],
        [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")],
        form.encode(),
    )
    return _token(reply)


def _account(credentials: Any) -> Mapping[str, str]:
    """Return the service account: a mapping whose needed fields are texts."""
    if isinstance(credentials, str) and credentials:
        text = credentials
        if not text.lstrip().startswith("{"):
            # The path is not shown: it may be a key that somebody put here by mistake.
            text = quietly(
                lambda: Path(credentials).expanduser().read_text("utf-8"),
                f"{_NAME}: the credentials are neither JSON nor the path of a file that can be read",
            )
        credentials = quietly(lambda: json.loads(text), f"{_NAME}: the credentials are not JSON")
    if not isinstance(credentials, Mapping):
        raise PrimitiveError(f"{_NAME} needs 'credentials': a mapping, JSON, or the path of a file")
    for name in ("client_email", "private_key", "token_uri"):
        if not isinstance(credentials.get(name), str) or not credentials[name]:
            raise PrimitiveError(f"{_NAME}: the credentials of a service account have {name!r}")
    return credentials


def _signed(account: Mapping[str, str], claims: Mapping[str, str], now: float) -> str:
    """Sign claims with the account's key (RS256), with issuer, times and the key's id added."""

    def sign() -> str:
        crypt, jwt = (importlib.import_module(f"google.auth.{name}") for name in ("crypt", "jwt"))
        signer = crypt.RSASigner.from_service_account_info(account)
        issued = int(now)
        times = {"iat": issued, "exp": issued + _LIFETIME}
        encoded: bytes = jwt.encode(signer, {"iss": account["client_email"], **claims, **times})
        return encoded.decode()

    return quietly(sign, f"{_NAME}: the private key cannot be used")


def _token(reply: Reply) -> Mapping[str, Any]:
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        body = None
    body = body if isinstance(body, dict) else {}
    if not 200 <= reply.status < 300:
        # RFC 6749, section 5.2: both fields are texts for people, and hold nothing of the request.
        said = [body[name] for name in ("error", "error_description") if isinstance(body.get(name), str)]
        problem = ": ".join(said) or f"HTTP {reply.status}"
        raise PrimitiveError(f"{_NAME}: no token: {problem}", reply.status)
    if not isinstance(body.get("access_token"), str):
        raise PrimitiveError(f"{_NAME}: a reply without access_token", 502)
    return {"access_token": body["access_token"], "expires_in": body.get("expires_in", _LIFETIME)}


def _require_google_auth() -> None:
    try:
        importlib.import_module("google.auth")
    except ImportError:
        pass
    else:
        return
    raise PrimitiveError(f"{_NAME} needs: pip install 'specbuilder[google]'")
