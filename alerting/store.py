"""The store of alerts: every label set that fires, or has until lately, as it was last reported."""

from collections.abc import Iterator

from alerting.alerts import Alert, merge

RESEND_S = 900.0
"""How long an alert that is over is kept, in seconds: a report of it may come again for so long."""


class Store:
    """Keeps one alert for each label set."""

    def __init__(self) -> None:
        self._alerts: dict[str, Alert] = {}

    def __iter__(self) -> Iterator[Alert]:
        return iter(list(self._alerts.values()))

    def __len__(self) -> int:
        return len(self._alerts)

    def get(self, name: str) -> Alert | None:
        """An alert by its fingerprint."""
        return self._alerts.get(name)

    def put(self, alert: Alert, now: float) -> tuple[Alert, bool]:
        """Take a report; returns the alert as it stands now, and whether it began or ended with this."""
        old = self._alerts.get(alert.fingerprint)
        merged = alert if old is None else merge(old, alert, now)
        self._alerts[alert.fingerprint] = merged
        return merged, old is None or old.resolved(now) != merged.resolved(now) or old.starts_at < merged.starts_at

    def forget(self, now: float) -> list[Alert]:
        """Drop what has been over for a quarter of an hour; returns it."""
        gone = [alert for alert in self._alerts.values() if alert.end is not None and alert.end + RESEND_S <= now]
        for alert in gone:
            del self._alerts[alert.fingerprint]
        return gone
