"""A rehearsal: an engine in virtual time, over events and results of before; only which incidents it opens.

Every message counts as delivered at once, and nobody hears any: receivers have one channel that leads nowhere. No
alerts from outside, no commands and no silences: what rules alone would have done.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from alerting import instants
from alerting.alerts import Labels
from alerting.answers import Answer
from alerting.config import Config
from alerting.effects import Effect, Publish
from alerting.engine import Engine
from alerting.outbox import DELIVERED
from alerting.receivers import Receiver, Secret, Webhook
from streams.contracts import Incident, OpsEvent, Severity

MAX_INCIDENTS = 100_000
_NOWHERE = Webhook(url=Secret("http://nowhere.invalid/"))


class TooManyError(ValueError):
    """More incidents than a rehearsal keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An incident as it would have been: `key` is what its alerts share, `severity` the worst that it came to."""

    key: Labels
    title: str
    severity: Severity
    opened_at: float
    resolved_at: float | None = None
    reopened: int = 0
    alerts: int = 1


def unheard(config: Config) -> Config:
    """The configuration with nobody at the other end; where nobody would be told at all, everybody is."""
    nobody = all(receiver.drain for receiver in config.receivers.values())
    receivers = {
        name: Receiver(name, () if receiver.drain and not nobody else (("webhook", _NOWHERE),))
        for name, receiver in config.receivers.items()
    }
    return replace(config, receivers=receivers)


class Rehearsal:
    """Drives one engine; `start` is when its time begins, epoch seconds."""

    def __init__(self, config: Config, start: float) -> None:
        self._engine = Engine(unheard(config))
        self._now = start
        self._opened: dict[str, Opened] = {}
        self._do(self._engine.tick(start))

    def take(self, events: Sequence[OpsEvent], answers: Sequence[Answer], now: float) -> None:
        """Let time go on to `now`, and take what came until then; raises `TooManyError`."""
        self.go(now)
        self._engine.on_events(events, self._now)
        self._engine.on_results(answers, self._now)
        if self._engine.due(self._now) <= self._now:
            self._do(self._engine.tick(self._now))

    def go(self, now: float) -> None:
        """Let time go on, doing what is due; raises `TooManyError`."""
        while (due := self._engine.due(self._now)) <= now:
            self._now = max(self._now, due)
            self._do(self._engine.tick(self._now))
            if self._engine.due(self._now) <= self._now:
                self._now += 1e-3  # clocks go on, too
        self._now = max(self._now, now)

    @property
    def opened(self) -> list[Opened]:
        """The incidents so far, in the order in which they were opened."""
        return list(self._opened.values())

    @property
    def dropped(self) -> dict[str, int]:
        """Samples that the signals did not take, by why."""
        return dict(self._engine.signals.dropped)

    def _do(self, effects: Iterable[Effect]) -> None:
        waiting = list(effects)
        while waiting:
            following: list[Effect] = []
            for effect in waiting:
                if not isinstance(effect, Publish):
                    following += self._engine.on_delivery(effect.message.id, DELIVERED, self._now)
                elif isinstance(effect.value, Incident):
                    self._keep(effect.value)
            waiting = following

    def _keep(self, incident: Incident) -> None:
        known = self._opened.get(incident.id)
        if known is None and len(self._opened) >= MAX_INCIDENTS:
            raise TooManyError(f"more than {MAX_INCIDENTS:,} incidents: take a shorter time")
        opened = next((one.at for one in incident.timeline if one.what == "opened"), incident.started_at)
        ended = incident.resolved_at
        self._opened[incident.id] = Opened(
            key=self._key(incident) if known is None else known.key,
            title=incident.title,
            severity=incident.severity if known is None else min(known.severity, incident.severity),
            opened_at=instants.parse(opened),
            resolved_at=None if ended is None else instants.parse(ended),
            reopened=sum(one.what == "reopened" for one in incident.timeline),
            alerts=len(incident.alerts),
        )

    def _key(self, incident: Incident) -> Labels:
        """What its group shares, severity apart: other rules may give it another one, and so another route."""
        places = iter(self._engine.register.places(incident))
        _, labels = next(places, ((), ()))
        return tuple(pair for pair in labels if pair[0] != "severity")
