"""Unit tests of rules, in promtool's shape: series in, alerts out, in virtual time.

```yaml
rule_files: [alerting.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series: [{series: 'cpu_percent{instance="host-1"}', values: "50x5 96x10 _x3"}]
    alert_rule_test:
      - {eval_time: 12m, alertname: CpuCritical, exp_alerts: [{exp_labels: {instance: host-1, severity: P2}}]}
```
A sample of a series is a metric event; of `data_loss`, `data_corruption` and `log_errors` so many faults or errors; of
`heartbeat` a beat whose `ttl_s` it is. `alertname` is left out of what is expected, as there, and so are the labels
`source` and `instance` of a series that names neither. Rules have no groups: `group_eval_order` changes nothing.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from alerting import documents, expressions, instants
from alerting.alerts import Alert, Labels, label_set
from alerting.config import Config
from alerting.documents import Document, Place
from alerting.evaluator import Evaluator
from alerting.expressions import Compare
from alerting.fitting import fitted
from alerting.reader import COUNTS
from alerting.signals import Signals
from alerting.values import Seconds, hook
from streams.contracts import OpsEvent

SAMPLES_LIMIT = 100_000
EVALUATIONS_LIMIT = 100_000
_EPOCH = 1_700_000_000.0
_SOURCE = "series"
_OURS = frozenset({"source", "instance"})
_COUNTS_LIMIT = 1000
_VALUES = re.compile(
    r"(?P<nothing>_)(?:x(?P<gaps>\d+))?|(?P<start>[-+]?[0-9.]+(?:e[-+]?\d+)?)"
    r"(?:(?P<step>[-+][0-9.]+(?:e[-+]?\d+)?)?x(?P<times>\d+))?"
)


class Section(msgspec.Struct, forbid_unknown_fields=True):
    """A mapping whose keys are known."""


class SeriesSection(Section, kw_only=True):
    """One of `input_series`."""

    series: str
    values: str


class ExpectedSection(Section):
    """One of `exp_alerts`."""

    exp_labels: dict[str, str] = {}
    exp_annotations: dict[str, str] = {}


class CheckSection(Section, kw_only=True):
    """One of `alert_rule_test`."""

    eval_time: Seconds
    alertname: str
    exp_alerts: list[ExpectedSection] = []


class TrialSection(Section):
    """One of `tests`."""

    name: str = ""
    interval: Seconds | None = None
    input_series: list[SeriesSection] = []
    alert_rule_test: list[CheckSection] = []
    promql_expr_test: list[Any] = []


class TrialsSection(Section):
    """A file of tests."""

    rule_files: list[str] = []
    evaluation_interval: Seconds = Seconds(60)
    group_eval_order: list[str] = []
    tests: list[TrialSection] = []


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one check went; `failure` says what was expected and what came."""

    test: str
    alertname: str
    at: float
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Trials:
    """A file of tests that was read."""

    document: Document
    section: TrialsSection

    def run(self, config: Config) -> Iterator[Outcome]:
        """Run every test against the rules of a configuration; raises `ConfigError` for series that cannot be read."""
        for index, one in enumerate(self.section.tests):
            yield from _run(self.document, self.section, one, index, config)


def load(path: str) -> Trials:
    """Read a file of tests; raises `ConfigError`."""
    document = fitted(documents.load(path), TrialsSection)
    section = documents.convert(document, TrialsSection, hook)
    for index, one in enumerate(section.tests):
        if one.promql_expr_test:
            raise document.error(
                ("tests", index, "promql_expr_test"), "PromQL is not spoken here", "leave it out, promtool runs it"
            )
    return Trials(document, section)


def values(text: str) -> list[float | None]:
    """Read the values of a series: `1 2`, `0x5` (six zeros), `1+2x3` (1 3 5 7), `_` and `_x3` for nothing.

    Raises:
        ValueError: it is no such list, or it is longer than 100,000 samples.

    """
    found: list[float | None] = []
    for word in text.split():
        if word == "stale":
            found.append(None)
            continue
        match = _VALUES.fullmatch(word)
        if match is None:
            raise ValueError(f"{word!r} is no value: write it like 1, 0x5, 1+2x3, _ or _x3")
        count = int((match["gaps"] if match["nothing"] else match["times"]) or 0)
        if len(found) + count > SAMPLES_LIMIT:
            raise ValueError(f"more than {SAMPLES_LIMIT:,} samples")
        if match["nothing"]:
            found += [None] * max(1, count)
        else:
            start, step = float(match["start"]), float(match["step"] or 0.0)
            found += [start + step * number for number in range(count + 1)]
    return found


