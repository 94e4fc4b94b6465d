"""Options: what a spec declares, what a user gives, and the values that hold.

An option is a JSON Schema property plus five words (`role update required env secret`). Values are checked,
never guessed from text; only what comes from an environment variable is text and is read by the option's
type.
"""

from __future__ import annotations

import enum
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from livekit.agents import NotGiven

from ..expressions.secrets import Secret
from ..language.errors import did_you_mean

__all__ = ["ApiKey", "Option", "OptionSet", "SecretMapping", "secret_texts", "tokens_in"]

SCHEMA_WORDS = ("type", "enum", "minimum", "maximum", "pattern", "items", "maxItems", "maxLength")


class SecretMapping(dict[str, Any]):
    """A mapping given as a secret option (credentials): templates read it, nothing prints it."""

    def __repr__(self) -> str:
        return "SecretMapping(***)"

    __str__ = __repr__


@dataclass(frozen=True)
class ApiKey:
    """The spec's one fixed secret: its environment variables in order, and whether it must be there."""

    env: tuple[str, ...] = ()
    required: bool = True

    @property
    def variables(self) -> str:
        """The variables as a reader is told them; "" where there are none."""
        return " or ".join(self.env)


@dataclass(frozen=True)
class Option:
    """One declared option.

    Attributes:
        schema: the JSON Schema of its values.
        default: a literal default, or None.
        computed: whether the default is a template; its value then comes from the names.
        role: what it is to livekit: model, language, sample_rate, keyterms, chat_context.
        in_band: whether a live connection takes a new value by message.
    """

    name: str
    schema: Mapping[str, Any]
    default: Any = None
    computed: bool = False
    role: str | None = None
    in_band: bool = False
    required: bool = False
    env: str | None = None
    secret: bool = False
    description: str = ""

    @property
    def types(self) -> tuple[str, ...]:
        """The JSON Schema types it takes; empty when any."""
        found = self.schema.get("type", ())
        return (found,) if isinstance(found, str) else tuple(found)

    def checked(self, value: Any, spec: str) -> Any:
        """The value as it is kept.

        Raises:
            ValueError: it is not allowed; the message names option, value and what is.
        """
        # Values that were checked before come again when others change.
        value = _plain(value.reveal() if self.secret and isinstance(value, Secret) else value)
        if value is None:
            return None
        problem = next(iter(Draft202012Validator(dict(self.schema)).iter_errors(value)), None)
        if problem is not None:
            shown = "the value" if self.secret else _shortened(problem.instance)
            allowed = _allowed(problem, self.types)
            raise ValueError(f"{spec}: option {self.name}: {shown} {allowed}")
        if "integer" in self.types and isinstance(value, float) and "number" not in self.types:
            value = int(value)
        if self.secret:
            return SecretMapping(value) if isinstance(value, Mapping) else _secret(value)
        return value

    def from_environment(self, text: str, spec: str) -> Any:
        """The value of a text from an environment variable.

        Raises:
            ValueError: the text does not hold the option's type; the message never quotes it.
        """
        try:
            return self.checked(_parsed(text, self.types), spec)
        except ValueError as error:
            reason = "" if self.secret else f" ({error})"
        raise ValueError(f"{spec}: option {self.name}: {self.env} does not hold a usable value{reason}")


def _secret(value: Any) -> Any:
    return Secret(value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    """JSON-like data out of what Python users pass: tuples become lists, enums their value."""
    if isinstance(value, NotGiven):
        return None
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, str) and type(value) is not str:
        return str(value)
    return value


