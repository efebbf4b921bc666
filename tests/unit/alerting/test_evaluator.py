"""Rules over signals: which alerts begin and end, also when samples come late or a process starts again."""

import pytest
from unit.alerting.making import NOW

from alerting import expressions, instants
from alerting.evaluator import Evaluator
from alerting.rules import Rule
from alerting.signals import Signals
from alerting.text import Template
from streams.contracts import OpsEvent


def rule(**fields):
    own = {"name": "CpuHigh", "expr": expressions.parse("cpu_percent > 80"), "severity": "P3", "window": 30.0}
    return Rule(**own | {"by": ("instance",)} | fields)


def feed(signals, value, times, source="host-1", now=NOW):
    for at in times:
        signals.add_event(
            OpsEvent(
                id="e", time=instants.show(NOW + at), source=source, kind="metric", name="cpu_percent", value=value
            ),
            now,
        )


def run(evaluator, signals, value, times, **fields):
    """Feed and evaluate in time; what began and ended, as (seconds, instance, ended)."""
    found = []
    for at in times:
        feed(signals, value, [at], now=NOW + at, **fields)
        found += [
            (at, dict(alert.labels).get("instance"), alert.ends_at is not None)
            for alert in evaluator.evaluate(NOW + at)
        ]
    return found


@pytest.fixture
def made():
    def make(*ruleset):
        signals = Signals(600.0)
        return Evaluator(ruleset, signals, 10.0), signals

    return make


def test_an_alert_begins_and_ends(made):
    evaluator, signals = made(rule(wait=20.0))
    assert run(evaluator, signals, 90.0, range(0, 60, 10)) == [(20, "host-1", False)]
    assert run(evaluator, signals, 10.0, range(60, 120, 10)) == [(60, "host-1", True)]


def test_labels_are_the_rules_and_the_signals(made):
    template = Template("{{ labels.instance }} at {{ value }}")
    evaluator, signals = made(rule(labels={"team": Template("ops")}, annotations={"summary": template}))
    feed(signals, 90.0, [0])
    (alert,) = evaluator.evaluate(NOW)
    assert dict(alert.labels) == {"alertname": "CpuHigh", "severity": "P3", "instance": "host-1", "team": "ops"}
    assert alert.annotations == {"summary": "host-1 at 90.0"}


def test_lost_data_is_labelled_as_such(made):
    evaluator, signals = made(rule(expr=expressions.parse("data_loss > 0"), by=()))
    signals.add_event(OpsEvent(id="e", time=instants.show(NOW), source="db", kind="fault", what="data_loss"), NOW)
    (alert,) = evaluator.evaluate(NOW)
    assert dict(alert.labels)["data_loss"] == "true"


def test_two_results_with_one_label_set_are_an_error(made):
    evaluator, signals = made(rule(labels={"instance": Template("all")}))
    feed(signals, 90.0, [0])
    feed(signals, 90.0, [0], source="host-2")
    (alert,) = evaluator.evaluate(NOW)
    assert dict(alert.labels)["alertname"] == "RuleEvaluationFailed"


def test_samples_that_come_all_at_once_are_judged_as_if_in_time(made):
    evaluator, signals = made(rule(wait=100.0))
    feed(signals, 90.0, range(-120, 1, 10))
    (alert,) = evaluator.evaluate(NOW)
    assert alert.starts_at <= NOW


def test_a_restart_keeps_what_fires_and_resolves_it_once_it_is_false(made):
    evaluator, signals = made(rule(wait=20.0))
    run(evaluator, signals, 90.0, range(0, 60, 10))
    (firing,) = list(evaluator._active.values())
    again, fresh = made(rule(wait=20.0))
    assert again.restore(firing) is not None
    assert again.evaluate(NOW + 60) == [], "no data: neither told again nor over"
    feed(fresh, 10.0, [65], now=NOW + 65)
    (over,) = again.evaluate(NOW + 65)
    assert (over.labels, over.ends_at) == (firing.labels, NOW + 65)


def test_an_alert_of_no_rule_is_not_taken_back(made):
    evaluator, signals = made(rule())
    feed(signals, 90.0, [0])
    (alert,) = evaluator.evaluate(NOW)
    other, _ = made(rule(name="Other"))
    assert other.restore(alert) is None


def test_due_is_the_interval_or_when_for_is_over(made):
    evaluator, signals = made(rule(wait=4.0))
    feed(signals, 90.0, [0])
    evaluator.evaluate(NOW)
    assert evaluator.due(NOW) == NOW + 4
    evaluator.evaluate(NOW + 4)
    assert evaluator.due(NOW + 4) == NOW + 14


