"""What the topics and the inbox hold is read as what happened, and what is taken out of either is found."""

from dataclasses import replace as changed

import pytest
from integration.alerting.receiving import Arrival
from msgspec.structs import replace
from unit.alerting.making import NOW, make_alert, make_incident

from alerting import escalation, incidents, instants
from alerting.escalation import Chain, Step
from alerting.incidents import Promise
from alerting.messages import message_id
from kills.story import BESIDE, CASE, Alert, Version, cases, logged, named, tellings
from kills.verifier import Life, verify
from streams.contracts import Notification

PROMISE = Promise(900.0)
CHAIN = Chain((Step(0.0, ("ada",)), Step(2.0, ("bob",)), Step(4.0, ("carol",))), data_loss=Step(0.0, ("dave",)))
AHEAD = 600.0
"""The clock of who wrote was ahead."""
LOST = make_alert("DataLost", at=NOW + AHEAD, case="lost-0001", data_loss="true")


def written():
    """An incident that is opened, escalates twice and is over after 3 s."""
    opened = escalation.started(make_incident(LOST, now=NOW + AHEAD), CHAIN, PROMISE, NOW + AHEAD)
    versions = [opened]
    for after in (0.0, 2.0):
        versions.append(escalation.advance(versions[-1], CHAIN, PROMISE, NOW + AHEAD + after)[0])
    over = changed(LOST, ends_at=NOW + AHEAD + 3)
    versions.append(incidents.joined(versions[-1], [over], NOW + AHEAD + 3))
    versions.append(incidents.resolved(versions[-1], NOW + AHEAD + 3, "every alert is over"))
    return versions


def arrival(after, channel, status="firing", call=None):
    alert = {"labels": dict(LOST.labels), "startsAt": instants.show(LOST.starts_at)}
    target = {} if call is None else {"escalation_target": channel}
    number = {"escalation_step": str(call)} if call else {}
    return Arrival(NOW + after, channel, None, status, {"alerts": [alert], "commonAnnotations": target | number})


def sending(incident, after, receiver, reason, call=None, status="delivered"):
    name = message_id(incident, NOW + AHEAD + after, receiver, "webhook", call)
    return Notification(
        id=name, incident=incident, receiver=receiver, channel="webhook", reason=reason, status=status, attempt=1,
        at=instants.show(NOW + AHEAD + after),
    )  # fmt: skip


ARRIVED = [
    arrival(0.1, "webhook"), arrival(0.1, "ada", call=1), arrival(0.1, "dave", call=BESIDE),
    arrival(2.1, "bob", call=2),
    *(arrival(3.1, who, "resolved") for who in ("webhook", "ada", "dave", "bob")),
]  # fmt: skip
SENT = [
    (0.0, "team", "first_notification", None), (0.0, "ada", "triggered", 1), (0.0, "dave", "data loss", BESIDE),
    (2.0, "bob", "not acknowledged", 2), (3.0, "team", "all_resolved", None),
    *((3.0, who, "resolved", None) for who in ("ada", "dave", "bob")),
]  # fmt: skip


def judged(arrived=ARRIVED, versions=None, sent=SENT):
    found = written() if versions is None else versions
    names = {found[0].id: "lost-0001"}
    sendings = [
        (sending(found[0].id, *one, status=status), NOW + one[0])
        for status in ("intended", "delivered")
        for one in sent
    ]
    alerts = [Alert("lost-0001", NOW - 0.2, None, NOW + 3, taken=NOW - 0.1)]
    of = [Version(one, AHEAD) for one in found]
    return verify(
        cases(alerts, of), tellings(arrived, names), [Life(NOW - 10, NOW - 10, NOW + 60)], breaks=[], team=["webhook"],
        chain={1: "ada", 2: "bob", 3: "carol", BESIDE: "dave"}, log=logged(sendings, of, names), within_s=0.5,
    )  # fmt: skip


def test_times_are_read_by_our_clock_whatever_that_of_the_writer_was():
    """Steps are due when they were put on record, the call beside the chain when the incident was opened."""
    (case,) = cases([Alert("lost-0001", NOW, None, NOW + 3)], [Version(one, AHEAD) for one in written()])
    assert (case.opened, case.resolved) == (NOW, NOW + 3)
    assert case.due == {1: NOW, 2: NOW + 2, 3: NOW + 4, BESIDE: NOW}


def test_an_alert_that_is_none_of_the_storys_begins_anew_each_time():
    """One of the story is known by its label."""
    assert named({CASE: "lost-0001", "alertname": "DataLost"}, "a") == "lost-0001"
    own = {"alertname": "ManyErrors", "agent": "ode"}
    assert named(own, "a") != named(own, "b") != named(own | {"agent": "pde"}, "b")


def test_a_whole_run_breaks_no_promise():
    report = judged()
    assert report.violations == ()
    assert (report.tellings, report.repeats, report.incidents) == (8, 0, 1)


@pytest.mark.parametrize(
    ("gone", "promises"),
    [
        pytest.param(0, {"complete", "log", "pairs"}, id="the team's beginning"),
        pytest.param(1, {"complete", "log", "pairs"}, id="the first step"),
        pytest.param(2, {"complete", "log", "pairs"}, id="the call beside the chain"),
        pytest.param(3, {"complete", "log", "pairs"}, id="the second step"),
        pytest.param(4, {"log", "pairs"}, id="the team's end"),
        pytest.param(6, {"log", "pairs"}, id="the end of a call"),
    ],
)
def test_what_is_taken_out_of_the_inbox_is_found(gone, promises):
    """The record says that it was delivered."""
    assert {one.promise for one in judged([*ARRIVED[:gone], *ARRIVED[gone + 1 :]]).violations} == promises


def test_a_telling_that_is_planted_or_a_record_that_is_missing_is_found():
    """A step that was due at no time, a version, an intent, an incident for an alert that was taken."""
    carol = [arrival(2.5, "carol", call=3), arrival(3.1, "carol", "resolved")]
    assert {one.promise for one in judged([*ARRIVED, *carol]).violations} == {"log"}
    whole = written()
    assert {one.promise for one in judged(versions=[*whole[:1], *whole[2:]]).violations} == {"versions"}
    assert {one.promise for one in judged(sent=SENT[1:]).violations} == {"log"}
    other = [replace(one, id="INC-2026-000099") for one in whole]
    assert "once" in {one.promise for one in judged(versions=[*whole, *other]).violations}
    assert {one.promise for one in judged([], [make_incident(make_alert(case="another"))], []).violations} >= {"opened"}
