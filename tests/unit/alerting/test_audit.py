"""The auditor sees steps that nobody took, and tells of them."""

import pytest
from msgspec.structs import replace
from unit.alerting.making import NOW, make_incident
from unit.alerting.test_engine import CONFIG, Desk

from alerting import instants
from alerting.audit import overdue, summary
from streams.contracts import EscalationState


def due(at, status="triggered"):
    return replace(make_incident(), status=status, escalation=EscalationState(due_at=instants.show(NOW + at)))


@pytest.mark.parametrize(
    ("incident", "late"),
    [
        pytest.param(due(0), False, id="a minute late is not yet late"),
        pytest.param(due(-1), True, id="more than a minute is"),
        pytest.param(due(-1, "acknowledged"), True, id="so is an acknowledgement that should have lapsed"),
        pytest.param(due(-1, "resolved"), False, id="what is resolved has no steps"),
        pytest.param(make_incident(), False, id="nor has what has no chain"),
    ],
)
def test_what_is_overdue(incident, late):
    assert overdue([incident], NOW + 60) == ([incident.id] if late else [])


def test_it_is_a_p1_until_the_step_was_taken(read):
    desk = Desk(read(CONFIG))
    desk.perform(desk.engine.audit(["INC-2025-000042"], NOW), 0)
    (opened,) = [one for one in desk.incidents if one.version == 1]
    assert (opened.severity, opened.alerts[0].labels["alertname"]) == ("P1", "EscalationStepOverdue")
    assert "INC-2025-000042" in opened.alerts[0].annotations["summary"]
    desk.perform(desk.engine.audit([], NOW + 15), 15)
    assert desk.last().status == "resolved"


def test_of_no_step_nothing_is_said():
    assert summary([]) is None