def test_a_comparison_of_numbers_fires_for_the_empty_label_set(made):
    evaluator, _ = made(rule(name="Watchdog", expr=expressions.parse("1 == 1"), by=None))
    (alert,) = evaluator.evaluate(NOW)
    assert dict(alert.labels) == {"alertname": "Watchdog", "severity": "P3"}
    assert evaluator.evaluate(NOW + 10) == []


def test_an_evaluator_that_lags_says_so_until_it_has_kept_up_for_a_while(made):
    evaluator, _ = made(rule())
    evaluator.evaluate(NOW)
    assert evaluator.evaluate(NOW + 10 + 15) == [], "a little late"
    (began,) = evaluator.evaluate(NOW + 35 + 20)
    assert dict(began.labels)["alertname"] == "EvaluatorLagging"
    assert began.annotations == {"summary": "Rules were evaluated 20s late"}
    for at in range(65, 355, 10):
        assert evaluator.evaluate(NOW + at) == []
    (over,) = evaluator.evaluate(NOW + 355)
    assert (over.labels, over.ends_at) == (began.labels, NOW + 355)


def test_without_rules_nothing_lags(made):
    evaluator, _ = made()
    evaluator.evaluate(NOW)
    assert evaluator.evaluate(NOW + 1000) == []


def test_one_lost_source_is_one_alert_whatever_the_number_of_rules(made):
    rules = [rule(name=name, wait=0.0, no_data="alert", no_data_for=60.0, window=30.0) for name in ("A", "B", "C")]
    evaluator, signals = made(*rules)
    assert len(run(evaluator, signals, 90.0, range(0, 30, 10))) == 3
    began = [alert for at in range(30, 200, 10) for alert in evaluator.evaluate(NOW + at)]
    assert [(dict(alert.labels)["alertname"], dict(alert.labels)["instance"]) for alert in began] == [
        ("DataStopped", "host-1")
    ]


def fault(signals, at, source="db", now=None):
    event = OpsEvent(id=f"f{at}", time=instants.show(NOW + at), source=source, kind="fault", what="data_loss")
    signals.add_event(event, NOW + at if now is None else now)


def test_a_rule_without_for_is_looked_at_as_soon_as_there_is_news(made):
    """Its alert begins within the tenth of a second, and other rules wait for the interval."""
    lost = rule(name="Lost", expr=expressions.parse("data_loss > 0"), by=("source",), severity="P0")
    evaluator, signals = made(lost, rule(wait=5.0))
    evaluator.evaluate(NOW)
    feed(signals, 90.0, [1], now=NOW + 1)
    assert evaluator.due(NOW + 1) == NOW + 10, "no news for a rule without `for`"
    fault(signals, 1)
    assert evaluator.due(NOW + 1) == NOW + 1
    (alert,) = evaluator.look(NOW + 1)
    assert (dict(alert.labels)["source"], alert.starts_at) == ("db", NOW + 1)
    assert evaluator.due(NOW + 1) == NOW + 10
    fault(signals, 1.02, "disk")
    assert evaluator.due(NOW + 1.02) == pytest.approx(NOW + 1.1)
    assert evaluator.look(NOW + 1.02) == []
    assert len(evaluator.look(NOW + 1.1)) == 1
    assert evaluator.look(NOW + 10) == [], "told already"


def test_what_is_over_is_seen_at_the_interval(made):
    """News lets alerts begin, not end: a value that jumps tells nobody ten times a second."""
    evaluator, signals = made(rule(window=1.0))
    evaluator.evaluate(NOW)
    feed(signals, 90.0, [1], now=NOW + 1)
    assert len(evaluator.look(NOW + 1)) == 1
    feed(signals, 10.0, [3], now=NOW + 3)
    assert evaluator.look(NOW + 3) == []
    feed(signals, 10.0, [10], now=NOW + 10)
    (over,) = evaluator.look(NOW + 10)
    assert over.ends_at == NOW + 10


def test_looks_take_a_share_of_the_time(made):
    """A look at many samples is followed by a longer rest."""
    evaluator, signals = made(rule())
    evaluator.evaluate(NOW)
    feed(signals, 10.0, [n / 1e5 for n in range(2000)], now=NOW + 1)
    signals.samples = lambda _: 10_000_000
    evaluator.look(NOW + 1)
    feed(signals, 10.0, [1.5], now=NOW + 1.5)
    assert evaluator.due(NOW + 1.5) == NOW + 1.5
    assert evaluator.due(NOW + 1.2) == NOW + 1.5


def test_late_samples_of_one_signal_leave_other_rules_alone(made):
    """Only what reads it is judged again: a timer that is pending elsewhere goes on."""
    other = rule(name="Queue", expr=expressions.parse("queue_lag > 5"), by=(), wait=100.0)
    evaluator, signals = made(rule(wait=60.0), other)
    for at in range(0, 60, 10):
        signals.add_event(
            OpsEvent(id="q", time=instants.show(NOW + at), source="q", kind="metric", name="queue_lag", value=9.0),
            NOW + at,
        )
        evaluator.evaluate(NOW + at)
    feed(signals, 90.0, range(-100, 60, 5), source="late-host", now=NOW + 60)
    (began,) = evaluator.evaluate(NOW + 60)
    assert dict(began.labels)["instance"] == "late-host"
    assert evaluator.states["Queue", ()].since == NOW


