"""Formulas of named variables as functions of a point: values, exact derivatives, and what rounding does to them."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from agents import formulas
from agents.arrays import Array
from agents.optimize.residuals import EPS, Pace, jitter, jittered
from agents.outcome import Problem
from native.formula import Program

_BLOCK = 2_000_000
_HESSIAN_LIMIT = 500
"""Most variables for which a Hessian is compiled; above, it is differences of exact gradients."""
_RELATIVE = 6e-6


class Smooth(Protocol):
    """k functions of n variables with their derivatives, what `Functions` is to `kkt` and `isolation`."""

    n: int
    k: int

    def at(self, x: Array, /) -> tuple[Array, Array]:
        """Values (k) and gradients (k, n)."""

    def many(self, points: Array, /) -> tuple[Array, Array]:
        """Values (p, k) and gradients (p, k, n)."""

    def near(self, points: Array, /) -> tuple[Array, Array]:
        """As `many`, each with other roundings."""

    def hessian(self, x: Array, weights: Array, /) -> Array:
        """The Hessian (n, n) of the weighted sum."""


class Functions:
    """k formulas of n variables, each times its sign; parameters have values.

    `texts` are the formulas by field, `signs` (k) what their values are multiplied by.
    """

    def __init__(
        self, texts: dict[str, str], names: tuple[str, ...], parameters: dict[str, float], signs: Array
    ) -> None:
        self.n, self.k = len(names), len(texts)
        self.names = names
        self.program = formulas.compiled(texts, names, tuple(parameters), derivatives="gradient")
        self._texts = texts
        self._parameters = tuple(parameters)
        self._values = np.array(list(parameters.values()), dtype=np.float64)
        self._signs = signs
        self._plain = bool((signs == 1.0).all())
        self._column = np.zeros((self.n + len(parameters), 1))
        self._column[self.n :, 0] = self._values
        self._work = 4.0 * len(self.program.code) + 2.0 * self.k * self.n
        self._hessian: Program | None = None
        self.pace: Pace | None = None
        self._last: tuple[bytes, Array, Array] | None = None

    def begin(self, pace: Pace) -> None:
        """Count evaluations from here."""
        self.pace, self._last = pace, None

    def at(self, x: Array) -> tuple[Array, Array]:
        """Values (k) and gradients (k, n) at a point; the last is kept."""
        key = x.tobytes()
        if self._last is None or self._last[0] != key:
            if self.pace is not None:
                self.pace.tick(1, self._work)
            self._column[: self.n, 0] = x
            made = self.program.evaluate(self._column)[:, 0]
            values, slopes = made[: self.k], made[self.k :].reshape(self.k, self.n)
            if not self._plain:
                values, slopes = values * self._signs, slopes * self._signs[:, None]
            self._last = key, values, slopes
        return self._last[1], self._last[2]

    def many(self, points: Array) -> tuple[Array, Array]:
        """Values (p, k) and gradients (p, k, n) at p points."""
        block = max(1, _BLOCK // (self.k * (self.n + 1)))
        parts = [
            self._many(self.program, self._values, points[i : i + block]) for i in range(0, max(len(points), 1), block)
        ]
        return np.concatenate([values for values, _ in parts]), np.concatenate([slopes for _, slopes in parts])

    def near(self, points: Array) -> tuple[Array, Array]:
        """As `many`, with constants and parameters changed in their last place, differently for each point."""
        parts = [
            self._many(jittered(self.program, turn), jitter(self._values, turn), points[turn : turn + 1])
            for turn in range(len(points))
        ]
        return np.concatenate([values for values, _ in parts]), np.concatenate([slopes for _, slopes in parts])

    def _many(self, program: Program, parameters: Array, points: Array) -> tuple[Array, Array]:
        count = len(points)
        if self.pace is not None:
            self.pace.tick(count, count * self._work)
        inputs = np.empty((program.n_inputs, count))
        inputs[: self.n] = points.T
        inputs[self.n :] = parameters[:, None]
        made = program.evaluate(inputs).T
        slopes = made[:, self.k :].reshape(count, self.k, self.n)
        return made[:, : self.k] * self._signs, slopes * self._signs[:, None]

    def hessian(self, x: Array, weights: Array) -> Array:
        """Return the Hessian (n, n) of the weighted sum: exact, or by differences of exact gradients."""
        if self._hessian is None and self.n <= _HESSIAN_LIMIT:
            try:
                self._hessian = formulas.compiled(self._texts, self.names, self._parameters, derivatives="hessian")
            except Problem:  # too large, or a function without a second derivative here
                self._hessian = self.program
        if self._hessian is None or self._hessian is self.program or self._hessian.pattern is None:
            return self._differences(x, weights)
        program = self._hessian
        inputs = np.concatenate([x, self._values, weights * self._signs])[:, None]
        if self.pace is not None:
            self.pace.tick(1, 4.0 * len(program.code) + float(self.n) ** 3)
        entries = program.evaluate(inputs)[self.k + self.n :]
        whole = np.zeros((self.n, self.n))
        whole[program.pattern.rows, program.pattern.indices] = entries[:, 0]  # type: ignore[union-attr]
        return whole

    def _differences(self, x: Array, weights: Array) -> Array:
        block = max(1, _BLOCK // (2 * self.k * (self.n + 1)))
        return differences(lambda points: np.einsum("k,pkn->pn", weights, self.many(points)[1]), x, block)


def differences(slopes: Callable[[Array], Array], x: Array, block: int) -> Array:
    """Return the Hessian by central differences of gradients (p, n) at points (p, n), `block` directions at a time."""
    n = len(x)
    h = _RELATIVE * np.maximum(np.abs(x), 1e-2 * max(1.0, float(np.abs(x).max(initial=0.0))))
    columns = np.empty((n, n))
    for first in range(0, n, block):
        places = np.arange(first, min(first + block, n))
        points = np.repeat(x[None, :], 2 * len(places), axis=0)
        points[np.arange(len(places)), places] += h[places]
        points[len(places) + np.arange(len(places)), places] -= h[places]
        found = slopes(points)
        columns[:, places] = ((found[: len(places)] - found[len(places) :]) / (2.0 * h[places, None])).T
    return 0.5 * (columns + columns.T)


def ulps(x: Array, count: int) -> Array:
    """Points (count, n) around x, each coordinate changed by one unit in its last place."""
    turns = np.arange(count)[:, None] * 7 + np.arange(len(x))[None, :] * 3
    return np.asarray(x * (1.0 + EPS * np.where((turns * 2654435761) % 97 < 48, -1.0, 1.0)))
