"""Alerts: severity, identity, and two reports of one."""

import pytest
from unit.alerting.making import NOW, make_alert

from alerting.alerts import Alert, fingerprint, label_set, loses_data, order, severity_of, worst


@pytest.mark.parametrize(
    ("label", "severity"),
    [("P0", "P0"), ("P3", "P3"), ("critical", "P1"), ("warning", "P2"), ("info", "P3"), ("none", "P3"), ("x", "P3")],
)
def test_severity_by_label(label, severity):
    assert severity_of({"severity": label}) == severity


def test_an_alert_without_severity_is_p3():
    assert severity_of({}) == "P3"


def test_p0_is_worst():
    assert worst("P2", "P0", "P3") == "P0"


def test_a_fingerprint_is_alertmanagers():
    """FNV-1a over names and values with 0xff between; of no labels the offset itself (common/model)."""
    assert fingerprint(()) == "cbf29ce484222325"
    assert fingerprint(label_set({"b": "2", "a": "1"})) == fingerprint(label_set({"a": "1", "b": "2", "c": ""}))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param({"data_loss": "true"}, True, id="the label says so"),
        pytest.param({"data_loss": "false"}, False, id="the label denies it"),
        pytest.param({"fault": "data_loss"}, True, id="another label names it"),
        pytest.param({"agent": "ode"}, False, id="nothing of it"),
    ],
)
def test_loses_data(labels, expected):
    assert loses_data(labels) is expected


LABELS = make_alert().labels


def test_an_alert_ends_when_nobody_repeats_it():
    alert = Alert(LABELS, NOW, expires_at=NOW + 300)
    assert [alert.resolved(NOW + at) for at in (299, 300)] == [False, True]


def test_the_alerts_of_a_group_are_in_alertmanagers_order():
    """By job, then by instance, where there is one; then fewer labels first, and by the first label that differs."""
    wanted = [
        {"x": "9", "job": "a", "instance": "b"}, {"job": "a"}, {"job": "b", "instance": "a"}, {"instance": "a"},
        {"x": "1"}, {"x": "2"}, {"a": "2"}, {"x": "1", "y": "2"}, {"a": "1", "x": "9"},
    ]  # fmt: skip
    assert [dict(one) for one in sorted(map(label_set, reversed(wanted)), key=order)] == wanted
