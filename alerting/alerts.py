"""An alert: a label set that is in trouble since an instant; its fingerprint is its identity."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from alerting import instants
from streams.contracts import AlertState, Severity

Labels = tuple[tuple[str, str], ...]
"""A label set as a value: pairs sorted by name."""

SEVERITIES: tuple[Severity, ...] = ("P0", "P1", "P2", "P3")
"""Worst first."""
_FROM_OUTSIDE: dict[str, Severity] = {"critical": "P1", "warning": "P2", "info": "P3", "none": "P3"}
_FNV_OFFSET, _FNV_PRIME = 14695981039346656037, 1099511628211


def label_set(labels: Mapping[str, str]) -> Labels:
    """Make a label set of a mapping; an empty value is an absent label."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))


@lru_cache(maxsize=131_072)
def fingerprint(labels: Labels) -> str:
    """Hash a label set as Alertmanager does (FNV-1a, 64 bits, over names and values), in 16 hexadecimal digits."""
    total = _FNV_OFFSET
    for pair in labels:
        for byte in b"".join(word.encode() + b"\xff" for word in pair):
            total = ((total ^ byte) * _FNV_PRIME) & 0xFFFF_FFFF_FFFF_FFFF
    return f"{total:016x}"


@lru_cache(maxsize=4096)
def _backwards(name: str) -> tuple[int, ...]:
    """What sorts names from the last to the first."""
    return (*(-ord(sign) for sign in name), 1)


def before(labels: Labels) -> tuple[object, ...]:
    """What sorts label sets as Alertmanager does: fewer labels first, then by what the first that differs is."""
    return len(labels), tuple((_backwards(name), value) for name, value in labels)


@lru_cache(maxsize=131_072)
def order(labels: Labels) -> tuple[object, ...]:
    """What sorts the alerts of a group as Alertmanager does: by `job`, by `instance`, then by all labels."""
    named = dict(labels)
    first = tuple((name not in named, named.get(name, "")) for name in ("job", "instance"))
    return *first, before(labels)


def severity_of(labels: Mapping[str, str]) -> Severity:
    """Severity by the label `severity`: P0–P3, or what Prometheus rules usually say; P3 without one."""
    named = labels.get("severity", "none")
    for severity in SEVERITIES:
        if named == severity:
            return severity
    return _FROM_OUTSIDE.get(named, "P3")


def loses_data(labels: Mapping[str, str]) -> bool:
    """Whether an alert tells of lost data: its labels say so (the evaluator sees to it for the signal `data_loss`)."""
    return labels.get("data_loss", "false") != "false" or "data_loss" in labels.values()


def worst(*severities: Severity) -> Severity:
    """The worst of some severities: P0 before P3."""
    return min(severities)


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; `expires_at` ends one that was pushed from outside and is not refreshed. Times in epoch seconds."""

    labels: Labels
    starts_at: float
    annotations: Mapping[str, str] = field(default_factory=dict)
    ends_at: float | None = None
    expires_at: float | None = None
    signals: frozenset[str] = frozenset()
    generator_url: str = ""
    updated_at: float = 0.0

    @property
    def fingerprint(self) -> str:
        """Identity: the hash of the label set."""
        return fingerprint(self.labels)

    @property
    def severity(self) -> Severity:
        """By its label."""
        return severity_of(dict(self.labels))

    @property
    def end(self) -> float | None:
        """When it ends, or will end unless it is refreshed."""
        return self.expires_at if self.ends_at is None else self.ends_at

    def resolved(self, now: float) -> bool:
        """Whether it has ended."""
        return self.end is not None and self.end <= now

    def state(self, now: float) -> AlertState:
        """The alert as it stands on the topics."""
        over = self.resolved(now)
        return AlertState(
            labels=dict(self.labels),
            annotations=dict(self.annotations),
            starts_at=instants.show(self.starts_at),
            ends_at=instants.show(self.end) if over and self.end is not None else None,
            status="resolved" if over else "firing",
            fingerprint=self.fingerprint,
            generator_url=self.generator_url,
        )


def restored(state: AlertState) -> Alert:
    """Take an alert back from a topic."""
    starts_at = instants.parse(state.starts_at)
    ends_at = None if state.ends_at is None else instants.parse(state.ends_at)
    return Alert(
        label_set(state.labels), starts_at, dict(state.annotations), ends_at, generator_url=state.generator_url,
        updated_at=starts_at if ends_at is None else ends_at,
    )  # fmt: skip


def merge(old: Alert, new: Alert, now: float) -> Alert:
    """Put two reports of one label set together, as Alertmanager does: earliest start, latest annotations, latest end.

    A report that starts after the old one has ended is a new alert and stands alone. Of an alert that is over, the
    latest end counts; while it fires, an end that somebody named for later outlasts a newer and nearer one.
    """
    if old.end is not None and new.starts_at >= old.end:
        return new
    merged = replace(new, starts_at=min(old.starts_at, new.starts_at), signals=old.signals | new.signals)
    if new.resolved(now):
        if old.end is not None and new.end is not None and new.end < old.end <= now:
            return replace(merged, ends_at=old.end, expires_at=None)
    elif old.ends_at is not None and (new.end is not None and new.end < old.ends_at):
        return replace(merged, ends_at=old.ends_at, expires_at=None)
    return merged
