"""The task `ode.ivp`: what goes in is checked, what comes out is right, and its error estimate bounds the error."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from agents.ode import ivp
from agents.outcome import Problem
from native.formula import compile_program

DECAY = {"equations": {"x": "-k*x"}, "parameters": {"k": 2}, "initial": {"x": 1}, "t_span": [0, 1]}
LORENZ = {
    "equations": {"x": "sigma*(y - x)", "y": "x*(rho - z) - y", "z": "x*y - beta*z"},
    "parameters": {"sigma": 10, "rho": 28, "beta": 8 / 3}, "initial": {"x": 1, "y": 1, "z": 1}, "t_span": [0, 10],
}  # fmt: skip


def no_watch(fraction, stage):
    pass


def solve(inputs, **options):
    return ivp.compute_ivp([ivp.prepare_ivp(inputs, options, 0)], no_watch)[0]


@pytest.mark.parametrize(
    ("change", "code", "field", "told", "rule"),
    [
        ({"equations": {}}, "invalid_input", "inputs.equations", "1 to", "no equation"),
        ({"equations": {"x": "-k*"}}, "invalid_formula", "inputs.equations.x", "column 4", "a formula breaks off"),
        ({"equations": {"x": "-q*x"}}, "invalid_formula", "inputs.equations.x", "'q' is not known", "unknown name"),
        ({"equations": {"x": "x.real"}}, "invalid_formula", "inputs.equations.x", "column 2", "no attributes"),
        ({"equations": {"t": "1"}}, "invalid_input", "inputs.equations.t", "independent variable", "t is taken"),
        ({"equations": {"pi": "1"}}, "invalid_input", "inputs.equations.pi", "cannot be a name", "pi is a constant"),
        ({"equations": {"x": 3}}, "invalid_input", "inputs.equations.x", "Expected `str`", "a formula is a text"),
        ({"parameters": {"k": 1, "x": 2}}, "invalid_input", "inputs.parameters.x", "variable already", "x is taken"),
        ({"parameters": {"k": 1, "t": 2}}, "invalid_input", "inputs.parameters.t", "independent", "t is taken"),
        ({"parameters": {"k": "2"}}, "invalid_input", "inputs.parameters.k", "expected a number", "a text"),
        ({"parameters": {"k": True}}, "invalid_input", "inputs.parameters.k", "expected a number", "a boolean"),
        ({"initial": {}}, "invalid_input", "inputs.initial.x", "missing", "no initial value"),
        ({"initial": {"x": 1, "z": 0}}, "invalid_input", "inputs.initial.z", "no variable", "one too many"),
        ({"initial": {"x": "NaN"}}, "invalid_input", "inputs.initial.x", "number", "not a number"),
        ({"t_span": [0]}, "invalid_input", "inputs.t_span", "range", "one end"),
        ({"t_span": [1, 1]}, "invalid_input", "inputs.t_span", "0 long", "no length"),
        ({"t_span": [0, "Infinity"]}, "invalid_input", "inputs.t_span[1]", "number", "no infinite range"),
        ({"n_points": 1}, "invalid_input", "inputs.n_points", "points", "too few points"),
        ({"n_points": 10**8}, "invalid_input", "inputs.n_points", "points", "too many points"),
        ({"n_points": 5, "t_eval": [0, 1]}, "invalid_input", "inputs.n_points", "both", "two grids"),
        ({"t_eval": [0, 2]}, "invalid_input", "inputs.t_eval", "times", "beyond the end"),
        ({"t_eval": [1, 0]}, "invalid_input", "inputs.t_eval", "times", "against the direction"),
        ({"t_eval": []}, "invalid_input", "inputs.t_eval", "times", "no times"),
        ({"events": [{"formula": "y"}]}, "invalid_formula", "inputs.events[0].formula", "not known", "in an event"),
        ({"events": [{"formula": "x", "direction": 2}]}, "invalid_input", "inputs.events[0].direction", "", "no way"),
        ({"t_spam": [0, 1]}, "invalid_input", "inputs.t_spam", "unknown key", "a misspelt key"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(change, code, field, told, rule):
    with pytest.raises(Problem) as caught:
        ivp.prepare_ivp({**DECAY, **change}, {}, 0)
    problem = caught.value
    assert (problem.code, problem.field) == (code, field), rule
    assert told in f"{problem.message} {problem.hint}", rule
    assert problem.hint or code == "invalid_formula" or problem.field, rule


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"rtol": 0}, "options.rtol"), ({"rtol": 1e-15}, "options.rtol"), ({"atol": -1}, "options.atol"),
        ({"max_steps": 0}, "options.max_steps"), ({"max_step": 0}, "options.max_step"),
        ({"method": "euler"}, "options.method"), ({"rtoll": 1e-6}, "options.rtoll"), ({"rtol": "1e-6"}, "options.rtol"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_met_are_refused(options, field):
    with pytest.raises(Problem) as caught:
        ivp.prepare_ivp(DECAY, options, 0)
    assert (caught.value.code, caught.value.field) == ("invalid_input", field)


def test_an_output_beyond_the_limit_is_refused_with_estimate_and_limit():
    many = {f"x{i}": "1" for i in range(500)}
    with pytest.raises(Problem) as caught:
        ivp.prepare_ivp(
            {"equations": many, "initial": dict.fromkeys(many, 0), "t_span": [0, 1], "n_points": 10**6}, {}, 0
        )
    assert caught.value.code == "budget_exceeded"
    assert "500000000" in caught.value.message
    assert "10000000" in caught.value.message


def test_decay_follows_its_closed_form_within_the_estimate():
    outcome = solve({**DECAY, "n_points": 6})
    assert outcome.outputs["t"].tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    error = np.abs(outcome.outputs["y"]["x"] - np.exp(-2 * outcome.outputs["t"])).max()
    assert 0 < error <= outcome.diagnostics.error_estimate < 1e-5
    assert (outcome.kernel, outcome.compiled) == ("native.ode.dopri5", True)
    assert outcome.diagnostics.converged
    assert outcome.diagnostics.method == "dopri5"


def test_integration_backwards_undoes_integration_forwards():
    end = solve(DECAY, rtol=1e-10, atol=1e-12).outputs["y"]["x"][-1]
    back = solve({**DECAY, "initial": {"x": end}, "t_span": [1, 0], "t_eval": [0.5, 0]}, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(back.outputs["y"]["x"], [np.exp(-1), 1.0], rtol=1e-8)


_TIMES = 41
_BOUNDED = [
    ({"x": "v", "v": "-x"}, {"x": 1, "v": 0}, [0, 50], "an oscillator"),
    ({"x": "x*(1 - x)"}, {"x": 0.01}, [0, 20], "logistic growth"),
    ({"x": "x"}, {"x": 1}, [0, 15], "exponential growth"),
    ({"x": "-200*(x - cos(t))"}, {"x": 0}, [0, 5], "a stiff relaxation"),
    ({"x": "v", "v": "50*(1 - x*x)*v - x"}, {"x": 2, "v": 0}, [0, 100], "van der Pol, mu = 50"),
    ({"x": "a*x - x*y", "y": "x*y - y"}, {"x": 1.5, "y": 1}, [0, 30], "predator and prey"),
    ({"x": "v", "v": "-x/(x*x + y*y)**1.5", "y": "w", "w": "-y/(x*x + y*y)**1.5"},
     {"x": 0.5, "v": 0, "y": 0, "w": 3**0.5}, [0, 30], "Kepler, eccentricity 0.5"),
    ({"x": "sin(t*t) + where(t > 2, 1, 0)"}, {"x": 0}, [0, 6], "a jump in the slope"),
]  # fmt: skip


@cache
def _reference(row):
    """SciPy's DOP853 at the tightest tolerance, stopped and begun again at the jump in the slope."""
    equations, initial, t_span, rule = _BOUNDED[row]
    program = compile_program(list(equations.values()), ["t", *equations], ["a"])
    pieces = [t_span[0], 2.0, t_span[1]] if rule == "a jump in the slope" else t_span
    state, found = np.array(list(initial.values()), float), []
    for start, end in pairwise(pieces):
        first = float(np.nextafter(start, end))

        def slope(t, u, first=first):
            return program.evaluate(np.concatenate([[max(t, first)], u, [1.1]])[:, None])[:, 0]

        inside = [t for t in np.linspace(*t_span, _TIMES) if start <= t < end or t == end == t_span[1]]
        made = solve_ivp(
            slope, (start, end), state, method="DOP853", rtol=3e-14, atol=1e-15, t_eval=sorted({*inside, end})
        )  # fmt: skip
        found.append(made.y[:, : len(inside)])
        state = made.y[:, -1]
    return np.concatenate(found, axis=1)


