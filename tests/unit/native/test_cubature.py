"""Cubature over the unit cube: rules of the degree they claim, and errors that bound the error."""

import itertools
import math

import numpy as np
import pytest

from native import cubature
from native.cubature_rules import Rule, gauss_kronrod, genz_malik

RULES = [(genz_malik(d), 7) for d in (2, 3, 5)] + [
    (gauss_kronrod(1, 7), 23), (gauss_kronrod(2, 7), 23), (gauss_kronrod(2, 3), 11), (gauss_kronrod(3, 3), 11),
]  # fmt: skip
NAMES = [f"{rule.name}-{rule.points.shape[1]}-{degree}" for rule, degree in RULES]


def no_watch(fraction, stage):
    pass


def solve(integrand, rule, epsrel=1e-6, limit=200_000, watch=no_watch, boxes=1):
    d = rule.points.shape[1]
    edges = np.linspace(0.0, 1.0, boxes + 1)
    low, high = np.zeros((boxes, d)), np.ones((boxes, d))
    low[:, 0], high[:, 0] = edges[:-1], edges[1:]
    with np.errstate(all="ignore"):
        return cubature.integrate(integrand, rule, low, high, 1e-12, epsrel, limit, watch)


@pytest.mark.parametrize(("rule", "degree"), RULES, ids=NAMES)
def test_a_rule_integrates_all_monomials_of_its_degree(rule: Rule, degree):
    d = rule.points.shape[1]
    for powers in itertools.product(range(0, degree + 1, 2), repeat=d):
        if sum(powers) <= degree:
            exact = math.prod(1.0 / (p + 1) for p in powers)
            values = np.prod(rule.points ** np.array(powers), axis=1)
            assert rule.weights @ values == pytest.approx(exact, abs=1e-12), powers


@pytest.mark.parametrize(("rule", "degree"), RULES, ids=NAMES)
def test_no_difference_sees_a_smooth_polynomial(rule: Rule, degree):
    line = 1.0 + rule.points @ np.arange(1.0, rule.points.shape[1] + 1)
    for forms in (rule.differences, rule.edges):
        assert np.abs(forms @ line).max() < 1e-12
        assert np.abs(forms @ line**3).max() < 1e-10 * np.abs(line**3).max()


@pytest.mark.parametrize("boxes", [1, 3])
@pytest.mark.parametrize(
    ("integrand", "exact", "rule"),
    [
        (lambda p: np.exp(p.sum(axis=0)), math.expm1(1.0) ** 3, "smooth"),
        (lambda p: np.abs(p - 0.3).prod(axis=0), 0.29**3, "kinks"),
        (lambda p: np.where(p < 0.3, 1.0, 3.0).prod(axis=0), 2.4**3, "jumps"),
        (lambda p: np.where(p < 0.001, 1.0, 3.0).prod(axis=0), 2.998**3, "jumps beside the faces"),
        (lambda p: (p * p).sum(axis=0) ** -0.5, 1.190038681989776, "a singular corner"),
        (lambda p: 1.0 / np.sqrt(p).prod(axis=0), 8.0, "singular faces"),
        (lambda p: ((p - 0.5) ** 2).sum(axis=0) ** -0.5, 2 * 1.190038681989776, "a singular centre"),
    ],
)
@pytest.mark.parametrize("make", [lambda: genz_malik(3), lambda: gauss_kronrod(3, 3), lambda: gauss_kronrod(3, 7)])
def test_the_error_bounds_the_error(integrand, exact, rule, make, boxes):
    for epsrel in (1e-2, 1e-4):
        made = solve(integrand, make(), epsrel, 600_000, boxes=boxes)
        if made.status == cubature.CONVERGED:
            assert abs(made.value - exact) <= made.error <= max(epsrel * abs(made.value), 1e-12), rule
        else:
            assert made.status == cubature.LIMIT, rule


@pytest.mark.parametrize(
    ("integrand", "rule"),
    [
        (lambda p: 1.0 / p.prod(axis=0), "poles on faces"),
        (lambda p: 1.0 / (p * p).sum(axis=0), "a pole in a corner"),
        (lambda p: 1.0 / ((p - 0.5) ** 2).sum(axis=0), "a pole in the middle"),
        (lambda p: 1.0 / (p[0] - 0.3), "a pole inside, its sides cancelling"),
        (lambda p: np.sqrt(p[0] - p[1]), "not a number on half of the square"),
        (lambda p: np.full(p.shape[1], np.nan), "no number at all"),
    ],
)
@pytest.mark.parametrize("make", [lambda: genz_malik(2), lambda: gauss_kronrod(2, 7)])
def test_what_does_not_exist_does_not_converge(integrand, rule, make):
    for epsrel in (1e-2, 1e-6):
        assert solve(integrand, make(), epsrel).status != cubature.CONVERGED, rule


def test_the_limit_of_evaluations_is_kept():
    made = solve(lambda p: np.where(p.sum(axis=0) < 1.0, 1.0, 0.0), genz_malik(3), limit=5000)
    assert made.status == cubature.LIMIT
    assert made.evaluations <= 5000


def test_the_watch_is_called_between_calls_of_bounded_size():
    seen, sizes = [], []

    def integrand(points):
        sizes.append(points.shape[1])
        return np.exp(points.sum(axis=0))

    solve(integrand, gauss_kronrod(4, 7), watch=lambda fraction, stage: seen.append(fraction))
    assert max(sizes) <= 20_000
    assert len(seen) >= len(sizes)
