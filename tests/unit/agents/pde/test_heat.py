"""The task `pde.heat`: both methods against independent solutions, growth without bound, and refusals."""

import numpy as np
import pytest
from scipy.integrate import simpson, solve_ivp

from agents.outcome import Problem
from agents.pde import heat
from sciagents.accuracy.case import answer

LINE = {"domain": [[0, 1]], "shape": [41], "initial": "x*(1 - x)", "t_span": [0, 0.5], "n_times": 3}


def solve(inputs, **options):
    return answer("pde", "heat", inputs, options)


@pytest.mark.parametrize("method", ["explicit", "implicit"])
def test_the_grids_equations_are_solved_as_by_an_independent_integrator(method):
    n, h = 41, 1 / 40
    x = np.linspace(0, 1, n)
    face = 1 + 0.5 * (x[1:] + x[:-1])

    def slope(t, u):
        flux = face * np.diff(u) / h
        return np.concatenate(
            [[0], np.diff(flux) / h + np.cos(x[1:-1] + t), [2 * (2.0 * 0.3 - flux[-1]) / h + np.cos(1 + t)]]
        )

    begin = x * (1 - x)
    expected = solve_ivp(slope, (0, 0.5), begin, method="LSODA", rtol=1e-10, atol=1e-12, t_eval=[0, 0.25, 0.5]).y.T
    outcome = solve({**LINE, "coefficients": "1 + x", "source": "cos(x + t)",
                     "boundary": {"x": {"low": "dirichlet", "high": {"type": "neumann", "value": 0.3}}}},
                    method=method, rtol=1e-7)  # fmt: skip
    np.testing.assert_allclose(outcome.outputs["u"], expected, atol=2e-7)
    assert outcome.diagnostics.converged


def test_both_methods_agree_in_three_dimensions_within_their_errors():
    inputs = {"domain": [[0, 1]] * 3, "shape": [15, 17, 18], "initial": "x*y*sin(2*pi*z)", "t_span": [0, 0.02],
              "output": "final", "coefficients": "1 + x*y + z*z",
              "boundary": {"x": "neumann", "y": "dirichlet", "z": "periodic"}}  # fmt: skip
    one, other = (solve(inputs, method=method, rtol=1e-3) for method in ("explicit", "implicit"))
    apart = np.abs(one.outputs["u"] - other.outputs["u"]).max()
    assert apart <= one.diagnostics.error_estimate + other.diagnostics.error_estimate
    assert apart < 2e-3 * np.abs(one.outputs["u"]).max() + 1e-4


@pytest.mark.parametrize("method", ["explicit", "implicit"])
def test_what_is_lost_through_a_side_is_its_coefficient_times_what_is_there(method):
    """d/dt of the integral is -a u at the side, the rest being insulated."""
    outcome = solve({**LINE, "coefficients": 1, "initial": "1 + x", "t_span": [0, 1], "n_times": 201,
                     "boundary": {"x": {"low": "neumann", "high": {"type": "robin", "coefficient": 2}}}},
                    method=method, rtol=1e-6)  # fmt: skip
    u, t = outcome.outputs["u"], outcome.outputs["t"]
    lost = simpson(2 * u[20:, -1], x=t[20:])
    mean = outcome.outputs["statistics"]["mean"]
    assert abs(mean[20] - mean[-1] - lost) < 1e-5


def test_insulated_heat_is_conserved():
    outcome = solve({**LINE, "boundary": "neumann", "coefficients": "1 + x*x"})
    assert outcome.outputs["statistics"]["mean"] == pytest.approx(
        [outcome.outputs["statistics"]["mean"][0]] * 3, abs=1e-12
    )


def test_times_are_those_asked_for_and_the_start():
    outcome = solve({**LINE, "n_times": None, "t_eval": [0.1, 0.11, 0.4]})
    assert list(outcome.outputs["t"]) == [0, 0.1, 0.11, 0.4]
    assert outcome.outputs["u"].shape == (4, 41)


