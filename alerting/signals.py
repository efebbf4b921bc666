"""Signals: what rules read, computed from events and results in event time, per label set, over sliding windows.

| signal | from | value |
|---|---|---|
| `cpu_percent`, `memory_percent`, `disk_percent`, any metric by its name | metric events | mean over the window |
| `queue_lag` | metric events (of `sci-agents collect`: records, by `topic`) | sum of the series, each one's latest |
| `dlq_rate` | metric events (of `sci-agents collect`) | letters a second, mean over the window |
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

Whatever is kept of them lies in columns (`families`), and a signal is read for all its groups at once (`reader`).
"""

import hashlib
import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from alerting import instants
from alerting.alerts import Labels, label_set
from alerting.answers import LABEL_LIMIT, Answer
from alerting.expressions import Signal
from alerting.families import By, Families, Family, Kind
from alerting.index import Index
from alerting.reader import COMPUTED, ERRORS, OF_RESULTS, Reader
from alerting.readings import Reading
from streams.contracts import OpsEvent

DEFAULT_TTL_S = 60.0

_HEARTBEAT_KEPT_S = 86_400.0
_UNREAD_KEPT_S = 300.0
"""So long what no rule reads is kept, for a rule that is loaded later."""
_MAX_SOURCES = 300_000
_LONG = 200
"""A source whose name is longer is known by a hash of it."""
_MAX_KEYS = 20_000
_ALWAYS = frozenset({"agent", "status"})
_OF_ANSWERS = frozenset({"agent", "status", "task", "code", "worker", "lane"})
_HUGE = 1e308
"""A value beyond is none."""
_ERROR_LEVELS = frozenset({"error", "critical", "fatal"})

Readings = dict[Labels, float | None]


class Failure(NamedTuple):
    """A request that failed, to be linked to an incident."""

    instant: float
    labels: Labels
    id: str
    code: str


class Heard:
    """Until when each source was heard, in event time."""

    __slots__ = ("moved", "newest")

    def __init__(self) -> None:
        self.newest: dict[str, float] = {}
        self.moved: dict[str, float] | None = None
        """Those that were heard since somebody put an empty table here, if anybody has."""

    def put(self, source: str, at: float) -> None:
        """Take note of it."""
        self.newest[source] = at
        if self.moved is not None:
            self.moved[source] = at

    def forget(self, before: float) -> None:
        """Forget sources that were silent since then."""
        if min(self.newest.values(), default=math.inf) <= before:
            self.newest = {source: at for source, at in self.newest.items() if at > before}
        if self.moved is not None and len(self.moved) > _MAX_SOURCES:  # of which no snapshot wants to know
            self.moved = {source: at for source, at in self.moved.items() if at > before}


