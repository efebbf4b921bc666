"""Inhibition: an alert that fires mutes others, so that one cause is told once.

A firing *source* mutes a *target* whose labels in `equal` are the same (absent is empty). An alert that matches both
sides is muted only by one that does not: never by itself, and never two by each other.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alerting.alerts import Alert
from alerting.matchers import Matcher, all_match


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """Which alerts mute which."""

    source: tuple[Matcher, ...] = ()
    target: tuple[Matcher, ...] = ()
    equal: tuple[str, ...] = ()

    def shared(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """The values that source and target must have in common."""
        return tuple(labels.get(name, "") for name in self.equal)


class Inhibitor:
    """Finds what mutes an alert; the sources of each rule are kept by their `equal` values."""

    def __init__(self, rules: Iterable[InhibitRule]) -> None:
        self._rules = tuple(rules)
        self._sources: list[defaultdict[tuple[str, ...], dict[str, Alert]]] = [defaultdict(dict) for _ in self._rules]

    def put(self, alert: Alert) -> None:
        """Take an alert as it stands now."""
        labels = dict(alert.labels)
        for rule, sources in zip(self._rules, self._sources, strict=True):
            if all_match(rule.source, labels):
                sources[rule.shared(labels)][alert.fingerprint] = alert

    def forget(self, alert: Alert) -> None:
        """Drop an alert that is over."""
        labels = dict(alert.labels)
        for rule, sources in zip(self._rules, self._sources, strict=True):
            shared = rule.shared(labels)
            if alert.fingerprint in sources.get(shared, ()):
                del sources[shared][alert.fingerprint]
                if not sources[shared]:
                    del sources[shared]

    def inhibited_by(self, labels: Mapping[str, str], now: float) -> str | None:
        """The fingerprint of an alert that mutes these labels."""
        for rule, sources in zip(self._rules, self._sources, strict=True):
            if not all_match(rule.target, labels):
                continue
            both = all_match(rule.source, labels)
            for name, source in sources.get(rule.shared(labels), {}).items():
                if not source.resolved(now) and not (both and all_match(rule.target, dict(source.labels))):
                    return name
        return None
