"""The task `optimize.root`: roots within their bound, and no root where there is none."""

import math

import numpy as np
import pytest

from sciagents.accuracy.case import answer


@pytest.mark.parametrize(
    ("equations", "initial", "wanted", "rule"),
    [
        (["x**2 - 2"], {"x": 1}, [math.sqrt(2)], "one equation"),
        (["x**2 == 2"], {"x": 1}, [math.sqrt(2)], "with a sign of equality"),
        (["x**2 + y**2 - 4", "x*y - 1"], {"x": 2, "y": 0.5}, [math.sqrt(2 + math.sqrt(3)), math.sqrt(2 - math.sqrt(3))],
         "two equations"),
        (["cos(x) - x"], {"x": 10}, [0.7390851332151606416553120876738734], "Dottie's number from afar"),
        (["atan(x)"], {"x": 10}, [0], "where Newton's method diverges"),
        (["(x - 0.3)**2"], {"x": 2}, [0.3], "a double root"),
        (["x**3"], {"x": 2}, [0], "a triple root, to the end of numbers"),
        (["1e4*x*y - 1", "exp(-x) + exp(-y) - 1.0001"], {"x": 0, "y": 1}, [1.098159329699759e-5, 9.106146739866525],
         "badly scaled"),
        (["lgamma(x)"], {"x": 2.5}, [2], "a function of gamma's family"),
    ],
)  # fmt: skip
def test_roots_are_within_their_error_estimate(solve, equations, initial, wanted, rule):
    outcome = solve("root", {"equations": equations, "initial": initial})
    assert outcome.problem is None, (rule, outcome.problem)
    found = np.array(list(outcome.outputs["x"].values()))
    assert np.abs(found - wanted).max() <= outcome.diagnostics.error_estimate <= 1e-8, rule
    assert outcome.outputs["residual_norm"] <= 1e-10


@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_every_method_finds_it(solve, method):
    outcome = solve("root", {"equations": ["x*y - a", "x - y"], "initial": {"x": 1, "y": 2}, "parameters": {"a": 9}},
                    {"method": method})  # fmt: skip
    assert list(outcome.outputs["x"].values()) == pytest.approx([3, 3], abs=1e-13)


def test_a_root_that_is_one_of_many_is_told(solve):
    outcome = solve("root", {"equations": ["x + y - 1", "2*x + 2*y - 2"], "initial": {"x": 2, "y": 7}})
    assert sum(outcome.outputs["x"].values()) == pytest.approx(1)
    assert outcome.diagnostics.error_estimate is None
    assert "singular" in outcome.warnings[0]


X = {"initial": {"x": 2}}


@pytest.mark.parametrize(
    ("inputs", "code", "field", "rule"),
    [
        ({"equations": ["x**2 + 1"], **X}, "not_converged", "inputs.equations", "no real root"),
        ({"equations": ["x**2 + 1e-10"], **X}, "not_converged", "inputs.equations", "nearly a root"),
        ({"equations": ["exp(-x)"], **X}, "not_converged", "inputs.equations", "fades towards 0"),
        ({"equations": ["1/x"], **X}, "not_converged", "inputs.equations", "a root at infinity"),
        ({"equations": ["floor(x) + 0.5"], **X}, "not_converged", "inputs.equations", "steps over 0"),
        ({"equations": ["3"], **X}, "not_converged", "inputs.equations", "a constant"),
        ({"equations": ["x + y - 1", "x + y - 2"], "initial": {"x": 0, "y": 0}}, "not_converged", "inputs.equations",
         "a contradiction"),
        ({"equations": ["log(x)"], "initial": {"x": -1}}, "non_finite", "inputs.initial", "no number at the start"),
        ({"equations": ["x - 1", "x - 2"], **X}, "invalid_input", "inputs.equations", "too many equations"),
        ({"equations": [], "initial": {}}, "invalid_input", "inputs.initial", "nothing"),
        ({"equations": ["x >= 1"], **X}, "invalid_formula", "inputs.equations[0]", "an inequality"),
        ({"equations": ["x -"], **X}, "invalid_formula", "inputs.equations[0]", "a formula breaks off"),
        ({"equations": ["x - z"], **X}, "invalid_formula", "inputs.equations[0]", "an unknown name"),
        ({"equations": ["x"], "initial": {"x": "a"}}, "invalid_input", "inputs.initial.x", "no number"),
        ({"equations": ["x"], **X, "parameters": {"x": 1}}, "invalid_input", "inputs.parameters.x", "a name twice"),
        ({"equation": ["x"], **X}, "invalid_input", "inputs.equation", "an unknown key"),
    ],
)  # fmt: skip
def test_what_has_no_root_or_is_wrong_is_told_with_its_place(refused, inputs, code, field, rule):
    assert refused("root", inputs) == (code, field), rule


@pytest.mark.parametrize(
    ("equations", "initial", "parameters"),
    [
        (["x**2 + y**2 - 4", "x*y - 1"], {"x": 2, "y": 0.5}, {}),
        (["exp(-x) - k*x"], {"x": 1.0}, {"k": 0.3}),
        (["1e8*x - 0.1*y", "y - 3 - x"], {"x": 0.0, "y": 2.5}, {}),
        ([f"x{i}**3 + 0.1*x{(i + 1) % 9} - {i + 1}.7" for i in range(9)], {f"x{i}": 1.5 for i in range(9)}, {}),
    ],
)
def test_the_one_call_and_minpack_find_the_same_root(solve, equations, initial, parameters):
    given = {"equations": equations, "initial": initial, "parameters": parameters}
    quick, slow = (solve("root", given, {"method": method}) for method in ("auto", "hybr"))
    assert quick.kernel == "native.kernels.newton.polish"
    assert slow.kernel != quick.kernel
    allowed = quick.diagnostics.error_estimate + slow.diagnostics.error_estimate
    for name, value in quick.outputs["x"].items():
        assert abs(value - slow.outputs["x"][name]) <= allowed
    assert quick.outputs["jacobian_condition"] == pytest.approx(slow.outputs["jacobian_condition"], rel=1e-6)


@pytest.mark.parametrize("far", [1e16, 1e150, 1e308])
def test_numbers_that_overflow_on_the_way_end_at_no_false_root(solve, far):
    given = {"equations": ["exp(x) - y", "x*y - a"], "initial": {"x": 5e-324, "y": far}, "parameters": {"a": 0}}
    outcome = solve("root", given)
    if outcome.problem is None:
        assert outcome.outputs["residual_norm"] < 1e-12
        assert 0 <= outcome.diagnostics.error_estimate < 1


def test_a_step_that_is_small_beside_another_coordinate_alone_is_no_root_at_once(solve):
    given = {"equations": ["exp(x) - y", "log(x) + y"], "initial": {"x": 1e-300, "y": 3}}
    assert solve("root", given).kernel != "native.kernels.newton.polish"


@pytest.mark.parametrize("method", ["auto", "hybr", "lm"])
def test_a_short_step_where_a_slope_is_steep_is_no_root(method):
    """At x = 1e-300 the slope of log(x) is 1e300: a step is short there, and the residual 683."""
    inputs = {"equations": ["exp(x) - y", "log(x) + y"], "initial": {"x": 1e-300, "y": 3}}
    outcome = answer("optimize", "root", inputs, {"method": method})
    if outcome.problem is None:
        assert outcome.outputs["residual_norm"] < 1e-14
    else:
        assert outcome.problem.code == "not_converged"
