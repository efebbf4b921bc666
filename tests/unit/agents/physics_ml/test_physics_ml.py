"""The agent `physics_ml`: networks that satisfy equations, and no network where there is no solution."""

import numpy as np
import pytest

from agents import catalogue
from sciagents.accuracy.case import answer

HEAT = {
    "equation": "u_t == 0.1*u_xx", "domain": {"x": [0, 1], "t": [0, 1]},
    "conditions": [{"at": {"x": 0}, "equation": "u"}, {"at": {"x": 1}, "equation": "u"},
                   {"at": {"t": 0}, "equation": "u - sin(pi*x)"}],
}  # fmt: skip
DECAY = {"equation": "u_t + u", "domain": {"t": [0, 1]}, "conditions": [{"at": {"t": 0}, "equation": "u - 1"}]}
T = np.linspace(0, 2, 21)
DATA = {"t": T.tolist(), "u": np.exp(-0.7 * T).tolist()}


def test_the_network_that_is_given_back_is_the_solution():
    outputs = answer("physics_ml", "pinn", HEAT, {}).outputs
    net = outputs["network"]
    x, t = 0.3, 0.7
    z = 2 * (np.array([x, t]) - net["low"]) / (net["high"] - net["low"]) - 1
    u = net["coefficients"] @ np.tanh(net["weights"] @ z + net["biases"])
    assert abs(u - np.exp(-0.1 * np.pi**2 * t) * np.sin(np.pi * x)) < 1e-7
    assert outputs["u"].shape == (len(outputs["axes"]["x"]), len(outputs["axes"]["t"]))
    assert outputs["validation_error"] < 1e-6


