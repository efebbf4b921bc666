"""Collocation: the output layer (and unknown parameters) for which equations hold at many points, by Gauss–Newton."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from agents.arrays import Array
from agents.outcome import Problem
from agents.physics_ml.equations import Equation
from agents.physics_ml.network import Features

_ITERATIONS = 30
_HALVINGS = 5
_RANK = 1e-13
_RANKS = (_RANK, 1e-9, 1e-6, 1e-4, 1e-2)
_SETTLED = 1e-3
"""The share of the residual that another step would take off."""
_TINY = 1e-14


@dataclass(frozen=True, eq=False)
class Observed:
    """The equation u = `values` (n), at as many points; it has no program, and no parameter is in it."""

    values: Array
    orders: tuple[tuple[int, ...], ...]

    def evaluate(self, points: Array, unknown: Sequence[Array], free: Array) -> tuple[Array, Array]:
        """Residuals (n) and their derivatives, as those of an `Equation`."""
        slopes = np.zeros((1 + len(free), points.shape[1]))
        slopes[0] = 1.0
        return unknown[0] - self.values, slopes


@dataclass(frozen=True, eq=False)
class Rows:
    """An equation at points (d, n), with what its residual weighs in the sum of squares."""

    equation: Equation | Observed
    points: Array
    weight: float


@dataclass(frozen=True, eq=False)
class Fit:
    """A network that was solved for: coefficients (m), unknown parameters, the Jacobian's last state.

    `residual` is the norm of all weighted residuals; `covariance` that of the unknown parameters, in units of the
    variance of a residual; `settled`: another step would not make the residual smaller.
    """

    features: Features
    coefficients: Array
    free: Array
    residual: float
    iterations: int
    covariance: Array
    settled: bool

    def derivative(self, points: Array, order: tuple[int, ...]) -> Array:
        """A derivative of u at points (d, n)."""
        return np.asarray(self.features.evaluate(points, [order])[0] @ self.coefficients)

    def residuals(
        self, equation: Equation, points: Array, sizes: Mapping[tuple[int, ...], float]
    ) -> tuple[Array, Array]:
        """Residuals (n) of an equation, and the size of its terms where derivatives of u are as large as `sizes`."""
        parts = self.features.evaluate(points, equation.orders)
        value, slopes = equation.evaluate(points, [part @ self.coefficients for part in parts], self.free)
        terms = [np.abs(slope) * sizes[order] for slope, order in zip(slopes, equation.orders, strict=False)]
        return value, np.sum(terms, axis=0)


def fit(
    features: Features, rows: Sequence[Rows], free: Array, watch: Callable[[float], None], start: Array | None = None
) -> Fit:  # fmt: skip
    """Solve for the coefficients, from `start` or 0, and the parameters; raises `Problem` where nothing is finite."""
    matrices = [features.evaluate(row.points, row.equation.orders) for row in rows]
    m, p = features.weights.shape[0], len(free)
    state = np.concatenate([np.zeros(m) if start is None else start, free])

    def residuals(at: Array) -> tuple[Array, list[Array]]:
        found, slopes = [], []
        for row, parts in zip(rows, matrices, strict=True):
            value, slope = row.equation.evaluate(row.points, [part @ at[:m] for part in parts], at[m:])
            found.append(row.weight * value)
            slopes.append(slope)
        return np.concatenate(found), slopes

    value, slopes = residuals(state)
    if not np.isfinite(value).all():
        # a logarithm or a quotient of u may have no value at u = 0
        state[0] = 1.0 / np.tanh(1.0)
        value, slopes = residuals(state)
        if not np.isfinite(value).all():
            hint = "look for a division by zero or a logarithm"
            raise Problem(
                "non_finite", "the equation is not finite for u = 0 nor u = 1", field="inputs.equation", hint=hint
            )
    norm = float(np.linalg.norm(value))
    for iteration in range(1, _ITERATIONS + 1):
        watch(iteration / _ITERATIONS)
        jacobian = _jacobian(rows, matrices, slopes, m + p)
        new, settled = np.inf, False
        for rank in _RANKS:  # a step along what is nearly free may be far too long: leave more and more of it out
            step, *_ = linalg.lstsq(jacobian, -value, cond=rank, lapack_driver="gelsy", check_finite=False)
            settled = norm - float(np.linalg.norm(value + jacobian @ step)) <= _SETTLED * norm
            length = 1.0
            for _ in range(_HALVINGS):
                again, again_slopes = residuals(state + length * step)
                new = float(np.linalg.norm(again)) if np.isfinite(again).all() else np.inf
                if new <= norm * (1.0 - 1e-4 * length) or settled:
                    break
                length /= 2
            if new < norm or settled:
                break
        better = new < norm
        if better:
            state, value, slopes, norm = state + length * step, again, again_slopes, new
        if settled or not better or norm <= _TINY:
            break
    # how good it is, points held out will tell
    return _done(features, state, m, norm, iteration, jacobian, settled=settled or norm <= _TINY)


def _jacobian(rows: Sequence[Rows], matrices: list[list[Array]], slopes: list[Array], width: int) -> Array:
    """Derivatives of the weighted residuals by coefficients and parameters; raises `Problem` where not finite."""
    found: Array = np.zeros((sum(row.points.shape[1] for row in rows), width))
    start = 0
    for row, parts, slope in zip(rows, matrices, slopes, strict=True):
        block = found[start : start + row.points.shape[1]]
        m = parts[0].shape[1]
        for part, one in zip(parts, slope, strict=False):
            block[:, :m] += (row.weight * one)[:, None] * part
        block[:, m:] = row.weight * slope[len(parts) :].T
        start += row.points.shape[1]
    if not np.isfinite(found).all():
        hint = "look for a square root or an absolute value at 0"
        raise Problem("non_finite", "the equation's derivatives are not finite", field="inputs.equation", hint=hint)
    return found


def _done(
    features: Features, state: Array, m: int, norm: float, iterations: int, jacobian: Array, *, settled: bool
) -> Fit:  # fmt: skip
    free = jacobian[:, m:]
    covariance = np.zeros((free.shape[1],) * 2)
    if free.size:
        columns, triangle, _ = linalg.qr(jacobian[:, :m], mode="economic", pivoting=True, check_finite=False)
        size = np.abs(np.diagonal(triangle))
        basis = np.asarray(columns)[:, size > _RANK * size[0]]
        rest = free - basis @ (basis.T @ free)  # what of the parameters' columns the network cannot imitate
        covariance = np.asarray(np.linalg.pinv(rest.T @ rest), dtype=np.float64)
    return Fit(features, state[:m], state[m:], norm, iterations, covariance, settled)
