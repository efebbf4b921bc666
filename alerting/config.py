"""The configuration as the engine wants it: everything resolved, checked against each other, and frozen.

`load` reads `config/alerting.yaml`, or an `alertmanager.yml` as it is. Defaults are Alertmanager's. A secret comes from
the environment or from the file that a `…_file` key names; `Config.notices` says what is off, or passed over.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from alerting import documents, intervals, matchers, redaction
from alerting.channels import Channels, overridden
from alerting.documents import Document, Place, suggest
from alerting.escalation import Chain, Step
from alerting.fitting import fitted
from alerting.incidents import PROMISES, Promise
from alerting.inhibition import InhibitRule
from alerting.intervals import Interval
from alerting.matchers import Matcher
from alerting.reader import OF_RESULTS
from alerting.receivers import Receiver, Secret
from alerting.rotations import Override, Rotation
from alerting.routing import ALL, Route, RouteSpec, resolve
from alerting.rules import Rule
from alerting.sections import (
    ALERTMANAGERS,
    ChainSection,
    ConfigSection,
    InhibitSection,
    IntervalSection,
    NamedIntervalSection,
    RotationSection,
    RouteSection,
    RuleSection,
    StepSection,
    accepted,
)
from alerting.values import Selector, hook
from streams.contracts import Severity

_HEARTBEATS_S = 86_400.0
_SHORTEST_SHIFT_S = 60.0
_LONGEST_SHIFT_S = 366 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the engine works by; durations in seconds."""

    route: Route
    receivers: Mapping[str, Receiver]
    inhibit_rules: tuple[InhibitRule, ...] = ()
    time_intervals: Mapping[str, tuple[Interval, ...]] = field(default_factory=dict)
    rotations: Mapping[str, Rotation] = field(default_factory=dict)
    chains: tuple[Chain, ...] = ()
    promises: Mapping[Severity, Promise] = field(default_factory=lambda: PROMISES)
    rules: tuple[Rule, ...] = ()
    resolve_timeout: float = 300.0
    reopen_window: float = 1800.0
    evaluation_interval: float = 15.0
    external_url: str = ""
    slack_signing_secret: Secret | None = None
    original: str = ""
    notices: tuple[str, ...] = ()
    rules_alone: bool = False
    """Whether it came from a file that has rules, and nobody to tell."""

    @property
    def retention(self) -> float:
        """How far back samples settle the state of the rules, late ones included."""
        return max((rule.lookback for rule in self.rules), default=0.0) + 60.0

    @property
    def events_lookback(self) -> float:
        """How far back events are read at a start: as far as heartbeats can reach, where a rule looks at them."""
        beats = any(signal.name == "instances_up_ratio" for rule in self.rules for signal in rule.expr.signals)
        return max(self.retention, _HEARTBEATS_S) if beats else self.retention

    @property
    def results_lookback(self) -> float:
        """How far back results are read at a start."""
        reaching = (r.lookback for r in self.rules if any(signal.name in OF_RESULTS for signal in r.expr.signals))
        return max(reaching, default=0.0) + 60.0

    @property
    def result_labels(self) -> frozenset[str]:
        """The labels of results that rules look at."""
        matched = {matcher.name for rule in self.rules for one in rule.expr.signals for matcher in one.matchers}
        return frozenset(matched.union(*(rule.by or () for rule in self.rules)))


def load(path: Path | str, environment: Mapping[str, str] | None = None) -> Config:
    """Read a configuration; `environment` overrides keys of `global` and holds secrets. Raises `ConfigError`."""
    return read(documents.load(path), environment or {})


def load_rules(path: Path | str, environment: Mapping[str, str] | None = None) -> Config:
    """Read a configuration, or a file that has rules alone; raises `ConfigError`."""
    document = documents.load(path)
    if isinstance(document.value, dict) and "rules" in document.value and "route" not in document.value:
        nobody = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
        document = replace(document, value=nobody | document.value)
        return replace(read(document, environment or {}), rules_alone=True)
    return read(document, environment or {})


def load_changed(path: Path | str, in_force: Config, environment: Mapping[str, str] | None = None) -> Config:
    """Read rules that are to take the place of those in force, or another whole configuration; raises `ConfigError`."""
    found = load_rules(path, environment)
    return replace(in_force, rules=found.rules) if found.rules_alone else found


def read(document: Document, environment: Mapping[str, str]) -> Config:
    """Make a configuration of a document; raises `ConfigError`."""
    kept, notices = accepted(fitted(document, ConfigSection, ALERTMANAGERS))
    section = documents.convert(kept, ConfigSection, hook)
    return _Reader(document, section, environment, notices).config()


