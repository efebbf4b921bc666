"""Who is called next: E1 to E3, answers that stop the chain and lapse, lost data."""

import pytest
from msgspec.structs import replace
from unit.alerting.making import NOW, make_alert, make_incident

from alerting import escalation, incidents, instants, matchers
from alerting.escalation import Chain, Step, advance, chain_of, due, forced, in_reach, started
from alerting.incidents import Promise
from streams.contracts import Command

PROMISE = Promise(900.0, 900.0)
CHAIN = Chain((Step(0.0, ("A",)), Step(1800.0, ("B",)), Step(3600.0, ("C",))), ack_expires={"P1": 3600.0})


def run(incident, chain, times, stop=None):
    """The calls at these times: (seconds, target, step)."""
    made = []
    for at in times:
        incident, calls = advance(incident, chain, PROMISE, NOW + at)
        made += [(at, call.target, call.step) for call in calls]
    return incident, made


def begun(chain=CHAIN, *alerts):
    return started(make_incident(*alerts), chain, PROMISE, NOW)


def acknowledged(incident, at, expires=3600.0):
    command = Command(incident=incident.id, action="acknowledge", by="ada", at=instants.show(NOW + at))
    return incidents.applied(incident, command, PROMISE, NOW + at, ack_expires=expires)


def seconds(text):
    return None if text is None else round(instants.parse(text) - NOW)


def test_e1_nobody_answers():
    _, calls = run(begun(), CHAIN, range(0, 20_000, 60))
    assert calls == [(0, "A", 1), (1800, "B", 2), (3600, "C", 3)]


def test_e2_a_step_that_is_overdue_happens_at_once_and_moves_no_other():
    _, calls = run(begun(), CHAIN, [0, 2700, 3599, 3600])
    assert calls == [(0, "A", 1), (2700, "B", 2), (3600, "C", 3)]


def test_e3_two_overdue_steps_of_one_target_are_one_call():
    chain = Chain((Step(0.0, ("A",)), Step(60.0, ("B",)), Step(120.0, ("B", "C"))))
    _, calls = run(begun(chain), chain, [0, 300])
    assert calls == [(0, "A", 1), (300, "B", 3), (300, "C", 3)]


def test_the_state_says_who_was_called_and_when_the_next_is():
    incident, _ = run(begun(), CHAIN, [0])
    state = incident.escalation
    assert (state.step, state.target, seconds(state.due_at)) == (1, "A", 1800)
    assert escalation.next_targets(incident, CHAIN) == ("B",)
    assert seconds(incident.ack_due_at) == 900
    assert due(incident, CHAIN) == NOW + 1800


def test_an_acknowledgement_stops_the_chain():
    incident, _ = run(begun(), CHAIN, [0])
    incident, calls = run(acknowledged(incident, 600, expires=None), CHAIN, [1800, 1e6])
    assert calls == []
    assert due(incident, CHAIN) is None


def test_an_acknowledgement_lapses_and_the_chain_goes_on_where_it_stood():
    incident, _ = run(begun(), CHAIN, [0])
    incident, calls = run(acknowledged(incident, 600), CHAIN, [4199, 4200, 5999, 6000])
    assert calls == [(4200, "B", 2), (6000, "C", 3)]
    assert incident.status == "triggered"
    assert "ack_expired" in [entry.what for entry in incident.timeline]


def test_past_the_end_of_the_chain_a_lapsed_acknowledgement_calls_the_last_again():
    incident, _ = run(begun(), CHAIN, [0, 1800, 3600])
    _, calls = run(acknowledged(incident, 4000), CHAIN, [7600])
    assert calls == [(7600, "C", 3)]


def test_a_resolved_incident_calls_nobody():
    incident = incidents.resolved(begun(), NOW + 1, "over")
    assert advance(incident, CHAIN, PROMISE, NOW + 1e6) == (incident, [])
    assert due(incident, CHAIN) is None


def test_without_a_chain_nobody_is_called():
    incident = begun(None)
    assert advance(incident, None, PROMISE, NOW + 1e6) == (incident, [])
    assert due(incident, None) is None


def test_after_ack_due_is_the_time_to_answer():
    chain = Chain((Step(0.0, ("A",)), Step(None, ("B",))))
    _, calls = run(begun(chain), chain, [0, 899, 900])
    assert calls == [(0, "A", 1), (900, "B", 2)]


def test_lost_data_calls_beside_the_chain_once_even_when_acknowledged():
    chain = replace_data_loss(CHAIN, 0.0)
    _, calls = run(begun(chain, make_alert(data_loss="true")), chain, [0, 60, 1800])
    assert calls == [(0, "A", 1), (0, "cto", None), (1800, "B", 2)]
    later = acknowledged(begun(chain), 10)
    later = incidents.joined(later, [make_alert(agent="pde", data_loss="true", at=NOW + 20)], NOW + 20)
    assert due(later, chain) == NOW + 20
    assert run(later, chain, [20, 30])[1] == [(20, "cto", None)]


