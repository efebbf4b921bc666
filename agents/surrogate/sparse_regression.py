"""Sparse least squares: regressors are taken up one by one, and as many kept as leaving one out finds best.

Sources: Efron et al., Least angle regression (2004); Pati, Rezaiifar & Krishnaprasad, Orthogonal matching pursuit
(1993); Blatman & Sudret, Adaptive sparse polynomial chaos expansion based on least angle regression (2011), with the
corrected leave-one-out error of section 3.3.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import linalg

from agents.arrays import Array
from agents.task import Watch

Order = Literal["lars", "omp", "ols"]
_DEPENDENT = 1e-8
_PATIENCE = 0.15
"""Steps without improvement, in parts of all, after which no more regressors are taken up."""


@dataclass(frozen=True, eq=False, slots=True)
class Sparse:
    """Chosen columns with their coefficients, leave-one-out residuals (n), and the corrected mean of their squares."""

    chosen: list[int]
    coefficients: Array
    residuals: Array
    error: float


def regress(columns: Array, y: Array, order: Order, watch: Watch, fraction: float) -> Sparse:
    """Regress y (n) on columns (n, p), of which the first is constant and always kept."""
    n, p = columns.shape
    most = min(p, n - 1)
    path = _Path(columns, y, most)
    path.take(0)
    best_steps, best, taken = 1, path.error(), 1
    patience = max(10, int(_PATIENCE * most))
    while path.count < most and (order == "ols" or path.count - best_steps <= patience):
        watch(fraction, "choose terms")
        j = _next(path, order, taken)
        if j is None:
            break
        taken += 1
        if not path.take(j):
            continue
        error = path.error()
        if error < best or order == "ols":
            best, best_steps = error, path.count
    return path.result(best_steps)


def _next(path: "_Path", order: Order, taken: int) -> int | None:
    if order == "ols":
        return taken if taken < path.columns.shape[1] else None
    return path.next_angle() if order == "lars" else path.next_match()


class _Path:
    """Columns taken up so far as Q R, the residual, and what else leaving one out needs."""

    def __init__(self, columns: Array, y: Array, most: int) -> None:
        n = len(y)
        self.columns, self.y = columns, y
        self.norms = np.maximum(np.sqrt(np.einsum("ij,ij->j", columns, columns)), 1e-300)
        self.q, self.r = np.zeros((n, most)), np.zeros((most, most))
        self.inverse = np.zeros((most, most))
        self.trace = 0.0
        self.count = 0
        self.chosen: list[int] = []
        self.open = np.ones(columns.shape[1], dtype=bool)
        self.residual = y.copy()
        self.leverage = np.zeros(n)
        self._history: list[tuple[Array, Array]] = []
        self._angle = y.copy()

    def take(self, j: int) -> bool:
        """Take up a column; False where it depends on those there are."""
        self.open[j] = False
        k = self.count
        column = self.columns[:, j]
        first = self.q[:, :k].T @ column
        rest = column - self.q[:, :k] @ first
        second = self.q[:, :k].T @ rest
        rest -= self.q[:, :k] @ second
        size = float(np.linalg.norm(rest))
        if size <= _DEPENDENT * self.norms[j]:
            return False
        self.q[:, k] = rest / size
        self.r[:k, k], self.r[k, k] = first + second, size
        self.inverse[:k, k] = -self.inverse[:k, :k] @ self.r[:k, k] / size
        self.inverse[k, k] = 1.0 / size
        self.trace += float(self.inverse[: k + 1, k] @ self.inverse[: k + 1, k])
        self.residual = self.residual - self.q[:, k] * float(self.q[:, k] @ self.residual)
        self.leverage = self.leverage + self.q[:, k] ** 2
        self.chosen.append(j)
        self.count = k + 1
        if k == 0:
            self._angle = self.residual.copy()
        return True

    def error(self) -> float:
        """Corrected mean square of the leave-one-out residuals."""
        n, k = len(self.y), self.count
        left = self.residual / np.maximum(1.0 - self.leverage, 1e-10)
        self._history.append((self.residual, self.leverage))
        factor = n / (n - k) * (1.0 + self.trace) if n > k else np.inf
        return float(np.mean(left * left)) * factor

    def next_match(self) -> int | None:
        """Give the open column that lies nearest to the residual."""
        if not self.open.any() or float(self.residual @ self.residual) <= 1e-28 * float(self.y @ self.y):
            return None
        match = np.abs(self.columns.T @ self.residual) / self.norms
        return int(np.argmax(np.where(self.open, match, -1.0)))

    def next_angle(self) -> int | None:
        """Give the open column that next has the angle of those there are, moving along their bisector."""
        if not self.open.any():
            return None
        pull = self.columns.T @ self._angle / self.norms
        if self.count == 1:
            return int(np.argmax(np.where(self.open, np.abs(pull), -1.0)))
        active = self.chosen[1:]
        signs = np.sign(pull[active])
        target = np.concatenate([[0.0], signs * self.norms[active]])
        inner = linalg.solve_triangular(self.r[: self.count, : self.count], target, trans="T", check_finite=False)
        along = self.q[:, : self.count] @ inner
        largest = float(np.abs(pull[active]).max())
        slope = self.columns.T @ along / self.norms
        steps = np.full(len(pull), np.inf)
        for sign in (1.0, -1.0):
            with np.errstate(all="ignore"):
                step = (largest - sign * pull) / (1.0 - sign * slope)
            steps = np.where(self.open & (step > 1e-14) & (step < steps), step, steps)
        j = int(np.argmin(steps))
        if not np.isfinite(steps[j]) or steps[j] >= largest:
            return self.next_match()
        self._angle = self._angle - steps[j] * along
        return j

    def result(self, count: int) -> Sparse:
        """Give the fit of the first `count` columns."""
        residual, leverage = self._history[count - 1]
        right = self.q[:, :count].T @ self.y
        coefficients = linalg.solve_triangular(self.r[:count, :count], right, check_finite=False)
        left = residual / np.maximum(1.0 - leverage, 1e-10)
        n = len(self.y)
        trace = float((self.inverse[:count, :count] ** 2).sum())
        factor = n / (n - count) * (1.0 + trace) if n > count else np.inf
        return Sparse(self.chosen[:count], coefficients, left, float(np.mean(left * left)) * factor)
