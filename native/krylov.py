"""Sparse linear systems by iteration: Krylov methods, their preconditioners, and a bound of the error that is left."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array, diags_array, tril
from scipy.sparse import linalg as splinalg

from native.judgement import Any2D, norm_1
from native.structure import is_symmetric

METHODS = ("cg", "minres", "gmres", "bicgstab")
PRECONDITIONERS = ("none", "jacobi", "ssor", "ilu")
SYMMETRIC = ("cg", "minres")
"""The methods for symmetric (Hermitian) matrices."""
_RESTART = 30
_ROUNDS = 4
_LOOSE = 1e-3
"""The residual that is enough where only a norm is estimated."""
_SAFETY = 3.0

Tell = Callable[[int, float], None]
"""Told the iteration and the relative residual; may raise to stop."""


class Unusable(ArithmeticError):  # noqa: N818 - a finding, not an accident
    """A preconditioner cannot be made for this matrix."""


class Iterated(NamedTuple):
    """x (n), whether the residual's 2-norm came below rtol ‖b‖, and the relative residual after each iteration."""

    x: Any2D
    converged: bool
    history: list[float]


class Preconditioner(NamedTuple):
    """Approximate solutions with a matrix and with its adjoint."""

    apply: Callable[[Any2D], Any2D]
    adjoint: Callable[[Any2D], Any2D]


def precondition(matrix: csr_array, name: str) -> Preconditioner | None:
    """Make a preconditioner by its name; None is no preconditioner. Raises `Unusable`."""
    if name == "none":
        return None
    entries = matrix.diagonal()
    if name in {"jacobi", "ssor"} and not entries.all():
        raise Unusable("the diagonal has zeros")
    if name == "jacobi":
        scale = 1.0 / np.abs(entries)
        return Preconditioner(lambda v: scale * v, lambda v: scale * v)
    if name == "ssor":
        return _ssor(matrix, entries)
    try:
        ilu: Any = splinalg.spilu(matrix.tocsc(), drop_tol=1e-4, fill_factor=10)
    except RuntimeError:
        raise Unusable("the incomplete factors are singular") from None
    trans = "H" if matrix.dtype.kind == "c" else "T"
    return Preconditioner(ilu.solve, lambda v: ilu.solve(v, trans))


def _ssor(matrix: csr_array, entries: Any2D) -> Preconditioner:
    """(D + L) inv(D) (D + Lᴴ) of a symmetric matrix (Saad, Iterative methods, 10.2)."""
    below: Any = splinalg.splu(tril(matrix, format="csc"), permc_spec="NATURAL", diag_pivot_thresh=0.0)
    trans = "H" if matrix.dtype.kind == "c" else "T"

    def apply(v: Any2D) -> Any2D:
        return below.solve(entries * below.solve(v), trans)  # type: ignore[no-any-return]

    return Preconditioner(apply, apply)


def iterate(
    matrix: csr_array, right: Any2D, method: str, preconditioner: Preconditioner | None, *, rtol: float,
    max_iterations: int, tell: Tell,
) -> Iterated:  # fmt: skip
    """Solve for one right side (n); the residual that is judged is the true one, not the recurrence's."""
    size = float(np.linalg.norm(right))
    x = np.zeros_like(right)
    history: list[float] = []
    if size == 0.0:
        return Iterated(x, converged=True, history=[0.0])

    def note(state: Any) -> None:
        # gmres tells the norm of its preconditioned residual, the others their solution
        history.append(float(np.linalg.norm(right - matrix @ state)) / size if isinstance(state, np.ndarray) else state)
        tell(len(history), history[-1])

    wanted = rtol
    for _ in range(_ROUNDS):
        left = max_iterations - len(history)
        if left <= 0:
            break
        x = _run(matrix, right, x, method, preconditioner, wanted, left, note)
        reached = float(np.linalg.norm(right - matrix @ x)) / size
        if reached <= rtol:
            return Iterated(x, converged=True, history=[*history, reached])
        wanted *= 0.1
    return Iterated(x, converged=False, history=history)


def _run(
    matrix: csr_array, right: Any2D, x: Any2D, method: str, preconditioner: Preconditioner | None, rtol: float,
    most: int, note: Callable[[Any], None],
) -> Any2D:  # fmt: skip
    operator = None
    if preconditioner is not None:
        operator = splinalg.LinearOperator(
            matrix.shape, matvec=preconditioner.apply, rmatvec=preconditioner.adjoint, dtype=right.dtype
        )
    if method == "gmres":
        restart = min(_RESTART, matrix.shape[0], most)
        found, _ = splinalg.gmres(
            matrix, right, x, rtol=rtol, restart=restart, maxiter=-(-most // restart), M=operator,
            callback=note, callback_type="pr_norm",
        )  # fmt: skip
        return found
    solver = getattr(splinalg, method)
    found, _ = solver(matrix, right, x, rtol=rtol, maxiter=most, M=operator, callback=note)
    return found  # type: ignore[no-any-return]


def inverse_norm(
    matrix: csr_array, method: str, preconditioner: Preconditioner | None, max_iterations: int, tell: Tell
) -> float | None:
    """Bound ‖inv(A)‖ in the maximum norm, or estimate it three times too large; None where neither succeeds.

    For a matrix whose comparison matrix C (the diagonal's magnitudes less the others') is a nonsingular M-matrix, each
    z > 0 with C z > 0 gives ‖inv(A)‖ ≤ max z / min C z (Varah, 1975; Horn & Johnson, Topics, 2.5). The others need
    some solutions with A and its adjoint (Hager's estimate).
    """
    found = _by_comparison(matrix, max_iterations, tell)
    if found is not None:
        return found
    adjoint = matrix if method in SYMMETRIC else csr_array(matrix.conj().T)
    turned = preconditioner and Preconditioner(preconditioner.adjoint, preconditioner.apply)

    def solving(map_: csr_array, by: Preconditioner | None) -> Callable[[Any2D], Any2D]:
        def solve(v: Any2D) -> Any2D:
            made = iterate(map_, v[:, 0], method, by, rtol=_LOOSE, max_iterations=max_iterations, tell=tell)
            if not made.converged:
                raise ArithmeticError
            return made.x[:, None]

        return solve

    try:
        # the maximum norm of the inverse is the 1-norm of the adjoint's
        norm = norm_1(solving(adjoint, turned), solving(matrix, preconditioner), matrix.shape[0], matrix.dtype)
    except ArithmeticError:
        return None
    return _SAFETY * norm if np.isfinite(norm) else None


def _by_comparison(matrix: csr_array, max_iterations: int, tell: Tell) -> float | None:
    n = matrix.shape[0]
    entries = np.abs(matrix.diagonal())
    if not entries.all():
        return None
    comparison = csr_array(diags_array(2.0 * entries) - abs(matrix))
    ones = np.ones(n)
    for z in (ones, None):
        trial = z
        if trial is None:
            how = "cg" if is_symmetric(comparison) else "bicgstab"
            by = precondition(comparison, "jacobi")
            made = iterate(comparison, ones, how, by, rtol=_LOOSE, max_iterations=max_iterations, tell=tell)
            trial = made.x
        image = comparison @ trial
        slack = 2.0**-50 * (abs(comparison) @ np.abs(trial))
        lowest = float((image - slack).min())
        if trial.min() > 0 and lowest > 0:
            return float(trial.max()) / lowest
    return None
