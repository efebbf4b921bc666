"""The task `pde.poisson`: manufactured solutions, the balance of a problem without given values, and refusals."""

import numpy as np
import pytest
from scipy.sparse import csr_array, diags_array, eye_array, kron
from scipy.sparse.linalg import spsolve

from agents.outcome import Problem
from agents.pde import poisson

SQUARE = {"domain": [[0, 1], [0, 1]], "shape": [33, 33]}


def no_watch(fraction, stage):
    pass


def solve(inputs, **options):
    plan = poisson.TASK.prepare(inputs, options, 0)
    return poisson.TASK.compute([plan], no_watch)[0]


def test_the_answer_is_that_of_a_sparse_direct_solver():
    n = 33
    second = (
        diags_array([np.full(n - 3, -1.0), np.full(n - 2, 2.0), np.full(n - 3, -1.0)], offsets=[-1, 0, 1]) * 32.0**2
    )
    matrix = csr_array(kron(second, eye_array(n - 2)) + kron(eye_array(n - 2), second))
    x = np.linspace(0, 1, n)
    right = np.outer(np.exp(x), np.sin(3 * x))[1:-1, 1:-1]
    outcome = solve({**SQUARE, "source": "exp(x)*sin(3*y)"})
    np.testing.assert_allclose(
        outcome.outputs["u"][1:-1, 1:-1], spsolve(matrix, right.ravel()).reshape(n - 2, n - 2), atol=1e-13
    )


def test_both_methods_agree():
    inputs = {
        "domain": [[0, 1], [0, 2]],
        "shape": [40, 30],
        "source": "x*y",
        "boundary": {"x": "periodic", "y": "dirichlet"},
    }
    one, other = (solve(inputs, method=method) for method in ("fft", "multigrid"))
    np.testing.assert_allclose(one.outputs["u"], other.outputs["u"], atol=1e-9)
    assert one.diagnostics.method != other.diagnostics.method


def test_a_balanced_problem_without_given_values_has_the_solution_of_mean_zero():
    outcome = solve({"domain": [[0, 1]], "shape": [65], "source": "cos(pi*x) + 0.5", "boundary":
                     {"x": {"low": "neumann", "high": {"type": "neumann", "value": -0.5}}}})  # fmt: skip
    x = np.linspace(0, 1, 65)
    exact = np.cos(np.pi * x) / np.pi**2 - x * x / 4 + 1 / 12
    assert np.abs(outcome.outputs["u"] - exact).max() <= outcome.diagnostics.error_estimate < 1e-3
    assert "mean zero" in outcome.warnings[0]


def test_a_rough_source_is_still_within_the_error_claimed():
    outcome = solve({"domain": [[0, 1]], "shape": [60], "source": "where(x < 0.3141, 1, 0)"})
    x = np.linspace(0, 1, 60)
    a = 0.3141
    exact = np.where(x < a, a * (1 - a / 2) * x - x * x / 2, a * a / 2 * (1 - x))
    assert np.abs(outcome.outputs["u"] - exact).max() <= outcome.diagnostics.error_estimate < 0.02


def test_strong_exchange_is_a_given_value_and_none_a_given_slope():
    """u' + a u = a g is u = g for large a; without a it is Neumann's side."""
    given = solve({**SQUARE, "source": "x", "boundary": {"type": "dirichlet", "value": "y"}})
    strong = solve({**SQUARE, "source": "x", "boundary": {"type": "robin", "coefficient": 1e9, "value": "1e9*y"}})
    np.testing.assert_allclose(strong.outputs["u"], given.outputs["u"], atol=1e-7)
    side = {"y": "dirichlet", "x": {"type": "neumann", "value": 1}}
    slope = solve({**SQUARE, "source": "x", "boundary": side})
    none = solve({**SQUARE, "source": "x", "boundary": {**side, "x": {"type": "robin", "coefficient": 0, "value": 1}}})
    np.testing.assert_allclose(none.outputs["u"], slope.outputs["u"], atol=1e-12)


def test_a_large_result_is_thinned_and_says_so():
    outcome = solve({"domain": [[0, 1], [0, 1]], "shape": [1001, 1001], "source": 1})
    assert outcome.outputs["u"].size <= 500_000
    assert outcome.outputs["u"].shape == tuple(len(outcome.outputs["axes"][name]) for name in "xy")
    assert "point of each axis" in outcome.warnings[-1]
    assert outcome.outputs["statistics"]["maximum"] == pytest.approx(
        0.0736713532814, abs=outcome.diagnostics.error_estimate
    )


