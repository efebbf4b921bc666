"""Whether a group is told again, and when it is looked at."""

import pytest
from unit.alerting.making import NOW, make_alert

from alerting.groups import Groups, Told, decide
from alerting.routing import Route

A, B = frozenset("a"), frozenset("b")
NONE = frozenset()


@pytest.mark.parametrize(
    ("last", "firing", "resolved", "now", "send_resolved", "tell", "reason"),
    [
        pytest.param(None, A, NONE, 0, True, True, "first_notification", id="never told, something fires"),
        pytest.param(None, NONE, A, 0, True, False, "nothing_new", id="never told, all is over: nobody hears"),
        pytest.param(Told(A, NONE, 0), A | B, NONE, 1, True, True, "new_alerts", id="another one fires"),
        pytest.param(Told(A, NONE, 0), A, NONE, 1, True, False, "nothing_new", id="the same fires"),
        pytest.param(Told(A, NONE, 0), A, NONE, 60, True, True, "repeat_interval_elapsed", id="the same, for long"),
        pytest.param(Told(A | B, NONE, 0), A, B, 1, True, True, "new_resolved", id="one is over"),
        pytest.param(Told(A | B, NONE, 0), A, B, 1, False, False, "nothing_new", id="one is over, ends not wanted"),
        pytest.param(Told(A | B, B, 0), A, B, 1, True, False, "nothing_new", id="one is over and was told"),
        pytest.param(Told(A, NONE, 0), NONE, A, 1, True, True, "all_resolved", id="all is over"),
        pytest.param(Told(NONE, A, 0), NONE, A, 90, True, False, "nothing_new", id="all is over and was told"),
    ],
)
def test_decide(last, firing, resolved, now, send_resolved, tell, reason):
    found = decide(last, firing, resolved, repeat_interval=60.0, now=now, send_resolved=send_resolved)
    assert (found.tell, found.reason) == (tell, reason)


@pytest.mark.parametrize(
    ("severity", "starts_at", "expected"),
    [
        pytest.param("P2", NOW, NOW + 30, id="a new group waits"),
        pytest.param("P0", NOW, NOW, id="P0 does not"),
        pytest.param("P2", NOW - 20, NOW + 10, id="the wait counts from when the alert began"),
        pytest.param("P2", NOW - 300, NOW, id="an old alert waits no more"),
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
