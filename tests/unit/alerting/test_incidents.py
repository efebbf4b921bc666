"""Incidents: each transition, who did it, and that doing it twice changes nothing."""

from dataclasses import replace as changed

import pytest
from msgspec.structs import replace
from unit.alerting.making import NOW, make_alert, make_incident

from alerting import incidents, instants
from alerting.incidents import PROMISES
from streams.contracts import Command

P1 = PROMISES["P1"]


def command(action, at=NOW + 60, by="ada", **fields):
    return Command(incident="INC-2025-000042", action=action, by=by, at=instants.show(at), **fields)


def apply(incident, *commands, **fields):
    for one in commands:
        incident = incidents.applied(incident, one, P1, NOW + 100, **fields)
    return incident


def ended(alert, at=NOW + 60):
    return changed(alert, ends_at=at)


def what(incident):
    return [entry.what for entry in incident.timeline]


def test_an_incident_says_what_its_worst_alert_says():
    made = make_incident(make_alert("CpuHigh", severity="P3", agent="pde"), make_alert())
    assert (made.id, made.severity, made.title, made.status, made.phase, made.version) == (
        "INC-2025-000042", "P1", "High Error Rate", "triggered", "INVESTIGATING", 1,
    )  # fmt: skip
    assert made.impact == "15% increase in error rate"
    assert made.started_at == "2025-10-01T14:30:00.000Z"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("INC-2026-000042", (2026, 42)),
        ("INC-2026-1000000", (2026, 1_000_000)),
        ("INC-x-1", (0, 0)),
        ("", (0, 0)),
        ("INC-2026-٣", (0, 0)),
    ],
)
def test_numbered(name, expected):
    assert incidents.numbered(name) == expected


FIRST = make_alert()


@pytest.mark.parametrize(
    ("alerts", "severity", "entries", "over"),
    [
        pytest.param([FIRST], "P1", [], False, id="nothing new: the same object"),
        pytest.param([make_alert(agent="pde")], "P1", ["joined"], False, id="another joins"),
        pytest.param([make_alert(severity="P0")], "P0", ["joined", "rose"], False, id="a worse one joins: it rises"),
        pytest.param([make_alert(severity="P3")], "P1", ["joined"], False, id="a lesser one joins: it does not fall"),
        pytest.param([ended(FIRST)], "P1", ["ended"], True, id="its alert is over"),
        pytest.param([ended(make_alert(agent="pde"))], "P1", [], False, id="one that ended unheard does not join"),
        pytest.param([ended(FIRST), make_alert(agent="pde")], "P1", ["ended", "joined"], False, id="one for another"),
    ],
)
def test_joined(alerts, severity, entries, over):
    before = make_incident(FIRST)
    after = incidents.joined(before, alerts, NOW + 100)
    assert (after is before) == (not entries)
    assert after.version == before.version + bool(entries)
    assert what(after)[len(before.timeline) :] == entries
    assert after.severity == severity
    assert incidents.over(after) is over


def test_alerts_without_number_are_bounded():
    many = [make_alert(instance=f"host-{n}") for n in range(2 * incidents.MAX_ALERTS)]
    made = incidents.joined(make_incident(), many, NOW)
    assert len(made.alerts) == incidents.MAX_ALERTS
    assert len(made.timeline) <= incidents.MAX_TIMELINE
    assert made.timeline[0].what == "opened"
    assert incidents.joined(made, many, NOW) is made


def test_resolved_by_itself():
    made = incidents.resolved(make_incident(), NOW + 60, "every alert is over")
    assert (made.status, made.phase, made.resolved_at) == ("resolved", "RESOLVED", "2025-10-01T14:31:00.000Z")
    assert (made.escalation.due_at, made.ack_due_at, made.next_update_at) == (None, None, None)
    assert incidents.by_hand(made) is False


