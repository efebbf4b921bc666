"""The task `optimize.integer_program`: exact integers, the gap told, and no solution where there is none."""

from itertools import product

import numpy as np
import pytest

KNAPSACK = {
    "objective": "10*a + 13*b + 18*c + 31*d + 7*f + 15*g",
    "constraints": ["11*a + 15*b + 20*c + 35*d + 10*f + 33*g <= 47"],
    "bounds": {name: [0, 1] for name in "abcdfg"}, "maximize": True,
}  # fmt: skip


def test_a_knapsack_is_packed_as_by_trying_everything(solve):
    values, weights = np.array([10, 13, 18, 31, 7, 15]), np.array([11, 15, 20, 35, 10, 33])
    best = max(values @ np.array(x) for x in product((0, 1), repeat=6) if weights @ np.array(x) <= 47)
    outcome = solve("integer_program", KNAPSACK)
    x = list(outcome.outputs["x"].values())
    assert outcome.outputs["objective"] == best == outcome.outputs["bound"]
    assert all(value in (0.0, 1.0) for value in x)
    assert weights @ np.array(x) <= 47
    assert (outcome.outputs["gap"], outcome.diagnostics.converged) == (0.0, True)


def test_variables_that_are_no_integers_are_solved_for_again(solve):
    inputs = {"c": [-1, -1], "a_ub": [[2, 1], [1, 3]], "b_ub": [4.5, 4.6], "integrality": [1, 0]}
    outcome = solve("integer_program", inputs)
    assert outcome.outputs["x"][0] == 2.0
    assert abs(outcome.outputs["x"][1] - 0.5) <= outcome.diagnostics.error_estimate <= 1e-14


def test_an_assignment_is_the_best_of_all(solve):
    cost = np.array([[9, 2, 7, 8], [6, 4, 3, 7], [5, 8, 1, 8], [7, 6, 9, 4]])
    rows = [[1.0 if k // 4 == i else 0.0 for k in range(16)] for i in range(4)]
    columns = [[1.0 if k % 4 == i else 0.0 for k in range(16)] for i in range(4)]
    inputs = {"c": cost.ravel().tolist(), "a_eq": rows + columns, "b_eq": [1] * 8, "bounds": [0, 1], "integrality": 1}
    outcome = solve("integer_program", inputs)
    assert outcome.outputs["objective"] == 13.0
    assert outcome.outputs["x"].reshape(4, 4).argmax(axis=1).tolist() == [1, 0, 2, 3]


def test_a_search_that_is_cut_off_tells_its_gap(solve):
    weights = [37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127]
    inputs = {"c": [-w - 0.1 * (i % 7) for i, w in enumerate(weights)], "a_ub": [weights, weights[::-1]],
              "b_ub": [703.5, 688.5], "bounds": [0, 1]}  # fmt: skip
    outcome = solve("integer_program", inputs, {"max_nodes": 1})
    if outcome.problem is not None:
        assert outcome.problem.code == "not_converged"
    elif outcome.outputs["gap"] > 1e-9:
        assert outcome.diagnostics.converged is False
        assert outcome.diagnostics.error_estimate is None
        assert "gap" in outcome.warnings[0]
    whole = solve("integer_program", inputs)
    assert whole.diagnostics.converged
    assert whole.outputs["objective"] >= whole.outputs["bound"] - 1e-6


@pytest.mark.parametrize(
    ("inputs", "code", "field", "rule"),
    [
        ({"objective": "x", "constraints": ["2*x == 1"]}, "infeasible", "inputs.constraints", "a half"),
        ({"objective": "x", "constraints": ["x >= 0.2", "x <= 0.8"]}, "infeasible", "inputs.constraints", "between"),
        ({"objective": "x", "bounds": {"x": [0.2, 0.8]}}, "infeasible", "inputs.bounds", "between bounds"),
        ({"objective": "x"}, "unbounded", "inputs.objective", "free"),
        ({"objective": "x", "integers": ["y"]}, "invalid_input", "inputs.integers[0]", "no such variable"),
        ({"objective": "x", "integrality": 1}, "invalid_input", "inputs.integrality", "of the other form"),
        ({"c": [1], "integers": ["x"]}, "invalid_input", "inputs.integers", "names with matrices"),
        ({"c": [1], "integrality": [2]}, "invalid_input", "inputs.integrality", "neither 0 nor 1"),
        ({"c": [1], "integrality": [1, 0]}, "invalid_input", "inputs.integrality", "too many"),
        ({"objective": "x**2"}, "invalid_formula", "inputs.objective", "not linear"),
    ],
)
def test_what_has_no_solution_or_is_wrong_is_told_with_its_place(refused, inputs, code, field, rule):
    assert refused("integer_program", inputs) == (code, field), rule
