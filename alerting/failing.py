"""Channels that keep failing: which, since when, and what is said of them."""

from dataclasses import dataclass

from alerting.recovery import Channel

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
