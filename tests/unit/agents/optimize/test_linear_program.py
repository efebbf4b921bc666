"""The task `optimize.linear_program`: vertices within their bound, prices, and certificates where there is none."""

import numpy as np
import pytest
from scipy import optimize

from agents import draws

PLAIN = {
    "objective": "3*x + 2*y", "constraints": ["x + y <= 4", "x + 3*y <= 6"], "bounds": {"x": [0, 3], "y": [0, None]},
    "maximize": True,
}  # fmt: skip
BEALE = {
    "objective": "-0.75*a + 150*b - 0.02*c + 6*d",
    "constraints": ["0.25*a - 60*b - 0.04*c + 9*d <= 0", "0.5*a - 90*b - 0.02*c + 3*d <= 0", "c <= 1"],
    "bounds": {name: [0, None] for name in "abcd"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "wanted", "objective", "rule"),
    [
        (PLAIN, [3, 1], 11, "formulas"),
        (BEALE, [0.04, 0, 1, 0], -0.05, "where the simplex method can cycle"),
        ({"objective": "a*x + 1", "constraints": ["x >= b**2"], "parameters": {"a": 2, "b": 3}}, [9], 19, "parameters"),
        ({"objective": "x", "constraints": ["2*x + 1 == 3 - x"]}, [2 / 3], 2 / 3, "variables on both sides"),
        ({"objective": "x - y", "bounds": {"x": [-1, 2], "y": [0, 5]}}, [-1, 5], -6, "bounds alone"),
        ({"c": [-1, 4], "a_ub": [[-3, 1], [1, 2]], "b_ub": [6, 4], "bounds": [[None, None], [-3, None]]}, [10, -3], -22,
         "SciPy's own example"),
        ({"c": [1, 1], "a_eq": [[1, 2]], "b_eq": [4]}, [0, 2], 2, "not negative where there are no bounds"),
    ],
)  # fmt: skip
def test_solutions_are_within_their_error_estimate(solve, inputs, wanted, objective, rule):
    outcome = solve("linear_program", inputs)
    assert outcome.problem is None, (rule, outcome.problem)
    x = outcome.outputs["x"]
    found = np.array(list(x.values()) if isinstance(x, dict) else x)
    assert np.abs(found - wanted).max() <= outcome.diagnostics.error_estimate <= 1e-12, rule
    assert outcome.outputs["objective"] == pytest.approx(objective, rel=1e-14)
    assert outcome.diagnostics.converged


@pytest.mark.parametrize("method", ["highs_ds", "highs_ipm"])
def test_every_method_finds_it(solve, method):
    assert solve("linear_program", PLAIN, {"method": method}).outputs["x"] == pytest.approx({"x": 3, "y": 1})


def test_multipliers_are_the_prices_of_constraints(solve):
    def best(a, b):
        inputs = {"objective": "x + y", "constraints": [f"x + 2*y >= {a}", f"x - y == {b}"], "bounds": {"y": [0, None]}}
        return solve("linear_program", inputs).outputs

    one = best(4, 1)
    assert one["multipliers"][0] == pytest.approx(best(5, 1)["objective"] - one["objective"])
    assert one["multipliers"][1] == pytest.approx(best(4, 2)["objective"] - one["objective"])
    assert one["multipliers"][0] > 0


def test_a_large_random_program_agrees_with_scipy(solve):
    u = draws.uniforms(3, 0, 40, 60)
    a, c = u - 0.3, -draws.uniforms(4, 0, 1, 60)[0]
    outcome = solve("linear_program", {"c": c.tolist(), "a_ub": a.tolist(), "b_ub": [1.0] * 40, "bounds": [0, 2]})
    wanted = optimize.linprog(c, a, np.ones(40), bounds=(0, 2))
    assert outcome.outputs["x"] == pytest.approx(wanted.x, abs=1e-8)
    assert all(check.passed for check in outcome.diagnostics.checks)


