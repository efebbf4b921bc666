"""Orthogonal polynomials by their three-term recurrences: values with error bounds, coefficients, Gauss rules.

p₍ₖ₊₁₎ = (Aₖ x + Bₖ) pₖ - Cₖ p₍ₖ₋₁₎, normalised as in SciPy (Abramowitz & Stegun, chapter 22).
"""

# ruff: noqa: ARG005 - the functions in the table have one signature

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import special
from scipy.linalg import eigh_tridiagonal

from agents.arrays import Array

UNIT = 2.0**-53
Number = Any
"""A float, or a fraction where the arithmetic is to be exact."""
Step = tuple[Number, Number, Number]


@dataclass(frozen=True)
class Family:
    """How many parameters, above what; the recurrence; which family the derivative is in; Gauss's rule; the weight.

    `slope(n, parameters)` gives (factor, family, parameters) with pₙ' = factor × the polynomial of degree n - 1.
    """

    lowest: tuple[float, ...]
    step: Callable[[int, Sequence[Number]], Step]
    slope: Callable[[int, Sequence[float]], tuple[float, str, tuple[float, ...]]]
    rule: Callable[..., tuple[Array, Array]]
    mass: Callable[..., float]
    weight: str


def _jacobi(k: int, parameters: Sequence[Number]) -> Step:
    a, b = parameters
    if k == 0:
        return (a + b + 2) / 2, (a - b) / 2, 0
    s = 2 * k + a + b
    below = 2 * (k + 1) * (k + a + b + 1)
    over = below * s
    return (s + 1) * (s + 2) / below, (a - b) * (a + b) * (s + 1) / over, 2 * (k + a) * (k + b) * (s + 2) / over


def _ratio(one: Number, other: Number, like: Sequence[Number]) -> Number:
    """A quotient; exact when the parameters are."""
    exact = bool(like) and isinstance(like[0], Fraction)
    return Fraction(one) / other if exact else one / other


def _legendre(k: int, p: Sequence[Number]) -> Step:
    return _ratio(2 * k + 1, k + 1, p), 0, _ratio(k, k + 1, p)


def _laguerre(k: int, p: Sequence[Number]) -> Step:
    a = p[0] if len(p) > 0 else 0
    return _ratio(-1, k + 1, p), _ratio(2 * k + 1 + a, k + 1, p), _ratio(k + a, k + 1, p)


def _gegenbauer(k: int, p: Sequence[Number]) -> Step:
    return _ratio(2 * (k + p[0]), k + 1, p), 0, _ratio(k + 2 * p[0] - 1, k + 1, p)


FAMILIES: dict[str, Family] = {
    "legendre": Family(
        (), _legendre, lambda n, p: ((n + 1) / 2, "jacobi", (1.0, 1.0)), special.roots_legendre, lambda: 2.0, "1",
    ),
    "chebyshev_t": Family(
        (), lambda k, p: (2 if k else 1, 0, 1 if k else 0), lambda n, p: (n, "chebyshev_u", ()),
        special.roots_chebyt, lambda: math.pi, "1/sqrt(1 - x**2)",
    ),
    "chebyshev_u": Family(
        (), lambda k, p: (2, 0, 1 if k else 0), lambda n, p: (2.0, "gegenbauer", (2.0,)), special.roots_chebyu,
        lambda: math.pi / 2, "sqrt(1 - x**2)",
    ),
    "hermite": Family(
        (), lambda k, p: (2, 0, 2 * k), lambda n, p: (2.0 * n, "hermite", ()), special.roots_hermite,
        lambda: math.sqrt(math.pi), "exp(-x**2)",
    ),
    "hermite_e": Family(
        (), lambda k, p: (1, 0, k), lambda n, p: (float(n), "hermite_e", ()), special.roots_hermitenorm,
        lambda: math.sqrt(2 * math.pi), "exp(-x**2/2)",
    ),
    "laguerre": Family(
        (), _laguerre, lambda n, p: (-1.0, "generalized_laguerre", (1.0,)), special.roots_laguerre, lambda: 1.0,
        "exp(-x)",
    ),
    "generalized_laguerre": Family(
        (-1.0,), _laguerre, lambda n, p: (-1.0, "generalized_laguerre", (p[0] + 1.0,)), special.roots_genlaguerre,
        lambda a: float(special.gamma(a + 1)), "x**alpha*exp(-x)",
    ),
    "jacobi": Family(
        (-1.0, -1.0), _jacobi, lambda n, p: ((n + p[0] + p[1] + 1) / 2, "jacobi", (p[0] + 1.0, p[1] + 1.0)),
        special.roots_jacobi, lambda a, b: float(2 ** (a + b + 1) * special.beta(a + 1, b + 1)),
        "(1 - x)**alpha*(1 + x)**beta",
    ),
    "gegenbauer": Family(
        (-0.5,), _gegenbauer, lambda n, p: (2 * p[0], "gegenbauer", (p[0] + 1.0,)), special.roots_gegenbauer,
        lambda a: float(math.sqrt(math.pi) * special.gamma(a + 0.5) / special.gamma(a + 1)),
        "(1 - x**2)**(alpha - 1/2)",
    ),
}  # fmt: skip


