"""Channels that keep failing: which, since when, and what is said of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from alerting import instants
from alerting.outbox import SUPERSEDED
from alerting.recovery import Channel
from streams.contracts import Notification

PATIENCE_S = 60.0
"""How long sendings may fail before it is a trouble."""
_TRIES = 3
_REFUSALS = 2


@dataclass(slots=True)
class _Run:
    """Failures in a row."""

    since: float
    count: int = 0
    refused: int = 0
    error: str = ""
    failing: bool = False


class Failing:
    """Counts by channel: one fails when nothing was delivered for a minute and three tries, or two were refused."""

    def __init__(self) -> None:
        self._runs: dict[Channel, _Run] = {}

    def restore(self, notifications: Iterable[Notification]) -> None:
        """Take back what the topic says of deliveries and failures: one that was not to be tried again was refused."""
        log = list(notifications)
        again = {(one.id, one.attempt) for one in log if one.status == "intended"}
        for one in sorted(log, key=lambda one: instants.parse(one.at)):
            channel = (one.receiver, one.channel)
            if one.status == "delivered":
                self.delivered(channel)
            elif one.status == "failed":
                refused = (one.id, one.attempt + 1) not in again and SUPERSEDED not in (one.error or "")
                self.failed(channel, one.error, instants.parse(one.at), refused=refused)

    def __iter__(self) -> Iterator[Channel]:
        """The channels that keep failing."""
        return iter([channel for channel, run in self._runs.items() if run.failing])

    def __contains__(self, channel: Channel) -> bool:
        run = self._runs.get(channel)
        return run is not None and run.failing

    def delivered(self, channel: Channel) -> bool:
        """Take a delivery; returns whether that ends a trouble."""
        run = self._runs.pop(channel, None)
        return run is not None and run.failing

    def failed(self, channel: Channel, error: str | None, now: float, *, refused: bool) -> bool:
        """Take a failure; returns whether the channel keeps failing."""
        run = self._runs.setdefault(channel, _Run(now))
        run.count += 1
        run.refused += refused
        if not run.failing:
            run.error = error or run.error
        long = run.count >= _TRIES and now - run.since >= PATIENCE_S
        run.failing = run.failing or long or run.refused >= _REFUSALS
        return run.failing

    def summary(self, channel: Channel) -> str:
        """What is to be said of a channel that keeps failing; the same words for as long as it lasts."""
        return f"{channel[1]} of {channel[0]} delivers nothing: {self._runs[channel].error}"