@pytest.mark.parametrize(
    ("inputs", "code", "field", "rule"),
    [
        ({"objective": "x"}, "unbounded", "inputs.objective", "free"),
        ({"objective": "x", "constraints": ["x - y <= 3"]}, "unbounded", "inputs.objective", "a wedge"),
        ({"c": [-1]}, "unbounded", "inputs.c", "matrices"),
        ({"objective": "x", "constraints": ["x >= 3", "x <= 2"]}, "infeasible", "inputs.constraints", "two sides"),
        ({"objective": "x + y", "constraints": ["x >= 3", "x <= 2"]}, "infeasible", "inputs.constraints",
         "contradicting, and unbounded without"),
        ({"c": [1], "a_eq": [[1], [1]], "b_eq": [1, 2]}, "infeasible", "inputs.a_ub", "matrices that contradict"),
        ({"objective": "x*y", "constraints": ["x <= 2"]}, "invalid_formula", "inputs.objective", "a product"),
        ({"objective": "x", "constraints": ["abs(x) <= 2"]}, "invalid_formula", "inputs.constraints[0]", "a kink"),
        ({"objective": "x", "constraints": ["x >= 0", "floor(x) <= 2"]}, "invalid_formula", "inputs.constraints[1]",
         "steps"),
        ({"objective": "x +"}, "invalid_formula", "inputs.objective", "a formula breaks off"),
        ({"objective": "3"}, "invalid_input", "inputs.objective", "no variables"),
        ({"objective": "x", "bounds": {"y": [0, 1]}}, "invalid_input", "inputs.bounds.y", "a bound of nothing"),
        ({"objective": "x", "bounds": [0, 1]}, "invalid_input", "inputs.bounds", "bounds without names"),
        ({}, "invalid_input", "inputs.objective", "nothing"),
        ({"objective": "x", "c": [1]}, "invalid_input", "inputs.c", "both forms"),
        ({"c": [1], "constraints": ["x >= 1"]}, "invalid_input", "inputs.constraints", "half of each form"),
        ({"c": []}, "invalid_input", "inputs.c", "empty"),
        ({"c": [1], "a_ub": [[1, 2]], "b_ub": [1]}, "invalid_input", "inputs.a_ub", "columns do not fit"),
        ({"c": [1], "a_ub": [[1]], "b_ub": [1, 2]}, "invalid_input", "inputs.b_ub", "rows do not fit"),
        ({"c": [1], "a_ub": [[1]]}, "invalid_input", "inputs.b_ub", "a right side is missing"),
        ({"c": [1], "bounds": [[0, 1], [0, 1], [0, 1]]}, "invalid_input", "inputs.bounds", "too many bounds"),
        ({"c": [1], "bounds": [[1, 0]]}, "invalid_input", "inputs.bounds[0]", "bounds crossed"),
        ({"c": ["a"]}, "invalid_input", "inputs.c[0]", "no number"),
        ({"goal": "x"}, "invalid_input", "inputs.goal", "an unknown key"),
    ],
)  # fmt: skip
def test_what_has_no_solution_or_is_wrong_is_told_with_its_place(refused, inputs, code, field, rule):
    assert refused("linear_program", inputs) == (code, field), rule


@pytest.mark.parametrize("seed", range(12))
def test_the_short_way_agrees_with_the_long_one(solve, seed):
    rng = np.random.default_rng(seed)
    m, n = 3 + seed % 4, 2 + seed % 5
    a, x = rng.integers(-4, 5, (m, n)), rng.random(n)
    program = {
        "c": (rng.integers(1, 6, m) @ a).tolist(), "a_ub": (-a).tolist(), "b_ub": (-a @ x).tolist(),
        "a_eq": [[1] * n], "b_eq": [float(x.sum())], "bounds": [[-5, 5]] * n,
    }  # fmt: skip
    short, long = (solve("linear_program", program, {"method": method}) for method in ("auto", "highs_ds"))
    assert short.outputs["objective"] == pytest.approx(long.outputs["objective"], abs=1e-9)
    assert (short.outputs["multipliers"][:m] >= 0).all()
    assert short.diagnostics.converged