def evaluate(family: str, degree: int, parameters: Sequence[float], x: Array) -> tuple[Array, Array]:
    """Values at points (k,), and a bound of the error of each.

    The error is that of each step times what the later steps make of it, which the recurrence run backwards gives
    (first order in the unit of rounding, doubled for what is beyond).
    """
    steps = [FAMILIES[family].step(k, parameters) for k in range(degree)]
    values = np.ones((degree + 1, x.size))
    made = np.zeros((degree + 1, x.size))
    for k, (a, b, c) in enumerate(steps):
        linear, spread = a * x + b, np.abs(a * x) + abs(b)
        before = values[k - 1] if k else 0.0
        values[k + 1] = linear * values[k] - c * before
        made[k + 1] = 8 * spread * np.abs(values[k]) + 8 * np.abs(c * before) + np.abs(values[k + 1])
    later, following = np.ones(x.size), np.zeros(x.size)
    total = np.zeros(x.size)
    for k in range(degree, 0, -1):
        total += np.abs(later) * made[k]
        if k > 1:
            a, b, _ = steps[k - 1]
            c = steps[k][2] if k < degree else 0.0
            later, following = (a * x + b) * later - c * following, later
    return values[degree], 2.0 * UNIT * total


def derivative(family: str, degree: int, parameters: Sequence[float], x: Array, order: int) -> tuple[Array, Array]:
    """Derivatives of this order at points: a multiple of another family's polynomial."""
    factor, values = 1.0, tuple(parameters)
    for n in range(degree, max(degree - order, 0), -1):
        step, family, values = FAMILIES[family].slope(n, values)
        factor *= step
    if order > degree:
        return np.zeros(x.size), np.zeros(x.size)
    made, error = evaluate(family, degree - order, values, x)
    return factor * made, abs(factor) * (error + (4 * order + 1) * UNIT * np.abs(made))


def coefficients(family: str, degree: int, parameters: Sequence[float]) -> list[float]:
    """The coefficients of 1, x, x², …, each rounded once from its exact value."""
    exact = [Fraction(p) for p in parameters] or [Fraction(0)]
    before, here = [Fraction(0)], [Fraction(1)]
    for k in range(degree):
        a, b, c = FAMILIES[family].step(k, exact)
        above = [Fraction(0)] * (len(here) + 1)
        for i, value in enumerate(here):
            above[i + 1] += a * value
            above[i] += b * value
        for i, value in enumerate(before):
            above[i] -= c * value
        before, here = here, above
    try:
        return [float(value) for value in here]
    except OverflowError:
        return [math.inf]


def gauss(family: str, degree: int, parameters: Sequence[float]) -> tuple[Array, Array, float]:
    """Nodes and weights of Gauss's rule, by SciPy, and how far they are from those of Golub and Welsch, doubled."""
    found = FAMILIES[family]
    nodes, weights = found.rule(degree, *parameters)
    steps = [found.step(k, parameters) for k in range(degree)]
    diagonal = np.array([-b / a for a, b, _ in steps])
    beside = np.array([math.sqrt(steps[k][2] / (steps[k][0] * steps[k - 1][0])) for k in range(1, degree)])
    again, vectors = eigh_tridiagonal(diagonal, beside) if degree > 1 else (diagonal, np.ones((1, 1)))
    others = found.mass(*parameters) * vectors[0] ** 2
    error = max(np.abs(nodes - again).max(), np.abs(weights - others).max())
    least = 8 * UNIT * max(np.abs(nodes).max(), np.abs(weights).max())
    return nodes, weights, float(2 * error + least)
