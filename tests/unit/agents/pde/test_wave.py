"""The task `pde.wave`: energy, reflection, an independent integrator, and refusals."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from sciagents.accuracy.case import answer

LINE = {"domain": [[0, 1]], "shape": [41], "initial": "x*(1 - x)", "t_span": [0, 1], "n_times": 3}


def solve(inputs, **options):
    return answer("pde", "wave", inputs, options)


def test_the_answer_is_within_its_error_of_an_independent_integrator_on_a_finer_grid():
    n, h = 321, 1 / 320
    x = np.linspace(0, 1, n)

    def slope(t, y):
        u, v = y.reshape(2, -1)
        second = np.zeros(n)
        second[1:-1] = (1 + 0.5 * x[1:-1]) ** 2 * np.diff(u, 2) / h**2 + np.sin(u[1:-1]) - 0.4 * v[1:-1]
        return np.concatenate([np.where((x == 0) | (x == 1), 0, v), second])

    begin = np.concatenate([np.sin(np.pi * x), np.sin(np.pi * x)])
    expected = solve_ivp(slope, (0, 1), begin, rtol=1e-8, atol=1e-9, t_eval=[0, 0.5, 1]).y[:n:8].T
    outcome = solve({**LINE, "initial": "sin(pi*x)", "initial_velocity": "sin(pi*x)", "source": "sin(u)",
                     "coefficients": {"speed": "1 + x/2", "damping": 0.4}})  # fmt: skip
    assert np.abs(outcome.outputs["u"] - expected).max() <= outcome.diagnostics.error_estimate + 1e-4
    assert outcome.diagnostics.error_estimate < 3e-3


def test_a_wave_comes_back_after_its_period():
    outcome = solve({**LINE, "initial": "sin(pi*x)**3", "t_span": [0, 20], "n_times": 11})
    error = np.abs(outcome.outputs["u"][1:] - outcome.outputs["u"][0]).max()
    assert error <= outcome.diagnostics.error_estimate


def test_a_plucked_string_is_said_to_have_a_kink_or_is_within_its_error():
    outcome = solve({**LINE, "initial": "where(x < 0.37, x/0.37, (1 - x)/0.63)", "n_times": 2, "t_span": [0, 2]})
    error = np.abs(outcome.outputs["u"][1] - outcome.outputs["u"][0]).max()
    assert error <= outcome.diagnostics.error_estimate


@pytest.mark.parametrize(
    ("change", "options", "code", "field", "rule"),
    [
        ({"coefficients": 0}, {}, "invalid_input", "inputs.coefficients.speed", "a wave that stands still"),
        ({"coefficients": {"speed": -1}}, {}, "invalid_input", "inputs.coefficients.speed", "a negative speed"),
        ({"coefficients": {"speed": "x"}}, {}, "infeasible", "inputs.coefficients.speed", "no speed at a side"),
        ({"coefficients": {"speed": "t"}}, {}, "invalid_formula", "inputs.coefficients.speed", "a speed of time"),
        ({"coefficients": {"damping": -1}}, {}, "invalid_input", "inputs.coefficients.damping", "negative damping"),
        ({"coefficients": {"damping": "x"}}, {}, "invalid_input", "inputs.coefficients.damping", "damping that varies"),
        ({"initial_velocity": "u"}, {}, "invalid_formula", "inputs.initial_velocity", "an unknown name"),
        ({"initial_velocity": "1/x"}, {}, "non_finite", "inputs.initial_velocity", "an infinite velocity"),
        ({"source": "u**3", "initial": "30*sin(pi*x)", "t_span": [0, 9]}, {}, "non_finite", "inputs.t_span", "blow-up"),
        ({"coefficients": 1e9}, {}, "budget_exceeded", "options.max_steps", "more steps than allowed"),
        ({"coefficients": 1e200}, {}, "budget_exceeded", "options.max_steps", "a speed that overflows"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(change, options, code, field, rule):
    problem = solve({**LINE, **change}, **options).problem
    assert problem is not None, rule
    assert (problem.code, problem.field) == (code, field), (rule, problem.message)
    assert problem.hint, rule