@pytest.mark.parametrize("rtol", [1e-3, 1e-5, 1e-7, 1e-9])
@pytest.mark.parametrize("row", range(len(_BOUNDED)), ids=[row[-1] for row in _BOUNDED])
@pytest.mark.parametrize("method", ["auto", "rodas4"])
def test_the_error_estimate_bounds_the_true_error(row, rtol, method):
    equations, initial, t_span, rule = _BOUNDED[row]
    inputs = {
        "equations": equations,
        "parameters": {"a": 1.1},
        "initial": initial,
        "t_span": t_span,
        "n_points": _TIMES,
    }
    outcome = solve(inputs, rtol=rtol, atol=rtol * 1e-2, method=method, max_steps=10**7)
    made = np.array([outcome.outputs["y"][name] for name in equations])
    assert np.abs(made - _reference(row)).max() <= outcome.diagnostics.error_estimate, rule


@pytest.mark.parametrize("end", [10, 20, 30])
def test_the_error_estimate_bounds_the_error_of_a_chaotic_system(end):
    outcome = solve({**LORENZ, "t_span": [0, end], "n_points": 201}, rtol=1e-7, atol=1e-9)
    exact = solve({**LORENZ, "t_span": [0, end], "n_points": 201}, rtol=1e-12, atol=1e-13)
    assert exact.diagnostics.error_estimate < 0.1 * outcome.diagnostics.error_estimate
    error = max(np.abs(outcome.outputs["y"][name] - exact.outputs["y"][name]).max() for name in "xyz")
    assert error <= outcome.diagnostics.error_estimate + exact.diagnostics.error_estimate