@pytest.mark.parametrize(
    ("change", "options", "code", "field", "rule"),
    [
        ({"domain": [[1, 0], [0, 1]]}, {}, "invalid_input", "inputs.domain[0]", "an axis that runs backwards"),
        ({"domain": []}, {}, "invalid_input", "inputs.domain", "no axis"),
        ({"domain": [[0, 1]] * 4}, {}, "invalid_input", "inputs.domain", "four axes"),
        ({"domain": [[0, "NaN"], [0, 1]]}, {}, "invalid_input", "inputs.domain[0][1]", "an end that is no number"),
        ({"shape": [33]}, {}, "invalid_input", "inputs.shape", "a count for each axis"),
        ({"shape": [33, 2]}, {}, "invalid_input", "inputs.shape[1]", "two points"),
        ({"shape": [33, True]}, {}, "invalid_input", "inputs.shape[1]", "booleans are not numbers"),
        ({"shape": [100_000, 100_000]}, {}, "budget_exceeded", "inputs.shape", "too many points"),
        ({"source": "z"}, {}, "invalid_formula", "inputs.source", "an axis that there is not"),
        ({"source": [1]}, {}, "invalid_input", "inputs.source", "neither a number nor a formula"),
        ({"boundary": "fixed"}, {}, "invalid_input", "inputs.boundary", "an unknown kind"),
        ({"boundary": {"x": "periodic"}}, {}, "invalid_input", "inputs.boundary.y", "a missing axis"),
        ({"boundary": {"x": {"low": "periodic", "high": "neumann"}, "y": "neumann"}}, {}, "invalid_input",
         "inputs.boundary.x", "one side periodic"),
        ({"boundary": {"x": {"low": "neumann"}, "y": "neumann"}}, {}, "invalid_input", "inputs.boundary.x.high",
         "a missing side"),
        ({"boundary": {"x": "neumann", "w": "neumann"}}, {}, "invalid_input", "inputs.boundary.w", "an unknown axis"),
        ({"boundary": {"type": "dirichlet", "value": "x +"}}, {}, "invalid_formula", "inputs.boundary.value",
         "a formula"),
        ({"boundary": {"type": "robin", "value": 1}}, {}, "invalid_input", "inputs.boundary.coefficient",
         "no coefficient"),
        ({"boundary": "robin"}, {}, "invalid_input", "inputs.boundary.coefficient", "no coefficient by name alone"),
        ({"boundary": {"type": "robin", "coefficient": -1}}, {}, "invalid_input", "inputs.boundary.coefficient",
         "exchange the wrong way"),
        ({"boundary": {"type": "neumann", "coefficient": 1}}, {}, "invalid_input", "inputs.boundary.coefficient",
         "a coefficient of another kind"),
        ({"boundary": {"type": "robin", "coefficient": "1 + t"}}, {}, "invalid_formula", "inputs.boundary.coefficient",
         "a coefficient of time"),
        ({"coefficients": {"diffusivity": -1}}, {}, "invalid_input", "inputs.coefficients.diffusivity", "ill-posed"),
        ({"coefficients": {"diffusivty": 1}}, {}, "invalid_input", "inputs.coefficients.diffusivty", "a misspelt name"),
        ({"coefficients": {"reaction": -1}}, {}, "invalid_input", "inputs.coefficients.reaction", "may be singular"),
        ({"parameters": {"x": 1}}, {}, "invalid_input", "inputs.parameters.x", "a parameter named like an axis"),
        ({"coefficients": "1 + x"}, {"method": "fft"}, "invalid_input", "options.method", "no transform for it"),
        ({}, {"thin": 0}, "invalid_input", "options.thin", "thin below 1"),
        ({}, {"method": "lu"}, "invalid_input", "options.method", "an unknown method"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(change, options, code, field, rule):
    with pytest.raises(Problem) as caught:
        poisson.TASK.prepare({**SQUARE, "source": "x", **change}, options, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule
    assert caught.value.hint, rule


@pytest.mark.parametrize(
    ("change", "code", "field", "rule"),
    [
        ({"boundary": "neumann"}, "infeasible", "inputs.source", "heat that cannot leave"),
        ({"boundary": "periodic"}, "infeasible", "inputs.source", "as much on the torus"),
        ({"coefficients": "x - 0.5"}, "infeasible", "inputs.coefficients.diffusivity", "negative somewhere"),
        ({"coefficients": "1/x"}, "non_finite", "inputs.coefficients.diffusivity", "infinite at a side"),
        ({"source": "log(x)"}, "non_finite", "inputs.source", "infinite at a side"),
        ({"boundary": {"type": "robin", "coefficient": "x - 0.5"}}, "infeasible", "inputs.boundary.coefficient",
         "exchange the wrong way somewhere"),
        ({"boundary": {"type": "robin", "coefficient": "1/x"}}, "non_finite", "inputs.boundary.coefficient",
         "infinite exchange"),
        ({"boundary": {"type": "robin", "coefficient": 0}}, "infeasible", "inputs.source", "no exchange at all"),
        ({"boundary": {"type": "dirichlet", "value": "1/y"}}, "non_finite", "inputs.boundary.value", "in a corner"),
    ],
)  # fmt: skip
def test_bad_mathematics_fails_with_its_place(change, code, field, rule):
    outcome = solve({**SQUARE, "source": "x + 1", **change})
    assert outcome.outputs is None
    assert (outcome.problem.code, outcome.problem.field) == (code, field), rule
    assert outcome.problem.hint


def test_the_watch_is_heard():
    def stop(fraction, stage):
        raise Problem("cancelled", "stop")

    with pytest.raises(Problem):
        poisson.TASK.compute([poisson.TASK.prepare({**SQUARE, "source": "x"}, {}, 0)], stop)