def _run(
    document: Document, section: TrialsSection, trial: TrialSection, index: int, config: Config
) -> Iterator[Outcome]:
    """Feed the samples as time goes by, evaluate at each interval, look at each time that is asked for."""
    name = trial.name or f"test {index + 1}"
    every = section.evaluation_interval
    checks = deque(sorted(trial.alert_rule_test, key=lambda one: one.eval_time))
    end = max((one.eval_time for one in checks), default=0.0)
    if every <= 0 or end / every > EVALUATIONS_LIMIT:
        raise document.error(("tests", index), f"more than {EVALUATIONS_LIMIT:,} evaluations")
    samples = _events(document, trial, index, trial.interval or every)
    events = deque(sorted(samples, key=lambda sample: sample[0]))
    signals = Signals(config.retention, config.result_labels)
    evaluator = Evaluator(config.rules, signals, every)
    for step in range(int(end / every) + 1):
        at = step * every
        while checks and checks[0].eval_time < at:
            yield _looked(name, checks.popleft(), evaluator.active)
        while events and events[0][0] <= at:
            signals.add_event(events.popleft()[1], _EPOCH + at)
        evaluator.evaluate(_EPOCH + at)
    for check in checks:
        yield _looked(name, check, evaluator.active)


def _events(document: Document, trial: TrialSection, index: int, interval: float) -> Iterator[tuple[float, OpsEvent]]:
    """The samples of a test's series, each with its time in seconds from the start."""
    for at, one in enumerate(trial.input_series):
        place: Place = ("tests", index, "input_series", at)
        signal, labels = _series(document, one.series, (*place, "series"))
        source = labels.get("source", labels.get("instance", _SOURCE))
        try:
            samples = values(one.values)
        except ValueError as error:
            raise document.error((*place, "values"), str(error)) from None
        for number, value in enumerate(samples):
            if value is None:
                continue
            when = number * interval
            time = instants.show(_EPOCH + when)
            own: dict[str, Any] = {"id": f"{at}.{number}", "time": time, "source": source, "labels": labels}
            if signal == "heartbeat":
                yield when, OpsEvent(**own, kind="heartbeat", ttl_s=value)
            elif signal in COUNTS:
                kind: dict[str, Any] = {"kind": "fault", "what": signal}
                if signal == "log_errors":
                    kind = {"kind": "log", "level": "error"}
                for _ in range(min(int(value), _COUNTS_LIMIT)):
                    yield when, OpsEvent(**own | kind)
            else:
                yield when, OpsEvent(**own, kind="metric", name=signal, value=value)


def _series(document: Document, text: str, place: Place) -> tuple[str, dict[str, str]]:
    try:
        root = expressions.parse(f"{text} > 0").root
    except ValueError:
        root = None
    if not isinstance(root, Compare) or not isinstance(root.left, expressions.Signal) or any(
        one.op != "=" for one in root.left.matchers
    ):  # fmt: skip
        raise document.error(place, f"{text!r} is no series", 'write it like cpu_percent{instance="host-1"}')
    return root.left.name, {one.name: one.value for one in root.left.matchers}


def _looked(test: str, check: CheckSection, active: Iterable[Alert]) -> Outcome:
    """Compare what fires with what is expected; annotations only where some are expected."""
    got = {_labels(alert): alert for alert in active if dict(alert.labels).get("alertname") == check.alertname}
    wanted = {
        label_set({name: value for name, value in one.exp_labels.items() if name != "alertname"}): one
        for one in check.exp_alerts
    }
    wrong = [f"{_spelt(labels)} does not fire" for labels in wanted.keys() - got.keys()]
    wrong += [f"{_spelt(labels)} fires" for labels in got.keys() - wanted.keys()]
    for labels in wanted.keys() & got.keys():
        said, annotations = wanted[labels].exp_annotations, dict(got[labels].annotations)
        if said and said != annotations:
            wrong.append(f"{_spelt(labels)} says {annotations}, not {said}")
    return Outcome(test, check.alertname, check.eval_time, "; ".join(sorted(wrong)) or None)


def _labels(alert: Alert) -> Labels:
    hidden = {"alertname"} | {name for name, value in alert.labels if name in _OURS and value == _SOURCE}
    return tuple(pair for pair in alert.labels if pair[0] not in hidden)


def _spelt(labels: Labels) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