def _shortened(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


_NAMES = {
    "string": "text",
    "array": "a list",
    "object": "a mapping",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


def _allowed(problem: Any, types: Iterable[str]) -> str:
    """The sentence behind the value: what would have been right."""
    rule, limit = problem.validator, problem.validator_value
    if rule == "type":
        wanted = [limit] if isinstance(limit, str) else limit
        return "is not " + " or ".join(_NAMES.get(name, name) for name in wanted)
    if rule == "enum":
        near = did_you_mean(str(problem.instance), [str(item) for item in limit])
        hint = f" ({near})" if near and near.startswith("did") else ""
        return "is not one of " + ", ".join(str(item) for item in limit) + hint
    sentences = {
        "minimum": f"is less than {limit}",
        "maximum": f"is more than {limit}",
        "pattern": f"does not match {limit}",
        "maxItems": f"has more than {limit} items",
        "maxLength": f"is longer than {limit} characters",
    }
    return sentences.get(rule, f"breaks {rule}: {limit}")


def _parsed(text: str, types: tuple[str, ...]) -> Any:
    if not types or "string" in types:
        return text
    if "boolean" in types:
        lowered = text.strip().lower()
        if lowered not in ("true", "false"):
            raise ValueError("needs true or false")
        return lowered == "true"
    if "object" in types and not text.lstrip().startswith("{"):
        # A path to a JSON file, as GOOGLE_APPLICATION_CREDENTIALS is.
        try:
            text = Path(text).read_text(encoding="utf-8")
        except OSError:
            raise ValueError("names a file that cannot be read") from None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError("is not JSON") from None


@dataclass(frozen=True)
class OptionSet:
    """All options of a spec, and its key.

    Attributes:
        spec: the spec's name, for messages.
    """

    spec: str
    options: Mapping[str, Option] = field(default_factory=dict)
    api_key: ApiKey | None = None

    def with_role(self, role: str) -> Option | None:
        """The option that plays a role for livekit, if one does."""
        return next((option for option in self.options.values() if option.role == role), None)

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The given values, checked; what is NOT_GIVEN is left out, None is "nothing".

        Raises:
            TypeError: an option the spec does not have, with the nearest name.
            ValueError: a value that is not allowed.
        """
        known = {}
        for name, value in given.items():
            option = self.options.get(name)
            if option is None:
                hint = did_you_mean(name, self.options) or "it has no options"
                raise TypeError(f"{self.spec}: unknown option {name!r} ({hint})")
            if not isinstance(value, NotGiven):
                known[name] = option.checked(value, self.spec)
        return known

    def values(
        self, given: Mapping[str, Any], api_key: str | None, environ: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Every option that has a value by itself, and the key; computed defaults are left to the names.

        Arguments:
            given: checked values.
            api_key: the caller's key, or None.
            environ: where variables are looked up.

        Raises:
            ValueError: a required option or the key is missing, or a variable holds no usable value.
        """
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {"api_key": self._key(api_key, environ)}
        for name, option in self.options.items():
            if name in given:
                values[name] = given[name]
            elif option.env and environ.get(option.env):
                values[name] = option.from_environment(environ[option.env], self.spec)
            elif not option.computed:
                values[name] = option.default
            if option.required and values.get(name) is None and not option.computed:
                env = f" or set {option.env}" if option.env else ""
                raise ValueError(f"{self.spec}: option {name} is required: pass {name}=…{env}")
        return values

    def _key(self, given: str | None, environ: Mapping[str, str]) -> Secret | None:
        if self.api_key is None:
            return None
        text = given or next((text for name in self.api_key.env if (text := environ.get(name))), None)
        if text:
            return Secret(text)
        if self.api_key.required:
            env = f" or set {self.api_key.variables}" if self.api_key.env else ""
            raise ValueError(f"{self.spec}: an API key is required: pass api_key=…{env}")
        return None


def secret_texts(values: Iterable[Any]) -> Iterator[Secret]:
    """Every secret in the values, also the texts inside a secret mapping."""
    for value in values:
        if isinstance(value, Secret):
            yield value
        elif isinstance(value, SecretMapping):
            yield from (Secret(text) for text in _leaves(value))


_TOKEN_NAME = re.compile(r"token|secret|passw|credential|jwt|signature|api_?key|session_?key", re.IGNORECASE)
_SHORTEST_TOKEN = 8


def tokens_in(reply: Any) -> Iterator[Secret]:
    """What is to be masked in a step's reply: a text alone, and texts whose key says that they are secret."""
    if isinstance(reply, str):
        # Vendors that answer with nothing but text answer with a token.
        if len(reply) >= _SHORTEST_TOKEN:
            yield Secret(reply.strip())
    elif isinstance(reply, Mapping):
        for name, value in reply.items():
            if isinstance(value, Mapping | list):
                named = _TOKEN_NAME.search(str(name)) is not None
                yield from (map(Secret, _leaves(value)) if named else tokens_in(value))
            elif isinstance(value, str) and len(value) >= _SHORTEST_TOKEN and _TOKEN_NAME.search(str(name)):
                yield Secret(value)
    elif isinstance(reply, list):
        yield from (token for item in reply if not isinstance(item, str) for token in tokens_in(item))


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
