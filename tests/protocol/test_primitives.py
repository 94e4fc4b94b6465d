"""Step primitives: tokens and signatures."""

from __future__ import annotations

import datetime
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import jwt as pyjwt
import pytest

from specbuilder.protocol.http import Reply, Request
from specbuilder.protocol.primitives import PRIMITIVES, PrimitiveError, primitive
from specbuilder.protocol.registry import register_primitive

NOW = 1767323045.75  # 2026-01-02 03:04:05 UTC


def run(name: str, args: Mapping[str, Any], *replies: Reply) -> tuple[list[Request], Mapping[str, Any]]:
    """Run a primitive against prepared replies; return what it asked and what it returned."""
    exchange, asked, reply = primitive(name)(args, lambda: NOW), [], None
    answers = iter(replies)
    while True:
        try:
            asked.append(exchange.send(reply))  # type: ignore[arg-type]
        except StopIteration as done:
            return asked, done.value
        reply = next(answers)


def said_by(error: BaseException) -> str:
    """Everything an error and whatever is chained to it would print."""
    text = ""
    chained: BaseException | None = error
    while chained is not None:
        text += repr(chained) + str(chained)
        chained = chained.__cause__ or chained.__context__
    return text


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Make a package look as if it were not installed."""
    real = importlib.import_module

    def import_module(name: str, *args: Any) -> Any:
        if name == package or name.startswith(package + "."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", import_module)


class TestTable:
    def test_names(self) -> None:
        assert PRIMITIVES.names[:3] == ("google_service_account", "aws_sigv4", "jwt")
        with pytest.raises(ValueError, match=r"unknown step primitive 'aws_sigv2'.*did you mean 'aws_sigv4'"):
            primitive("aws_sigv2")

    def test_a_users_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(PRIMITIVES, "_added", {})

        def greeting(args, clock):
            reply = yield Request("GET", args["url"], [], None)
            return {"said": reply.body.decode(), "at": clock()}

        register_primitive("greeting", greeting)
        asked, result = run("greeting", {"url": "https://x/"}, Reply(200, {}, b"hello"))
        assert result == {"said": "hello", "at": NOW}
        assert [request.url for request in asked] == ["https://x/"]
        for name, problem in (("jwt", "built in"), ("greeting", "registered")):
            with pytest.raises(ValueError, match=problem):
                register_primitive(name, lambda args, clock: greeting(args, clock))


@pytest.fixture(scope="module")
def rsa_key() -> Any:
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def pem(rsa_key: Any) -> str:
    from cryptography.hazmat.primitives import serialization

    return rsa_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


class TestJwt:
    @pytest.mark.filterwarnings("ignore:The HMAC key is")  # the published key is that short
    def test_a_published_vector(self) -> None:
        """The example of https://jwt.io."""
        claims = {"sub": "1234567890", "name": "John Doe", "iat": 1516239022}
        _, result = run("jwt", {"claims": claims, "key": "your-256-bit-secret", "algorithm": "HS256"})
        assert result == {
            "token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
            ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ"
            ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
        }

    def test_headers(self) -> None:
        key = "k" * 32
        _, result = run("jwt", {"claims": {}, "key": key, "algorithm": "HS256", "headers": {"kid": "k1"}})
        assert pyjwt.decode(result["token"], key, algorithms=["HS256"]) == {}
        assert pyjwt.get_unverified_header(result["token"]) == {"alg": "HS256", "typ": "JWT", "kid": "k1"}

    def test_a_private_key(self, rsa_key: Any, pem: str) -> None:
        _, result = run("jwt", {"claims": {"a": [1]}, "key": pem, "algorithm": "PS256"})
        assert pyjwt.decode(result["token"], rsa_key.public_key(), algorithms=["PS256"]) == {"a": [1]}

    @pytest.mark.parametrize(
        ("args", "problem"),
        [
            ({"key": "k", "algorithm": "HS256"}, "'claims'"),
            ({"claims": {}, "algorithm": "HS256"}, "'key'"),
            ({"claims": {}, "key": "k"}, "'algorithm'"),
            ({"claims": {}, "key": "k", "algorithm": "none"}, "signs"),
            ({"claims": {}, "key": "k", "algorithm": "HS256", "headers": "x"}, "'headers'"),
            ({"claims": {}, "key": "k", "algorithm": "HS999"}, "HS999"),
        ],
    )
    def test_what_is_missing_or_wrong(self, args: dict[str, Any], problem: str) -> None:
        with pytest.raises(PrimitiveError, match=problem) as caught:
            run("jwt", args)
        assert caught.value.status is None

    def test_a_key_is_never_shown(self) -> None:
        with pytest.raises(PrimitiveError) as caught:
            run("jwt", {"claims": {}, "key": "-----BEGIN PRIVATE KEY-----\nsesame", "algorithm": "RS256"})
        assert "sesame" not in said_by(caught.value)
        assert caught.value.__context__ is None


AWS = {
    "service": "transcribe",
    "region": "us-east-1",
    "access_key": "AKIDEXAMPLE",
    "secret_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "url": "wss://transcribestreaming.us-east-1.amazonaws.com:8443/stream-transcription-websocket",
    "query": {"language-code": "en-US", "media-encoding": "pcm", "sample-rate": 24000},
    "expires": 300,
}


