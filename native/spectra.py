"""Eigenvalues and singular values of dense matrices, with bounds of their errors that are taken from what was found."""

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg
from scipy.linalg import lapack
from scipy.sparse import coo_array, csgraph

from native.judgement import UNIT, Any2D, largest, ones, roundoff

_EPS = 2 * UNIT
_TINY = 1e-290
_SAFE = 1e-140
"""Norms from here to its inverse are found without overflow and underflow."""
_SMALL = 64
"""Largest size for which LAPACK's routines need no blocks, nor SciPy's search for the best of them."""


class Eigen(NamedTuple):
    """Eigenvalues (n), their eigenvectors as columns or None, a bound of the largest error, the largest residual."""

    values: Any2D
    vectors: Any2D | None
    bound: float
    residual: float | None


class Svd(NamedTuple):
    """a = u diag(s) vt, a bound of the largest error in s, the largest entry of the difference; u, vt may be None."""

    u: Any2D | None
    s: Any2D
    vt: Any2D | None
    bound: float
    residual: float | None


def _growth(n: int) -> float:
    """How far rounding takes a backward stable reduction to eigenvalues from its matrix, relative to the norm."""
    return (n + 20) * _EPS


def frobenius(matrix: Any2D) -> float:
    """Frobenius norm, at least the 2-norm."""
    found: float = math.sqrt(float(np.vdot(matrix, matrix).real))
    return found if _SAFE < found < 1.0 / _SAFE else float(np.linalg.norm(matrix))


def defect(basis: Any2D) -> float:
    """How far the columns are from orthonormal, rounding included."""
    size = max(basis.shape)
    product = basis.conj().T @ basis
    product.flat[:: basis.shape[1] + 1] -= 1.0
    found = frobenius(product)
    lost: float = found + size * basis.shape[1] ** 0.5 * roundoff(basis.dtype)
    return lost


def product_rounding(size: int, dtype: Any, *norms: float) -> float:
    """Bound the 2-norm of the rounding in products whose factors have the Frobenius norms `norms`, sums of `size`."""
    return (size + 3) * roundoff(dtype) * sum(norms)


def symmetric(matrix: Any2D, *, vectors: bool) -> Eigen:
    """Eigenvalues of a symmetric or Hermitian matrix, ascending.

    With vectors the bound is √2 ‖A V - V Λ‖ / σmin(V) (Parlett, The symmetric eigenvalue problem, 11.5.2), without
    them (n + 20) eps ‖A‖ for a backward stable reduction (Weyl; Anderson et al., LAPACK users' guide, 4.7).
    """
    n = matrix.shape[0]
    if not vectors:
        values = linalg.eigvalsh(matrix, check_finite=False)
        return Eigen(values, None, _growth(n) * float(np.abs(values).max()) + _TINY, None)
    small = n <= _SMALL and matrix.dtype.kind == "f"
    values, basis = _small_eigh(matrix) if small else linalg.eigh(matrix, check_finite=False)
    difference = matrix @ basis - basis * values
    size = frobenius(difference)
    size += product_rounding(n, basis.dtype, frobenius(matrix) * n**0.5, frobenius(values))
    loss = defect(basis)
    bound = 2**0.5 * size / (1 - loss) ** 0.5 if loss < 1 else float("inf")
    return Eigen(values, basis, bound, largest(np.abs(difference)))


def _small_eigh(matrix: Any2D) -> tuple[Any2D, Any2D]:
    values, basis, info = lapack.dsyevd(matrix, lower=1)
    if info > 0:
        raise np.linalg.LinAlgError("eigenvalues did not converge")
    return values, basis


def general(matrix: Any2D) -> Eigen:
    """Eigenvalues of any matrix, by real part, then imaginary part; unit eigenvectors.

    inv(V) A V is Λ and a small F: what Gershgorin's circles of Λ + F say (Golub & Van Loan, 7.2.1; Bauer & Fike, 1960),
    a connected set of circles holding as many eigenvalues as circles; or, where V is nearly singular, Elsner's bound
    4 (2 ‖A‖)^(1 - 1/n) ‖E‖^(1/n) for a backward error E (Bhatia, Elsner & Krause, 1990), whichever is smaller.
    """
    n = matrix.shape[0]
    values, basis = np.linalg.eig(matrix)
    order = np.lexsort((values.imag, values.real))
    values, basis = values[order], basis[:, order]
    difference = matrix @ basis - basis * values
    norm = frobenius(matrix)
    backward = _growth(n) * norm
    elsner = 4.0 * (2 * norm + backward) ** (1 - 1 / n) * backward ** (1 / n)
    bound = min(elsner, _gershgorin(matrix, values, basis, difference))
    residual = largest(np.abs(difference))
    if not values.imag.any():
        values = values.real.copy()
        basis = basis.real.copy() if not basis.imag.any() else basis
    return Eigen(values, basis, bound, residual)


