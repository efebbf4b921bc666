"""Flapping: what counts as it, what it freezes, and that its end is told."""

from dataclasses import replace

import pytest
from unit.alerting.making import NOW, make_alert
from unit.alerting.test_engine import Desk

from alerting import flapping

CONFIG = """
route: {receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1m, repeat_interval: 1d}
receivers: [{name: team, webhook_configs: [{url: "http://a"}]}, {name: pager, webhook_configs: [{url: "http://b"}]}]
escalation: [{steps: [{after: 0s, notify: [pager]}]}]
global: {resolve_timeout: 1d}
"""


@pytest.mark.parametrize(
    ("found", "share"),
    [
        pytest.param([False] * 21, 0.0, id="no change"),
        pytest.param([bool(n % 2) for n in range(21)], 1.0, id="a change each time"),
        pytest.param([False] * 20 + [True], 0.06, id="the latest change weighs 1.2"),
        pytest.param([True] + [False] * 20, 0.04, id="the earliest 0.8"),
    ],
)
def test_changes_are_weighed(found, share):
    assert flapping.changes(found) == pytest.approx(share)


def flutter(desk, begins, times, every=30):
    """Fires and ends in turn, `times` times; returns when it ended last."""
    at = begins
    for _ in range(times):
        alert = make_alert(at=NOW + at)
        desk.push(at, alert)
        desk.push(at + every, replace(alert, ends_at=NOW + at + every))
        desk.tick(at + every)
        at += 2 * every
    return at - every


def test_what_fires_and_ends_in_turn_is_told_no_more_and_says_so(read):
    desk = Desk(read(CONFIG))
    flutter(desk, 0, 12)
    told = [reason for _, to, reason in desk.told if to == "team"]
    assert told.count("flapping") == 1
    assert told[-1] == "flapping"
    assert flapping.on(desk.last())
    assert desk.last().status == "triggered"
    assert len({incident.id for incident in desk.incidents}) == 1


def test_a_few_changes_are_no_flapping(read):
    desk = Desk(read(CONFIG))
    flutter(desk, 0, 4)
    assert not flapping.on(desk.last())
    assert desk.last().status == "resolved"


def test_once_it_is_steady_the_end_is_told_to_all_who_heard_of_the_beginning(read):
    desk = Desk(read(CONFIG))
    end = flutter(desk, 0, 12)
    desk.tick(*range(end, end + 3600, 15))
    assert (desk.last().status, flapping.on(desk.last())) == ("resolved", False)
    last = {to: reason for _, to, reason in desk.told}
    assert last == {"team": "all_resolved", "pager": "resolved"}


def test_once_it_is_steady_and_fires_that_is_told(read):
    desk = Desk(read(CONFIG))
    end = flutter(desk, 0, 12)
    desk.push(end + 30, make_alert(at=NOW + end + 30))
    desk.tick(*range(end + 30, end + 3600, 15))
    assert (desk.last().status, flapping.on(desk.last())) == ("triggered", False)
    assert "steady" in [reason for _, to, reason in desk.told if to == "team"]


def test_a_restart_finds_the_same(read):
    desk = Desk(read(CONFIG))
    end = flutter(desk, 0, 12)
    desk.engine = type(desk.engine).restore(read(CONFIG), desk.incidents, desk.notifications, NOW + end + 1)
    desk.tick(*range(end + 1, end + 3600, 15))
    assert (desk.last().status, flapping.on(desk.last())) == ("resolved", False)
    assert {to: reason for _, to, reason in desk.told}["team"] == "all_resolved"
