"""Escalation: who is told next when nobody answers. The timer is `escalation.due_at` in the incident.

| incident | at `due_at` |
|---|---|
| triggered | the next step is taken; the one after it is due its distance later, counted from when this one was due |
| acknowledged | the acknowledgement lapses: triggered again, the next step at once; past the end, the last step again |
| resolved | – |

A timer that is read late (stalled, killed and started again) takes every step that is overdue, but calls each target
once. Lost data calls its own target beside the chain, once in an incident's life.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from alerting import incidents, instants, snoozing
from alerting.alerts import loses_data
from alerting.incidents import Promise
from alerting.matchers import Matcher, all_match
from streams.contracts import ChainState, ChainStep, EscalationState, Incident, Severity

DATA_LOSS = "data loss"
NOBODY = "nobody is on call"
_ROUNDED_S = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """Whom to call `after` seconds from the start of the chain; None is the severity's time to answer."""

    after: float | None
    notify: tuple[str, ...]

    def delay(self, promise: Promise) -> float:
        """Seconds from the start of the chain."""
        return promise.ack_within if self.after is None else self.after


@dataclass(frozen=True, slots=True)
class Chain:
    """The steps for incidents that match, in order of time; acknowledgements lapse after `ack_expires` seconds."""

    steps: tuple[Step, ...]
    matchers: tuple[Matcher, ...] = ()
    data_loss: Step | None = None
    ack_expires: Mapping[Severity, float] = field(default_factory=dict)

    def wait(self, index: int, promise: Promise) -> float:
        """Seconds from the step before to this one, from the start to the first."""
        return self.steps[index].delay(promise) - (self.steps[index - 1].delay(promise) if index else 0.0)


@dataclass(frozen=True, slots=True)
class Call:
    """A target to be called now: `step` counts from 1, None beside the chain; `due_at` is when it was to happen."""

    target: str
    step: int | None
    due_at: float
    reason: str


def chain_of(chains: Iterable[Chain], incident: Incident) -> Chain | None:
    """The first chain that matches the incident, by its severity and the labels of the alert that opened it."""
    opener = min(incident.alerts, key=lambda state: (state.starts_at, state.fingerprint), default=None)
    labels = {**(opener.labels if opener else {}), "severity": incident.severity}
    return next((chain for chain in chains if all_match(chain.matchers, labels)), None)


def recorded(chain: Chain | None) -> ChainState:
    """Write a chain for the record of its incident, so that another configuration changes nothing for it."""
    if chain is None:
        return ChainState()
    beside = None if chain.data_loss is None else _written(chain.data_loss)
    expires = {severity: float(after) for severity, after in chain.ack_expires.items()}
    return ChainState(steps=[_written(step) for step in chain.steps], data_loss=beside, ack_expires=expires)


def of_record(incident: Incident, chains: Iterable[Chain]) -> Chain | None:
    """The chain that an incident was opened with; by the configuration where that is not on record."""
    if incident.chain is None:
        return chain_of(chains, incident)
    beside = None if incident.chain.data_loss is None else _read(incident.chain.data_loss)
    steps = tuple(_read(step) for step in incident.chain.steps)
    return Chain(steps, data_loss=beside, ack_expires=incident.chain.ack_expires)


def started(incident: Incident, chain: Chain | None, promise: Promise, now: float) -> Incident:
    """Set the timers of an incident that was opened, opened again, or became worse; the same version."""
    due_at = None if chain is None or not chain.steps else instants.show(now + chain.steps[0].delay(promise))
    return replace(
        incident, status="triggered", escalation=EscalationState(due_at=due_at),
        ack_due_at=instants.show(now + promise.ack_within), next_update_at=incidents.update_due(promise, now),
        chain=recorded(chain),
        snoozed_until=None,
    )  # fmt: skip


def due(incident: Incident, chain: Chain | None) -> float | None:
    """When `advance` has something to do."""
    if incident.status == "resolved":
        return None
    beside = _beside(incident, chain)
    times = [] if incident.escalation.due_at is None else [instants.parse(incident.escalation.due_at)]
    at = min([*times, *([] if beside is None else [beside.due_at])], default=None)
    return at if at is None or incident.snoozed_until is None else max(at, instants.parse(incident.snoozed_until))


def in_reach(incident: Incident, chain: Chain | None, promise: Promise, now: float) -> Incident:
    """Bring the next time of an incident to where it can be: whoever set it later had a clock that was ahead.

    A step is its wait away at most, an acknowledgement lapses within its time.
    """
    state = incident.escalation
    if chain is None or state.due_at is None or incident.snoozed_until is not None:
        return incident
    if incident.status == "acknowledged":
        farthest = chain.ack_expires.get(incident.severity)
    elif state.step < len(chain.steps):
        farthest = chain.wait(state.step, promise)
    else:
        farthest = None
    if farthest is None or instants.parse(state.due_at) <= now + farthest + _ROUNDED_S:
        return incident
    return incidents.moved(incident, replace(state, due_at=instants.show(now + farthest)), now, [])