def _gershgorin(matrix: Any2D, values: Any2D, basis: Any2D, difference: Any2D) -> float:
    """Bound the errors of the eigenvalues by the circles of inv(V) A V; infinite where V is singular."""
    n = matrix.shape[0]
    try:
        inverse = np.linalg.inv(basis)
    except np.linalg.LinAlgError:
        return float("inf")
    weights, sizes = np.abs(inverse), np.abs(basis)
    turned = inverse @ basis
    turned.flat[:: n + 1] -= 1.0
    unit = roundoff(basis.dtype)
    loss = largest(np.abs(turned) @ ones(n)) + n * n * unit * largest(weights @ sizes)
    if not loss < 0.5:
        return float("inf")
    rounding = (n + 3) * unit * (np.abs(matrix) @ sizes + sizes * np.abs(values))
    radii = (weights @ ((np.abs(difference) + rounding) @ ones(n))) / (1 - loss)
    if not math.isfinite(largest(radii)):
        return float("inf")
    return _reach(values, radii)


def _reach(values: Any2D, radii: Any2D) -> float:
    """Give the farthest that an eigenvalue may be from its centre, when circles that touch are one set."""
    near = np.abs(values[:, None] - values) <= radii[:, None] + radii
    if np.count_nonzero(near) == len(values):
        return largest(radii)
    alone = near.sum(axis=1) == 1
    from_, to = np.nonzero(near)
    groups = _components(from_, to, len(values))
    found = float(radii[alone].max(initial=0.0))
    for group in np.unique(groups[~alone]):
        members = groups == group
        # an eigenvalue of the set lies in some circle of it, at most this far from any centre
        apart = np.abs(values[members][:, None] - values[members][None, :]) + radii[members][None, :]
        found = max(found, float(apart.max()))
    return found


def _components(from_: Any2D, to: Any2D, n: int) -> Any2D:
    graph = coo_array((np.ones(from_.size, dtype=np.int8), (from_, to)), shape=(n, n))
    return np.asarray(csgraph.connected_components(graph, directed=False)[1])


def svd(matrix: Any2D, *, vectors: bool, full: bool) -> Svd:
    """Singular values, descending.

    With vectors the bound is ‖A - U S Vᴴ‖ and s times what U and V lack to orthonormal columns (Weyl; Horn & Johnson,
    7.3.5), without them (max(m, n) + 20) eps s for a backward stable reduction.
    """
    m, n = matrix.shape
    if not vectors:
        s = linalg.svdvals(matrix, check_finite=False)
        return Svd(None, s, None, _growth(max(m, n)) * float(s.max()) + _TINY, None)
    whole = max(m, n) > _SMALL
    u, s, vt = linalg.svd(matrix, full_matrices=full, check_finite=False) if whole else _small_svd(matrix, full=full)
    few = min(m, n)
    left, right = u[:, :few], vt[:few]
    difference = matrix - (left * s) @ right
    size = frobenius(difference) + product_rounding(few, u.dtype, frobenius(s) * few**0.5, frobenius(matrix))
    bound = size + float(s[0]) * (defect(left) + defect(right.conj().T))
    return Svd(u, s, vt, bound, largest(np.abs(difference)))


def _small_svd(matrix: Any2D, *, full: bool) -> tuple[Any2D, Any2D, Any2D]:
    routine = lapack.zgesdd if matrix.dtype.kind == "c" else lapack.dgesdd
    u, s, vt, info = routine(matrix, full_matrices=full)
    if info > 0:
        raise np.linalg.LinAlgError("SVD did not converge")
    return u, s, vt


def turned(vectors: Any2D) -> Any2D:
    """Turn each column so that its largest entry is real and positive: the same whatever the library's choice."""
    place = np.abs(vectors).argmax(axis=0)
    largest = vectors[place, np.arange(vectors.shape[1])]
    if vectors.dtype.kind == "f":
        return np.asarray(vectors * np.copysign(1.0, largest))
    size = np.abs(largest)
    phase = np.divide(largest.conj(), size, out=np.ones_like(largest), where=size > 0)
    found: Any2D = vectors * phase
    return found
