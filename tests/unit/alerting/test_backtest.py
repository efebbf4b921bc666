"""Back-tests: incidents of two rehearsals of one history set side by side, and the rehearsals themselves."""

import msgspec
import pytest
from unit.alerting.making import NOW

from alerting import backtest, instants
from alerting.answers import decode
from alerting.rehearsal import Opened, Rehearsal, unheard
from streams.contracts import OpsEvent

A, B = (("instance", "a"),), (("instance", "b"),)


def opened(at, until=None, key=A, severity="P2"):
    return Opened(key=key, title="Hot", severity=severity, opened_at=NOW + at, resolved_at=until and NOW + until)


@pytest.mark.parametrize(
    ("in_force", "changed", "changes", "same"),
    [
        pytest.param([], [opened(0)], [["opened"]], 0, id="only the changed ones open it"),
        pytest.param([opened(0)], [], [["not_opened"]], 0, id="only those in force open it"),
        pytest.param([opened(60, 600)], [opened(0, 600)], [["earlier"]], 0, id="earlier"),
        pytest.param([opened(0, 600)], [opened(60, 600)], [["later"]], 0, id="later"),
        pytest.param([opened(0, 600)], [opened(0, 600, severity="P1")], [["severity"]], 0, id="another severity"),
        pytest.param([opened(0, 9)], [opened(5, 9, severity="P1")], [["later", "severity"]], 0, id="both"),
        pytest.param([opened(0, 600)], [opened(0.4, 700)], [], 1, id="the same, if it is over at another time"),
        pytest.param([opened(0)], [opened(0, key=B)], [["opened"], ["not_opened"]], 0, id="of other labels"),
        pytest.param([opened(0, 10)], [opened(20, 30)], [["not_opened"], ["opened"]], 0, id="at times apart"),
        pytest.param([opened(0, 10), opened(20, 30)], [opened(0, 30)], [["not_opened"]], 1, id="two that are one"),
        pytest.param([opened(0)], [opened(1000)], [["later"]], 0, id="open to the end"),
    ],
)  # fmt: skip
def test_where_they_differ(in_force, changed, changes, same):
    found, count = backtest.compare(in_force, changed)
    assert (sorted(one.changes for one in found), count) == (sorted(changes), same)


def test_differences_come_in_the_order_of_their_times():
    found, _ = backtest.compare([opened(50, 60), opened(10, 20, key=B)], [opened(30, 40)])
    assert [(one.changes, dict(one.labels)["instance"]) for one in found] == [
        (["not_opened"], "b"), (["opened"], "a"), (["not_opened"], "a"),
    ]  # fmt: skip


def test_a_difference_says_how_much_later_and_what_each_would_have():
    ((one,), _) = backtest.compare([opened(0, 600)], [opened(90, 600, severity="P1")])
    assert (one.shift_s, one.in_force.severity, one.changed.severity) == (90.0, "P2", "P1")
    assert one.changed.opened_at == instants.show(NOW + 90)


CONFIG = """
route: {receiver: team, group_by: [alertname, instance], group_wait: 0s, group_interval: 1m}
receivers: [{name: team, email_configs: [{to: ops@example.com}]}, {name: quiet}]
global: {evaluation_interval: 10s, smtp_smarthost: "localhost:25", smtp_from: "a@example.com"}
rules: [{name: Hot, expr: t > 1, window: 10s, by: [instance], for: 1m, severity: P2, no_data: ok, no_data_for: 30s}]
"""


def metric(at, value, source="a"):
    return OpsEvent(
        id=f"{source}{at}", time=instants.show(NOW + at), source=source, kind="metric", name="t", value=value
    )


def rehearsed(config, *events, end=1000):
    made = Rehearsal(config, NOW)
    for at in sorted({at for at, _ in events}):
        made.take([event for when, event in events if when == at], [], NOW + at)
    made.go(NOW + end)
    return made


def hot(start, end, source="a"):
    return [(at, metric(at, 2.0 if start <= at < end else 0.0, source)) for at in range(0, 700, 5)]


def test_an_engine_opens_in_virtual_time_what_it_would_have_opened(read):
    """After its `for`, at the evaluation that sees it; over when the data say so."""
    (one,) = rehearsed(read(CONFIG), *hot(100, 400)).opened
    assert (one.key, one.severity) == ((("alertname", "Hot"), ("instance", "a")), "P2")
    assert 160 <= one.opened_at - NOW <= 180
    assert 400 <= one.resolved_at - NOW <= 420


def test_nobody_is_told(read):
    """Whatever the configuration says, messages would go to one place that is none."""
    found = unheard(read(CONFIG))
    assert [(name, one.drain) for name, one in found.receivers.items()] == [("team", False), ("quiet", True)]
    assert {repr(one) for _, one in found.receivers["team"].channels} == {repr(found.receivers["team"].channels[0][1])}
    assert "nowhere.invalid" in found.receivers["team"].channels[0][1].url.reveal()


def test_rules_alone_have_somebody_to_tell(read):
    """Else they would open no incident."""
    rules = CONFIG[CONFIG.index("rules:") :]
    config = read("route: {receiver: nobody, group_wait: 0s}\nreceivers: [{name: nobody}]\n" + rules)
    assert len(rehearsed(config, *hot(100, 400)).opened) == 1


def test_a_changed_severity_is_the_same_incident(read):
    """Though its alert has another label, and could go another way."""
    routed = CONFIG.replace("group_interval: 1m}", "group_interval: 1m, routes: [{matchers: ['severity=\"P1\"']}]}")
    before = rehearsed(read(routed), *hot(100, 400)).opened
    after = rehearsed(read(routed.replace("severity: P2", "severity: P1")), *hot(100, 400)).opened
    ((one,), same) = backtest.compare(before, after)
    assert (one.changes, same) == (["severity"], 0)


def test_what_comes_too_late_is_counted(read):
    made = rehearsed(read(CONFIG), *hot(0, 0), (690, metric(650, 2.0)))
    assert made.dropped == {"late": 1}


def test_results_are_rehearsed_like_events(read):
    """A rule over the error rate, from results as they lie on their topic."""
    rules = "rules: [{name: Failing, expr: error_rate > 0.5, window: 1m, by: [agent], severity: P1}]"
    made = Rehearsal(read(CONFIG[: CONFIG.index("rules:")].replace("instance]", "agent]") + rules), NOW)
    for at in range(120):
        value = {
            "id": f"r{at}",
            "status": "failed" if at > 60 else "succeeded",
            "completed_at": instants.show(NOW + at),
        }
        made.take([], [decode(msgspec.json.encode(value | {"agent": "ode"}))], NOW + at)
    (one,) = made.opened
    assert dict(one.key) == {"alertname": "Failing", "agent": "ode"}
