"""The task `ode.bvp`: conditions at both ends, unknown parameters, and problems that determine no solution."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from agents import alone
from agents.ode import bvp
from agents.outcome import Problem

OSCILLATOR = {"equations": {"y": "v", "v": "-y"}, "boundary": ["y(0)", "y(1) - 1"], "x_span": [0, 1]}


def solve(inputs, watch=lambda fraction, stage: None, **options):
    return alone.run(bvp.TASK.prepare(inputs, options, 0), watch, {})


@pytest.mark.parametrize(
    ("change", "code", "field", "told", "rule"),
    [
        ({"equations": {}}, "invalid_input", "inputs.equations", "0 equations", "no equation"),
        ({"equations": {"x": "1", "v": "1"}}, "invalid_input", "inputs.equations.x", "independent", "x is taken"),
        ({"equations": {"y": "v", "v": "-q"}}, "invalid_formula", "inputs.equations.v", "'q'", "an unknown name"),
        ({"boundary": ["y(0)"]}, "invalid_input", "inputs.boundary", "1 conditions for 2", "too few conditions"),
        ({"boundary": ["y(0)", "y(2)"]}, "invalid_input", "inputs.boundary[1]", "neither end", "inside or beyond"),
        ({"boundary": ["y(0)", "y(v)"]}, "invalid_input", "inputs.boundary[1]", "neither end", "no number"),
        ({"boundary": ["y(0)", "y"]}, "invalid_formula", "inputs.boundary[1]", "y(0) - 1", "no end said"),
        ({"boundary": ["y(0)", "1 + q(0)"]}, "invalid_formula", "inputs.boundary[1]", "column 5", "no variable"),
        ({"boundary": ["y(0)", "y(1.000) - 1 +"]}, "invalid_formula", "inputs.boundary[1]", "column 15", "columns"),
        ({"boundary": ["y(0)", "a" * 190_000]}, "invalid_formula", "inputs.boundary[1]", "y(0) - 1", "no end"),
        ({"boundary": ["y(0)", "y(" + " " * 190_000]}, "invalid_formula", "inputs.boundary[1]", "y(0) - 1", "blanks"),
        ({"x_span": [1, 0]}, "invalid_input", "inputs.x_span", "from 1 to 0", "backwards"),
        ({"x_span": [0, 1, 2]}, "invalid_input", "inputs.x_span", "range", "three ends"),
        ({"guess": {"z": 1}}, "invalid_input", "inputs.guess.z", "no variable", "a guess of nothing"),
        ({"guess": {"y": "v"}}, "invalid_formula", "inputs.guess.y", "'v'", "a guess is of x alone"),
        ({"guess": {"y": None}}, "invalid_input", "inputs.guess.y", "null", "no number"),
        ({"unknown_parameters": ["k"]}, "invalid_input", "inputs.unknown_parameters[0]", "none", "without a guess"),
        ({"variable": "sin"}, "invalid_input", "inputs.variable", "name", "a function's name"),
        ({"n_points": 1}, "invalid_input", "inputs.n_points", "", "too few points"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(change, code, field, told, rule):
    with pytest.raises(Problem) as caught:
        bvp.TASK.prepare({**OSCILLATOR, **change}, {}, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule
    assert told in f"{caught.value.message} {caught.value.hint}", rule
    assert caught.value.hint, rule


@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-6, 1e-8, 1e-10])
def test_the_estimate_bounds_the_error_at_every_tolerance(tol):
    outcome = solve(OSCILLATOR, tol=tol)
    x = outcome.outputs["x"]
    assert (x[0], x[-1]) == (0.0, 1.0)
    error = max(
        np.abs(outcome.outputs["y"]["y"] - np.sin(x) / np.sin(1)).max(),
        np.abs(outcome.outputs["y"]["v"] - np.cos(x) / np.sin(1)).max(),
    )
    assert error <= outcome.diagnostics.error_estimate < 10 * tol
    assert outcome.diagnostics.converged


def test_a_nonlinear_solution_is_one_of_the_initial_value_problem_that_begins_there():
    inputs = {
        "equations": {"y": "v", "v": "c*sinh(c*y)"}, "parameters": {"c": 4}, "boundary": ["y(0)", "y(1) - 1"],
        "x_span": [0, 1], "guess": {"y": "x", "v": 1}, "n_points": 6,
    }  # fmt: skip
    outcome = solve(inputs, tol=1e-9)
    start = [outcome.outputs["y"][name][0] for name in "yv"]
    shot = solve_ivp(lambda x, u: [u[1], 4 * np.sinh(4 * u[0])], (0, 1), start, "DOP853", rtol=1e-12, atol=1e-13)
    assert shot.y[0, -1] == pytest.approx(1.0, abs=1e-7)


def test_an_eigenvalue_is_found_as_an_unknown_parameter():
    outcome = solve({
        "equations": {"y": "v", "v": "-k*y"}, "boundary": ["y(0)", "y(1)", "v(0) == 1"], "x_span": [0, 1],
        "parameters": {"k": 36}, "unknown_parameters": ["k"], "guess": {"y": "sin(6*x)/6", "v": "cos(6*x)"},
    })  # fmt: skip
    assert outcome.outputs["parameters"] == {"k": pytest.approx(4 * np.pi**2, abs=outcome.diagnostics.error_estimate)}


def test_the_ends_and_the_variable_may_have_other_names():
    inputs = {
        "equations": {"y_0": "w", "w": "-y_0 + s"}, "boundary": ["y_0(-1.5e0)", "y_0( +2 ) - 1"], "x_span": [-1.5, 2],
        "variable": "s", "n_points": 3,
    }  # fmt: skip
    outcome = solve(inputs)
    # y = s + a cos s + b sin s
    a, b = np.linalg.solve([[np.cos(-1.5), np.sin(-1.5)], [np.cos(2), np.sin(2)]], [1.5, -1])
    s = np.array([-1.5, 0.25, 2])
    error = np.abs(outcome.outputs["y"]["y_0"] - (s + a * np.cos(s) + b * np.sin(s))).max()
    assert error <= outcome.diagnostics.error_estimate


@pytest.mark.parametrize(
    ("change", "code", "rule"),
    [
        ({"boundary": ["y(0)", "y(0) - 1"]}, "singular", "nothing said of the second end"),
        ({"boundary": ["y(0)", "0*y(1)"]}, "singular", "an empty condition"),
        ({"equations": {"y": "v", "v": "-4*exp(y)"}, "boundary": ["y(0)", "y(1)"]}, "not_converged", "no solution"),
        ({"equations": {"y": "v", "v": "y/x"}}, "non_finite", "singular at the end"),
        ({"equations": {"y": "v", "v": "sqrt(y - 5)"}}, "non_finite", "not real"),
        ({"guess": {"y": "1/x"}}, "non_finite", "a guess that is not finite"),
    ],
)
def test_what_has_no_answer_fails_with_its_code(change, code, rule):
    outcome = solve({**OSCILLATOR, **change})
    assert outcome.outputs is None
    assert outcome.problem.code == code, rule
    assert outcome.problem.hint, rule


def test_what_the_watch_raises_goes_through():
    def stop(fraction, stage):
        raise Problem("timed_out", "over", field="timeout_s")

    with pytest.raises(Problem) as caught:
        solve(OSCILLATOR, stop)
    assert caught.value.code == "timed_out"
