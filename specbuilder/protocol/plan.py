"""A spec compiled: what the stream session and the adapters run. Nothing here is text of YAML any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..expressions.templates import Condition, Template
from ..expressions.trees import Tree
from .errors import ErrorTable
from .reading import Reading
from .requests import RequestPlan, StepPlan
from .rules import RuleList
from .transcript import TranscriptPlan
from .usage import UsagePlan

if TYPE_CHECKING:
    from .codecs import Codec
    from .state import StateType

__all__ = [
    "AudioPlan",
    "Check",
    "FinishPlan",
    "FlushPlan",
    "KeepalivePlan",
    "OpenStep",
    "Plan",
    "RecognizePlan",
    "StatePlan",
    "StreamPlan",
    "Timeouts",
]


@dataclass(frozen=True)
class Timeouts:
    """The deadlines of a connection, in seconds."""

    connect: float = 10.0
    ready: float = 10.0
    write: float = 10.0
    finish: float = 10.0
    final: float = 1.0


@dataclass(frozen=True)
class OpenStep:
    """One item of `stream.open`: a message to send, or a message to wait for."""

    condition: Condition | None
    send: Tree | None = None
    wait: Reading | None = None


@dataclass(frozen=True)
class AudioPlan:
    """`stream.audio`: the form in which audio reaches the vendor.

    Attributes:
        chunk: a duration, "N bytes", or 0 for "as it comes".
        pace: times real time at most; None: as fast as it comes.
        ahead: seconds of audio that may be sent before their time by `pace`.
        first_chunk_only: `audio.index` occurs in `send` only as "is this the first chunk".
        per_chunk: `send` reads something that changes from chunk to chunk besides the audio and that.
    """

    sample_rate: Tree | None
    channels: Tree | None
    encoding: Tree | None
    chunk: Template | float | str
    pace: Tree | None
    ahead: Template | float
    send: Tree
    identity: bool
    first_chunk_only: bool
    per_chunk: bool


@dataclass(frozen=True)
class KeepalivePlan:
    """`stream.keepalive`: sent when nothing else has been for `every` seconds."""

    every: Template | float
    send: Tree


@dataclass(frozen=True)
class FlushPlan:
    """`stream.flush`: silence, then a message; or the end of this connection, while the input goes on."""

    condition: Condition | None
    silence: Template | float | None
    send: Tree | None
    finish: bool = False


@dataclass(frozen=True)
class FinishPlan:
    """`stream.finish`: how the input ends and what the vendor's last message is."""

    condition: Condition | None = None
    send: Tree | None = None
    until: Reading | None = None
    quiet: Template | float | None = None


@dataclass(frozen=True)
class StatePlan:
    """A state variable: its type, and the key it is kept per."""

    type: StateType
    per: Reading | None = None


@dataclass(frozen=True)
class StreamPlan:
    """The `stream` section."""

    connect: Template
    from_reply: bool
    audio: AudioPlan
    codec: Codec
    query: Tree | None = None
    headers: Tree | None = None
    steps: tuple[StepPlan, ...] = ()
    subprotocols: tuple[Template, ...] = ()
    lazy: bool = False
    ping: Template | float = 20.0
    max_age: Template | float | None = None
    replay: float = 30.0
    timeouts: Timeouts = Timeouts()
    open: tuple[OpenStep, ...] = ()
    keepalive: KeepalivePlan | None = None
    flush: FlushPlan | None = None
    finish: FinishPlan | None = None
    over: Reading | None = None
    update: Tree | None = None
    state: Mapping[str, StatePlan] = field(default_factory=dict)
    rules: RuleList = field(default_factory=RuleList)
    on_close: RuleList = field(default_factory=RuleList)
    request_id: Reading | None = None
    usage: UsagePlan | None = None


@dataclass(frozen=True)
class RecognizePlan:
    """The `recognize` section: a request with steps around it, or the stream pushed through."""

    transcript: TranscriptPlan
    request: RequestPlan | None = None
    steps: tuple[StepPlan, ...] = ()
    cleanup: StepPlan | None = None
    request_id: Reading | None = None
    usage: UsagePlan | None = None
    sample_rate: Tree | None = None
    channels: Tree | None = None
    over_stream: bool = False
    join: str = " "


@dataclass(frozen=True)
class Check:
    """An entry of `checks`: options are refused with `error` when `condition` holds."""

    condition: Condition
    error: str


@dataclass(frozen=True)
class Plan:
    """One variant of a spec, whole. `condition` is None for the spec itself."""

    condition: Condition | None
    base_url: Template
    headers: Tree | None
    computed: Mapping[str, Tree]
    volatile: frozenset[str]
    dependents: Mapping[str, frozenset[str]]
    checks: tuple[Check, ...]
    capabilities: Mapping[str, Tree]
    steps: tuple[StepPlan, ...]
    errors: ErrorTable
    recognize: RecognizePlan | None = None
    stream: StreamPlan | None = None

    def prepare(self) -> None:
        """Write the functions that read messages and replies now, not when the first of them comes."""
        if self.stream is not None:
            self.stream.rules.prepare()
            self.stream.on_close.prepare()
        if self.recognize is not None:
            _ = self.recognize.transcript.build
        for section in (self.stream, self.recognize):
            if section is not None and section.usage is not None:
                _ = section.usage.read
