"""Signals: what rules read, computed from events and results in event time, per label set, over sliding windows.

| signal | from | value |
|---|---|---|
| `cpu_percent`, `memory_percent`, `disk_percent`, any metric by its name | metric events | mean over the window |
| `queue_lag` | metric events | sum over the series of each one's latest value in the window |
| `data_loss`, `data_corruption`, any fault by its name | fault events | how many in the window; 0 without any |
| `log_errors` | log events of level error or critical | how many in the window; 0 without any |
| `test_pass_rate` | test runs | passed / (passed + failed) over the window; skipped tests do not count |
| `instances_up_ratio` | heartbeats | instances whose last beat is younger than its `ttl_s` / instances known |
| `error_rate` | results | (failed + expired) / (succeeded + failed + expired) |
| `workflow_success_rate` | results of the agent `workflow` | succeeded / (succeeded + failed + expired) |
| `execution_time_mean`, `execution_time_p99` | results that were computed, not cached | `run_s` in seconds |

*Rejected* is the client's mistake and *cancelled* its wish: neither says anything about the service, neither counts
in a rate. Rates are fractions (0.05 is 5 %). Grouped `by` or narrowed to an error `code`, `error_rate` is the share of
that code in all results of the other labels. A signal of results takes metric events of its name where there are no
results.

Events carry their own labels, `source`, and `instance` (the source unless they say otherwise); results carry `agent`,
`task`, `code`, `worker`, `lane` and the request's labels. An instance without a beat for a day is forgotten.
"""

import math
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from alerting import instants
from alerting.alerts import Labels, label_set
from alerting.answers import LABEL_LIMIT, Answer
from alerting.expressions import Signal
from alerting.matchers import Matcher, all_match
from alerting.samples import Series, Tallies, Tally
from streams.contracts import OpsEvent

ERRORS = frozenset({"failed", "expired"})
ANSWERED = ERRORS | {"succeeded"}
_COMPUTED = frozenset({"succeeded", "failed"})
COUNTS = frozenset({"data_loss", "data_corruption", "log_errors"})
OF_RESULTS = frozenset({"error_rate", "workflow_success_rate", "execution_time_mean", "execution_time_p99"})
"""Signals that are computed from results."""
RATIO_MIN_COUNT = 10
"""Fewer results than this make no rate, unless the rule says how many do."""
DEFAULT_TTL_S = 60.0

_HEARTBEAT_KEPT_S = 86_400.0
_MAX_SERIES = 20_000
_MAX_SOURCES = 20_000
_ALWAYS = frozenset({"agent", "status"})
_OF_ANSWERS = frozenset({"agent", "status", "task", "code", "worker", "lane"})
_OUTCOME = frozenset({"code", "status"})

By = tuple[str, ...] | None
Readings = dict[Labels, float | None]


class Failure(NamedTuple):
    """A request that failed, to be linked to an incident."""

    instant: float
    labels: Labels
    id: str
    code: str


@lru_cache(maxsize=65_536)
def _project(labels: Labels, by: By) -> Labels:
    if by is None:
        mapping = dict(labels)
        return tuple(pair for pair in labels if pair[0] != "instance" or pair[1] != mapping.get("source"))
    return tuple(pair for pair in labels if pair[0] in by)


