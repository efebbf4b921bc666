"""Evaluates the rules over the signals, and tells which alerts began and ended.

Samples that came late, or all at once after a restart, are evaluated as if they had come in time: the rules are run
again from the oldest new sample on, so that `for` counts from when a rule became true and not from when this was read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from alerting import durations, rules
from alerting.alerts import Alert, Labels, label_set, worst
from alerting.expressions import Signal
from alerting.rules import Rule, State
from alerting.signals import Readings, Signals
from alerting.text import Template

_MAX_PASSES = 240
STOPPED = "DataStopped"
FAILING = "RuleEvaluationFailed"
LAGGING = "EvaluatorLagging"
"""Alert: rules were not looked at in time; whatever they say comes late."""
LAG_S = 15.0
"""So much later than it was due, and later by as much as the interval, an evaluation lags."""
LAG_KEPT_S = 300.0
"""So long after the last one that lagged, all is well again."""

Key = tuple[str, Labels]
_INACTIVE = State()


class Evaluator:
    """Keeps the state of each rule for each label set."""

    def __init__(self, ruleset: Iterable[Rule], signals: Signals, interval: float) -> None:
        self._rules: dict[str, Rule] = {}
        self._signals = signals
        self._states: dict[str, dict[Labels, State]] = {}
        self._moves: float | None = None
        self._active: dict[Labels, Alert] = {}
        self._evaluated: float | None = None
        self._lagged: tuple[float, float] | None = None
        self.reconfigure(ruleset, interval)

    def reconfigure(self, ruleset: Iterable[Rule], interval: float) -> None:
        """Take other rules: one that keeps its name and its label sets keeps its state, others begin anew."""
        old, self._rules = self._rules, {rule.name: rule for rule in ruleset}
        kept = {name for name, rule in self._rules.items() if name in old and old[name].by == rule.by}
        self._states = {name: self._states.get(name, {}) if name in kept else {} for name in self._rules}
        self._interval = interval
        self._lookback = max((rule.lookback for rule in self._rules.values()), default=0.0)
        silent = [rule.severity for rule in self._rules.values() if rule.no_data == "alert"]
        self._stopped_severity = worst(*silent) if silent else "P3"

    @property
    def states(self) -> Mapping[Key, State]:
        """Where each rule stands, by rule and label set."""
        return {(name, key): state for name, states in self._states.items() for key, state in states.items()}

    @property
    def active(self) -> Iterable[Alert]:
        """The alerts that fire."""
        return self._active.values()

    def due(self, now: float) -> float:
        """When to evaluate next."""
        if self._evaluated is None:
            return now
        following = self._evaluated + self._interval
        return following if self._moves is None else min(following, self._moves)

    def evaluate(self, now: float) -> list[Alert]:
        """Run every rule at `now`; returns the alerts that began or ended, and those that changed hands between."""
        self._signals.forget(now)
        late = now - self.due(now)
        if self._rules and late > max(LAG_S, self._interval):
            self._lagged = now, late
        elif self._lagged is not None and now >= self._lagged[0] + LAG_KEPT_S:
            self._lagged = None
        firing = {key for key, state in self.states.items() if state.phase == "firing"}
        for instant in self._missed(now):
            self._pass(instant, skip=firing)
        failing = self._pass(now)
        self._evaluated = now
        moves = (rules.due(self._rules[name], one) for name, states in self._states.items() for one in states.values())
        self._moves = min((move for move in moves if move is not None and move > now), default=None)
        return self._changes(now, failing)

    def restore(self, alert: Alert) -> Alert | None:
        """Take back an alert that fires, after a restart; None when no rule of ours made it."""
        labels = dict(alert.labels)
        rule = self._rules.get(labels.get("alertname", ""))
        if rule is None:
            if labels.get("alertname") not in {STOPPED, FAILING, LAGGING}:
                return None
            self._active[alert.labels] = alert
            return alert
        own = _own(rule).keys()
        alert = replace(alert, signals=_signals(rule))
        key = label_set({name: value for name, value in labels.items() if name not in own})
        since = alert.starts_at - rule.wait
        self._states[rule.name][key] = State("firing", since=since, fired_at=alert.starts_at)
        self._active[alert.labels] = alert
        return alert

    def _missed(self, now: float) -> list[float]:
        oldest = self._signals.take_oldest()
        if oldest is None or (self._evaluated is not None and oldest >= self._evaluated - self._interval):
            return []
        start = max(oldest, now - self._lookback)
        for states in self._states.values():
            for key in [key for key, state in states.items() if state.phase == "pending" and state.since > start]:
                del states[key]
        step = max(self._interval, (now - start) / _MAX_PASSES)
        return [start + index * step for index in range(int((now - start) / step) + 1) if start + index * step < now]

    def _pass(self, now: float, skip: Iterable[Key] = ()) -> dict[str, Labels]:
        skipped = set(skip)
        failing: dict[str, Labels] = {}
        for rule in self._rules.values():
            made: dict[Labels, Labels] = {}
            for labels, step in self._judge(rule, now):
                key = (rule.name, labels)
                if key in skipped:
                    continue
                if step.phase == "firing":
                    full = _labels(rule, labels, step.value)
                    if full in made:
                        failing[rule.name] = full
                    made[full] = labels
                if step == _INACTIVE or (step.phase == "inactive" and rule.no_data != "alert"):
                    self._states[rule.name].pop(labels, None)
                else:
                    self._states[rule.name][labels] = step
        return failing

    def _judge(self, rule: Rule, now: float) -> list[tuple[Labels, State]]:
        signals = rule.expr.signals if rule.clear is None else (*rule.expr.signals, *rule.clear.signals)
        defaults = {signal: self._signals.default(signal) for signal in signals}
        readings: dict[Signal, Readings] = {
            signal: self._signals.read(signal, rule.by, rule.window, now, rule.min_count) for signal in signals
        }
        known = set(self._states[rule.name])
        if not signals:  # a comparison of numbers, such as a watchdog's
            known.add(())
        judged = []
        for labels in sorted(known.union(*readings.values())):

            def lookup(signal: Signal, labels: Labels = labels) -> float | None:
                return readings[signal].get(labels, defaults[signal])

            verdict = rule.expr.evaluate(lookup)
            clear = None if rule.clear is None else rule.clear.evaluate(lookup).truth
            state = self._states[rule.name].get(labels, _INACTIVE)
            step = rules.advance(rule, state, verdict.truth, now, clear=clear, value=verdict.value)
            judged.append((labels, step.state))
        return judged

    def _changes(self, now: float, failing: Mapping[str, Labels]) -> list[Alert]:
        current: dict[Labels, Alert] = {}
        for (name, key), state in self.states.items():
            rule = self._rules[name]
            if state.phase == "firing" and name not in failing:
                labels = self._known(rule, key, state)
                current[labels] = self._active.get(labels) or _alert(rule, labels, state)
            if state.stopped:
                labels = label_set({**dict(key), "alertname": STOPPED, "severity": self._stopped_severity})
                current[labels] = self._active.get(labels) or Alert(
                    labels, now, {"title": "Data Stopped", "summary": "No data arrives any more"}
                )
        if self._lagged is not None:
            labels = label_set({"alertname": LAGGING, "severity": "P2"})
            summary = f"Rules were evaluated {durations.show(self._lagged[1])} late"
            current[labels] = self._active.get(labels) or Alert(labels, now, {"summary": summary})
        for name, clash in failing.items():
            labels = label_set({"alertname": FAILING, "rule": name, "severity": "P3"})
            summary = f"Rule {name} gives the label set {dict(clash)} more than once: add to its `by`"
            current[labels] = self._active.get(labels) or Alert(labels, now, {"summary": summary})
            # what the rule said before stands until it can be read again
            current |= {kept: alert for kept, alert in self._active.items() if dict(kept).get("alertname") == name}
        began = [alert for labels, alert in current.items() if labels not in self._active]
        ended = [_ended(alert, now) for labels, alert in self._active.items() if labels not in current]
        self._active = current
        return began + ended

    def _known(self, rule: Rule, key: Labels, state: State) -> Labels:
        """Labels of a firing alert: fixed when it began, whatever the value is now."""
        for labels, alert in self._active.items():
            mapping = dict(labels)
            if mapping.get("alertname") == rule.name and alert.starts_at == state.fired_at and set(key) <= set(labels):
                return labels
        return _labels(rule, key, state.value)


def _ended(alert: Alert, now: float) -> Alert:
    return Alert(alert.labels, alert.starts_at, alert.annotations, now, None, alert.signals)


def _labels(rule: Rule, key: Labels, value: float | None) -> Labels:
    own = {name: template.render(dict(key), value) for name, template in _own(rule).items()}
    return label_set(dict(key) | own)


def _own(rule: Rule) -> dict[str, Template]:
    """The labels that a rule gives its alerts."""
    lost = {"data_loss": Template("true")} if "data_loss" in _signals(rule) else {}
    return {**lost, "severity": Template(rule.severity), **rule.labels, "alertname": Template(rule.name)}


def _signals(rule: Rule) -> frozenset[str]:
    return frozenset(signal.name for signal in rule.expr.signals)


def _alert(rule: Rule, labels: Labels, state: State) -> Alert:
    annotations = {name: template.render(dict(labels), state.value) for name, template in rule.annotations.items()}
    return Alert(
        labels,
        state.fired_at,
        {name: text for name, text in annotations.items() if text},
        signals=_signals(rule),
    )
