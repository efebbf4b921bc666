"""The task `uq.design`: each design has the points it should have, in the units it should have."""

import numpy as np
import pytest
from scipy import stats

from agents.outcome import Problem
from agents.uq import design, designs

BOUNDS = {"a": [0, 1], "b": [10, 20], "c": [-1, 1]}
SAMPLED = ["lhs", "sobol", "halton", "random"]


def solve(options=None, seed=1, **inputs):
    task = design.TASK
    return task.compute([task.prepare(inputs, options or {}, seed)], lambda fraction, stage: None)[0]


@pytest.mark.parametrize("method", SAMPLED)
def test_sampled_points_fill_their_bounds(method):
    outputs = solve(bounds=BOUNDS, n_samples=64, method=method).outputs
    for j, (name, (low, high)) in enumerate(BOUNDS.items()):
        column = outputs["samples"][name]
        assert column.shape == (64,)
        assert low <= column.min() < low + 0.2 * (high - low)
        assert high - 0.2 * (high - low) < column.max() <= high
        assert np.allclose(low + (high - low) * 0.5 * (outputs["coded"][:, j] + 1.0), column)
    assert outputs["n_samples"] == 64


def test_a_latin_hypercube_is_one_and_more_candidates_are_better():
    one, best = (solve(bounds=BOUNDS, n_samples=20, n_candidates=n).outputs for n in (1, 200))
    for outputs in (one, best):
        for j in range(3):
            strata = np.floor(0.5 * (outputs["coded"][:, j] + 1.0) * 20)
            assert sorted(strata) == list(range(20))
    assert best["discrepancy"] < one["discrepancy"]


def test_distributions_are_sampled_by_their_quantiles():
    outputs = solve(distributions={"x": {"distribution": "norm", "loc": 3.0}}, n_samples=200).outputs
    assert stats.kstest(outputs["samples"]["x"], "norm", args=(3.0,)).statistic < 0.01


def test_a_full_factorial_has_all_combinations():
    outputs = solve(bounds=BOUNDS, method="full_factorial", levels={"a": 2, "b": 3, "c": 1}).outputs
    rows = set(zip(*(outputs["samples"][name].tolist() for name in BOUNDS), strict=True))
    assert rows == {(a, b, 0.0) for a in (0.0, 1.0) for b in (10.0, 15.0, 20.0)}
    assert solve(bounds=BOUNDS, method="full_factorial").outputs["n_samples"] == 8


@pytest.mark.parametrize("alpha", ["rotatable", "orthogonal", "faced"])
def test_a_central_composite_design_has_corners_axes_and_centres(alpha):
    outputs = solve(bounds=BOUNDS, method="central_composite", alpha=alpha, n_centers=4).outputs
    coded = outputs["coded"]
    assert outputs["n_samples"] == 8 + 6 + 4
    assert np.abs(coded).max() == 1.0
    assert (np.count_nonzero(coded, axis=1) == [3] * 8 + [1] * 6 + [0] * 4).all()


def test_a_rotatable_design_knows_all_points_of_a_sphere_alike():
    coded = designs.central_composite(2, "rotatable", 3)

    def terms(x):
        return np.column_stack([np.ones(len(x)), x, x**2, x[:, 0] * x[:, 1]])

    information = np.linalg.inv(terms(coded).T @ terms(coded))
    angles = np.linspace(0, 2 * np.pi, 17)
    there = terms(0.7 * np.column_stack([np.cos(angles), np.sin(angles)]))
    variances = np.einsum("ij,jk,ik->i", there, information, there)
    assert np.ptp(variances) < 1e-12


def test_an_orthogonal_design_has_uncorrelated_squares():
    coded = designs.central_composite(3, "orthogonal", 2)
    squares = coded**2 - (coded**2).mean(axis=0)
    products = squares.T @ squares
    assert np.abs(products - np.diag(np.diag(products))).max() < 1e-12


def test_box_and_behnken_leave_the_corners_out():
    coded = designs.box_behnken(3, 1)
    assert coded.shape == (13, 3)
    assert (np.count_nonzero(coded, axis=1)[:-1] == 2).all()
    assert len(np.unique(coded, axis=0)) == 13


def test_bounded_distributions_give_their_ends_to_classical_designs():
    outputs = solve(
        distributions={"x": {"distribution": "uniform", "loc": 2, "scale": 3}}, method="full_factorial"
    ).outputs
    assert outputs["samples"]["x"].tolist() == [2.0, 5.0]


@pytest.mark.parametrize("method", SAMPLED)
def test_a_seed_gives_the_same_points_again(method):
    one, same, other = (solve(seed=seed, bounds=BOUNDS, method=method).outputs["coded"] for seed in (4, 4, 5))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("inputs", "code", "field", "rule"),
    [
        ({}, "invalid_input", "inputs.bounds", "neither bounds nor distributions"),
        ({"bounds": BOUNDS, "distributions": {}}, "invalid_input", "inputs.bounds", "both"),
        ({"bounds": {}}, "invalid_input", "inputs.bounds", "no variable"),
        ({"bounds": {"a": [1, 0]}}, "invalid_input", "inputs.bounds.a", "no range"),
        ({"bounds": {"a": [0, "Infinity"]}}, "invalid_input", "inputs.bounds.a[1]", "an open end"),
        ({"bounds": BOUNDS, "n_samples": 0}, "invalid_input", "inputs.n_samples", "no samples"),
        ({"bounds": BOUNDS, "n_samples": 400_000}, "budget_exceeded", "inputs.n_samples", "too many numbers"),
        ({"bounds": BOUNDS, "method": "full_factorial", "n_samples": 8}, "invalid_input", "inputs.n_samples",
         "its own"),
        ({"bounds": BOUNDS, "method": "full_factorial", "levels": 0}, "invalid_input", "inputs.levels", "no level"),
        ({"bounds": BOUNDS, "method": "full_factorial", "levels": {"a": 2}}, "invalid_input", "inputs.levels.b",
         "missing"),
        ({"bounds": BOUNDS, "method": "full_factorial", "levels": 1000}, "budget_exceeded", "inputs.levels",
         "too many"),
        ({"bounds": {f"x{i}": [0, 1] for i in range(30)}, "method": "central_composite"}, "budget_exceeded",
         "inputs.bounds", "too many corners"),
        ({"bounds": {"a": [0, 1], "b": [0, 1]}, "method": "box_behnken"}, "invalid_input", "inputs.method",
         "two variables"),
        ({"distributions": {"x": {"distribution": "norm"}}, "method": "full_factorial"}, "invalid_input",
         "inputs.distributions.x", "no ends"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(inputs, code, field, rule):
    with pytest.raises(Problem) as caught:
        design.TASK.prepare(inputs, {}, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule
    assert caught.value.hint, rule