def test_states_follow_their_label_sets_when_groups_begin_anew(made):
    """What fires goes on firing under its new number, and ends under it."""
    evaluator, signals = made(rule(window=30.0))
    for generation in range(4):
        at = 200.0 * generation
        for n in range(1500):
            feed(signals, 10.0, [at], source=f"pod-{generation}-{n}", now=NOW + at)
        feed(signals, 90.0, [at], now=NOW + at)
        began = [dict(alert.labels)["alertname"] for alert in evaluator.evaluate(NOW + at)]
        assert began.count("CpuHigh") == (generation == 0)
    assert len(signals.groups(("instance",))) < 6000
    assert [state.phase for state in evaluator.states.values()] == ["firing"]
    feed(signals, 10.0, [640.0], now=NOW + 640)
    (over,) = [alert for alert in evaluator.evaluate(NOW + 640) if ("alertname", "CpuHigh") in alert.labels]
    assert (dict(over.labels)["instance"], over.ends_at) == ("host-1", NOW + 640)


def test_an_alert_whose_rule_is_gone_ends(made):
    """A reload without the rule ends what fired of it, at the next evaluation."""
    evaluator, signals = made(rule())
    feed(signals, 90.0, [0])
    evaluator.evaluate(NOW)
    evaluator.reconfigure([rule(name="Other", expr=expressions.parse("cpu_percent > 99"))], 10.0)
    (over,) = evaluator.evaluate(NOW + 10)
    assert (dict(over.labels)["alertname"], over.ends_at) == ("CpuHigh", NOW + 10)


def test_a_restored_alert_ends_even_when_the_first_look_finds_it_over(made):
    """A restart owes the end of what it took back."""
    evaluator, signals = made(rule())
    feed(signals, 90.0, [0])
    (firing,) = evaluator.evaluate(NOW)
    again, fresh = made(rule())
    assert again.restore(firing) is not None
    feed(fresh, 10.0, [40], now=NOW + 40)
    (over,) = again.evaluate(NOW + 40)
    assert (over.labels, over.ends_at) == (firing.labels, NOW + 40)


def test_an_alert_and_one_with_more_labels_are_two(made):
    """A label set that is part of another keeps its own alert."""
    evaluator, signals = made(rule(by=None))
    for labels in ({}, {"rack": "a"}):
        signals.add_event(
            OpsEvent(
                id="e", time=instants.show(NOW), source="host-1", kind="metric", name="cpu_percent", value=90.0,
                labels=labels,
            ),
            NOW,
        )  # fmt: skip
    assert len(evaluator.evaluate(NOW)) == 2
    assert evaluator.evaluate(NOW + 10) == []


def test_a_rule_fires_for_so_many_label_sets_and_says_that_there_are_more(made, monkeypatch):
    """Those that were known first have the room; when it is free, others take it."""
    monkeypatch.setattr("alerting.judging.MOST_ALERTS", 3)
    evaluator, signals = made(rule(window=30.0))
    for n in range(5):
        feed(signals, 90.0, [0], source=f"host-{n}")
    began = [dict(alert.labels) for alert in evaluator.evaluate(NOW)]
    assert [one.get("instance") for one in began] == ["host-0", "host-1", "host-2", None]
    assert (began[-1]["alertname"], began[-1]["reason"]) == ("RuleEvaluationFailed", "too_many")
    assert evaluator.evaluate(NOW + 10) == []
    for n in range(5):
        feed(signals, 10.0 if n < 2 else 90.0, [35], source=f"host-{n}", now=NOW + 35)
    changes = {(dict(one.labels).get("instance"), one.ends_at is None) for one in evaluator.evaluate(NOW + 35)}
    assert changes == {("host-0", False), ("host-1", False), ("host-3", True), ("host-4", True), (None, False)}


def test_rules_with_many_samples_are_judged_again_by_fewer_passes(made):
    """One sample from long ago costs no minute of work, and `for` still counts from when the rule became true."""
    evaluator, signals = made(rule(wait=300.0))
    evaluator.evaluate(NOW)
    signals.samples = lambda _: 10_000_000
    read, reading = [], signals.reading
    signals.reading = lambda *given: read.append(given[3]) or reading(*given)
    feed(signals, 90.0, range(-300, 11, 5), source="late-host", now=NOW + 10)
    (alert,) = evaluator.evaluate(NOW + 10)
    assert len(read) == 9
    assert NOW <= alert.starts_at <= NOW + 10
