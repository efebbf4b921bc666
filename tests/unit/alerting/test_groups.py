"""When a group is looked at, and what it keeps apart."""

from dataclasses import replace

import pytest
from unit.alerting.making import NOW, make_alert

from alerting.groups import Groups
from alerting.routing import Route


@pytest.mark.parametrize(
    ("severity", "starts_at", "expected"),
    [
        pytest.param("P2", NOW, NOW + 30, id="a new group waits"),
        pytest.param("P0", NOW, NOW, id="P0 does not"),
        pytest.param("P2", NOW - 20, NOW + 30, id="the wait counts from when the group was made"),
        pytest.param("P2", NOW - 31, NOW, id="an alert that has fired for longer than the wait waits no more"),
    ],
)
def test_first_flush(severity, starts_at, expected):
    (group,) = Groups(Route("team")).put(make_alert(severity=severity, at=starts_at), NOW)
    assert group.flush_at == expected


def test_groups_keep_apart_what_group_by_names():
    groups = Groups(Route("team", group_by=("agent",)))
    for agent, instance in (("ode", "1"), ("ode", "2"), ("pde", "1")):
        groups.put(make_alert(agent=agent, instance=instance), NOW)
    assert sorted((group.key, len(group.alerts)) for group in groups) == [
        ('{}:{agent="ode"}', 2),
        ('{}:{agent="pde"}', 1),
    ]


def test_only_what_came_changed_or_ended_is_looked_at():
    groups = Groups(Route("team", group_by=("agent",)))
    groups.put(make_alert(agent="ode"), NOW)
    groups.put(replace(make_alert(agent="pde"), expires_at=NOW + 50), NOW)
    assert len(groups.changed(NOW)) == 2
    assert groups.changed(NOW + 49) == []
    ((group, alerts),) = groups.changed(NOW + 50)
    assert (dict(group.labels), len(alerts)) == ({"agent": "pde"}, 1)
    assert groups.next() == NOW + 30
    assert [dict(group.labels) for group in groups.due(NOW + 30)] == [{"agent": "ode"}, {"agent": "pde"}]


def test_what_a_channel_refuses_it_has_not_been_told():
    """It knows again what it knew before; of what it was told since, nothing is taken back."""
    groups = Groups(Route("team"))
    (group,) = groups.put(make_alert(), NOW)
    a, b = frozenset("a"), frozenset("ab")
    group.tell("email", a, frozenset(), NOW)
    group.refused("email", NOW)
    assert group.told == {}
    group.tell("email", a, frozenset(), NOW)
    group.tell("email", b, frozenset(), NOW + 1)
    group.refused("email", NOW)
    assert group.told["email"].firing == b
    group.refused("email", NOW + 1)
    assert group.told == {}, "what it knew before was refused as well"
    group.tell("email", a, frozenset(), NOW)
    group.tell("email", b, frozenset(), NOW + 1)
    group.refused("email", NOW + 1)
    assert group.told["email"].firing == a
