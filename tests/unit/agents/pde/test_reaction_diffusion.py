"""The task `pde.reaction_diffusion`: against an independent integrator, conservation, and refusals."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from sciagents.accuracy.case import answer

SCOTT = {
    "domain": [[0, 1]], "shape": [40], "boundary": "periodic", "parameters": {"f": 0.04, "k": 0.06},
    "reaction": {"u": "-u*v**2 + f*(1 - u)", "v": "u*v**2 - (f + k)*v"}, "diffusivity": {"u": 2e-3, "v": 1e-3},
    "initial": {"u": "1 - 0.3*cos(2*pi*x)", "v": "0.25 + 0.2*sin(2*pi*x)"}, "t_span": [0, 4], "n_times": 3,
}  # fmt: skip


def solve(inputs, **options):
    return answer("pde", "reaction_diffusion", inputs, options)


def test_the_grids_equations_are_solved_as_by_an_independent_integrator():
    x = np.arange(40) / 40

    def slope(t, y):
        u, v = y.reshape(2, -1)
        second = [40**2 * (np.roll(w, 1) - 2 * w + np.roll(w, -1)) for w in (u, v)]
        return np.concatenate([2e-3 * second[0] - u * v * v + 0.04 * (1 - u), 1e-3 * second[1] + u * v * v - 0.1 * v])

    begin = np.concatenate([1 - 0.3 * np.cos(2 * np.pi * x), 0.25 + 0.2 * np.sin(2 * np.pi * x)])
    expected = solve_ivp(slope, (0, 4), begin, method="LSODA", rtol=1e-10, atol=1e-12, t_eval=[0, 2, 4]).y
    outcome = solve(SCOTT, rtol=1e-7)
    found = np.stack([outcome.outputs["u"]["u"], outcome.outputs["u"]["v"]])
    np.testing.assert_allclose(found, expected.reshape(2, 40, 3).transpose(0, 2, 1), atol=1e-6)
    assert outcome.diagnostics.converged


def test_fields_may_have_boundaries_of_their_own():
    outcome = solve({**SCOTT, "boundary": {"u": {"type": "dirichlet", "value": 1}, "v": "neumann"}})
    assert outcome.problem is None
    np.testing.assert_array_equal(outcome.outputs["u"]["u"][:, [0, -1]], 1.0)
    assert (outcome.outputs["u"]["v"][-1][[0, -1]] > 0).all()


def test_what_one_field_loses_another_gains():
    outcome = solve({
        "domain": [[0, 1], [0, 1]], "shape": [24, 26], "reaction": {"a": "-a*b", "b": "-a*b", "c": "a*b"},
        "diffusivity": 0.1, "initial": {"a": "1 + x", "b": "1 + cos(pi*y)", "c": 0}, "t_span": [0, 1], "n_times": 2,
    })  # fmt: skip
    mean = {name: values["mean"] for name, values in outcome.outputs["statistics"].items()}
    np.testing.assert_allclose(mean["a"] + mean["c"], mean["a"][0], atol=1e-12)
    np.testing.assert_allclose(mean["b"] + mean["c"], mean["b"][0], atol=1e-12)


@pytest.mark.parametrize(
    ("change", "code", "field", "rule"),
    [
        ({"reaction": {}}, "invalid_input", "inputs.reaction", "no fields"),
        ({"reaction": {f"f{i}": "0" for i in range(21)}}, "invalid_input", "inputs.reaction", "too many fields"),
        ({"reaction": {"x": "0"}}, "invalid_input", "inputs.reaction.x", "a field named like an axis"),
        ({"reaction": {"u": "w", "v": "0"}}, "invalid_formula", "inputs.reaction.u", "an unknown field"),
        ({"reaction": {"u": [], "v": "0"}}, "invalid_input", "inputs.reaction.u", "no formula"),
        ({"diffusivity": {"u": 1}}, "invalid_input", "inputs.diffusivity.v", "a field without diffusivity"),
        ({"diffusivity": {"u": 1, "v": -1}}, "invalid_input", "inputs.diffusivity.v", "ill-posed"),
        ({"diffusivity": {"u": 1, "v": "x - 0.5"}}, "infeasible", "inputs.diffusivity.v", "ill-posed somewhere"),
        ({"initial": {"u": 1}}, "invalid_input", "inputs.initial.v", "a field without initial state"),
        ({"initial": {"u": 1, "v": 1, "w": 1}}, "invalid_input", "inputs.initial.w", "an unknown field"),
        ({"boundary": {"u": "periodic", "v": "neumann"}}, "invalid_input", "inputs.boundary", "periodic for one only"),
        ({"boundary": {"u": "neumann"}}, "invalid_input", "inputs.boundary.v", "a field without boundary"),
        ({"boundary": {"u": "neumann", "v": {"type": "x"}}}, "invalid_input", "inputs.boundary.v.type", "a kind"),
        ({"parameters": {"u": 1}}, "invalid_input", "inputs.parameters.u", "a parameter named like a field"),
        ({"reaction": {"u": "u**2", "v": "0"}}, "non_finite", "inputs.t_span", "blow-up"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(change, code, field, rule):
    problem = solve({**SCOTT, **change}).problem
    assert problem is not None, rule
    assert (problem.code, problem.field) == (code, field), (rule, problem.message)
    assert problem.hint, rule