@pytest.fixture
def botocore_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set botocore's clock to ours."""
    auth = pytest.importorskip("botocore.auth")
    moment = datetime.datetime.fromtimestamp(int(NOW), datetime.timezone.utc)
    if hasattr(auth, "get_current_datetime"):
        monkeypatch.setattr(auth, "get_current_datetime", lambda *_, **__: moment)
    else:

        class Clock(datetime.datetime):
            @classmethod
            def utcnow(cls) -> datetime.datetime:
                return moment

        monkeypatch.setattr(auth.datetime, "datetime", Clock)


class TestAwsSigv4:
    def test_the_vector_for_transcribe(self) -> None:
        pytest.importorskip("botocore")
        asked, query = run("aws_sigv4", AWS)
        assert asked == []
        assert list(query.items()) == [
            ("language-code", "en-US"),
            ("media-encoding", "pcm"),
            ("sample-rate", "24000"),
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", "AKIDEXAMPLE/20260102/us-east-1/transcribe/aws4_request"),
            ("X-Amz-Date", "20260102T030405Z"),
            ("X-Amz-Expires", "300"),
            ("X-Amz-SignedHeaders", "host"),
            ("X-Amz-Signature", "7f5f4addbdfb00619cba1e99226c0ecaa6e4cdc297c2ae0c0a77649be101b1b1"),
        ]

    @pytest.mark.usefixtures("botocore_now")
    @pytest.mark.parametrize(
        ("url", "query", "token"),
        [
            (AWS["url"], AWS["query"], None),
            (AWS["url"], AWS["query"], "a/temporary+token=="),
            (
                "https://polly.eu-west-1.amazonaws.com/v1/speech?Text=a%20b%2Fc&empty=",
                {"z": True, "a": "ü&=~"},
                None,
            ),
            ("http://127.0.0.1:8080/a/b", {}, None),
            ("wss://host.example:443/", {}, None),
        ],
    )
    def test_botocores_own_query_signer_agrees(
        self, url: str, query: dict[str, Any], token: str | None
    ) -> None:
        auth = importlib.import_module("botocore.auth")
        credentials = importlib.import_module("botocore.credentials").Credentials
        request_type = importlib.import_module("botocore.awsrequest").AWSRequest
        _, ours = run("aws_sigv4", {**AWS, "url": url, "query": query, "session_token": token, "expires": 60})

        operation = {name: value for name, value in ours.items() if not name.startswith("X-Amz-")}
        address = urlsplit(url)
        scheme = {"wss": "https"}.get(address.scheme, address.scheme)
        written = "&".join(f"{quote(name)}={quote(value, safe='-_.~')}" for name, value in operation.items())
        theirs = request_type(method="GET", url=f"{scheme}://{address.netloc}{address.path}?{written}")
        keys = credentials(AWS["access_key"], AWS["secret_key"], token)
        auth.SigV4QueryAuth(keys, AWS["service"], AWS["region"], expires=60).add_auth(theirs)
        assert dict(parse_qsl(urlsplit(theirs.url).query, keep_blank_values=True)) == ours

    def test_signatures_hold_five_minutes_unless_told_otherwise(self) -> None:
        pytest.importorskip("botocore")
        assert run("aws_sigv4", {**AWS, "expires": None})[1]["X-Amz-Expires"] == "300"

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            ({"service": None}, "'service'"),
            ({"region": ""}, "'region'"),
            ({"access_key": None}, "'access_key'"),
            ({"secret_key": 5}, "'secret_key'"),
            ({"session_token": 5}, "'session_token'"),
            ({"url": None}, "'url'"),
            ({"url": "ftp://x/"}, "cannot sign"),
            ({"url": "/path"}, "cannot sign"),
            ({"query": "a=b"}, "'query'"),
            ({"query": {"a": [1]}}, "'query'"),
            ({"url": "wss://x/?language-code=de"}, "twice"),
            ({"expires": 0}, "'expires'"),
            ({"expires": True}, "'expires'"),
            ({"expires": 604801}, "'expires'"),
        ],
    )
    def test_what_is_missing_or_wrong(self, changed: dict[str, Any], problem: str) -> None:
        pytest.importorskip("botocore")
        with pytest.raises(PrimitiveError, match=problem) as caught:
            run("aws_sigv4", {**AWS, **changed})
        assert AWS["secret_key"] not in said_by(caught.value)
        assert caught.value.__context__ is None

    def test_without_botocore(self, monkeypatch: pytest.MonkeyPatch) -> None:
        without(monkeypatch, "botocore")
        with pytest.raises(PrimitiveError, match=r"pip install 'specbuilder\[aws\]'"):
            run("aws_sigv4", AWS)


