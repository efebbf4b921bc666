"""What a restart reads from the topics: the latest versions, and who knows what."""

from dataclasses import replace as changed

import pytest
from msgspec.structs import replace
from unit.alerting.making import NOW, make_alert, make_incident

from alerting import incidents, instants, recovery
from alerting.groups import Told
from alerting.messages import instant_of, message_id, step_of
from streams.contracts import Notification

FIRST, SECOND = make_alert(), make_alert(agent="pde", at=NOW + 10)
HELD = incidents.joined(make_incident(FIRST), [SECOND], NOW + 50)
OVER = incidents.joined(HELD, [changed(FIRST, ends_at=NOW + 100)], NOW + 100)


def told(at, reason="first_notification", status="delivered", receiver="team", step=None, firing=(), resolved=()):
    name = message_id(OVER.id, NOW + at, receiver, "email", step)
    return Notification(
        id=name, incident=OVER.id, receiver=receiver, channel="email", reason=reason, status=status, attempt=1,
        at=instants.show(NOW + at), firing=list(firing), resolved=list(resolved),
    )  # fmt: skip


def test_the_latest_version_counts_in_whatever_order_they_come():
    other = make_incident(number=7)
    assert recovery.latest([OVER, other, HELD]) == [other, OVER]


def test_a_channel_knows_what_it_was_told_last():
    log = [told(0, firing="a"), told(50, "new_alerts", firing="ab"), told(60, "new_resolved", firing="b", resolved="a")]
    (found,) = recovery.heard(log).told.values()
    assert found == Told(frozenset("b"), frozenset("a"), NOW + 60)


def test_why_an_alert_was_not_told_tells_nobody():
    log = [told(0, "silenced", "suppressed", firing="a")]
    assert recovery.heard(log).told == {}


def test_the_last_word_to_a_channel_counts_and_its_retries_do_not():
    log = [told(0, status="intended"), told(0), told(50, "new_alerts", "intended")]
    (found,) = recovery.heard(log).told.values()
    assert found.at == NOW + 50


def test_steps_are_heard_beside_the_routes():
    log = [told(0), told(0, "triggered", receiver="ada", step=1), told(5, "x", "suppressed", receiver="bob", step=2)]
    found = recovery.heard(log)
    assert set(found.told) == {("team", "email")}
    assert found.called == {("ada", "email")}


@pytest.mark.parametrize("receiver", ["team", "a.step9.b", "x.1.y", ""])
@pytest.mark.parametrize("step", [None, 0, 12])
def test_a_name_holds_its_instant_and_step(receiver, step):
    name = message_id("INC-2025-000042", NOW + 0.5, receiver, "email/1", step)
    assert instant_of(name) == NOW + 0.5
    assert step_of(name) == step


@pytest.mark.parametrize(
    ("at", "by_hand", "expected"),
    [
        pytest.param(0, False, True, id="told that it fires, and not that it is over"),
        pytest.param(100, False, False, id="told that it is over"),
        pytest.param(0, True, False, id="resolved by hand: that was told"),
    ],
)
def test_untold(at, by_hand, expected):
    alert = changed(FIRST, ends_at=NOW + 100)
    incident = incidents.resolved(OVER, NOW + 100, "over")
    if by_hand:
        timeline = [*OVER.timeline, replace(incident.timeline[-1], what="resolve", by="ada")]
        incident = replace(incident, timeline=timeline)
    ids = [FIRST.fingerprint]
    known = recovery.heard([told(at, firing=ids if at == 0 else [], resolved=ids if at else [])]).told
    assert recovery.untold(alert, incident, dict(enumerate(known.values())), NOW + 200) is expected
