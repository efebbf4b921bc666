"""Events are found where they happen, in the right direction and order, and none is lost between the steps."""

import numpy as np
import pytest
from unit.native.systems import OSCILLATOR, problem

from native import ode
from native.formula import compile_program
from native.ode_events import Event, EventLog


def run(texts, events, t_span=(0, 20), method="dopri5", rtol=1e-10):
    system = problem(OSCILLATOR, {"w": 1}, {"x": 1, "v": 0}, t_span, rtol=rtol, atol=1e-12)
    log = EventLog(compile_program(texts, ["t", "x", "v"], ["w"]), events, 1)
    return ode.integrate(*system, (method,), lambda fraction, stage: None, log)


@pytest.mark.parametrize("method", ["dopri5", "dop853", "rodas4", "radau"])
@pytest.mark.parametrize(
    ("direction", "expected", "rule"),
    [
        (0, np.pi * (np.arange(6) + 0.5), "either direction: every zero of the cosine"),
        (1, np.pi * (2 * np.arange(3) + 1.5), "upwards: every second one"),
        (-1, np.pi * (2 * np.arange(3) + 0.5), "downwards: the others"),
    ],
)
def test_the_zeros_of_the_cosine(method, direction, expected, rule):
    made = run(["x"], [Event(direction)], method=method)
    np.testing.assert_allclose(made.crossings[0].times[0], expected, atol=1e-7, err_msg=rule)
    np.testing.assert_allclose([state[0] for state in made.crossings[0].states[0]], 0.0, atol=1e-12)


def test_backwards_the_direction_is_along_the_way():
    made = run(["x"], [Event(-1)], (0, -6))
    np.testing.assert_allclose(made.crossings[0].times[0], [-np.pi / 2], atol=1e-8)


def test_a_terminal_event_ends_the_integration_at_its_time():
    made = run(["x", "x - 0.5"], [Event(terminal=True), Event()])
    assert made.status[0] == ode.STOPPED
    assert made.time[0] == pytest.approx(np.pi / 2, abs=1e-8)
    np.testing.assert_allclose(made.state[:, 0], [0, -1], atol=1e-8)
    np.testing.assert_allclose(made.crossings[0].times[1], [np.pi / 3], atol=1e-8)


def test_two_crossings_within_one_step_are_both_found():
    made = run(["(t - 1.02)*(t - 1.30)"], [Event()], rtol=1e-3)
    np.testing.assert_allclose(made.crossings[0].times[0], [1.02, 1.30], atol=1e-12)


def test_a_start_on_the_zero_is_no_event():
    assert run(["v"], [Event()], (0, 1)).crossings[0].times[0] == []


def test_an_event_before_a_singularity_is_reached():
    system = problem({"x": "-1/x"}, {}, {"x": 1}, (0, 2))
    log = EventLog(compile_program(["x - 0.1"], ["t", "x"]), [Event(-1, terminal=True)], 1)
    made = ode.integrate(*system, ("dopri5",), lambda fraction, stage: None, log)
    assert made.status[0] == ode.STOPPED
    assert made.time[0] == pytest.approx(0.495, abs=1e-6)