class Signals:
    """Takes events and results, and tells the signals at any instant within `retention`.

    Of results it keeps apart `agent`, `status` and the `labels` it is told: what the rules look at.
    """

    def __init__(
        self, retention: float, labels: Iterable[str] = (), *, lateness: float = 30.0, width: float = 1.0
    ) -> None:
        self._lateness = lateness
        self._width = width
        self._tallies: dict[tuple[object, ...], Tallies] = {}
        self.reconfigure(retention, labels)
        self._events: dict[tuple[str, str], dict[Labels, Series]] = defaultdict(dict)
        self._results: dict[Labels, Tallies] = {}
        self._newest: dict[str, float] = {}
        self._oldest_new: float | None = None
        self._failures: deque[Failure] = deque(maxlen=1000)
        self.dropped: Counter[str] = Counter()
        """What was not taken: `late`, `old`, `future`, `invalid`, `too_many`."""

    def reconfigure(self, retention: float, labels: Iterable[str]) -> None:
        """Keep as much as other rules need, and what they look at, from now on."""
        self._retention = retention
        self._result_labels = _ALWAYS | frozenset(labels)
        self._extra = sorted(self._result_labels - _OF_ANSWERS)
        self._tallies.clear()

    def add_event(self, event: OpsEvent, now: float) -> None:
        """Take an event; one that is dropped is counted."""
        samples = list(_samples(event))
        if not samples or any(not math.isfinite(value) for _, _, value in samples):
            if event.kind != "deploy" and not (event.kind == "log" and event.level):
                self.dropped["invalid"] += 1
            return
        kept = max(self._retention, _HEARTBEAT_KEPT_S) if event.kind == "heartbeat" else None
        instant = self._accept(event.time, f"event {event.source}", now, kept)
        if instant is None:
            return
        labels = label_set({"instance": event.source, "source": event.source, **event.labels})
        for kind, name, value in samples:
            series = self._events[kind, name]
            if labels not in series:
                if len(series) >= _MAX_SERIES:
                    self.dropped["too_many"] += 1
                    return
                series[labels] = Series()
            series[labels].add(instant, value)

    def add_results(self, answers: Iterable[Answer], now: float) -> None:
        """Take results; those that are dropped are counted."""
        extra = self._extra
        for answer in answers:
            provenance = answer.provenance
            instant = self._accept(answer.completed_at, provenance.worker, now)
            if instant is None:
                continue
            # the labels are put together once for each combination, not for each result
            own = tuple([answer.labels.get(name, "")[:LABEL_LIMIT] for name in extra]) if extra else None
            key = (
                answer.agent, answer.status, answer.task, answer.error and answer.error.code, provenance.worker,
                provenance.lane, own,
            )  # fmt: skip
            tallies = self._tallies.get(key) or self._tallies_of(key, answer)
            if tallies is None:
                continue
            status = answer.status
            timed = (status in _COMPUTED) and not provenance.cached
            tallies.add(instant, provenance.run_s if timed else None)
            if status in ERRORS:
                code = answer.error.code if answer.error else ""
                self._failures.append(Failure(instant, label_set(answer.all_labels()), answer.id, code))

    def _tallies_of(self, key: tuple[object, ...], answer: Answer) -> Tallies | None:
        own = self._result_labels
        labels = label_set({name: value for name, value in answer.all_labels().items() if name in own})
        if labels not in self._results:
            if len(self._results) >= _MAX_SERIES:
                self.dropped["too_many"] += 1
                return None
            self._results[labels] = Tallies(self._width)
        if len(self._tallies) >= _MAX_SERIES:
            self._tallies.clear()
        self._tallies[key] = self._results[labels]
        return self._results[labels]

    def take_oldest(self) -> float | None:
        """Event time of the oldest sample that came since the last call."""
        oldest, self._oldest_new = self._oldest_new, None
        return oldest

    def failures(self, labels: Mapping[str, str], since: float, limit: int = 20) -> list[Failure]:
        """The latest failed requests whose labels do not contradict `labels`."""
        found = []
        for failure in reversed(self._failures):
            own = dict(failure.labels)
            if failure.instant >= since and all(labels.get(name, value) == value for name, value in own.items()):
                found.append(failure)
                if len(found) == limit:
                    break
        return found

    def default(self, signal: Signal) -> float | None:
        """The value for a label set that has no samples: nothing counted is 0, anything else is unknown."""
        return 0.0 if signal.name in COUNTS or ("fault", signal.name) in self._events else None

    def read(self, signal: Signal, by: By, window: float, now: float, min_count: int | None = None) -> Readings:
        """The signal of every group of label sets at `now`, over (now - window, now]; None is unknown."""
        reader = _READERS.get(signal.name)
        if reader is not None:
            return reader(self, signal, by, (now - window, now), min_count)
        if ("fault", signal.name) in self._events:
            return self._count("fault", signal, by, (now - window, now))
        return self._mean(signal, by, (now - window, now), min_count)

    def forget(self, now: float) -> None:
        """Drop what no window can reach any more."""
        for (kind, name), family in list(self._events.items()):
            kept = max(self._retention, _HEARTBEAT_KEPT_S) if kind == "heartbeat" else self._retention
            for labels, series in list(family.items()):
                series.forget(now - kept)
                if not series:
                    del family[labels]
            if not family and kind != "fault":
                del self._events[kind, name]
        for labels, tallies in list(self._results.items()):
            tallies.forget(now - self._retention)
            if not tallies:
                del self._results[labels]
                self._tallies.clear()
        self._newest = {source: t for source, t in self._newest.items() if t > now - self._retention}

    def _accept(self, time: str, source: str, now: float, kept: float | None = None) -> float | None:
        try:
            instant = instants.parse(time)
        except ValueError:
            self.dropped["invalid"] += 1
            return None
        newest = self._newest.get(source, -math.inf)
        reason = None
        if instant > now + self._lateness:
            reason = "future"
        elif instant < now - (self._retention if kept is None else kept):
            reason = "old"
        elif instant < newest - self._lateness:
            reason = "late"
        if reason is not None:
            self.dropped[reason] += 1
            return None
        if source in self._newest or len(self._newest) < _MAX_SOURCES:
            self._newest[source] = max(newest, min(instant, now))
        self._oldest_new = instant if self._oldest_new is None else min(self._oldest_new, instant)
        return instant

    def _series(self, kind: str, signal: Signal, by: By, name: str | None = None) -> Iterator[tuple[Labels, Series]]:
        for labels, series in self._events.get((kind, name or signal.name), {}).items():
            if all_match(signal.matchers, dict(labels)):
                yield _project(labels, by), series

    def _mean(self, signal: Signal, by: By, span: tuple[float, float], min_count: int | None) -> Readings:
        found: dict[Labels, list[float]] = defaultdict(list)
        for key, series in self._series("metric", signal, by):
            found[key] += series.between(*span)
        enough = max(1, min_count or 1)
        return {key: math.fsum(got) / len(got) if len(got) >= enough else None for key, got in found.items()}

    def _latest_sum(self, signal: Signal, by: By, span: tuple[float, float], _: int | None) -> Readings:
        found: Readings = {}
        for key, series in self._series("metric", signal, by):
            latest = series.latest(span[1])
            if latest is not None and latest[0] > span[0]:
                found[key] = (found.get(key) or 0.0) + latest[1]
            else:
                found.setdefault(key, None)
        return found

    def _count(self, kind: str, signal: Signal, by: By, span: tuple[float, float]) -> Readings:
        found: dict[Labels, float] = {(): 0.0} if by == () else {}
        for key, series in self._series(kind, signal, by):
            found[key] = found.get(key, 0.0) + math.fsum(series.between(*span))
        return dict(found.items())

    def _tests(self, signal: Signal, by: By, span: tuple[float, float], min_count: int | None) -> Readings:
        passed = self._count("tests", Signal("passed", signal.matchers), by, span)
        failed = self._count("tests", Signal("failed", signal.matchers), by, span)
        made: Readings = self._mean(signal, by, span, min_count)
        for key in passed.keys() | failed.keys():
            good = passed.get(key) or 0.0
            total = good + (failed.get(key) or 0.0)
            made[key] = good / total if total >= max(1, min_count or 1) else made.get(key)
        return made

    def _up(self, signal: Signal, by: By, span: tuple[float, float], _: int | None) -> Readings:
        up: Counter[Labels] = Counter()
        known: Counter[Labels] = Counter()
        for key, series in self._series("heartbeat", signal, by, name="heartbeat"):
            beat = series.latest(span[1])
            if beat is not None:
                known[key] += 1
                up[key] += span[1] < beat[0] + beat[1]
        return {key: up[key] / count for key, count in known.items()}

    def _tally(
        self, signal: Signal, by: By, span: tuple[float, float], statuses: frozenset[str], *, bins: bool = False
    ) -> dict[Labels, Tally]:
        found: dict[Labels, Tally] = defaultdict(Tally)
        for labels, tallies in self._results.items():
            mapping = dict(labels)
            if mapping.get("status") in statuses and all_match(signal.matchers, mapping):
                tally = tallies.between(*span, bins=bins)
                if tally.count:
                    found[_project(labels, by or ())].merge(tally, bins=bins)
        return found

    def _error_rate(self, signal: Signal, by: By, span: tuple[float, float], min_count: int | None) -> Readings:
        base = tuple(name for name in by or () if name not in _OUTCOME)
        wide = Signal(signal.name, tuple(one for one in signal.matchers if one.name not in _OUTCOME))
        totals = {key: tally.count for key, tally in self._tally(wide, base, span, ANSWERED).items()}
        errors = {key: tally.count for key, tally in self._tally(signal, by, span, ERRORS).items()}
        enough = RATIO_MIN_COUNT if min_count is None else max(1, min_count)
        made = self._mean(signal, by, span, None)
        keys = errors.keys() if set(by or ()) & _OUTCOME else totals.keys()
        for key in keys:
            total = totals[_project(key, base)]
            made[key] = errors.get(key, 0) / total if total >= enough else made.get(key)
        return made

    def _workflows(self, signal: Signal, by: By, span: tuple[float, float], min_count: int | None) -> Readings:
        of_workflows = Signal(signal.name, (*signal.matchers, _WORKFLOW))
        rates = self._error_rate(of_workflows, by, span, min_count)
        missed = {key: None if rate is None else 1.0 - rate for key, rate in rates.items()}
        return self._mean(signal, by, span, None) | missed

    def _times(
        self, signal: Signal, by: By, span: tuple[float, float], min_count: int | None, share: float | None
    ) -> Readings:
        made = self._mean(signal, by, span, min_count)
        for key, tally in self._tally(signal, by, span, _COMPUTED, bins=share is not None).items():
            if tally.timed >= max(1, min_count or 1):
                made[key] = tally.seconds / tally.timed if share is None else tally.quantile(share)
            else:
                made.setdefault(key, None)
        return made


