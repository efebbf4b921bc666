"""Alerts and incidents that tests of the alerting stream begin with."""

from alerting import incidents, instants
from alerting.alerts import Alert, label_set

NOW = instants.parse("2025-10-01T14:30:00Z")


def make_alert(name="HighErrorRate", at=NOW, **labels):
    own = {"alertname": name, "severity": "P1", "agent": "ode"} | labels
    annotations = {"impact": "15% increase in error rate", "affected": "Production environment", "summary": "too many"}
    return Alert(label_set(own), at, annotations)


def make_incident(*alerts, now=NOW, number=42):
    return incidents.opened(incidents.incident_id(2025, number), "{}:{}", list(alerts) or [make_alert()], now)