def replace_data_loss(chain, after):
    return Chain(chain.steps, chain.matchers, Step(after, ("cto",)), chain.ack_expires)


def test_forced_takes_the_next_step_now_and_keeps_the_distance_after_it():
    incident, _ = run(begun(), CHAIN, [0])
    after, calls = forced(incident, CHAIN, PROMISE, NOW + 300)
    assert [(call.target, call.step) for call in calls] == [("B", 2)]
    assert seconds(after.escalation.due_at) == 300 + 1800


def test_forced_leaves_an_acknowledgement_with_who_has_it():
    incident = acknowledged(run(begun(), CHAIN, [0])[0], 60)
    after, calls = forced(incident, CHAIN, PROMISE, NOW + 300)
    assert [call.target for call in calls] == ["B"]
    assert (after.status, after.escalation.target, seconds(after.escalation.due_at)) == ("acknowledged", "ada", 3660)


def test_forced_past_the_end_does_nothing():
    incident, _ = run(begun(), CHAIN, [3600])
    assert forced(incident, CHAIN, PROMISE, NOW + 4000) == (incident, [])


@pytest.mark.parametrize(
    ("severity", "agent", "expected"),
    [("P0", "ode", 0), ("P1", "pde", 1), ("P3", "pde", None)],
)
def test_the_first_chain_that_matches(severity, agent, expected):
    chains = [
        Chain((), matchers.parse('agent="ode",severity="P0"')),
        Chain((), matchers.parse('severity=~"P0|P1"')),
    ]
    found = chain_of(chains, make_incident(make_alert(severity=severity, agent=agent)))
    assert found is (None if expected is None else chains[expected])


def test_the_chain_is_chosen_by_the_opener_and_the_severity_now():
    chains = [Chain((), matchers.parse("agent=ode,severity=P0"))]
    incident = make_incident(make_alert())
    assert chain_of(chains, incident) is None
    worse = incidents.joined(incident, [make_alert(agent="pde", severity="P0", at=NOW + 5)], NOW + 5)
    assert chain_of(chains, replace(worse)) is chains[0]


def test_a_step_with_nobody_in_it_makes_way_at_once_and_says_so():
    chain = Chain((Step(0.0, ()), Step(900.0, ("B",)), Step(1800.0, ("C",))))
    incident, calls = run(begun(chain), chain, [0, 899, 900])
    assert calls == [(0, "B", 2), (900, "C", 3)]
    assert "step 1: nobody is on call" in [entry.reason for entry in incident.timeline]


def test_lost_data_with_nobody_to_call_is_looked_at_once():
    chain = Chain((Step(0.0, ("A",)),), data_loss=Step(0.0, ()))
    incident, calls = run(begun(chain, make_alert(data_loss="true")), chain, [0])
    assert calls == [(0, "A", 1)]
    assert due(incident, chain) is None


def test_forced_passes_over_a_step_with_nobody_in_it():
    chain = Chain((Step(0.0, ("A",)), Step(60.0, ()), Step(120.0, ("C",))))
    incident, _ = run(begun(chain), chain, [0])
    after, calls = forced(incident, chain, PROMISE, NOW + 10)
    assert [(call.target, call.step) for call in calls] == [("C", 3)]
    assert (after.escalation.step, after.escalation.due_at) == (3, None)


@pytest.mark.parametrize(
    ("incident", "now", "due"),
    [
        pytest.param(begun(), -600.0, -600.0, id="the first step is due at once"),
        pytest.param(run(begun(), CHAIN, [0])[0], -600.0, 1200.0, id="the second has its wait from now"),
        pytest.param(run(begun(), CHAIN, [0])[0], 600.0, 1800.0, id="a time that can be is left alone"),
        pytest.param(acknowledged(begun(), 60), -600.0, 3000.0, id="an acknowledgement lapses in its time"),
        pytest.param(run(begun(), CHAIN, [0, 1800, 3600])[0], -600.0, None, id="nothing is due any more"),
    ],
)
def test_a_time_that_no_clock_can_have_meant_is_brought_near(incident, now, due):
    """Whoever set it had a clock that was ahead."""
    near = in_reach(incident, CHAIN, PROMISE, NOW + now)
    assert seconds(near.escalation.due_at) == due
    assert (near is incident) == (incident.escalation.due_at == near.escalation.due_at)
    assert in_reach(near, CHAIN, PROMISE, NOW + now) is near


def test_a_chain_of_nobody_ends():
    chain = Chain((Step(0.0, ()), Step(60.0, ())))
    incident, calls = run(begun(chain), chain, [0])
    assert calls == []
    assert due(incident, chain) is None
    assert advance(incident, chain, PROMISE, NOW + 60) == (incident, [])
