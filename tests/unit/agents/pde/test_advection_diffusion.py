"""The task `pde.advection_diffusion`: against an exact translation on the grid, at outflows, and refusals."""

import numpy as np
import pytest

from sciagents.accuracy.case import answer

LINE = {
    "domain": [[0, 1]], "shape": [61], "initial": "exp(-((x - 0.4)/0.1)**2)", "t_span": [0, 0.3], "n_times": 3,
    "boundary": {"x": {"low": "dirichlet", "high": "neumann"}}, "coefficients": {"velocity": [1], "diffusivity": 0.01},
}  # fmt: skip


def solve(inputs, **options):
    return answer("pde", "advection_diffusion", inputs, options)


def test_a_flow_along_either_way_is_mirrored():
    mirrored = {
        **LINE, "initial": "exp(-((1 - x - 0.4)/0.1)**2)", "coefficients": {"velocity": -1, "diffusivity": 0.01},
        "boundary": {"x": {"low": "neumann", "high": "dirichlet"}},
    }  # fmt: skip
    one, other = solve(LINE), solve(mirrored)
    np.testing.assert_allclose(one.outputs["u"], other.outputs["u"][:, ::-1], atol=1e-12)


def test_the_axes_are_alike():
    square = {**LINE, "domain": [[0, 1]] * 2, "shape": [33, 41], "boundary": "periodic",
              "initial": "exp(-((x - 0.4)**2 + (y - 0.6)**2)/0.02)",
              "coefficients": {"velocity": {"x": 1, "y": -0.5}, "diffusivity": 0.01}}  # fmt: skip
    turned = {**square, "shape": [41, 33], "initial": "exp(-((y - 0.4)**2 + (x - 0.6)**2)/0.02)",
              "coefficients": {"velocity": [-0.5, 1], "diffusivity": 0.01}}  # fmt: skip
    one, other = solve(square), solve(turned)
    np.testing.assert_allclose(one.outputs["u"], other.outputs["u"].transpose(0, 2, 1), atol=1e-12)


def test_what_has_left_is_gone():
    outcome = solve({**LINE, "t_span": [0, 3], "output": "final"})
    assert np.abs(outcome.outputs["u"]).max() < 1e-3


def test_a_given_slope_at_an_inflow_is_met():
    """The solution x - t is carried in with slope 1, whatever the diffusion."""
    outcome = solve({**LINE, "initial": "x", "boundary": {"x": {
        "low": {"type": "neumann", "value": -1}, "high": {"type": "neumann", "value": 1}}}})  # fmt: skip
    x = np.linspace(0, 1, 61)
    np.testing.assert_allclose(outcome.outputs["u"], [x - t for t in (0, 0.15, 0.3)], atol=1e-12)


def test_a_jump_is_said_not_to_settle_and_is_within_the_error_claimed():
    outcome = solve({**LINE, "boundary": "periodic", "initial": "where(abs(x - 0.3) < 0.1, 1, 0)",
                     "coefficients": {"velocity": 1, "diffusivity": 0}})  # fmt: skip
    x = np.arange(61) / 61
    exact = np.where(np.abs(x - 0.6) < 0.1, 1, 0)
    assert np.abs(outcome.outputs["u"][-1] - exact).max() <= outcome.diagnostics.error_estimate
    assert outcome.diagnostics.converged is False
    assert outcome.warnings


@pytest.mark.parametrize(
    ("change", "code", "field", "rule"),
    [
        ({"coefficients": 1}, "invalid_input", "inputs.coefficients", "a velocity has a name"),
        ({"coefficients": {"diffusivity": 1}}, "invalid_input", "inputs.coefficients.velocity", "no velocity"),
        ({"coefficients": {"velocity": [1]}}, "invalid_input", "inputs.coefficients.diffusivity", "no diffusivity"),
        ({"coefficients": {"velocity": [1, 2], "diffusivity": 1}}, "invalid_input", "inputs.coefficients.velocity",
         "more components than axes"),
        ({"coefficients": {"velocity": ["y"], "diffusivity": 1}}, "invalid_formula", "inputs.coefficients.velocity[0]",
         "an axis that there is not"),
        ({"coefficients": {"velocity": ["u"], "diffusivity": 1}}, "invalid_formula", "inputs.coefficients.velocity[0]",
         "a velocity of u"),
        ({"coefficients": {"velocity": ["1/x"], "diffusivity": 1}}, "non_finite", "inputs.coefficients.velocity[0]",
         "an infinite velocity"),
        ({"coefficients": {"velocity": [1], "diffusivity": -1}}, "invalid_input", "inputs.coefficients.diffusivity",
         "ill-posed"),
        ({"source": "u**3", "initial": 5}, "non_finite", "inputs.t_span", "blow-up"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(change, code, field, rule):
    problem = solve({**LINE, **change}).problem
    assert problem is not None, rule
    assert (problem.code, problem.field) == (code, field), (rule, problem.message)
    assert problem.hint, rule