@pytest.mark.parametrize(
    ("task", "inputs", "field", "code", "rule"),
    [
        ("pinn", {**DECAY, "equation": "u_t + w"}, "inputs.equation", "invalid_formula", "an unknown name"),
        ("pinn", {**DECAY, "equation": "u_q"}, "inputs.equation", "invalid_input", "no such coordinate"),
        ("pinn", {**DECAY, "equation": "t"}, "inputs.equation", "invalid_input", "no unknown in it"),
        ("pinn", {**DECAY, "equation": "u_ttttt"}, "inputs.equation", "invalid_input", "order 5"),
        ("pinn", {**DECAY, "conditions": []}, "inputs.conditions", "invalid_input", "one condition is needed"),
        ("pinn", {**DECAY, "domain": {"t": [1, 0]}}, "inputs.domain.t", "invalid_input", "an empty range"),
        ("pinn", {**DECAY, "domain": {"time": [0, 1]}}, "inputs.domain.time", "invalid_input", "letters alone"),
        ("pinn", {**DECAY, "conditions": [{"at": {"t": 3}, "equation": "u"}]}, "inputs.conditions[0].at.t",
         "invalid_input", "outside the domain"),
        ("pinn", {**DECAY, "predict_at": {"t": [2]}}, "inputs.predict_at.t", "invalid_input", "outside as well"),
        ("pinn", {**DECAY, "parameters": {"u_t": 1}}, "inputs.parameters.u_t", "invalid_input", "a derivative's name"),
        ("inverse", {**DECAY, "unknown": {}, "data": DATA}, "inputs.unknown", "invalid_input", "nothing unknown"),
        ("inverse", {"equation": "u_t + k*u", "domain": {"t": [0, 2]}, "unknown": {"k": 1}, "data": {"t": [0, 1]}},
         "inputs.data.u", "invalid_input", "no values"),
        ("inverse", {"equation": "u_t + a*b*u", "domain": {"t": [0, 2]}, "unknown": {"a": 1, "b": 1}, "data": DATA},
         "inputs.unknown", "singular", "only the product of a and b matters"),
        ("operator", {"functions": [[1]] * 9, "places": [0], "values": [[1]] * 9}, "inputs.functions",
         "invalid_input", "too few samples"),
        ("operator", {"functions": [[1.0]] * 12, "places": [0, 1], "values": [[1]] * 12}, "inputs.values",
         "invalid_input", "a value at each place"),
        ("conservation", {"t": [0, 1], "fields": {"x": [1, 2, 3]}, "density": "x"}, "inputs.fields.x",
         "invalid_input", "shapes differ"),
        ("conservation", {"t": [0, 1], "fields": {"x": [1, 0]}, "density": "1/x"}, "inputs.density", "non_finite",
         "a density that is not finite"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(task, inputs, field, code, rule):
    problem = answer("physics_ml", task, inputs, {}).problem
    assert problem is not None, rule
    assert (problem.field, problem.code) == (field, code), (rule, problem.message)


@pytest.mark.parametrize(
    ("equation", "domain", "conditions", "rule"),
    [
        ("u_t == u**2", {"t": [0, 2]}, [({"t": 0}, "u - 1")], "it blows up at t = 1"),
        ("u_xx == 1", {"x": [0, 1]}, [({"x": 0}, "u"), ({"x": 0}, "u - 1")], "contradicting conditions"),
        ("u_t == 1000*cos(1000*t)", {"t": [0, 1]}, [({"t": 0}, "u")], "too fast for the units"),
    ],
)
def test_where_the_residual_stays_there_is_no_answer(equation, domain, conditions, rule):
    held = [{"at": at, "equation": one} for at, one in conditions]
    inputs = {"equation": equation, "domain": domain, "conditions": held}
    problem = answer("physics_ml", "pinn", inputs, {"n_features": 60}).problem
    assert problem is not None, rule
    assert problem.code == "not_converged", rule


def test_noise_of_random_values_is_no_operator():
    numbers = np.random.default_rng(1)
    inputs = {"functions": numbers.standard_normal((40, 5)).tolist(), "places": [0.0, 1.0],
              "values": numbers.standard_normal((40, 2)).tolist()}  # fmt: skip
    problem = answer("physics_ml", "operator", inputs, {"iterations": 200}).problem
    assert problem.code == "not_converged"
    assert "held out" in problem.message


def test_standard_errors_cover_the_truth():
    """Of 30 fits to noisy data about two thirds are within one standard error, and nearly all within three."""
    numbers = np.random.default_rng(2)
    within = []
    for _ in range(30):
        noisy = {"t": DATA["t"], "u": (np.array(DATA["u"]) + 0.02 * numbers.standard_normal(21)).tolist()}
        inputs = {"equation": "u_t + k*u", "domain": {"t": [0, 2]}, "unknown": {"k": 1}, "data": noisy}
        outputs = answer("physics_ml", "inverse", inputs, {"n_features": 30}).outputs
        within.append(abs(outputs["parameters"]["k"] - 0.7) / outputs["standard_errors"]["k"])
    assert 12 <= sum(one < 1 for one in within) <= 28
    assert sum(one < 3 for one in within) >= 29


@pytest.mark.parametrize(
    ("change", "kept", "rule"),
    [
        ({}, True, "the flux through the ends is counted"),
        ({"flux": {}}, False, "without it, heat is lost"),
        ({"flux": {}, "source": "0.1*u_xdiff"}, None, "an unknown name"),
    ],
)
def test_conservation_of_heat(change, kept, rule):
    x, t = np.linspace(0, 1, 41), np.linspace(0, 1, 21)
    u = np.exp(-0.1 * np.pi**2 * t)[:, None] * np.sin(np.pi * x)
    inputs = {"t": t.tolist(), "axes": {"x": x.tolist()}, "fields": {"u": u.tolist()}, "density": "u",
              "flux": {"x": "-0.1*u_x"}, **change}  # fmt: skip
    outcome = answer("physics_ml", "conservation", inputs, {"rtol": 1e-2})
    if kept is None:
        assert outcome.problem.code == "invalid_formula", rule
        return
    assert outcome.outputs["conserved"] is kept, (rule, outcome.outputs["drift"])


def test_periodic_mass_is_kept():
    x, t = np.arange(32) / 32, np.linspace(0, 1, 5)
    u = 2 + np.sin(2 * np.pi * (x - t[:, None]))
    outputs = answer("physics_ml", "conservation", {
        "t": t.tolist(), "axes": {"x": x.tolist()}, "fields": {"u": u.tolist()}, "density": "u", "boundary": "periodic",
    }, {}).outputs  # fmt: skip
    assert outputs["conserved"]
    assert np.allclose(outputs["integral"], 2.0, atol=1e-14)


@pytest.mark.parametrize("name", ["pinn", "inverse", "conservation"])
def test_another_seed_gives_another_network_and_the_same_solution(name):
    task = catalogue.TASKS["physics_ml", name]
    first, second = (answer("physics_ml", name, task.example, {}, seed) for seed in (1, 2))
    bound = first.diagnostics.error_estimate + second.diagnostics.error_estimate
    key = {"pinn": "u", "inverse": "u", "conservation": "integral"}[name]
    assert np.abs(np.asarray(first.outputs[key]) - np.asarray(second.outputs[key])).max() <= bound + 1e-9
