"""The task `optimize.global`: the lowest of many minima, the same for a seed, and clear words where there is none."""

import math

import pytest

from agents.outcome import Problem

CAMEL = {
    "objective": "(4 - 2.1*x**2 + x**4/3)*x**2 + x*y + (-4 + 4*y**2)*y**2", "bounds": {"x": [-3, 3], "y": [-2, 2]},
}  # fmt: skip


def rastrigin(n):
    terms = [f"x{i}**2 - 10*cos(2*pi*x{i})" for i in range(n)]
    return {"objective": " + ".join([str(10 * n), *terms]), "bounds": {f"x{i}": [-5.12, 5.12] for i in range(n)}}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("n", [2, 5])
def test_rastrigins_lowest_minimum_is_found_among_many(solve, n, seed):
    outcome = solve("global", rastrigin(n), seed=seed)
    assert outcome.outputs["objective"] == pytest.approx(0, abs=1e-12)
    assert max(map(abs, outcome.outputs["x"].values())) <= outcome.diagnostics.error_estimate


@pytest.mark.parametrize("method", ["differential_evolution", "dual_annealing", "multi_start"])
def test_every_method_finds_the_camels_humps(solve, method):
    outcome = solve("global", CAMEL, {"method": method})
    assert outcome.outputs["objective"] == pytest.approx(-1.0316284534898774, abs=1e-13)
    assert outcome.diagnostics.method == method


def test_minima_are_told_apart_with_their_hits(solve):
    minima = solve("global", CAMEL).outputs["minima"]
    assert minima[0]["objective"] == pytest.approx(minima[1]["objective"], abs=1e-13)
    assert minima[0]["x"]["x"] == pytest.approx(-minima[1]["x"]["x"])
    assert all(one["hits"] >= 1 for one in minima)
    assert [one["objective"] for one in minima] == sorted(one["objective"] for one in minima)


def test_constraints_and_maximize(solve):
    inputs = {"objective": "x*sin(x)", "bounds": {"x": [0, 20]}, "maximize": True}
    assert solve("global", inputs).outputs["x"]["x"] == 20.0
    ring = {"objective": "(x - 1)**2 + (y - 1)**2", "bounds": {"x": [-3, 3], "y": [-3, 3]},
            "constraints": ["x**2 + y**2 == 1"]}  # fmt: skip
    outcome = solve("global", ring)
    assert outcome.outputs["x"] == pytest.approx({"x": math.sqrt(0.5), "y": math.sqrt(0.5)})


def test_the_same_seed_gives_the_same_answer(solve):
    first, second = (solve("global", CAMEL, seed=7).outputs for _ in range(2))
    assert first == second


def test_the_watch_is_heard(solve):
    def stop(fraction, stage):
        raise Problem("cancelled", "stop")

    for method in ("differential_evolution", "dual_annealing", "multi_start"):
        with pytest.raises(Problem) as caught:
            solve("global", rastrigin(5), {"method": method, "starts": 500}, watch=stop)
        assert caught.value.code == "cancelled"


B = {"bounds": {"x": [-3, 3]}}


@pytest.mark.parametrize(
    ("inputs", "code", "field", "rule"),
    [
        ({"objective": "1/x", **B}, "unbounded", "inputs.objective", "a pole inside"),
        ({"objective": "x", **B, "constraints": ["x**2 >= 10"]}, "infeasible", "inputs.constraints", "outside"),
        ({"objective": "log(x - 4)", **B}, "non_finite", "inputs.objective", "a number nowhere"),
        ({"objective": "x*y", **B}, "invalid_formula", "inputs.objective", "an unknown name"),
        ({"objective": "x", "bounds": {}}, "invalid_input", "inputs.bounds", "no variables"),
        ({"objective": "x", "bounds": {"x": [0, None]}}, "invalid_input", "inputs.bounds.x", "an open end"),
        ({"objective": "x", "bounds": {"x": [-1e308, 1e308]}}, "invalid_input", "inputs.bounds.x", "too wide"),
        ({"objective": "x", "bounds": {"x": [1, 0]}}, "invalid_input", "inputs.bounds.x", "bounds crossed"),
        ({"objective": "x", "bounds": {"pi": [0, 1]}}, "invalid_input", "inputs.bounds.pi", "a constant's name"),
        ({"objective": "x", **B, "initial": {}}, "invalid_input", "inputs.initial", "an unknown key"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(refused, inputs, code, field, rule):
    assert refused("global", inputs) == (code, field), rule
