"""What a restart reads from the topics: the latest versions, and who knows what."""

from dataclasses import replace as changed

import pytest
from msgspec.structs import replace
from unit.alerting.making import NOW, make_alert, make_incident

from alerting import incidents, instants, recovery
from alerting.groups import Told
from alerting.incidents import Promise
from alerting.messages import instant_of, message_id, step_of
from streams.contracts import Command, Notification

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


def test_what_a_channel_refused_it_has_not_heard():
    """Unless it is to be tried again."""
    refused = [told(0, firing="a"), told(50, "new_alerts", "intended", firing="ab"), told(50, "new_alerts", "failed")]
    assert recovery.heard(refused).told[("team", "email")].firing == frozenset("a")
    assert recovery.heard([*refused, told(50, "new_alerts", "intended")]).told[("team", "email")].firing == frozenset(
        "ab"
    )


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


ENDED = incidents.joined(OVER, [changed(SECOND, ends_at=NOW + 120)], NOW + 200)
ANSWERED = incidents.applied(
    OVER, Command(incident=OVER.id, action="acknowledge", by="ada", at=instants.show(NOW + 130)), Promise(900.0),
    NOW + 130,
)  # fmt: skip
RESOLVED = incidents.resolved(ENDED, NOW + 200, "every alert is over")


@pytest.mark.parametrize(
    ("incident", "at", "status", "phase", "firing"),
    [
        pytest.param(RESOLVED, 60, "triggered", "INVESTIGATING", 2, id="both fired"),
        pytest.param(RESOLVED, 110, "triggered", "INVESTIGATING", 1, id="one was over"),
        pytest.param(RESOLVED, 150, "triggered", "INVESTIGATING", 1, id="nobody knew it of the other"),
        pytest.param(RESOLVED, 200, "resolved", "RESOLVED", 0, id="its end itself"),
        pytest.param(ANSWERED, 110, "triggered", "INVESTIGATING", 1, id="nobody had answered"),
        pytest.param(ANSWERED, 130, "acknowledged", "INVESTIGATING", 1, id="the answer itself"),
    ],
)
def test_what_is_told_again_says_what_it_said_first(incident, at, status, phase, firing):
    found = recovery.as_of(incident, NOW + at)
    fires = [state for state in found.alerts if state.status == "firing"]
    assert (found.status, found.phase, len(fires)) == (status, phase, firing)
    assert all(state.ends_at is None for state in fires)
    assert (found.resolved_at is None) == (status != "resolved")


def test_what_has_not_changed_is_told_as_it_is():
    assert recovery.as_of(RESOLVED, NOW + 300) is RESOLVED
