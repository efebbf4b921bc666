"""Analysis: what is said of a request was measured, and agrees with what is known of it."""

import numpy as np
import pytest
import scipy.linalg

from agents import catalogue
from agents.outcome import Problem

TASK = catalogue.find("analyze", "problem")
RANDOM = np.random.default_rng(4)


def analyzed(agent, task, inputs, options=None):
    request = {"agent": agent, "task": task, "inputs": inputs, "options": options or {}}
    (outcome,) = TASK.compute([TASK.prepare({"request": request}, {}, 1)], lambda fraction, stage: None)
    assert outcome.problem is None, outcome.problem
    return outcome.outputs


def ivp(equations, initial, end=10.0, start=0.0):
    return analyzed("ode", "ivp", {"equations": equations, "initial": initial, "t_span": [start, end]})


FAST = {"x": "-1e4*x + y", "y": "-y"}


def van_der_pol(mu):
    return {"x": "y", "y": f"{mu}*(1 - x**2)*y - x"}


@pytest.mark.parametrize(
    ("rule", "found", "stiff", "linear", "autonomous"),
    [
        ("two time scales, long", lambda: ivp(FAST, {"x": 1, "y": 1}), True, True, True),
        ("the same, but over a moment", lambda: ivp(FAST, {"x": 1, "y": 1}, 1e-4), False, True, True),
        ("backwards it grows", lambda: ivp({"x": "-1e2*x"}, {"x": 1e-30}, 0.0, 0.5), False, True, True),
        ("van der Pol, stiff", lambda: ivp(van_der_pol(1000), {"x": 2, "y": 0}, 500), True, False, True),
        ("van der Pol, not", lambda: ivp(van_der_pol(1), {"x": 2, "y": 0}, 500), False, False, True),
        ("forced", lambda: ivp({"x": "sin(t) - x"}, {"x": 0}), False, True, False),
        ("nearly linear is not linear", lambda: ivp({"x": "-x + 0.01*x**2"}, {"x": 0.1}), False, False, True),
    ],
)  # fmt: skip
def test_an_initial_value_problem_is_told_by_its_jacobian(rule, found, stiff, linear, autonomous):
    made = found()
    assert made["stiffness"]["stiff"] == stiff, made["stiffness"]
    assert (made["properties"]["linear"], made["properties"]["autonomous"]) == (linear, autonomous)


def test_the_stiffness_ratio_is_that_of_the_eigenvalues():
    assert ivp({"x": "-300*x", "y": "-3*y"}, {"x": 1, "y": 1})["stiffness"]["ratio"] == pytest.approx(100.0)


def test_chaos_shows_as_amplification():
    lorenz = {"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8*z/3"}
    calm, wild = (ivp(lorenz, {"x": 1, "y": 1, "z": 1}, end)["conditioning"]["amplification"] for end in (1, 25))
    assert wild > 1e3 * calm


def _banded(n):
    return np.diag(np.full(n, 2.0)) - np.diag(np.ones(n - 1), 1) - np.diag(np.ones(n - 1), -1)


@pytest.mark.parametrize(
    ("a", "structure", "symmetric", "definite"),
    [
        (_banded(30), "banded", True, True),
        (np.triu(RANDOM.standard_normal((20, 20))) + 5 * np.eye(20), "triangular", False, False),
        (RANDOM.standard_normal((20, 20)), "dense", False, False),
        (np.diag(np.arange(1.0, 9.0)), "diagonal", True, True),
        (np.array([[0.0, 1.0], [1.0, 0.0]]), "dense", True, False),
    ],
)
def test_a_matrix_is_told_by_its_elements(a, structure, symmetric, definite):
    made = analyzed("linalg", "solve", {"a": a.tolist(), "b": [1.0] * len(a)})
    found = made["properties"]
    assert (found["symmetric"], found["positive_definite"]) == (symmetric, definite)
    assert structure in {found["structure"], "dense" if found["structure"] == "sparse" else structure}
    assert made["conditioning"]["condition"] == pytest.approx(np.linalg.cond(a), rel=1e-10)


def test_a_large_condition_is_estimated_within_an_order():
    a = RANDOM.standard_normal((700, 700))
    made = analyzed("linalg", "solve", {"a": a.tolist(), "b": [1.0] * 700})["conditioning"]
    assert made["how"].startswith("estimate")
    assert 0.1 < made["condition"] / np.linalg.cond(a, 1) < 10


def test_the_digits_that_a_hilbert_matrix_loses():
    a = scipy.linalg.hilbert(8)
    made = analyzed("linalg", "solve", {"a": a.tolist(), "b": [1.0] * 8})
    assert made["conditioning"]["digits_lost"] == pytest.approx(10.18, abs=0.01)


@pytest.mark.parametrize(
    ("objective", "linear", "quadratic", "convex", "condition"),
    [
        ("x**2 + 1000*y**2", False, True, True, 1000.0),
        ("3*x - y", True, False, True, None),
        ("x**4 + y**4 + x**2 + y**2", False, False, True, 7.0 / 7.0),
        ("x**2 - y**2", False, True, False, 1.0),
    ],
)
def test_an_objective_is_told_by_its_curvature(objective, linear, quadratic, convex, condition):
    bounds = {"x": [-3, 3], "y": [-3, 3]}
    made = analyzed("optimize", "minimize", {"objective": objective, "initial": {"x": 1, "y": 1}, "bounds": bounds})
    found = made["properties"]
    assert (found["linear"], found["quadratic"], found["convex_where_looked"]) == (linear, quadratic, convex)
    if condition is None:
        assert made["conditioning"] is None
    else:
        assert made["conditioning"]["condition"] == pytest.approx(condition, rel=1e-4)


def test_what_does_not_apply_is_null():
    made = analyzed("special", "evaluate", {"function": "jv", "arguments": [0, 1.0]})
    assert made["stiffness"] is made["conditioning"] is made["sparsity"] is None
    assert made["estimated_cost"]["operations"] > 0
    assert made["measured"]["code"] is None


def test_two_parameters_that_the_data_cannot_tell_apart_show_in_the_condition():
    inputs = {
        "model": "a*b*t",
        "parameters": {"a": 1, "b": 1},
        "data": {"t": [0, 1, 2], "y": [0, 1, 2]},
        "observed": "y",
    }
    assert analyzed("optimize", "curve_fit", inputs)["conditioning"]["condition"] is None


@pytest.mark.parametrize("key", sorted(catalogue.TASKS), ids=".".join)
def test_every_task_can_be_analyzed(key):
    """Also those that are no more than their cost; those about other requests are refused."""
    request = {"agent": key[0], "task": key[1], "inputs": dict(catalogue.TASKS[key].example)}
    if key[0] in {"analyze", "select", "validate", "profile"}:
        with pytest.raises(Problem) as caught:
            TASK.prepare({"request": request}, {}, 1)
        assert caught.value.field == "inputs.request.agent"
    else:
        assert analyzed(*key, request["inputs"])["problem_type"]
