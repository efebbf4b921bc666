"""Minimise ‖Ax - b‖² + α‖Dx‖₁: alternating directions find which of Dx are 0, a linear system then x exactly.

The duality gap says when to stop and how far the minimum may be; where the multipliers of the zeros are strictly
inside their bounds, x is the minimum but for rounding, and the only one.
Sources: Boyd et al., Distributed Optimization and Statistical Learning via ADMM (2011), sections 3 and 6; Tibshirani &
Taylor, The solution path of the generalized lasso (2011); Tibshirani, The lasso problem and uniqueness (2013).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import linalg, sparse
from scipy.sparse import csgraph
from scipy.sparse import linalg as sparse_linalg

from agents.arrays import Array
from agents.outcome import Problem
from agents.task import Watch

Penalty = Literal["l1", "tv"]
_EPS = float(np.finfo(np.float64).eps)
_RELAXED = 1.6
_ROUND = 25
_INSIDE = 1e-9
"""How far inside its bound a multiplier has to be, in parts of it, to be certain of its zero."""


@dataclass(frozen=True, eq=False, slots=True)
class Solution:
    """`x` (n), the duality gap, a bound of its error or None, and the number of pieces or of entries not 0."""

    x: Array
    gap: float
    objective: float
    error: float | None
    certain: bool
    freedom: int
    iterations: int


class Penalised:
    """One problem for all alphas: `a` dense (m, n) or a sparse identity, `shape` of x for the differences."""

    def __init__(self, a: Any, b: Array, penalty: Penalty, shape: tuple[int, ...]) -> None:
        self.a, self.b, self.penalty = a, b, penalty
        self._sparse = bool(sparse.issparse(a))
        n = a.shape[1]
        self.d: Any = sparse.identity(n, format="csr") if penalty == "l1" else differences(shape)
        self._line = penalty == "tv" and sum(size > 1 for size in shape) <= 1
        self._gram: Any = (a.T @ a).tocsc() if self._sparse else a.T @ a
        self._right = np.asarray(a.T @ b)
        if self._sparse:
            self.sigma = 1.0
        else:
            least = float(linalg.eigvalsh(self._gram, subset_by_index=[0, 0], check_finite=False)[0])
            top = float(np.abs(self._gram).sum(axis=1).max())
            self.sigma = float(np.sqrt(least)) if least > 1e-12 * top else 0.0
        self._rho = 0.0
        self._factor: Any = None
        self.z, self.u = np.zeros(self.d.shape[0]), np.zeros(self.d.shape[0])

    def largest_alpha(self) -> float:
        """Give an alpha from which on Dx is 0."""
        flat = self._pieces(np.zeros(self.d.shape[0], dtype=bool))
        x = self._reduced(flat, np.zeros(self.d.shape[0]), 0.0)
        pull = 2.0 * (self._right - self._gram @ x)
        if self.penalty == "l1":
            return float(np.abs(pull).max())
        if self._line:
            return float(np.abs(np.cumsum(pull)[:-1]).max(initial=0.0))
        return float(np.abs(sparse_linalg.lsqr(self.d.T, pull, atol=1e-10, btol=1e-10)[0]).max())

    def solve(self, alpha: float, rtol: float, most: int, watch: Watch, fraction: float = 0.0) -> Solution:
        """Solve for one alpha, from where the last one ended."""
        best: Solution | None = None
        self._prepare(self._rho if self._factor is not None else self._first_rho())
        iterations = 0
        while True:
            for _ in range(_ROUND):
                self._step(alpha)
                watch(fraction, "minimise")
            iterations += _ROUND
            found = self._polish(alpha, iterations)
            if best is None or found.gap < best.gap:
                best = found
            if best.certain or best.gap <= rtol * max(best.objective, 1e-300) or iterations >= most:
                return best
            self._balance()

    def _first_rho(self) -> float:
        diagonal = self._gram.diagonal()
        return max(2.0 * float(np.mean(diagonal)), 1e-300)

    def _prepare(self, rho: float) -> None:
        if rho == self._rho:
            return
        if self._rho > 0.0:
            self.u *= self._rho / rho
        self._rho = rho
        penalty = rho * (self.d.T @ self.d)
        if self._sparse:
            self._factor = sparse_linalg.splu((2.0 * self._gram + penalty).tocsc()).solve
            return
        factor = _factorize(2.0 * self._gram + penalty.toarray())
        self._factor = lambda right: linalg.cho_solve(factor, right, check_finite=False)

    def _step(self, alpha: float) -> None:
        x = self._factor(2.0 * self._right + self._rho * (self.d.T @ (self.z - self.u)))
        self._moved = self.d @ x
        relaxed = _RELAXED * self._moved + (1.0 - _RELAXED) * self.z
        self._before = self.z
        total = relaxed + self.u
        self.z = np.sign(total) * np.maximum(np.abs(total) - alpha / self._rho, 0.0)
        self.u = total - self.z

    def _balance(self) -> None:
        primal = float(np.linalg.norm(self._moved - self.z)) / max(float(np.linalg.norm(self.z)), 1e-300)
        dual = float(np.linalg.norm(self.z - self._before)) / max(float(np.linalg.norm(self.u)), 1e-300)
        if primal > 10.0 * dual:
            self._prepare(self._rho * 3.0)
        elif dual > 10.0 * primal:
            self._prepare(self._rho / 3.0)

    def _pieces(self, free: Any) -> Any:
        """Give a basis (n, k) of the x whose Dx is 0 but where `free`."""
        n = self.d.shape[1]
        if self.penalty == "l1":
            return sparse.identity(n, format="csc")[:, np.flatnonzero(free)]
        bound = self.d[~free]
        joined = abs(bound.T) @ abs(bound)
        count, label = csgraph.connected_components(joined, directed=False)
        return sparse.csc_array((np.ones(n), (np.arange(n), label)), shape=(n, count))

    def _reduced(self, basis: Any, signs: Array, alpha: float) -> Array:
        """Minimise over a basis, where the penalty is linear."""
        if basis.shape[1] == 0:
            return np.zeros(basis.shape[0])
        right = basis.T @ (self._right - 0.5 * alpha * (self.d.T @ signs))
        gram: Any = basis.T @ self._gram @ basis
        if self._sparse:
            made = basis @ sparse_linalg.spsolve(gram.tocsc(), right).reshape(-1)
        else:
            made = basis @ linalg.lstsq(gram, right, check_finite=False, lapack_driver="gelsy")[0]
        return np.asarray(made, dtype=np.float64)

    def _polish(self, alpha: float, iterations: int) -> Solution:
        """Solve exactly for the zeros that the iteration has found, and say how good that is."""
        free = self.z != 0.0
        signs = np.sign(self.z)
        basis = self._pieces(free)
        exact = self._reduced(basis, signs, alpha)
        plain = self._factor(2.0 * self._right + self._rho * (self.d.T @ (self.z - self.u)))
        if self.penalty == "l1":
            plain = self.z
        x = min((exact, plain), key=lambda one: self.objective(one, alpha))
        objective = self.objective(x, alpha)
        gap = max(0.0, objective - self._bound(x, alpha)) + 4.0 * _EPS * objective
        certain = x is exact and self._certain(exact, free, signs, alpha)
        error: float | None = None
        if certain:
            error = self._rounding(exact, basis)
        elif self.sigma > 0.0:
            error = float(np.sqrt(gap)) / self.sigma
        return Solution(x, gap, objective, error, certain, int(basis.shape[1]), iterations)

    def objective(self, x: Array, alpha: float) -> float:
        """Give ‖Ax - b‖² + α‖Dx‖₁."""
        rest = self.a @ x - self.b
        return float(rest @ rest) + alpha * float(np.abs(self.d @ x).sum())

    def multipliers(self, x: Array) -> Array:
        """Give p with Dᵀp = 2Aᵀ(b - Ax), which is unique for l1 and on a line; else the iteration's."""
        pull = 2.0 * (self._right - self._gram @ x)
        if self.penalty == "l1":
            return np.asarray(pull, dtype=np.float64)
        if self._line:
            return np.asarray(-np.cumsum(pull)[:-1], dtype=np.float64)
        return np.asarray(self._rho * self.u, dtype=np.float64)

    def _bound(self, x: Array, alpha: float) -> float:
        """Give a lower bound of the minimum, by a point of the dual problem."""
        if self.penalty == "tv" and not self._line:
            return self._bound_by_multipliers(alpha)
        rest = self.b - self.a @ x
        if self._line:
            constant = self.a @ np.ones(self.a.shape[1])
            rest = rest - constant * float(constant @ rest) / max(float(constant @ constant), 1e-300)
        pull = np.asarray(self.a.T @ rest)
        largest = float(np.abs(pull if self.penalty == "l1" else np.cumsum(pull)[:-1]).max(initial=0.0))
        size = float(rest @ rest)
        if size == 0.0:
            return 0.0
        most = 0.5 * alpha / largest if largest > 0.0 else np.inf
        factor = min(max(float(rest @ self.b) / size, -most), most)
        return 2.0 * factor * float(rest @ self.b) - factor * factor * size

    def _bound_by_multipliers(self, alpha: float) -> float:
        if self.sigma == 0.0:
            return -np.inf
        pull = self.d.T @ np.clip(self._rho * self.u, -alpha, alpha)
        right = self._right - 0.5 * pull
        x = right if self._sparse else linalg.solve(self._gram, right, assume_a="pos", check_finite=False)
        rest = self.a @ x - self.b
        return float(rest @ rest) + float(pull @ x)

    def _certain(self, x: Array, free: Any, signs: Array, alpha: float) -> bool:
        """Whether the optimality conditions hold with room to spare."""
        moved = self.d @ x
        scale = float(np.abs(x).max(initial=0.0))
        if (signs[free] * moved[free] < 1e-12 * scale).any():
            return False
        if self.penalty == "tv" and not self._line:
            return False
        p = self.multipliers(x)
        return bool((np.abs(p[~free]) <= alpha * (1.0 - _INSIDE)).all())

    def _rounding(self, x: Array, basis: Any) -> float | None:
        """Bound the error of the reduced system; None where it is singular."""
        if basis.shape[1] == 0:
            return 0.0
        gram: Any = basis.T @ self._gram @ basis
        values = gram.diagonal() if self._sparse else linalg.eigvalsh(gram, check_finite=False)
        if values.min() <= 1e-14 * values.max():
            return None
        size = float(np.abs(x).max()) + float(np.abs(self._right).max()) / float(values.max())
        return 10.0 * _EPS * float(max(self.a.shape)) * float(values.max() / values.min()) * size


def _factorize(matrix: Array) -> Any:
    try:
        factor = linalg.cho_factor(matrix, check_finite=False)
    except linalg.LinAlgError:
        factor = None
    diagonal = np.zeros(1) if factor is None else np.diag(factor[0])
    if diagonal.min() ** 2 <= 1e-14 * diagonal.max() ** 2:
        raise Problem(
            "singular", "neither a nor the penalty sees some direction of x", field="inputs.a",
            hint="a matrix that does not map constants to 0",
        )  # fmt: skip
    return factor


def differences(shape: tuple[int, ...]) -> Any:
    """Give the differences of neighbours along every axis, as a sparse matrix."""
    parts = []
    for axis, size in enumerate(shape):
        one: Any = sparse.diags_array([-np.ones(size - 1), np.ones(size - 1)], offsets=[0, 1], shape=(size - 1, size))
        before, after = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1 :]))
        parts.append(sparse.kron(sparse.kron(sparse.identity(before), one), sparse.identity(after)))
    return sparse.vstack(parts, format="csr")
