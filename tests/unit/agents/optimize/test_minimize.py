"""The task `optimize.minimize`: minima of every kind, the conditions recomputed, clear words where there is none."""

import math

import numpy as np
import pytest
from scipy import optimize

ROSENBROCK = {"objective": "(1 - x)**2 + 100*(y - x**2)**2", "initial": {"x": -1.2, "y": 1}}
HS71 = {
    "objective": "a*d*(a + b + c) + c", "initial": {"a": 1, "b": 5, "c": 5, "d": 1},
    "bounds": {name: [1, 5] for name in "abcd"}, "constraints": ["a*b*c*d >= 25", "a**2 + b**2 + c**2 + d**2 == 40"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "wanted", "rule"),
    [
        (ROSENBROCK, [1, 1], "a curved valley"),
        ({"objective": "x*log(x)", "initial": {"x": 3}}, [math.exp(-1)], "where the logarithm ends nearby"),
        ({"objective": "(x - a)**2", "initial": {"x": 3}, "parameters": {"a": 0.1}}, [0.1], "a parameter"),
        ({**ROSENBROCK, "bounds": {"x": [None, 0.5]}}, [0.5, 0.25], "a bound holds"),
        ({**ROSENBROCK, "bounds": {"x": [2, 2]}}, [2, 4], "a variable fixed by its bounds"),
        ({"objective": "x", "initial": {"x": 3}, "bounds": {"x": [0.1, None]}}, [0.1], "a corner"),
        ({"objective": "x*y", "initial": {"x": 1, "y": 1}, "constraints": ["x + y <= 10"], "maximize": True}, [5, 5],
         "the largest"),
        ({"objective": "x + y", "initial": {"x": 1, "y": 1}, "constraints": ["x + 2*y >= 4", "3*x + y >= 6"]},
         [1.6, 1.2], "a vertex"),
        ({"objective": "x**2 + y**2", "initial": {"x": 3, "y": 1}, "constraints": ["x + y == 1"]}, [0.5, 0.5],
         "an equation"),
        ({"objective": "x**2", "initial": {"x": 2}, "constraints": ["x >= 0"]}, [0], "a constraint that is just met"),
        ({"objective": "x**2 - y**2 + y**4", "initial": {"x": 1, "y": 0}}, [0, math.sqrt(0.5)], "past a saddle"),
        ({"objective": "lgamma(x)", "initial": {"x": 3}}, [1.461632144968362341], "no second derivative"),
        ({"objective": "abs(x - 0.3)", "initial": {"x": 3}}, [0.3], "a kink"),
        ({"objective": "(a + 10*b)**2 + 5*(c - d)**2 + (b - 2*c)**4 + 10*(a - d)**4",
          "initial": {"a": 3, "b": -1, "c": 0, "d": 1}}, [0, 0, 0, 0], "a singular Hessian"),
    ],
)  # fmt: skip
def test_minima_are_within_their_error_estimate(solve, inputs, wanted, rule):
    outcome = solve("minimize", inputs)
    assert outcome.problem is None, (rule, outcome.problem and outcome.problem.message)
    found = np.abs(np.array(list(outcome.outputs["x"].values())))
    estimate = outcome.diagnostics.error_estimate
    assert np.abs(found - wanted).max() <= estimate <= 1e-6, rule
    assert outcome.diagnostics.converged


@pytest.mark.parametrize("method", ["l_bfgs_b", "newton", "newton_cg", "slsqp", "trust_constr"])
def test_every_method_finds_it(solve, method):
    outcome = solve("minimize", ROSENBROCK, {"method": method})
    assert outcome.diagnostics.method == method
    assert list(outcome.outputs["x"].values()) == pytest.approx([1, 1], abs=1e-12)


def test_the_conditions_of_karush_kuhn_and_tucker_hold(solve):
    outcome = solve("minimize", HS71)
    outputs = outcome.outputs
    a, b, c, d = outputs["x"].values()
    gradient = np.array([2 * a * d + d * (b + c), a * d, a * d + 1, a * (a + b + c)])
    slopes = np.array([[b * c * d, a * c * d, a * b * d, a * b * c], [2 * a, 2 * b, 2 * c, 2 * d]])
    left = gradient - np.array(outputs["multipliers"]) @ slopes
    assert left[0] == pytest.approx(outputs["bound_multipliers"]["a"], rel=1e-9)
    assert left[1:] == pytest.approx(0, abs=1e-12)
    assert outputs["multipliers"][0] > 0
    assert outputs["constraints"] == pytest.approx([0, 0], abs=1e-12)
    assert (outputs["active"], outputs["active_bounds"]) == ([0, 1], {"a": "low"})
    assert outputs["objective"] == pytest.approx(17.0140173, abs=1e-7)
    assert all(check.passed for check in outcome.diagnostics.checks)


def test_multipliers_are_the_price_of_a_constraint(solve):
    def least(limit):
        constraints = [f"x + y <= {limit}", f"x - y == {limit - 1}"]
        request = {
            "objective": "(x - 2)**2 + (y - 2)**2 + x*y",
            "initial": {"x": 0, "y": 0},
            "constraints": constraints,
        }
        return solve("minimize", request).outputs

    h = 1e-5
    price = (least(1 - h)["objective"] - least(1 + h)["objective"]) / (2 * h)
    one = least(1)["multipliers"]
    assert one[0] > 0
    assert price == pytest.approx(one[0] - one[1], rel=1e-6)


