"""Evaluates the rules over the signals, and tells which alerts began and ended.

Samples that came late, or all at once after a restart, are evaluated as if they had come in time: the rules are run
again from the oldest new sample on, so that `for` counts from when a rule became true and not from when this was read.

All label sets of a rule are judged at once (`judging`): Python looks at those that change, and at no others.
A rule with `for: 0` is looked at as soon as there is news of what it reads, so that it fires within a moment; whatever
else there is to say waits for the interval.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from alerting import durations
from alerting.alerts import Alert, Labels, label_set, worst
from alerting.judging import MOST_ALERTS, Cache, Judge, signal_names
from alerting.rules import Rule, State
from alerting.signals import Signals

_MAX_PASSES, _MIN_PASSES = 240, 8
_SAMPLES_AGAIN = 50_000_000
"""So many samples a rule is judged over again when some come late: by fewer passes where there are many."""
_GLANCE_S = 0.1
"""So far apart, at least, are two looks at the rules with `for: 0`."""
_SAMPLES_PER_S = 2e7
"""So many samples a second are looked at for them, at most: a quarter to a third of what one core can."""
STOPPED = "DataStopped"
FAILING = "RuleEvaluationFailed"
LAGGING = "EvaluatorLagging"
"""Alert: rules were not looked at in time; whatever they say comes late."""
LAG_S = 15.0
"""So much later than it was due, and later by as much as the interval, an evaluation lags."""
LAG_KEPT_S = 300.0
"""So long after the last one that lagged, all is well again."""
KEPT_BEYOND_S = 60.0
"""So much longer than they can settle a state samples are kept, for evaluations that come late."""

Key = tuple[str, Labels]


class Evaluator:
    """Keeps the state of each rule for each label set."""

    def __init__(self, ruleset: Iterable[Rule], signals: Signals, interval: float) -> None:
        self._signals = signals
        self._judges: dict[str, Judge] = {}
        self._moves: float | None = None
        self._active: dict[Labels, Alert] = {}
        self._special: set[Labels] = set()
        self._left: list[Labels] = []
        self._evaluated: float | None = None
        self._glanced: float | None = None
        self._lagged: tuple[float, float] | None = None
        self.reconfigure(ruleset, interval)

    def reconfigure(self, ruleset: Iterable[Rule], interval: float) -> None:
        """Take other rules: one that keeps its name and its label sets keeps its state, others begin anew."""
        old, self._judges = self._judges, {}
        for rule in ruleset:
            known = old.get(rule.name)
            if known is not None and known.rule.by == rule.by:
                known.reconfigure(rule)
                self._judges[rule.name] = old.pop(rule.name)
            else:
                self._judges[rule.name] = Judge(rule, self._signals)
        self._left += [labels for judge in old.values() for labels in judge.alerts()]
        self._interval = interval
        horizons: dict[str, float] = {}
        rules = [judge.rule for judge in self._judges.values()]
        for judge in self._judges.values():
            for signal in judge.reads:
                needed = judge.rule.lookback + KEPT_BEYOND_S
                horizons[signal.name] = max(needed, horizons.get(signal.name, 0.0))
        self._signals.keep(horizons)
        self._quick = {name: judge for name, judge in self._judges.items() if not judge.rule.wait}
        self._looked_for = {signal.name for judge in self._quick.values() for signal in judge.reads}
        silent = [rule.severity for rule in rules if rule.no_data == "alert"]
        self._stopped_severity = worst(*silent) if silent else "P3"

    @property
    def states(self) -> Mapping[Key, State]:
        """Where each rule stands, by rule and label set."""
        return {(name, key): state for name, judge in self._judges.items() for key, state in judge}

    @property
    def active(self) -> Iterable[Alert]:
        """The alerts that fire."""
        return self._active.values()

    def due(self, now: float) -> float:
        """When to look at the rules next."""
        return min(self._turn(now), self._glance(now))

    def look(self, now: float) -> list[Alert]:
        """Do what is due: evaluate every rule, or see whether one with `for: 0` begins to fire."""
        if self._turn(now) <= now:
            return self.evaluate(now)
        if self._glance(now) > now:
            return []
        names = self._signals.fresh & self._looked_for
        self._signals.fresh.clear()
        touched = [one for one in self._quick.values() if any(signal.name in names for signal in one.reads)]
        cache: Cache = {}
        for judge in touched:
            judge.advance(now, cache, begin=True)
        self._rest(now, sum(self._signals.samples(signal.name) for one in touched for signal in one.reads))
        return self._changes(now, [one for one in touched if one.clash() is None], special=None)

    def evaluate(self, now: float) -> list[Alert]:
        """Run every rule at `now`; returns the alerts that began or ended, and those that changed hands between."""
        self._signals.forget(now)
        late = now - self._turn(now)
        if self._judges and late > max(LAG_S, self._interval):
            self._lagged = now, late
        elif self._lagged is not None and now >= self._lagged[0] + LAG_KEPT_S:
            self._lagged = None
        self._catch_up(now)
        cache: Cache = {}
        for judge in self._judges.values():
            judge.advance(now, cache)
        self._evaluated = now
        self._signals.fresh.clear()
        self._rest(now, 0)
        moves = (judge.due(now) for judge in self._judges.values())
        self._moves = min((move for move in moves if move is not None), default=None)
        failing = {name: clash for name, one in self._judges.items() if (clash := one.clash()) is not None}
        steady = [one for name, one in self._judges.items() if name not in failing]
        return self._changes(now, steady, special=self._of_itself(now, failing))

    def restore(self, alert: Alert) -> Alert | None:
        """Take back an alert that fires, after a restart; None when no rule of ours made it."""
        labels = dict(alert.labels)
        judge = self._judges.get(labels.get("alertname", ""))
        if judge is None:
            if labels.get("alertname") not in {STOPPED, FAILING, LAGGING}:
                return None
            self._active[alert.labels] = alert
            self._special.add(alert.labels)
            return alert
        alert = replace(alert, signals=signal_names(judge.rule))
        key = label_set({name: value for name, value in labels.items() if name not in judge.own})
        since = alert.starts_at - judge.rule.wait
        judge.restore(key, since, alert.starts_at, alert.labels)
        self._active[alert.labels] = alert
        return alert

    def _turn(self, now: float) -> float:
        """When every rule is evaluated next."""
        if self._evaluated is None:
            return now
        following = self._evaluated + self._interval
        return following if self._moves is None else min(following, self._moves)

    def _glance(self, now: float) -> float:
        """When the rules with `for: 0` are looked at next."""
        if self._glanced is None or self._looked_for.isdisjoint(self._signals.fresh):
            return float("inf")
        return max(now, self._glanced)

    def _rest(self, now: float, samples: int) -> None:
        self._glanced = now + max(_GLANCE_S, samples / _SAMPLES_PER_S)

    def _catch_up(self, now: float) -> None:
        """Run the rules again from the oldest of their samples that came late."""
        news = self._signals.take_news()
        if self._evaluated is not None:
            news = {name: oldest for name, oldest in news.items() if oldest < self._evaluated - self._interval}
        passes: dict[float, list[tuple[Judge, set[Labels]]]] = {}
        for judge in self._judges.values():
            oldest = min((news[signal.name] for signal in judge.reads if signal.name in news), default=now)
            start = max(oldest, now - judge.rule.lookback)
            if start >= now:
                continue
            firing = judge.firing()
            judge.begin_anew(start)
            for instant in self._missed(judge, start, now):
                passes.setdefault(instant, []).append((judge, firing))
        for instant in sorted(passes):
            cache: Cache = {}
            for judge, firing in passes[instant]:
                judge.advance(instant, cache, skip=firing)

    def _missed(self, judge: Judge, start: float, now: float) -> list[float]:
        samples = 1 + sum(self._signals.samples(signal.name) for signal in judge.reads)
        passes = min(_MAX_PASSES, max(_MIN_PASSES, _SAMPLES_AGAIN // samples))
        step = max(self._interval, (now - start) / passes)
        return [start + index * step for index in range(int((now - start) / step) + 1) if start + index * step < now]

    def _of_itself(self, now: float, failing: Mapping[str, Labels]) -> dict[Labels, Alert]:
        """What there is to say of the evaluation, and of data that has stopped."""
        made: dict[Labels, Alert] = {}
        for judge in self._judges.values():
            for key in judge.stopped():
                labels = label_set({**dict(key), "alertname": STOPPED, "severity": self._stopped_severity})
                made[labels] = Alert(labels, now, {"title": "Data Stopped", "summary": "No data arrives any more"})
        if self._lagged is not None:
            labels = label_set({"alertname": LAGGING, "severity": "P2"})
            made[labels] = Alert(
                labels, now, {"summary": f"Rules were evaluated {durations.show(self._lagged[1])} late"}
            )
        for name in (name for name, judge in self._judges.items() if judge.crowded):
            labels = label_set({"alertname": FAILING, "rule": name, "severity": "P3", "reason": "too_many"})
            summary = f"Rule {name} holds for more than {MOST_ALERTS:,} label sets, of the others nobody is told"
            made[labels] = Alert(labels, now, {"summary": summary})
        for name, clash in failing.items():
            labels = label_set({"alertname": FAILING, "rule": name, "severity": "P3"})
            summary = f"Rule {name} gives the label set {dict(clash)} more than once: add to its `by`"
            made[labels] = Alert(labels, now, {"summary": summary})
        return made

    def _changes(
        self, now: float, looked_at: Iterable[Judge], special: Mapping[Labels, Alert] | None
    ) -> list[Alert]:  # fmt: skip
        """What began and what ended with these rules; what a rule that fails said before stands."""
        began: dict[Labels, Alert] = {}
        ended: list[Labels] = []
        for judge in looked_at:
            more, less = judge.changes(self._active)
            began |= more
            ended += less
        if special is not None:
            began |= {labels: self._active.get(labels) or alert for labels, alert in special.items()}
            ended += [*(self._special - special.keys()), *self._left]
            self._special, self._left = set(special), []
        over = [self._active[labels] for labels in dict.fromkeys(ended) if labels in self._active]
        over = [alert for alert in over if alert.labels not in began]
        new = [alert for labels, alert in began.items() if labels not in self._active]
        for alert in over:
            del self._active[alert.labels]
        self._active |= began
        return [*new, *(_ended(alert, now) for alert in over)]


def _ended(alert: Alert, now: float) -> Alert:
    return Alert(alert.labels, alert.starts_at, alert.annotations, now, None, alert.signals)