def test_chaos_beyond_any_forecast_is_told_as_an_error_as_large_as_the_attractor():
    assert solve({**LORENZ, "t_span": [0, 100]}).diagnostics.error_estimate > 10


@pytest.mark.parametrize(
    ("inputs", "options", "code", "told", "rule"),
    [
        ({"equations": {"x": "x*x"}, "initial": {"x": 1}, "t_span": [0, 2]}, {}, "non_finite", "t = 1.0", "a blow-up"),
        ({"equations": {"x": "x"}, "initial": {"x": 1}, "t_span": [0, 1000]}, {}, "non_finite", "t = 70", "overflow"),
        ({"equations": {"x": "-1/x"}, "initial": {"x": 1}, "t_span": [0, 2]}, {}, "not_converged", "t = 0.5", "a pole"),
        ({"equations": {"x": "1/x"}, "initial": {"x": 0}, "t_span": [0, 2]}, {}, "non_finite", "t = 0", "at the start"),
        ({**LORENZ, "t_span": [0, 1000]}, {"max_steps": 500}, "not_converged", "500 steps", "too many steps"),
    ],
)  # fmt: skip
def test_what_goes_wrong_on_the_way_is_told_with_its_place(inputs, options, code, told, rule):
    outcome = solve(inputs, **options)
    assert outcome.outputs is None
    assert outcome.problem.code == code, rule
    assert told in outcome.problem.message, rule
    assert outcome.problem.hint, rule


def test_events_come_with_times_and_states_and_a_terminal_one_ends_the_output():
    events = [{"formula": "x", "direction": -1, "terminal": True}, {"formula": "v + 5"}, {"formula": "x - 100"}]
    falling = {"equations": {"x": "v", "v": "-9.81"}, "initial": {"x": 10, "v": 0}, "t_span": [0, 5], "n_points": 51}
    outcome = solve({**falling, "events": events})
    hit = (2 * 10 / 9.81) ** 0.5
    assert outcome.outputs["event_times"] == [[pytest.approx(hit)], [pytest.approx(5 / 9.81)], []]
    assert outcome.outputs["event_states"][0] == {"x": [pytest.approx(0, abs=1e-9)], "v": [pytest.approx(-9.81 * hit)]}
    assert outcome.outputs["event_states"][2] == {"x": [], "v": []}
    assert outcome.outputs["t"][-1] == pytest.approx(1.4)
    assert len(outcome.outputs["y"]["x"]) == 15
    assert "terminal event" in outcome.warnings[0]