def test_it_agrees_with_scipy_on_a_hundred_variables(solve):
    n = 100
    terms = [f"100*(x{i + 1} - x{i}**2)**2 + (1 - x{i})**2" for i in range(n - 1)]
    outcome = solve("minimize", {"objective": " + ".join(terms), "initial": {f"x{i}": 1.3 for i in range(n)}})
    wanted = optimize.minimize(
        optimize.rosen, np.full(n, 1.3), jac=optimize.rosen_der, method="BFGS", options={"gtol": 1e-9}
    )
    assert list(outcome.outputs["x"].values()) == pytest.approx(wanted.x, abs=1e-8)


def test_a_minimum_that_is_not_one_point_is_told(solve):
    outcome = solve("minimize", {"objective": "(x + y - 1)**2", "initial": {"x": 3, "y": 5}})
    assert sum(outcome.outputs["x"].values()) == pytest.approx(1)
    assert outcome.diagnostics.error_estimate is None
    assert outcome.warnings


X = {"initial": {"x": 1}}
XY = {"initial": {"x": 3, "y": 1}}


@pytest.mark.parametrize(
    ("inputs", "code", "field", "rule"),
    [
        ({"objective": "x", **X}, "unbounded", "inputs.objective", "a slope"),
        ({"objective": "x**3", **X}, "unbounded", "inputs.objective", "past an inflection"),
        ({"objective": "x**2", **X, "maximize": True}, "unbounded", "inputs.objective", "the largest of a parabola"),
        ({"objective": "x - y", **XY, "constraints": ["x >= y/2"]}, "unbounded", "inputs.objective", "a wedge"),
        ({"objective": "exp(-x)", **X}, "not_converged", "inputs.initial", "an infimum at infinity"),
        ({"objective": "log(x)", **X}, "unbounded", "inputs.objective", "a pole"),
        ({"objective": "x", **X, "constraints": ["x >= 5", "x <= 4"]}, "infeasible", "inputs.constraints", "two sides"),
        ({"objective": "x", **XY, "constraints": ["x**2 + y**2 <= 1", "x + y >= 3"]}, "infeasible",
         "inputs.constraints", "a disk and a half plane apart"),
        ({"objective": "x", **XY, "constraints": ["x**2 + y**2 == -1"]}, "infeasible", "inputs.constraints",
         "no circle"),
        ({"objective": "log(x)", "initial": {"x": -1}}, "non_finite", "inputs.initial", "no number at the start"),
        ({"objective": "x +", **X}, "invalid_formula", "inputs.objective", "a formula breaks off"),
        ({"objective": "x*z", **X}, "invalid_formula", "inputs.objective", "an unknown name"),
        ({"objective": "x", "initial": {}}, "invalid_input", "inputs.initial", "no variables"),
        ({"objective": "x", "initial": {"x": None}}, "invalid_input", "inputs.initial.x", "no number"),
        ({"objective": "x", **X, "parameters": {"x": 1}}, "invalid_input", "inputs.parameters.x", "a name twice"),
        ({"objective": "x", **X, "bounds": {"y": [0, 1]}}, "invalid_input", "inputs.bounds.y", "of nothing"),
        ({"objective": "x", **X, "bounds": {"x": [1, 0]}}, "invalid_input", "inputs.bounds.x", "bounds crossed"),
        ({"objective": "x", **X, "constraints": ["x + 1"]}, "invalid_formula", "inputs.constraints[0]", "no sign"),
        ({"objective": "x", **X, "constraints": ["0 <= x <= 1"]}, "invalid_formula", "inputs.constraints[0]", "two"),
        ({"objective": "x", **X, "constraints": ["x >= 1", "x > 1"]}, "invalid_formula", "inputs.constraints[1]",
         "strict"),
        ({"objective": "x", **X, "constraints": ["x >= q"]}, "invalid_formula", "inputs.constraints[0]", "a name"),
        ({"objective": "x", **X, "constraints": [">= 1"]}, "invalid_formula", "inputs.constraints[0]", "half of it"),
        ({"objectiv": "x", **X}, "invalid_input", "inputs.objectiv", "an unknown key"),
    ],
)  # fmt: skip
def test_what_has_no_minimum_or_is_wrong_is_told_with_its_place(refused, inputs, code, field, rule):
    assert refused("minimize", inputs) == (code, field), rule


def test_columns_in_a_constraint_are_those_of_the_text(solve):
    with pytest.raises(Exception, match="column 10: 'qq' is not known"):
        solve("minimize", {"objective": "x", **X, "constraints": ["x*x <= 2*qq"]})


def test_a_method_that_cannot_hold_constraints_is_refused(refused):
    for method, more in (("newton", {"bounds": {"x": [0, 1]}}), ("l_bfgs_b", {"constraints": ["x >= 0"]})):
        asked = {"objective": "x**2", **X, **more}
        assert refused("minimize", asked, {"method": method}) == ("invalid_input", "options.method")
