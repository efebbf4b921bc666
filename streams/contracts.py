"""The messages on the topics, as values: `docs/CONCEPTS.md` owns the words, the JSON names are fixed.

Nothing here knows Kafka. Timestamps are RFC 3339 strings in UTC; durations are seconds.
"""

from typing import Any, Generic, Literal, TypeVar

import msgspec

from agents.outcome import Diagnostics

Status = Literal["succeeded", "failed", "rejected", "expired", "cancelled"]
Priority = Literal["high", "normal", "low"]
Severity = Literal["P0", "P1", "P2", "P3"]
IncidentStatus = Literal["triggered", "acknowledged", "resolved"]
Phase = Literal["INVESTIGATING", "IDENTIFIED", "MONITORING", "RESOLVED"]
Action = Literal["acknowledge", "resolve", "escalate", "assign", "note", "phase", "silence", "unsilence", "snooze"]


Inputs = TypeVar("Inputs")


class Request(msgspec.Struct, Generic[Inputs], kw_only=True, forbid_unknown_fields=True):
    """What a client asks for (`compute.requests`); `inputs` are a mapping, or not decoded yet (`msgspec.Raw`)."""

    id: str
    agent: str
    task: str
    inputs: Inputs
    options: dict[str, Any] = {}
    timeout_s: float | None = None
    expires_at: str | None = None
    priority: Priority = "normal"
    seed: int | None = None
    cache: bool = True
    labels: dict[str, str] = {}


class Error(msgspec.Struct, frozen=True, kw_only=True):
    """Why there are no outputs: a code, where it is wrong, and what would do."""

    code: str
    message: str
    field: str | None = None
    hint: str | None = None
    retryable: bool = False


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how a result was computed: with `completed_at`, all that may differ on a repeat."""

    version: str
    kernel: str | None = None
    compiled: bool | None = None
    inputs_hash: str | None = None
    seed: int | None = None
    worker: str = ""
    attempt: int = 1
    lane: Literal["fast", "heavy"] = "fast"
    batch: int = 1
    cached: bool = False
    queued_s: float = 0.0
    run_s: float = 0.0


class Result(msgspec.Struct, kw_only=True):
    """The one answer to a request (`compute.results`)."""

    id: str
    agent: str | None
    task: str | None
    status: Status
    outputs: dict[str, Any] | None
    error: Error | None
    warnings: list[str]
    diagnostics: Diagnostics
    provenance: Provenance
    labels: dict[str, str]
    completed_at: str


class Progress(msgspec.Struct, kw_only=True):
    """How far a long request has come (`compute.progress`)."""

    id: str
    fraction: float
    stage: str
    eta_s: float | None = None
    partial: dict[str, Any] | None = None
    at: str


class Control(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An instruction about a running or waiting request (`compute.control`)."""

    id: str
    action: Literal["cancel"]


_NEEDED_BY_KIND = {
    "metric": ("name", "value"),
    "log": ("level", "message"),
    "heartbeat": ("ttl_s",),
    "deploy": ("version",),
    "test_run": ("passed", "failed"),
    "fault": ("what",),
}


class OpsEvent(msgspec.Struct, kw_only=True):
    """Something that happened to a machine or a service (`ops.events`); which fields are set depends on `kind`."""

    id: str
    time: str
    source: str
    kind: Literal["metric", "log", "heartbeat", "deploy", "test_run", "fault"]
    labels: dict[str, str] = {}
    name: str | None = None
    value: float | None = None
    unit: str | None = None
    level: str | None = None
    message: str | None = None
    ttl_s: float | None = None
    version: str | None = None
    by: str | None = None
    passed: int | None = None
    failed: int | None = None
    skipped: int | None = None
    suite: str | None = None
    what: str | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        """The fields that an event of its kind has to have."""
        return _NEEDED_BY_KIND[self.kind]

    @property
    def missing(self) -> list[str]:
        """Those of them that are not set."""
        return [name for name in self.needed if getattr(self, name) is None]


class EscalationState(msgspec.Struct, kw_only=True):
    """Where an incident stands in its chain; `due_at` is the timer."""

    step: int = 0
    due_at: str | None = None
    target: str | None = None


class ChainStep(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to call, `after` seconds from the start of the chain; None is the severity's time to answer."""

    after: float | None
    notify: list[str]


class ChainState(msgspec.Struct, frozen=True, kw_only=True):
    """The chain that an incident was opened with; `ack_expires` in seconds, by severity."""

    steps: list[ChainStep] = []
    data_loss: ChainStep | None = None
    ack_expires: dict[Severity, float] = {}


class AlertState(msgspec.Struct, kw_only=True):
    """One alert of an incident."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: str
    ends_at: str | None = None
    status: Literal["firing", "resolved"] = "firing"
    fingerprint: str = ""
    generator_url: str = ""


class Transition(msgspec.Struct, kw_only=True):
    """One entry of an incident's timeline."""

    at: str
    what: str
    by: str | None = None
    reason: str | None = None


class Incident(msgspec.Struct, kw_only=True):
    """What people are told about and answer (`ops.incidents`, whole in each version)."""

    id: str
    group_key: str
    title: str
    severity: Severity
    status: IncidentStatus
    phase: Phase
    started_at: str
    affected: str = ""
    impact: str = ""
    alerts: list[AlertState] = []
    requests: list[dict[str, Any]] = []
    timeline: list[Transition] = []
    escalation: EscalationState = msgspec.field(default_factory=EscalationState)
    ack_due_at: str | None = None
    next_update_at: str | None = None
    resolved_at: str | None = None
    chain: ChainState | None = None
    snoozed_until: str | None = None
    version: int = 1


class Command(msgspec.Struct, kw_only=True):
    """What somebody does (`ops.commands`); `id` makes applying it twice change nothing.

    `silence` and `unsilence` may name no incident (""): then `matchers` say what, or `target` which silence. A `reload`
    is the record of one that the alerting process has made, of its `configuration`; sending it does nothing.
    """

    incident: str
    action: Action | Literal["reload"]
    by: str
    at: str
    id: str | None = None
    text: str | None = None
    target: str | None = None
    phase: Phase | None = None
    until: str | None = None
    matchers: list[str] = []
    starts_at: str | None = None


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody does not want to hear of for a while (`ops.silences`, whole in each version)."""

    id: str = ""
    matchers: list[str]
    starts_at: str
    ends_at: str
    created_by: str
    comment: str = ""
    updated_at: str = ""
    incident: str | None = None


class Notification(msgspec.Struct, kw_only=True):
    """One attempt to tell somebody (`ops.notifications`), with its reason, its outcome, and the alerts it tells of."""

    id: str
    incident: str
    receiver: str
    channel: str
    reason: str
    status: Literal["intended", "delivered", "failed", "suppressed"]
    attempt: int
    at: str
    error: str | None = None
    dedup_key: str | None = None
    firing: list[str] | None = None
    resolved: list[str] | None = None
    thread: str | None = None
