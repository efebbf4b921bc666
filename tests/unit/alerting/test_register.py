"""The register: which incident a group's alerts belong to, also when old ones are forgotten."""

import pytest
from msgspec.structs import replace
from unit.alerting.making import NOW, make_alert, make_incident

from alerting import incidents
from alerting.groups import Groups
from alerting.register import Register

CONFIG = """
route: {receiver: team, group_by: [agent]}
receivers: [{name: team}]
"""


@pytest.fixture
def register(read, monkeypatch):
    monkeypatch.setattr("alerting.register._MAX_INCIDENTS", 3)
    return Register(read(CONFIG))


def test_the_oldest_resolved_incident_makes_room_with_its_groups(register, read):
    """Open ones stay, however many, and a group that has another incident since keeps that."""
    groups = Groups(read(CONFIG).route)
    shared, own = (groups.put(make_alert(agent=agent), NOW)[0] for agent in ("ode", "pde"))
    first, second, third, fourth = (make_incident(number=number) for number in (1, 2, 3, 4))
    for incident, group in ((first, shared), (first, own), (second, shared)):
        register.put(incident)
        register.attach(group, incident)
    register.put(incidents.resolved(first, NOW, "over"))
    register.put(third)
    register.put(fourth)
    assert [one.id for one in register] == [second.id, third.id, fourth.id]
    assert register.of(own) is None
    assert register.of(shared).id == second.id
    register.put(replace(second, version=2))
    assert len(list(register)) == 3


def test_an_incident_that_opens_again_is_kept(register):
    """Only what is resolved now may be forgotten."""
    first = make_incident(number=1)
    over = incidents.resolved(first, NOW, "over")
    for incident in (first, over, incidents.reopened(over, [make_alert()], NOW)):
        register.put(incident)
    for number in (2, 3, 4):
        register.put(make_incident(number=number))
    assert register.get(first.id) is not None