def test_a_periodic_axis_has_no_point_at_its_high_end():
    outcome = solve({**LINE, "boundary": "periodic", "output": "final"})
    assert outcome.outputs["axes"]["x"][-1] == pytest.approx(40 / 41)


def test_what_refinement_does_not_settle_is_said():
    outcome = solve({**LINE, "initial": "sin(60*pi*x)", "coefficients": 1e-6})
    assert outcome.diagnostics.converged is False
    assert "does not settle" in outcome.warnings[0]
    assert outcome.diagnostics.error_estimate > 0.5


def test_the_same_request_gives_the_same_bytes():
    one, other = (solve({**LINE, "source": "sin(u)"}) for _ in range(2))
    assert one.outputs["u"].tobytes() == other.outputs["u"].tobytes()


@pytest.mark.parametrize(
    ("change", "options", "code", "field", "rule"),
    [
        ({"coefficients": {"diffusivity": -1}}, {}, "invalid_input", "inputs.coefficients.diffusivity", "ill-posed"),
        ({"coefficients": "x - 0.5"}, {}, "infeasible", "inputs.coefficients.diffusivity", "ill-posed somewhere"),
        ({"coefficients": "0.1 - t"}, {}, "infeasible", "inputs.coefficients.diffusivity", "ill-posed later"),
        ({"coefficients": {"alpha": 1}}, {}, "invalid_input", "inputs.coefficients.alpha", "an unknown coefficient"),
        ({"source": "u**2", "initial": "40*sin(pi*x)"}, {}, "non_finite", "inputs.t_span", "blow-up"),
        ({"source": "log(0.25 - t)"}, {}, "non_finite", "inputs.source", "a source that ends before the time does"),
        ({"initial": "1/x"}, {}, "non_finite", "inputs.initial", "an initial state that is not finite"),
        ({"initial": "t"}, {}, "invalid_formula", "inputs.initial", "an initial state of time"),
        ({"initial": None}, {}, "invalid_input", "inputs.initial", "no initial state"),
        ({"t_span": [1, 0]}, {}, "invalid_input", "inputs.t_span", "heat does not run backwards"),
        ({"t_span": [0, "Infinity"]}, {}, "invalid_input", "inputs.t_span[1]", "no end"),
        ({"t_eval": [0.1]}, {}, "invalid_input", "inputs.n_times", "both ways to give times"),
        ({"t_eval": [0.6], "n_times": None}, {}, "invalid_input", "inputs.t_eval", "a time after the end"),
        ({"source": "u"}, {"method": "implicit"}, "invalid_input", "options.method", "implicit is for linear problems"),
        ({"source": "v"}, {}, "invalid_formula", "inputs.source", "an unknown field"),
        ({"parameters": {"u": 1}}, {}, "invalid_input", "inputs.parameters.u", "a parameter named like the unknown"),
        ({"shape": [2001], "n_times": 50_000}, {}, "budget_exceeded", "inputs.shape", "more than is kept"),
        ({}, {"thin": 1_000_001}, "invalid_input", "options.thin", "thin above its limit"),
        ({}, {"rtol": 0}, "invalid_input", "options.rtol", "no tolerance"),
        ({}, {"max_steps": 1}, "not_converged", "options.max_steps", "too few steps"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(change, options, code, field, rule):
    problem = solve({**LINE, **change}, **options).problem
    assert problem is not None, rule
    assert (problem.code, problem.field) == (code, field), (rule, problem.message)
    assert problem.hint, rule


def test_the_watch_is_heard_in_every_step():
    calls = []

    def stop(fraction, stage):
        calls.append(fraction)
        if len(calls) == 50:
            raise Problem("timed_out", "stop", field="timeout_s")

    with pytest.raises(Problem):
        heat.TASK.compute([heat.TASK.prepare(dict(LINE), {}, 0)], stop)
    assert calls == sorted(calls)