@pytest.fixture
def account(pem: str) -> dict[str, str]:
    return {
        "type": "service_account",
        "client_email": "stt@project.iam.gserviceaccount.com",
        "private_key": pem,
        "private_key_id": "key-1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def json_reply(status: int, body: object) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(body).encode())


class TestGoogleServiceAccount:
    SCOPE = "https://www.googleapis.com/auth/cloud-platform"

    def test_an_exchange(self, account: dict[str, str], rsa_key: Any) -> None:
        pytest.importorskip("google.auth")
        (request,), result = run(
            "google_service_account",
            {"credentials": account, "scope": self.SCOPE},
            json_reply(200, {"access_token": "ya29.x", "expires_in": 3599, "token_type": "Bearer"}),
        )
        assert result == {"access_token": "ya29.x", "expires_in": 3599}
        assert (request.method, request.url) == ("POST", account["token_uri"])
        assert ("Content-Type", "application/x-www-form-urlencoded") in request.headers
        form = parse_qs((request.body or b"").decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        (assertion,) = form["assertion"]
        assert pyjwt.get_unverified_header(assertion) == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
        assert claims_of(assertion, rsa_key) == {
            "iss": account["client_email"],
            "scope": self.SCOPE,
            "aud": account["token_uri"],
            "iat": int(NOW),
            "exp": int(NOW) + 3600,
        }
        assert assertion not in repr(request)

    def test_a_token_signed_without_any_request(self, account: dict[str, str], rsa_key: Any) -> None:
        pytest.importorskip("google.auth")
        asked, result = run(
            "google_service_account", {"credentials": account, "audience": "https://speech.googleapis.com/"}
        )
        assert asked == []
        assert result["expires_in"] == 3600
        assert claims_of(result["access_token"], rsa_key) == {
            "iss": account["client_email"],
            "sub": account["client_email"],
            "aud": "https://speech.googleapis.com/",
            "iat": int(NOW),
            "exp": int(NOW) + 3600,
        }

    def test_credentials_as_text_and_as_a_file(self, account: dict[str, str], tmp_path: Path) -> None:
        pytest.importorskip("google.auth")
        file = tmp_path / "account.json"
        file.write_text(json.dumps(account))
        tokens = {
            run("google_service_account", {"credentials": given, "audience": "a"})[1]["access_token"]
            for given in (account, json.dumps(account), str(file))
        }
        assert len(tokens) == 1

    @pytest.mark.parametrize(
        ("reply", "problem", "status"),
        [
            (
                json_reply(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}),
                "invalid_grant: Invalid JWT Signature.",
                400,
            ),
            (Reply(503, {}, b"<html>"), "HTTP 503", 503),
            (json_reply(429, [1]), "HTTP 429", 429),
            (Reply(200, {}, b"{}"), "without access_token", 502),
            (Reply(200, {}, b"\xff"), "without access_token", 502),
        ],
    )
    def test_no_token(self, account: dict[str, str], reply: Reply, problem: str, status: int) -> None:
        pytest.importorskip("google.auth")
        with pytest.raises(PrimitiveError, match=problem) as caught:
            run("google_service_account", {"credentials": account, "scope": "s"}, reply)
        assert caught.value.status == status

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            ({"credentials": None}, "needs 'credentials'"),
            ({"credentials": ""}, "needs 'credentials'"),
            ({"credentials": "{"}, "not JSON"),
            ({"credentials": "/no/such/sesame.json"}, "neither JSON nor the path"),
            ({"credentials": {"client_email": "x"}}, "'private_key'"),
            ({"scope": None}, "one of 'scope' and 'audience'"),
            ({"audience": "a"}, "one of 'scope' and 'audience'"),
            ({"scope": ["a"]}, "'scope'"),
        ],
    )
    def test_what_is_missing_or_wrong(
        self, account: dict[str, str], changed: dict[str, Any], problem: str
    ) -> None:
        pytest.importorskip("google.auth")
        with pytest.raises(PrimitiveError, match=problem) as caught:
            run("google_service_account", {"credentials": account, "scope": "s", **changed})
        assert caught.value.status is None
        assert "sesame" not in said_by(caught.value)

    @pytest.mark.parametrize(
        "key", ["sesame", "-----BEGIN PRIVATE KEY-----\nsesame\n-----END PRIVATE KEY-----\n"]
    )
    def test_a_key_is_never_shown(self, account: dict[str, str], key: str) -> None:
        pytest.importorskip("google.auth")
        with pytest.raises(PrimitiveError, match="private key cannot be used") as caught:
            run("google_service_account", {"credentials": {**account, "private_key": key}, "scope": "s"})
        assert "sesame" not in said_by(caught.value)
        with pytest.raises(PrimitiveError) as caught:
            run("google_service_account", {"credentials": key, "scope": "s"})
        assert "sesame" not in said_by(caught.value)

    def test_without_google_auth(self, account: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        without(monkeypatch, "google")
        with pytest.raises(PrimitiveError, match=r"pip install 'specbuilder\[google\]'"):
            run("google_service_account", {"credentials": account, "scope": "s"})


def claims_of(token: str, rsa_key: Any) -> Any:
    """The claims of a token whose signature the key's other half confirms; its times lie in our past."""
    unchecked = {"verify_exp": False, "verify_aud": False, "verify_iat": False}
    return pyjwt.decode(token, rsa_key.public_key(), algorithms=["RS256"], options=unchecked)
