"""The task `optimize.least_squares`: formulas or one formula with data, with bounds, and where x is not determined."""

import math

import numpy as np
import pytest
from scipy import optimize

T, Y = [0.0, 1.0, 2.0, 3.0], [2.0, 1.0, 0.5, 0.2]
ROSENBROCK = {"residuals": ["10*(y - x**2)", "1 - x"], "initial": {"x": -1.2, "y": 1}}


@pytest.mark.parametrize(
    ("inputs", "wanted", "rule"),
    [
        (ROSENBROCK, [1, 1], "formulas"),
        ({**ROSENBROCK, "bounds": {"x": [None, 0.5]}}, [0.5, 0.25], "a bound"),
        ({**ROSENBROCK, "bounds": {"x": [2, 3], "y": [0, 1]}}, [2, 1], "a corner"),
        ({"residuals": ["x**2 + 1"], "initial": {"x": 3}}, [0], "a Jacobian that is 0 at the minimum"),
        ({"residuals": ["a + 10*b", "sqrt(5)*(c - d)", "(b - 2*c)**2", "sqrt(10)*(a - d)**2"],
          "initial": {"a": 3, "b": -1, "c": 0, "d": 1}}, [0, 0, 0, 0], "a singular Jacobian"),
        ({"residuals": "a + b*t", "initial": {"a": 0, "b": 0}, "data": {"t": [0, 1, 2], "y": [1, 3, 5]},
          "observed": "y"}, [1, 2], "one formula with data"),
    ],
)  # fmt: skip
def test_minima_are_within_their_error_estimate(solve, inputs, wanted, rule):
    outcome = solve("least_squares", inputs)
    assert outcome.problem is None, (rule, outcome.problem)
    found = np.array(list(outcome.outputs["x"].values()))
    assert np.abs(found - wanted).max() <= outcome.diagnostics.error_estimate <= 1e-6, rule


def test_all_ways_to_write_a_fit_give_the_same(solve):
    data = {"t": T, "y": Y}
    ways = [
        {
            "residuals": "k*a*exp(-b*t)",
            "initial": {"a": 3, "b": 1},
            "observed": "y",
            "parameters": {"k": 2},
            "data": data,
        },
        {"residuals": ["2*a*exp(-b*t) - y"], "initial": {"a": 3, "b": 1}, "data": data},
        {"residuals": ["2*a*exp(-b*t) - y"], "parameters": {"a": 3, "b": 1}, "data": data},
        {"residuals": [f"2*a*exp(-b*{t}) - {y}" for t, y in zip(T, Y, strict=True)], "initial": {"a": 3, "b": 1}},
    ]
    wanted = optimize.least_squares(lambda p: 2 * p[0] * np.exp(-p[1] * np.array(T)) - Y, [3, 1], xtol=1e-12).x
    for way in ways:
        outcome = solve("least_squares", way)
        assert list(outcome.outputs["x"].values()) == pytest.approx(wanted, rel=1e-7)
        assert len(outcome.outputs["residuals"]) == 4
        assert outcome.outputs["residual_sum_of_squares"] == pytest.approx(np.sum(outcome.outputs["residuals"] ** 2))


@pytest.mark.parametrize(
    ("change", "code", "field", "rule"),
    [
        ({"residuals": ["x + y - 1", "2*x + 2*y - 3"]}, "singular", "inputs.initial", "dependent"),
        ({"residuals": ["x + y"]}, "singular", "inputs.residuals", "too few"),
        ({"residuals": ["log(x)", "y"]}, "non_finite", "inputs.initial", "no number at the start"),
        ({"residuals": []}, "invalid_input", "inputs.residuals", "none"),
        ({"residuals": ["x*", "y"]}, "invalid_formula", "inputs.residuals[0]", "a formula breaks off"),
        ({"residuals": "x + q"}, "invalid_formula", "inputs.residuals", "an unknown name"),
        ({"initial": {}}, "invalid_input", "inputs.initial", "no variables"),
        ({"data": {"t": [1]}}, "invalid_input", "inputs.residuals", "two formulas with data"),
        ({"observed": "t"}, "invalid_input", "inputs.observed", "no data"),
        (
            {"residuals": "x + y", "data": {"x": [1, 2]}},
            "invalid_input",
            "inputs.data.x",
            "a column named as a variable",
        ),
        ({"bounds": {"z": [0, 1]}}, "invalid_input", "inputs.bounds.z", "a bound of nothing"),
        ({"residual": []}, "invalid_input", "inputs.residual", "an unknown key"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(refused, change, code, field, rule):
    assert refused("least_squares", {**ROSENBROCK, **change}) == (code, field), rule


def test_a_fit_that_improves_for_ever_does_not_converge(refused):
    assert refused("least_squares", {"residuals": ["exp(-x)"], "initial": {"x": 1}})[0] in {"not_converged", "singular"}


def test_a_circle_of_minima_is_not_told_as_one(refused):
    inputs = {"residuals": ["x**2 + y**2 - 1", "0*x"], "initial": {"x": math.sqrt(0.3), "y": 0.4}}
    assert refused("least_squares", inputs)[0] == "singular"