class _Reader:
    def __init__(
        self, document: Document, section: ConfigSection, environment: Mapping[str, str], notices: list[str]
    ) -> None:
        self._document = document
        self._section = section
        self._global = overridden(section.globals, environment)
        self._notices = notices
        self._named: dict[str, tuple[Interval, ...]] = {}

    def config(self) -> Config:
        section = self._section
        channels = Channels(self._document, self._global, section.templates)
        receivers = channels.receivers(section.receivers, section.people)
        self._named = dict(self._time_intervals())
        return Config(
            route=self._route(receivers),
            receivers=receivers,
            inhibit_rules=tuple(self._inhibit_rule(one, at) for at, one in enumerate(section.inhibit_rules)),
            time_intervals=self._named,
            rotations={
                name: self._rotation(one, ("rotations", name), receivers) for name, one in section.rotations.items()
            },
            chains=tuple(
                self._chain(chain, ("escalation", at), [*receivers, *section.rotations])
                for at, chain in enumerate(section.escalation)
            ),
            promises={
                **PROMISES,
                **{name: Promise(one.ack_within, one.update_every) for name, one in section.severities.items()},
            },
            rules=tuple(self._rules()),
            resolve_timeout=self._global.resolve_timeout,
            reopen_window=section.incidents.reopen_window,
            evaluation_interval=self._global.evaluation_interval,
            external_url=self._global.external_url,
            slack_signing_secret=channels.signing_secret(),
            original=redaction.shown(self._document.value),
            notices=(*self._notices, *channels.notices),
        )

    def _matchers(
        self, path: Place, prefix: str, equal: Mapping[str, str], regexes: Mapping[str, str],
        texts: Sequence[Selector],
    ) -> tuple[Matcher, ...]:  # fmt: skip
        """Put the three ways to write matchers together; those of the old ways are sorted, as Alertmanager does."""
        made = [matchers.matcher(name, "=", value) for name, value in equal.items()]
        for name, value in regexes.items():
            try:
                matchers.matcher(name, "=~", value)
                made.append(matchers.matcher(name, "=~", f"^(?:{value})$"))  # as it stands in Alertmanager's keys
            except ValueError as error:
                raise self._document.error((*path, f"{prefix}match_re", name), str(error)) from None
        made += [one for text in texts for one in text.matchers]
        return tuple(sorted(made, key=lambda one: (one.name, one.value, one.op)))

    def _inhibit_rule(self, section: InhibitSection, index: int) -> InhibitRule:
        path: Place = ("inhibit_rules", index)
        source = self._matchers(path, "source_", section.source_match, section.source_match_re, section.source_matchers)
        target = self._matchers(path, "target_", section.target_match, section.target_match_re, section.target_matchers)
        return InhibitRule(source, target, tuple(section.equal))

    def _time_intervals(self) -> Iterator[tuple[str, tuple[Interval, ...]]]:
        seen: set[str] = set()
        for key in ("time_intervals", "mute_time_intervals"):
            sections: list[NamedIntervalSection] = getattr(self._section, key)
            for index, named in enumerate(sections):
                if named.name in seen:
                    raise self._document.error(
                        (key, index, "name"), f"{named.name!r} is there already", "each has a name of its own"
                    )
                seen.add(named.name)
                where: Place = (key, index, "time_intervals")
                yield (
                    named.name,
                    tuple(self._interval(one, (*where, at)) for at, one in enumerate(named.time_intervals)),
                )

    def _interval(self, section: IntervalSection, path: Place) -> Interval:
        key = "times"
        try:
            times = tuple(intervals.times(one.start_time, one.end_time) for one in section.times)
            found = {}
            for key in ("weekdays", "days_of_month", "months", "years"):
                read = getattr(intervals, key)
                found[key] = tuple(read(one) for one in getattr(section, key))
            key = "location"
            return Interval(times=times, **found, zone=intervals.zone(section.location))
        except ValueError as error:
            raise self._document.error((*path, key), str(error)) from None

    def _route(self, receivers: Mapping[str, Receiver]) -> Route:
        section = self._section.route
        for key in ("matchers", "match", "match_re"):
            if getattr(section, key):
                raise self._document.error(("route", key), "the root route takes every alert", "move it to a child")
        if section.goes_on:
            raise self._document.error(("route", "continue"), "nothing follows the root route")
        for key in ("mute_time_intervals", "active_time_intervals"):
            if getattr(section, key):
                raise self._document.error(("route", key), "the root route is always heard", "move it to a child")
        if section.receiver is None:
            raise self._document.error(("route",), "the root route needs a receiver", suggest("", receivers))
        return resolve(self._spec(section, ("route",), receivers))

    def _spec(self, section: RouteSection, path: Place, receivers: Mapping[str, Receiver]) -> RouteSpec:
        if section.receiver is not None and section.receiver not in receivers:
            raise self._document.error(
                (*path, "receiver"), f"no receiver {section.receiver!r}", suggest(section.receiver, receivers)
            )
        for key in ("group_interval", "repeat_interval"):
            if getattr(section, key) == 0:
                raise self._document.error((*path, key), "must be more than nothing", "such as 5m")
        for key in ("mute_time_intervals", "active_time_intervals"):
            for at, name in enumerate(getattr(section, key)):
                if name not in self._named:
                    known = suggest(name, self._named) if self._named else "time_intervals holds none"
                    raise self._document.error((*path, key, at), f"no time interval {name!r}", known)
        return RouteSpec(
            receiver=section.receiver,
            group_by=self._group_by(section, path)
            or (() if len(path) == 1 else None),  # as Alertmanager: none inherits
            group_wait=section.group_wait,
            group_interval=section.group_interval,
            repeat_interval=section.repeat_interval,
            matchers=self._matchers(path, "", section.match, section.match_re, section.matchers),
            goes_on=section.goes_on,
            mute_time_intervals=tuple(section.mute_time_intervals),
            active_time_intervals=tuple(section.active_time_intervals),
            routes=tuple(self._spec(one, (*path, "routes", at), receivers) for at, one in enumerate(section.routes)),
        )

    def _group_by(self, section: RouteSection, path: Place) -> tuple[str, ...] | None:
        names = section.group_by or []
        for at, name in enumerate(names):
            if name in names[:at]:
                raise self._document.error((*path, "group_by", at), f"{name!r} is there already", "once is enough")
            if name == ALL and len(names) > 1:
                raise self._document.error(
                    (*path, "group_by"), "'...' stands for all labels, and alone", "leave out the others"
                )
            if name != ALL and matchers.PLAIN_NAME.fullmatch(name) is None:
                raise self._document.error(
                    (*path, "group_by", at), f"{name!r} is no name of a label", "such as instance"
                )
        return tuple(names) or None

    def _rotation(self, section: RotationSection, path: Place, receivers: Mapping[str, Receiver]) -> Rotation:
        if path[-1] in receivers:
            raise self._document.error(path, "a person or receiver has this name", "names are shared")
        named = [(name, (*path, "members", at)) for at, name in enumerate(section.members)]
        overrides = [(one, (*path, "overrides", at)) for at, one in enumerate(section.overrides)]
        named += [(one.person, (*where, "person")) for one, where in overrides if one.person is not None]
        for name, where in named:
            if name not in receivers:
                raise self._document.error(where, f"no person or receiver {name!r}", suggest(name, receivers))
        for one, where in overrides:
            if one.ends <= one.begins:
                raise self._document.error((*where, "to"), "is not after `from`")
        if not _SHORTEST_SHIFT_S <= section.length <= _LONGEST_SHIFT_S:
            raise self._document.error((*path, "length"), "must be from 1m to 1y")
        try:
            zone = intervals.zone(section.time_zone)
        except ValueError as error:
            raise self._document.error((*path, "time_zone"), str(error)) from None
        return Rotation(
            members=tuple(section.members), start=section.start.date, length=section.length,
            handover=section.handover.handover, zone=zone,
            overrides=tuple(Override(one.person, one.begins, one.ends) for one, _ in overrides),
        )  # fmt: skip

    def _chain(self, section: ChainSection, path: Place, receivers: Collection[str]) -> Chain:
        steps = tuple(self._step(one, (*path, "steps", at), receivers) for at, one in enumerate(section.steps))
        timed = [step.after for step in steps if step.after is not None]
        if timed != sorted(timed):
            raise self._document.error((*path, "steps"), "the steps are not in order of time")
        beside = None
        if section.data_loss is not None:
            beside = self._step(section.data_loss, (*path, "data_loss"), receivers)
            if beside.after is None:
                raise self._document.error((*path, "data_loss", "after"), "must be a duration")
        return Chain(
            steps, tuple(one for text in section.matchers for one in text.matchers), beside, section.ack_expires
        )

    def _step(self, section: StepSection, path: Place, receivers: Collection[str]) -> Step:
        if not section.notify:
            raise self._document.error((*path, "notify"), "names nobody", suggest("", receivers))
        for index, name in enumerate(section.notify):
            if name not in receivers:
                raise self._document.error(
                    (*path, "notify", index), f"no person, rotation or receiver {name!r}", suggest(name, receivers)
                )
        return Step(section.after.seconds, tuple(section.notify))

    def _rules(self) -> Iterator[Rule]:
        seen: set[str] = set()
        for index, one in enumerate(self._section.rules):
            if one.name in seen:
                raise self._document.error(
                    ("rules", index, "name"), f"{one.name!r} is there already", "each rule has a name of its own"
                )
            if one.window <= 0:
                raise self._document.error(("rules", index, "window"), "must be more than nothing", "such as 5m")
            seen.add(one.name)
            yield _rule(one)


def _rule(section: RuleSection) -> Rule:
    values = msgspec.structs.asdict(section)
    return Rule(
        **values
        | {
            "expr": section.expr.expression,
            "clear": None if section.clear is None else section.clear.expression,
            "by": None if section.by is None else tuple(section.by),
        }
    )
