"""What the alerting stream says of itself: alerts like any other, that go the way of all alerts."""

from alerting.alerts import Alert, fingerprint, label_set
from alerting.store import Store
from streams.contracts import Severity

RELOAD_FAILED = "ConfigReloadFailed"
"""The configuration that was to be loaded again cannot be used, and the old one is in force."""
NOBODY_ON_CALL = "NobodyOnCall"
"""A rotation has nobody on call."""
CHANNEL_FAILING = "NotificationChannelFailing"
"""A channel of a receiver keeps failing: it is told over another one."""
STEP_OVERDUE = "EscalationStepOverdue"
"""A step of an open incident should have been taken long ago."""


def report(
    store: Store, name: str, severity: Severity, summary: str | None, now: float, **labels: str
) -> list[Alert]:  # fmt: skip
    """The alert of a trouble that begins, goes on in other words, or is over (no summary); none when nothing is new."""
    named = label_set({"alertname": name, "severity": severity, **labels})
    known = store.get(fingerprint(named))
    firing = known is not None and not known.resolved(now)
    if summary is None:
        if known is None or not firing:
            return []
        return [Alert(named, now, known.annotations, now, updated_at=now)]
    annotations = {"summary": summary}
    if known is not None and firing and known.annotations == annotations and known.end is None:
        return []
    return [Alert(named, now, annotations, updated_at=now)]
