"""Options that hold together, and what a change of them means for a live connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .names import Functions, Names
from .options import OptionSet
from .plan import Plan
from .sending import AudioFormat, Frame
from .session import StreamSession
from .spec import Spec

__all__ = ["DEFAULT_SAMPLE_RATE", "Settings", "change_options", "language_of", "settle"]

DEFAULT_SAMPLE_RATE = 16000


@dataclass(frozen=True)
class Settings:
    """Checked option values, and the plan they choose; made by `settle`.

    Attributes:
        given: what was given, by the caller and the framework.
        values: every option that has a value by itself, and the key.
        options: every option's value, computed defaults too.
        plan: the chosen plan.
    """

    given: Mapping[str, Any]
    values: Mapping[str, Any]
    options: Mapping[str, Any]
    plan: Plan
    spec: Spec

    def names(self, functions: Functions | None = None) -> Names:
        """Fresh names: variables are evaluated anew for each connection or request."""
        return self.spec.names(self.values, functions)

    def refresh(self, names: Names, changed: Mapping[str, Any]) -> None:
        """Put changed options into the names of a live connection; what depends on them follows."""
        for name in changed:
            for dependent in self.plan.dependents.get(name, frozenset()):
                names.pop(dependent, None)
        names.update(changed)

    def audio_format(self, names: Names) -> AudioFormat:
        """The form in which a stream with these settings sends audio.

        Raises:
            ValueError: the options give a rate, encoding, chunk or pace that is none.
        """
        assert self.plan.stream is not None
        option = self.spec.options.with_role("sample_rate")
        rate = self.options.get(option.name) if option is not None else None
        return AudioFormat.of(self.plan.stream.audio, names, rate or DEFAULT_SAMPLE_RATE)


def settle(
    spec: Spec,
    given: Mapping[str, Any],
    api_key: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    functions: Functions | None = None,
) -> Settings:
    """The settings of given options; arguments and errors are those of `Spec.resolve`."""
    values, names, plan = spec.resolve(given, api_key, environ=environ, functions=functions)
    options = {name: names[name] for name in spec.options.options}
    plan.prepare()
    return Settings(dict(given), values, options, plan, spec)


def language_of(options: OptionSet, names: Mapping[str, Any]) -> str:
    """The language a transcript has when the vendor does not say one: the one asked for, if it is one."""
    option = options.with_role("language")
    value = names.get(option.name) if option is not None else None
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    return value if isinstance(value, str) else ""


def change_options(
    session: StreamSession,
    before: Settings,
    after: Settings,
    differs: Callable[[], bool],
    now: float,
) -> list[Frame]:
    """Bring a live session to new settings: by message, in a new connection, or by using the new values.

    Arguments:
        before: the settings it was opened or last changed with.
        differs: whether a connection opened with `after` would say something else before audio; asked only
            when no message can bring the change.
        now: monotonic seconds.

    Returns:
        the frames that tell the vendor. When the connection must be replaced there are none, and the session
        expires as soon as the turn allows it.
    """
    # What only follows from other options (a computed default) is not sent, as nobody asked for it.
    touched = before.given.keys() | after.given.keys()
    changed = {name: after.options[name] for name in touched if before.options[name] != after.options[name]}
    if not changed:
        return []
    declared = after.spec.options.options
    in_band = all(declared[name].in_band and value is not None for name, value in changed.items())
    if in_band and after.plan is before.plan and session.plan.update is not None:
        after.refresh(session.names, changed)
        try:
            return session.update(changed, now)
        except ValueError as error:
            # A message that cannot be written: what is opened anew says the same in another way.
            session.scope.note_broken("stream.update.send", f"cannot be written, reconnecting: {error}")
            session.renew()
            return []
    if differs():
        session.renew()
    else:
        after.refresh(session.names, changed)
    return []