def test_reopened_says_why_and_begins_anew():
    over = incidents.resolved(incidents.joined(make_incident(FIRST), [ended(FIRST)], NOW + 60), NOW + 60, "over")
    again = incidents.reopened(over, [make_alert(at=NOW + 90)], NOW + 100)
    assert (again.status, again.phase, again.resolved_at, again.escalation.step) == (
        "triggered", "INVESTIGATING", None, 0,
    )  # fmt: skip
    reopened = next(entry for entry in again.timeline if entry.what == "reopened")
    assert reopened.reason == "fires again after it was resolved at 2025-10-01 14:31 UTC"


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        pytest.param(command("acknowledge"), {"status": "acknowledged", "ack_due_at": None}, id="acknowledge"),
        pytest.param(
            command("resolve", text="rolled back"),
            {"status": "resolved", "phase": "RESOLVED", "resolved_at": "2025-10-01T14:31:40.000Z"}, id="resolve",
        ),
        pytest.param(command("phase", phase="IDENTIFIED"), {"phase": "IDENTIFIED"}, id="phase"),
        pytest.param(command("note", text="looked at the logs"), {"status": "triggered"}, id="note"),
        pytest.param(command("assign", target="grace"), {"status": "triggered"}, id="assign"),
        pytest.param(command("escalate"), {"status": "triggered"}, id="escalate"),
    ],
)  # fmt: skip
def test_a_command_is_done_once(given, changes):
    before = make_incident()
    after = apply(before, given)
    assert after.version == 2
    assert {name: getattr(after, name) for name in changes} == changes
    last = after.timeline[-1]
    assert (last.what, last.by, last.at) == (given.action, "ada", given.at)
    assert incidents.applied(after, given, P1, NOW + 500) is after
    assert incidents.applied(after, command("note", text="between"), P1, NOW).version == 3


def test_a_command_is_known_after_others_and_after_a_restart():
    first = command("acknowledge")
    after = apply(make_incident(), first, command("note", text="x"), command("phase", phase="MONITORING"))
    assert incidents.applied(replace(after), first, P1, NOW + 1000) is not None
    assert incidents.applied(after, first, P1, NOW + 1000) is after


def test_the_same_said_by_another_or_later_is_another_command():
    after = apply(make_incident(), command("acknowledge"), command("acknowledge", by="grace"))
    assert (after.version, after.escalation.target) == (3, "grace")


RESOLVED = apply(make_incident(), command("resolve", at=NOW + 10))


@pytest.mark.parametrize(
    ("incident", "given", "said"),
    [
        pytest.param(RESOLVED, command("acknowledge"), "the incident is resolved", id="acknowledged after the end"),
        pytest.param(RESOLVED, command("resolve"), "resolved already", id="resolved twice, by different commands"),
        pytest.param(RESOLVED, command("escalate"), "the incident is resolved", id="escalated after the end"),
        pytest.param(RESOLVED, command("phase", phase="MONITORING"), "the incident is resolved", id="phase after it"),
        pytest.param(make_incident(), command("phase", phase="RESOLVED"), "use `resolve`", id="phase RESOLVED"),
        pytest.param(make_incident(), command("phase"), "`phase` is missing", id="phase without one"),
        pytest.param(make_incident(), command("note"), "`text` must say", id="an empty note"),
        pytest.param(make_incident(), command("assign"), "`target` must name", id="assigned to nobody"),
        pytest.param(make_incident(), command("snooze"), "`until` must say how long", id="a snooze without an end"),
    ],
)
def test_what_cannot_be_done_is_refused_once_and_changes_nothing_else(incident, given, said):
    after = apply(incident, given)
    assert incidents.is_refused(after)
    assert after.timeline[-1].reason.startswith(f"{given.action}: ")
    assert said in after.timeline[-1].reason
    assert (after.status, after.phase, after.escalation) == (incident.status, incident.phase, incident.escalation)
    assert incidents.applied(after, given, P1, NOW) is after


def test_a_note_after_the_end_is_kept_for_the_post_mortem():
    assert apply(RESOLVED, command("note", text="it was the disk")).timeline[-1].reason == "it was the disk"


def test_what_somebody_says_is_one_line_and_bounded():
    after = apply(make_incident(), command("note", by="a\nb", text="x\r\n" * 5000))
    assert after.timeline[-1].by == "a b"
    assert len(after.timeline[-1].reason) <= 2000


def test_fires_after_an_end_by_hand_only_what_did_not_fire_then():
    assert incidents.by_hand(RESOLVED)
    assert incidents.fresh(RESOLVED, [FIRST]) == []
    new = make_alert(agent="pde")
    again = make_alert(at=NOW + 500)
    assert incidents.fresh(RESOLVED, [FIRST, new]) == [new]
    assert incidents.fresh(RESOLVED, [again]) == [again]


def test_failed_requests_are_linked_once_and_the_latest_are_kept():
    requests = [{"id": f"r-{n}", "code": "singular"} for n in range(incidents.MAX_REQUESTS + 5)]
    made = incidents.linked(make_incident(), requests)
    assert [one["id"] for one in made.requests] == [f"r-{n}" for n in range(5, incidents.MAX_REQUESTS + 5)]
    assert incidents.linked(made, requests[10:]) is made
