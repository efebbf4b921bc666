"""Reminders of updates that are overdue: to Slack, once for each time at which one was due."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.alerting.desks import CONFIG, Desk
from unit.alerting.making import NOW, make_alert, make_incident

from alerting import config, documents, instants, reminders, text
from alerting.notify.slack import payload
from alerting.receivers import Slack

SLACK = CONFIG.replace(
    '{name: team, webhook_configs: [{url: "http://a"}]}',
    '{name: team, webhook_configs: [{url: "http://a"}], slack_configs: [{api_url: "http://s", channel: "#c"}]}',
)


def opened(severity="P1"):
    made = Desk(config.read(documents.parse(SLACK, "alerting.yaml"), {}))
    made.push(0, make_alert(severity=severity))
    return made


def run(made, start, end):
    """Tick at each time that is due."""
    now = NOW + start
    while (due := max(now, made.engine.due(now))) <= NOW + end:
        made.tick(round(due - NOW, 3))
        now = due + 0.001


def reminded(made):
    return [(seconds, who) for seconds, who, reason in made.told if reason == text.OVERDUE]


def test_slack_is_reminded_at_each_time_that_passes_without_a_word():
    """The webhook of the same receiver, and whoever was called by other channels, hear nothing of it."""
    made = opened()
    run(made, 0, 2000)
    assert reminded(made) == [(900, "team"), (1800, "team")]


@pytest.mark.parametrize(
    ("action", "fields"), [("note", {"text": "we look"}), ("phase", {"phase": "IDENTIFIED"}), ("acknowledge", {})]
)
def test_every_word_of_somebody_is_an_update(action, fields):
    made = opened()
    run(made, 0, 600)
    made.command(600, action, **fields)
    run(made, 601, 1600)
    assert reminded(made) == [(1500, "team")]


@pytest.mark.parametrize("severity", ["P2", "P3"])
def test_a_severity_that_promises_no_updates_has_none_overdue(severity):
    made = opened(severity)
    run(made, 0, 4000)
    assert reminded(made) == []
    assert not reminders.overdue(made.last(), NOW + 1e6)


def test_nobody_is_reminded_of_what_is_over():
    made = opened()
    made.command(60, "resolve")
    run(made, 61, 4000)
    assert reminded(made) == []


def test_what_was_missed_by_a_stalled_process_is_one_reminder():
    made = opened()
    made.tick(2000, 2001)
    assert reminded(made) == [(2000, "team")]


def test_a_snooze_puts_updates_off():
    made = opened()
    made.command(60, "snooze", until=instants.show(NOW + 3000))
    run(made, 61, 3500)
    assert reminded(made) == [(3000, "team")]


def test_a_silence_of_all_alerts_silences_reminders():
    made = opened()
    made.command(60, "silence", until=instants.show(NOW + 2000))
    run(made, 61, 1999)
    assert reminded(made) == []


@given(st.lists(st.integers(1, 3000), max_size=6), st.lists(st.integers(1, 3000), max_size=4))
@settings(max_examples=60)
def test_killed_at_any_instants_each_is_sent_once(kills, notes):
    """As by a process that is never killed, whenever somebody says something."""

    def heard(killed):
        made, last = opened(), 0
        for at, what in sorted([*((at, "note") for at in notes), *((at, "kill") for at in killed), (3000, "end")]):
            run(made, last, at)
            last = at + 0.001
            if what == "note":
                made.command(at, "note", text=f"at {at}")
            elif what == "kill":
                made.restart(at)
        return reminded(made)

    assert heard(kills) == heard([])


def test_a_reminder_says_since_when_and_what_to_do(message):
    """In the line of updates of the template, on every channel that is told anything while one is overdue."""
    made = opened()
    run(made, 0, 1000)
    found = made.engine.register.get(made.last().id)
    slack = next(one for _, one in made.config.receivers["team"].channels if isinstance(one, Slack))
    late = message(slack, incident=found, at=NOW + 900, reason=text.OVERDUE)
    assert text.promised(late) == "Overdue since 2025-10-01 14:45 UTC; every 15 minutes or when status changes"
    assert text.next_steps(late)[0] == f"Say how it stands: sci-agents incidents note {found.id} TEXT"
    assert any("Overdue since" in str(block) for block in payload(late)["blocks"])
    assert text.promised(message(slack, incident=found, at=NOW + 899)) == "Every 15 minutes or when status changes"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(100.0, 100.0, id="at its time"),
        pytest.param(159.9, 100.0, id="until the next"),
        pytest.param(160.0, 160.0, id="the next"),
        pytest.param(1000.0, 1000.0, id="many later"),
    ],
)
def test_the_latest_time_at_which_one_was_due(now, expected):
    assert reminders.latest(100.0, 60.0, now) == expected


def test_an_incident_of_somebody_else_without_a_timer_is_never_overdue():
    assert not reminders.overdue(make_incident(), NOW + 1e9)