def _samples(event: OpsEvent) -> Iterator[tuple[str, str, float]]:
    match event.kind:
        case "metric":
            if event.name and event.value is not None:
                yield "metric", event.name, float(event.value)
        case "fault":
            if event.what:
                yield "fault", event.what, 1.0
        case "heartbeat":
            yield "heartbeat", "heartbeat", DEFAULT_TTL_S if event.ttl_s is None else event.ttl_s
        case "test_run":
            yield "tests", "passed", float(event.passed or 0)
            yield "tests", "failed", float(event.failed or 0)
        case "log":
            if (event.level or "").lower() in {"error", "critical", "fatal"}:
                yield "log", "log_errors", 1.0
        case "deploy":
            return


_WORKFLOW = Matcher("agent", "=", "workflow")
_Span = tuple[float, float]
_READERS: dict[str, Callable[[Signals, Signal, By, _Span, int | None], Readings]] = {
    "queue_lag": Signals._latest_sum,  # noqa: SLF001 - this module's own table
    "data_loss": lambda own, signal, by, span, _: own._count("fault", signal, by, span),  # noqa: SLF001
    "data_corruption": lambda own, signal, by, span, _: own._count("fault", signal, by, span),  # noqa: SLF001
    "log_errors": lambda own, signal, by, span, _: own._count("log", signal, by, span),  # noqa: SLF001
    "test_pass_rate": Signals._tests,  # noqa: SLF001
    "instances_up_ratio": Signals._up,  # noqa: SLF001
    "error_rate": Signals._error_rate,  # noqa: SLF001
    "workflow_success_rate": Signals._workflows,  # noqa: SLF001
    "execution_time_mean": lambda own, signal, by, span, least: own._times(signal, by, span, least, None),  # noqa: SLF001
    "execution_time_p99": lambda own, signal, by, span, least: own._times(signal, by, span, least, 0.99),  # noqa: SLF001
}
