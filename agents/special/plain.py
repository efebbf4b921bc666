"""Polynomials by their coefficients (of 1, x, x², …): Horner's values, roots with discs that contain them, fits."""

import numpy as np
from numpy.polynomial import Polynomial

from agents.arrays import Array

_UNIT = 2.0**-53


def evaluate(coefficients: Array, x: Array, order: int) -> tuple[Array, Array]:
    """Values of the derivative of this order (0: of the polynomial), and bounds of their errors.

    Horner's rule is off by at most 2n u Σ |aₖ||x|ᵏ (Higham, Accuracy and Stability, 5.3).
    """
    given = coefficients
    for _ in range(order):
        given = given[1:] * np.arange(1, given.size) if given.size > 1 else np.zeros(1)
    values, size = np.zeros(x.size), np.zeros(x.size)
    for value in given[::-1]:
        values = values * x + value
        size = size * np.abs(x) + abs(value)
    return values, (2 * given.size + 2 * order + 2) * _UNIT * size


def roots(coefficients: Array) -> tuple[np.ndarray, float | None]:
    """All roots, and how far the farthest may be from the true one; None when a disc contains more than one.

    The discs of radius n |p(z)| / |aₙ Π (z - zⱼ)| around the roots found contain all roots, and where they do not touch
    one each (Smith 1970).
    """
    found = np.sort_complex(Polynomial(coefficients).roots().astype(complex))
    n = found.size
    value, size = np.zeros(n, dtype=complex), np.zeros(n)
    for one in coefficients[::-1]:
        value = value * found + one
        size = size * np.abs(found) + abs(one)
    apart = found[:, None] - found[None, :]
    np.fill_diagonal(apart, 1.0)
    product = np.abs(coefficients[-1]) * np.exp(np.log(np.abs(apart)).sum(axis=1))
    radius = 1.01 * n * (np.abs(value) + 8 * n * _UNIT * size) / product
    distance = np.abs(apart)
    np.fill_diagonal(distance, np.inf)
    if not np.isfinite(radius).all() or (distance <= radius[:, None] + radius[None, :]).any():
        return found, None
    return found, float(radius.max())


def fit(x: Array, y: Array, degree: int) -> tuple[Array, float, int]:
    """Least squares; gives coefficients, the norm of the residual and the rank."""
    made, (_, rank, _, _) = Polynomial.fit(x, y, degree, full=True)
    residual = float(np.linalg.norm(made(x) - y))
    found = np.zeros(degree + 1)
    plainly = made.convert().coef
    found[: plainly.size] = plainly
    return found, residual, int(rank)