def advance(incident: Incident, chain: Chain | None, promise: Promise, now: float) -> tuple[Incident, list[Call]]:
    """Take the steps that are due at `now`."""
    if incident.status == "resolved" or snoozing.on(incident, now):
        return incident, []
    calls: list[Call] = []
    entries: list[tuple[str, str]] = []
    state = incident.escalation
    if chain is not None and incident.status == "acknowledged" and _overdue(state, now):
        entries.append(("ack_expired", f"{state.target or 'somebody'} has not resolved it in time"))
        state = replace(state, step=min(state.step, max(0, len(chain.steps) - 1)))
    if chain is not None and (incident.status == "triggered" or entries):
        while state.due_at is not None and _overdue(state, now):
            taken, made = _take(state, chain, promise, instants.parse(state.due_at), "not acknowledged")
            calls += made
            if not made and taken.step > state.step:
                entries.append(("escalated", f"step {taken.step}: {NOBODY}"))
            state = taken
    beside = _beside(incident, chain)
    if beside is not None and beside.due_at <= now:
        calls += [Call(target, None, beside.due_at, DATA_LOSS) for target in beside.targets]
        if not beside.targets:
            entries.append(("escalated", f"{DATA_LOSS}: {NOBODY}"))
    if not calls and not entries:
        return incident, []
    entries += [("escalated", _told(call)) for call in calls]
    return incidents.moved(incident, state, now, entries), _once(calls)


def forced(incident: Incident, chain: Chain | None, promise: Promise, now: float) -> tuple[Incident, list[Call]]:
    """Take the next step now, because somebody wants it or because the last one reached nobody."""
    if chain is None or incident.status == "resolved" or incident.escalation.step >= len(chain.steps):
        return incident, []
    state, calls = _take(incident.escalation, chain, promise, now, "escalated")
    entries: list[tuple[str, str]] = []
    while not calls and state.step < len(chain.steps):
        entries.append(("escalated", f"step {state.step}: {NOBODY}"))
        state, calls = _take(state, chain, promise, now, "escalated")
    entries += [("escalated", _told(call)) for call in calls]
    if incident.status == "acknowledged":  # whoever has it keeps it until the acknowledgement lapses
        state = replace(state, due_at=incident.escalation.due_at, target=incident.escalation.target)
    return incidents.moved(incident, state, now, entries), calls


def next_targets(incident: Incident, chain: Chain | None) -> tuple[str, ...]:
    """Who is called at `due_at` when nobody answers."""
    if chain is None or incident.status == "resolved" or incident.escalation.step >= len(chain.steps):
        return ()
    return chain.steps[incident.escalation.step].notify


@dataclass(frozen=True, slots=True)
class _Beside:
    targets: tuple[str, ...]
    due_at: float


def _written(step: Step) -> ChainStep:
    return ChainStep(after=None if step.after is None else float(step.after), notify=list(step.notify))


def _read(step: ChainStep) -> Step:
    return Step(step.after, tuple(step.notify))


def _overdue(state: EscalationState, now: float) -> bool:
    return state.due_at is not None and instants.parse(state.due_at) <= now


def _take(
    state: EscalationState, chain: Chain, promise: Promise, due_at: float, reason: str
) -> tuple[EscalationState, list[Call]]:
    """Take one step that was due at `due_at`."""
    if state.step >= len(chain.steps):
        return replace(state, due_at=None), []  # nobody is left
    step = chain.steps[state.step]
    number = state.step + 1
    following = None
    if number < len(chain.steps):  # a step with nobody in it makes way for the next one
        wait = chain.wait(number, promise) if step.notify else 0.0
        following = instants.show(due_at + wait)
    why = "triggered" if number == 1 else reason
    calls = [Call(target, number, due_at, why) for target in step.notify]
    return EscalationState(step=number, due_at=following, target=", ".join(step.notify) or None), calls


def _beside(incident: Incident, chain: Chain | None) -> _Beside | None:
    """The call for lost data, while it has not been made."""
    if chain is None or chain.data_loss is None:
        return None
    if any(entry.what == "escalated" and (entry.reason or "").startswith(DATA_LOSS) for entry in incident.timeline):
        return None
    since = [instants.parse(state.starts_at) for state in incident.alerts if loses_data(state.labels)]
    return _Beside(chain.data_loss.notify, min(since) + (chain.data_loss.after or 0.0)) if since else None


def _told(call: Call) -> str:
    return f"{DATA_LOSS}: {call.target}" if call.step is None else f"step {call.step}: {call.target} ({call.reason})"


def _once(calls: Sequence[Call]) -> list[Call]:
    """Each target once, at its latest step."""
    return list({call.target: call for call in calls}.values())