def test_robertson_to_1e4_switches_and_conserves_mass_within_the_estimate():
    outcome = solve(
        {
            "equations": {"a": "-k1*a + k3*b*c", "b": "k1*a - k3*b*c - k2*b**2", "c": "k2*b**2"},
            "parameters": {"k1": 0.04, "k2": 3e7, "k3": 1e4}, "initial": {"a": 1, "b": 0, "c": 0},
            "t_span": [0, 1e4], "t_eval": [0, 40, 4000, 1e4],
        }, rtol=1e-8,
    )  # fmt: skip
    assert outcome.diagnostics.method == "dop853, then radau"
    y = outcome.outputs["y"]
    np.testing.assert_allclose(y["a"] + y["b"] + y["c"], 1.0, atol=outcome.diagnostics.error_estimate)
    # at t = 40 as published (Hairer & Wanner, Solving ODEs II, IV.10; SUNDIALS, cvRoberts)
    published = {"a": 7.158270687e-01, "b": 9.185534765e-06, "c": 2.841637458e-01}
    for name, expected in published.items():
        assert y[name][1] == pytest.approx(expected, rel=1e-6)


def test_requests_of_one_system_run_as_one_group_and_do_not_change_each_other():
    requests = [
        ({**DECAY, "parameters": {"k": k}, "t_span": [0, end], "n_points": 11}, {"rtol": rtol})
        for k, end, rtol in ((1, 1, 1e-6), (2, -1, 1e-4), (300, 5, 1e-5))
    ]
    plans = [ivp.prepare_ivp(inputs, options, 0) for inputs, options in requests]
    assert len({plan.group for plan in plans}) == 1
    together = ivp.compute_ivp(plans, no_watch)
    for plan, one in zip(plans, together, strict=True):
        alone = ivp.compute_ivp([plan], no_watch)[0]
        assert one.outputs["y"]["x"].tobytes() == alone.outputs["y"]["x"].tobytes()
        assert one.diagnostics == alone.diagnostics


def test_requests_of_other_systems_or_grids_are_other_groups():
    base = ivp.prepare_ivp(DECAY, {}, 0).group
    assert ivp.prepare_ivp({**DECAY, "equations": {"x": "-k*x*x"}}, {}, 0).group != base
    assert ivp.prepare_ivp({**DECAY, "n_points": 5}, {}, 0).group != base
    assert ivp.prepare_ivp(DECAY, {"method": "rodas4"}, 0).group != base


def test_what_the_watch_raises_goes_through():
    def stop(fraction, stage):
        raise Problem("timed_out", "over")

    with pytest.raises(Problem) as caught:
        ivp.compute_ivp([ivp.prepare_ivp(DECAY, {}, 0)], stop)
    assert caught.value.code == "timed_out"


def test_the_largest_step_does_not_make_both_integrations_alike():
    inputs = {"equations": {"x": "v", "v": "-x"}, "initial": {"x": 1, "v": 0}, "t_span": [0, 20]}
    outcome = solve(inputs, max_step=0.1, rtol=0.01, atol=0.01)
    t = outcome.outputs["t"]
    error = np.abs(outcome.outputs["y"]["x"] - np.cos(t)).max()
    assert 0 < error <= outcome.diagnostics.error_estimate


def test_radau_refuses_more_equations_than_it_can_factorize_in_time():
    many = {f"x{i}": "1" for i in range(201)}
    with pytest.raises(Problem) as caught:
        ivp.prepare_ivp(
            {"equations": many, "initial": dict.fromkeys(many, 0), "t_span": [0, 1]}, {"method": "radau"}, 0
        )
    assert caught.value.field == "options.method"
