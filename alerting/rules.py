"""A rule and its state machine, as Prometheus has it: pending, firing, kept, resolved; unknown moves nothing.

| state | rule true | rule false | unknown |
|---|---|---|---|
| inactive | pending since now (firing when `for` is 0) | – | – |
| pending | firing once it was true for `for` | inactive, nobody is told | as it was |
| firing | as it was | resolved after `keep_firing_for`; with `clear`, only once that is true | as it was |

Data that stays away for `no_data_for`: `keep` as above, `ok` resolves, `alert` says so beside.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from alerting.expressions import Expression
from alerting.text import Template
from streams.contracts import Severity

NoData = Literal["keep", "ok", "alert"]
Phase = Literal["inactive", "pending", "firing"]
StepReason = Literal[
    "false", "became_true", "for_not_over", "for_over", "dropped", "true", "for_longer", "not_clear", "kept",
    "cleared", "unknown", "no_data_ok", "no_data_alert",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """What is wrong when it holds; durations in seconds. `by` None keeps every label set of events apart."""

    name: str
    expr: Expression
    severity: Severity
    clear: Expression | None = None
    window: float = 300.0
    by: tuple[str, ...] | None = None
    wait: float = 0.0
    keep_firing_for: float = 0.0
    no_data: NoData = "keep"
    no_data_for: float = 300.0
    min_count: int | None = None
    labels: dict[str, Template] = field(default_factory=dict)
    annotations: dict[str, Template] = field(default_factory=dict)

    @property
    def lookback(self) -> float:
        """How much history settles its state."""
        return self.window + self.wait + self.keep_firing_for


@dataclass(frozen=True, slots=True)
class State:
    """Where a rule stands for one label set. `since`: true since; `fired_at`: when `for` was over."""

    phase: Phase = "inactive"
    since: float = 0.0
    fired_at: float = 0.0
    false_since: float | None = None
    unknown_since: float | None = None
    stopped: bool = False
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The next state, and why."""

    state: State
    reason: StepReason


def advance(  # noqa: PLR0911 - one return per transition of the table above
    rule: Rule, state: State, truth: bool | None, now: float, *, clear: bool | None = None, value: float | None = None
) -> Step:
    """Move a rule's state by one evaluation; `clear` is the verdict of the rule's `clear`, when it has one."""
    if truth is None:
        return _unknown(rule, state, now)
    known = replace(state, unknown_since=None, stopped=False)
    if truth:
        return _true(rule, replace(known, false_since=None, value=value), now)
    if state.phase == "inactive":
        return Step(known, "false")
    if state.phase == "pending":
        return Step(State(), "dropped")
    if rule.clear is not None and clear is not True:
        return Step(replace(known, false_since=None, value=value), "not_clear")
    since = now if state.false_since is None else state.false_since
    if now >= since + rule.keep_firing_for:
        return Step(State(), "cleared")
    return Step(replace(known, false_since=since), "kept")


def _true(rule: Rule, state: State, now: float) -> Step:
    if state.phase == "firing":
        if now >= state.since + rule.wait:
            return Step(state, "true")
        return Step(replace(state, phase="pending"), "for_longer")
    reason: StepReason = "for_not_over"
    if state.phase == "inactive":
        state, reason = replace(state, phase="pending", since=now), "became_true"
    if now >= state.since + rule.wait:
        return Step(replace(state, phase="firing", fired_at=now), "for_over")
    return Step(state, reason)


def _unknown(rule: Rule, state: State, now: float) -> Step:
    since = now if state.unknown_since is None else state.unknown_since
    waiting = replace(state, unknown_since=since)
    if rule.no_data == "keep" or now < since + rule.no_data_for:
        return Step(waiting, "unknown")
    if rule.no_data == "ok":
        return Step(State(unknown_since=since), "no_data_ok")
    return Step(replace(waiting, stopped=True), "no_data_alert")


def due(rule: Rule, state: State) -> float | None:
    """When the state changes by itself, nothing else happening."""
    if state.unknown_since is not None:
        over = state.unknown_since + rule.no_data_for
        return None if rule.no_data == "keep" or state.stopped else over
    if state.phase == "pending":
        return state.since + rule.wait
    if state.phase == "firing" and state.false_since is not None:
        return state.false_since + rule.keep_firing_for
    return None
