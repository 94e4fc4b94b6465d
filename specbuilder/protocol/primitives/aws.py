"""`aws_sigv4`: an address signed in its query (Signature Version 4, "presigned").

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html and,
for its use by Transcribe, https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from .steps import Exchange, PrimitiveError, quietly, text_argument

__all__ = ["aws_sigv4"]

_HTTP_SCHEMES = {"ws": "http", "wss": "https", "http": "http", "https": "https"}


def aws_sigv4(args: Mapping[str, Any], clock: Callable[[], float]) -> Exchange:
    """Sign a GET of an address.

    Arguments:
        args: `service` ("transcribe"), `region`, `access_key`, `secret_key`, `url` (http, https, ws or
        wss, with the
            port: it is signed too) and optionally `query` (a mapping, added behind the query of `url`),
            `session_token` (of temporary keys) and `expires` (seconds the signature holds, default 300).
        clock: epoch seconds, the time of the signature.

    Returns:
        The complete query as names and values that are not yet percent-encoded, in the order to be sent, for
        `$merge`: the address's own, then the signature's.

    Raises:
        PrimitiveError: an argument is missing or wrong, or botocore is not installed.
    """
    yield from ()
    url, service, region = (text_argument(args, name, "aws_sigv4") for name in ("url", "service", "region"))
    access_key, secret_key = (text_argument(args, name, "aws_sigv4") for name in ("access_key", "secret_key"))
    token = text_argument(args, "session_token", "aws_sigv4") if args.get("session_token") else None
    query = _query(url, args.get("query"))
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(clock()))
    query |= {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{access_key}/{moment[:8]}/{region}/{service}/aws4_request",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(_expires(args.get("expires"))),
        "X-Amz-SignedHeaders": "host",
    }
    if token:
        query["X-Amz-Security-Token"] = token
    _require_botocore()

    def sign() -> str:
        auth, request = (importlib.import_module(f"botocore.{name}") for name in ("auth", "awsrequest"))
        keys = importlib.import_module("botocore.credentials").Credentials(access_key, secret_key, token)
        signer = auth.SigV4Auth(keys, service, region)
        asked = request.AWSRequest(method="GET", url=_signed_address(url, query))
        # Its add_auth() does the same, but with the machine's clock, and logs the token.
        asked.context["timestamp"] = moment
        signature: str = signer.signature(
            signer.string_to_sign(asked, signer.canonical_request(asked)), asked
        )
        return signature

    return query | {"X-Amz-Signature": quietly(sign, "aws_sigv4 cannot sign this address")}


def _query(url: str, added: Any) -> dict[str, str]:
    if not isinstance(added, Mapping | None):
        raise PrimitiveError("aws_sigv4: 'query' is a mapping")
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    pairs += [(name, _as_text(value)) for name, value in (added or {}).items()]
    query = dict(pairs)
    if len(query) != len(pairs):
        raise PrimitiveError("aws_sigv4: a name occurs twice in the query")
    return query


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise PrimitiveError("aws_sigv4: values in 'query' are texts, numbers, true or false")


def _expires(value: Any) -> int:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html: at most seven days.
    if value is None:
        return 300
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 604800:
        raise PrimitiveError("aws_sigv4: 'expires' is a whole number of seconds, 1 to 604800")
    return value


def _signed_address(url: str, query: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    scheme = _HTTP_SCHEMES.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ValueError("not an address")
    written = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in query.items())
    return f"{scheme}://{parts.netloc}{parts.path}?{written}"


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def _require_botocore() -> None:
    try:
        importlib.import_module("botocore")
    except ImportError:
        pass
    else:
        return
    raise PrimitiveError("aws_sigv4 needs: pip install 'specbuilder[aws]'")
