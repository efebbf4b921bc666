"""What is overdue of open incidents, as health tells it."""

import pytest
from msgspec.structs import replace
from unit.alerting.making import NOW, make_incident

from alerting import instants, lateness
from streams.contracts import EscalationState


def at(seconds):
    return instants.show(NOW + seconds)


@pytest.mark.parametrize(
    ("fields", "overdue"),
    [
        pytest.param({}, set(), id="without timers"),
        pytest.param({"escalation": EscalationState(due_at=at(-61))}, {"escalation"}, id="a step by over a minute"),
        pytest.param({"escalation": EscalationState(due_at=at(-60))}, set(), id="a step by a minute"),
        pytest.param({"next_update_at": at(0)}, {"update"}, id="an update as soon as it is due"),
        pytest.param({"next_update_at": at(1)}, set(), id="no update before"),
        pytest.param({"next_update_at": at(-9), "status": "resolved"}, set(), id="nothing of what is over"),
        pytest.param({"next_update_at": "soon"}, set(), id="nor of what somebody else wrote there"),
    ],
)
def test_what_is_overdue(fields, overdue):
    incident = replace(make_incident(), **fields)
    assert lateness.look([incident], NOW) == {what: [incident.id] for what in overdue}