class Signals:
    """Takes events and results, and tells the signals at any instant within `retention`.

    Of results it keeps apart `agent`, `status` and the `labels` it is told: what the rules look at.
    """

    def __init__(
        self, retention: float, labels: Iterable[str] = (), *, lateness: float = 30.0, width: float = 1.0
    ) -> None:
        self._lateness = lateness
        self._rows: dict[tuple[object, ...], int] = {}
        self._horizons: Mapping[str, float] | None = None
        self._width = width
        self.reconfigure(retention, labels)
        self._begin()

    def _begin(self) -> None:
        self._rows.clear()
        self.kept = Families(self._width)
        self._events = self.kept.families
        self._answered = self.kept.answered
        self._reader = Reader(self.kept)
        self.sources, self.workers = Heard(), Heard()
        self._news: dict[str, float] = {}
        self.failed: deque[Failure] = deque(maxlen=1000)
        self.fresh: set[str] = set()
        """The signals that samples have come of since somebody cleared this."""
        self.dropped: Counter[str] = Counter()
        """What was not taken: `late`, `old`, `future`, `invalid`, `too_many`."""

    def reconfigure(self, retention: float, labels: Iterable[str]) -> None:
        """Keep as much as other rules need, and what they look at, from now on."""
        self.retention = retention
        self.beats_kept = max(retention, _HEARTBEAT_KEPT_S)
        self._result_labels = _ALWAYS | frozenset(labels)
        self._extra = sorted(self._result_labels - _OF_ANSWERS)
        self._rows.clear()

    def keep(self, horizons: Mapping[str, float]) -> None:
        """Say for how many seconds each signal is read; until then everything is kept for `retention`."""
        self._horizons = self.kept.read = horizons

    def begin_anew(self) -> None:
        """Forget everything that was taken."""
        self._begin()
        self.kept.read = self._horizons or ()

    def add_event(self, event: OpsEvent, now: float) -> None:
        """Take an event; one that is dropped is counted."""
        self.add_events((event,), now)

    def add_events(self, events: Iterable[OpsEvent], now: float) -> None:
        """Take events; those that are dropped are counted."""
        taken = 0
        touched: set[Family] = set()
        for event in events:
            samples = _samples(event)
            if not samples:
                if event.kind != "deploy" and not (event.kind == "log" and event.level):
                    self.dropped["invalid"] += 1
                continue
            kept = self.beats_kept if event.kind == "heartbeat" else self.retention
            source = event.source
            instant = self._accept(event.time, self.sources, source, now, kept)
            if instant is None:
                continue
            labels = label_set({"instance": source, "source": source, **event.labels})
            for kind, name, signal, value in samples:
                family = self._events.get((kind, name)) or self.kept.get(kind, name, signal)
                row = None if family is None else self.kept.number(family, labels)
                if family is None or row is None:
                    self.dropped["too_many"] += 1
                    break
                family.samples.add(row, instant, value)
                taken += 1
                touched.add(family)
                family.oldest = min(family.oldest, instant)
        for family in touched:
            self.tell(family.signal, family.oldest)
            family.oldest = math.inf
        self.make_room(taken)

    def add_results(self, answers: Iterable[Answer], now: float) -> None:
        """Take results; those that are dropped are counted."""
        extra, tallies = self._extra, self._answered.tallies
        taken, oldest = 0, math.inf
        for answer in answers:
            provenance = answer.provenance
            instant = self._accept(answer.completed_at, self.workers, provenance.worker, now, self.retention)
            if instant is None:
                continue
            # the labels are put together once for each combination, not for each result
            own = tuple([answer.labels.get(name, "")[:LABEL_LIMIT] for name in extra]) if extra else None
            key = (
                answer.agent, answer.status, answer.task, answer.error and answer.error.code, provenance.worker,
                provenance.lane, own,
            )  # fmt: skip
            row = self._rows.get(key)
            if row is None and (row := self._row_of(key, answer)) is None:
                continue
            status, run_s = answer.status, provenance.run_s
            timed = status in COMPUTED and not provenance.cached and math.isfinite(run_s)
            tallies.add(row, instant, run_s if timed else math.nan)
            taken += 1
            oldest = min(oldest, instant)
            if status in ERRORS:
                code = answer.error.code if answer.error else ""
                self.failed.append(Failure(instant, label_set(answer.all_labels()), answer.id, code))
        if taken:
            for name in OF_RESULTS:
                self.tell(name, oldest)
            self.make_room(taken)

    def _row_of(self, key: tuple[object, ...], answer: Answer) -> int | None:
        own = self._result_labels
        labels = label_set({name: value for name, value in answer.all_labels().items() if name in own})
        row = self.kept.number(self._answered, labels)
        if row is None:
            self.dropped["too_many"] += 1
            return None
        if len(self._rows) >= _MAX_KEYS:
            self._rows.clear()
        self._rows[key] = row
        return row

    def take_news(self) -> dict[str, float]:
        """Event time of the oldest sample of each signal that came since the last call."""
        news, self._news = self._news, {}
        return news

    def failures(self, labels: Mapping[str, str], since: float, limit: int = 20) -> list[Failure]:
        """The latest failed requests whose labels do not contradict `labels`."""
        found = []
        for failure in reversed(self.failed):
            own = dict(failure.labels)
            if failure.instant >= since and all(labels.get(name, value) == value for name, value in own.items()):
                found.append(failure)
                if len(found) == limit:
                    break
        return found

    def groups(self, by: By) -> Index:
        """The groups of all signals that are read `by` these labels."""
        return self._reader.groups(by)

    def default(self, signal: Signal) -> float | None:
        """The value for a label set that has no samples: nothing counted is 0, anything else is unknown."""
        return self._reader.default(signal)

    def read(self, signal: Signal, by: By, window: float, now: float, min_count: int | None = None) -> Readings:
        """The signal of every group of label sets at `now`, over (now - window, now]; None is unknown."""
        present, values = self.reading(signal, by, window, now, min_count)
        labels = self.groups(by).labels
        return {labels[at]: None if math.isnan(value := float(values[at])) else value for at in np.flatnonzero(present)}

    def reading(self, signal: Signal, by: By, window: float, now: float, min_count: int | None = None) -> Reading:
        """The same in columns, over `groups(by)` as they are then."""
        return self._reader.read(signal, by, (now - window, now), min_count)

    def samples(self, signal: str) -> int:
        """About how many samples a reading of a signal looks at, at most."""
        return self._reader.samples(signal)

    def forget(self, now: float) -> None:
        """Drop what no window can reach any more."""
        for (kind, name), family in list(self._events.items()):
            horizon = self.horizon(family.signal)
            if kind == "heartbeat":
                family.samples.thin(now - horizon)
                horizon = self.beats_kept
            family.forget(now - horizon)
            if not len(family.samples) and (kind != "fault" or not self._read(name)):
                del self._events[kind, name]
        if self._answered.forget(now - max(self.horizon(name) for name in OF_RESULTS)):
            self._rows.clear()
        for heard in (self.sources, self.workers):
            heard.forget(now - self.retention)
        self.kept.count()
        self._reader.shrink()

    def _read(self, signal: str) -> bool:
        return self._horizons is None or signal in self._horizons

    @property
    def result_labels(self) -> frozenset[str]:
        """What is kept apart of results."""
        return self._result_labels

    @property
    def horizons(self) -> Mapping[str, float]:
        """For how many seconds the signals that rules read are kept."""
        return {} if self._horizons is None else {name: self.horizon(name) for name in self._horizons}

    def horizon(self, signal: str) -> float:
        """For how many seconds the samples of a signal are kept."""
        if self._horizons is None:
            return self.retention
        return min(self.retention, self._horizons.get(signal, _UNREAD_KEPT_S))

    def tell(self, signal: str, oldest: float) -> None:
        """Say that there is news of a signal, and the event time of its oldest new sample."""
        self._news[signal] = min(oldest, self._news.get(signal, math.inf))
        self.fresh.add(signal)

    def make_room(self, taken: int) -> None:
        """Drop old samples for new ones where there are too many."""
        dropped = self.kept.took(taken)
        if dropped:
            self.dropped["too_many"] += dropped

    def _accept(self, time: str, heard: "Heard", source: str, now: float, kept: float) -> float | None:
        try:
            instant = instants.parse(time)
        except ValueError:
            self.dropped["invalid"] += 1
            return None
        if len(source) > _LONG:
            source = hashlib.sha256(source.encode(errors="surrogatepass")).hexdigest()
        newest = heard.newest.get(source)
        reason = None
        if instant > now + self._lateness:
            reason = "future"
        elif instant < now - kept:
            reason = "old"
        elif newest is not None and instant < newest - self._lateness:
            reason = "late"
        if reason is not None:
            self.dropped[reason] += 1
            return None
        if newest is None:
            if len(heard.newest) < _MAX_SOURCES:
                heard.put(source, min(instant, now))
        elif instant > newest:
            heard.put(source, max(newest, min(instant, now)))
        return instant


def _samples(event: OpsEvent) -> tuple[tuple[Kind, str, str, float], ...]:
    """What an event says: kind and name of the family, the signal, the value; nothing when it says nothing."""
    found: tuple[tuple[Kind, str, str, float], ...] = ()
    match event.kind:
        case "metric" if event.name and event.value is not None:
            found = (("metric", event.name, event.name, event.value),)
        case "fault" if event.what:
            found = (("fault", event.what, event.what, 1.0),)
        case "heartbeat":
            found = (("heartbeat", "heartbeat", "instances_up_ratio", _or(event.ttl_s, DEFAULT_TTL_S)),)
        case "test_run":
            passed, failed = _or(event.passed, 0), _or(event.failed, 0)
            found = (
                ("tests", "passed", "test_pass_rate", passed), ("tests", "failed", "test_pass_rate", failed)
            )  # fmt: skip
        case "log" if (event.level or "").lower() in _ERROR_LEVELS:
            found = (("log", "log_errors", "log_errors", 1.0),)
    return found if all(-_HUGE < value < _HUGE for *_, value in found) else ()


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
