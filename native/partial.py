"""A few eigenvalues or singular values of a large sparse matrix (ARPACK), and what their residuals say of the error."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array, eye_array
from scipy.sparse import linalg as splinalg

from native.judgement import UNIT, Any2D
from native.sparse import superlu
from native.spectra import Eigen, Svd, defect, frobenius

KERNEL = "arpack"
_SHIFT = 1e-4
"""How far below Gershgorin's circles the shift for the smallest eigenvalues lies, relative to their extent."""
_CLOSE = 1e-6
_MORE = 4

Tell = Callable[[], None]
"""Called at each product with the matrix; may raise to stop."""


class Shift(NamedTuple):
    """Where to look: ARPACK's `which` without a shift, or the eigenvalues next to `sigma`."""

    which: str
    sigma: complex | None


def aim(matrix: csr_array, which: str, sigma: complex | None, *, symmetric: bool) -> Shift:
    """Turn what converges badly into a search next to a shift: the smallest in magnitude, the lowest of a symmetric."""
    if sigma is not None:
        return Shift("LM", sigma)
    if which == "SM":
        return Shift("LM", 0.0)
    if which == "SA" and symmetric:
        centres = matrix.diagonal().real
        radii = np.asarray(abs(matrix).sum(axis=1)).ravel() - np.abs(centres)
        low, high = float((centres - radii).min()), float((centres + radii).max())
        return Shift("LM", low - _SHIFT * max(high - low, abs(low), 1e-300))
    return Shift(which, None)


def _operator(shape: tuple[int, int], dtype: Any, apply: Callable[[Any2D], Any2D], tell: Tell) -> Any:
    def matvec(v: Any2D) -> Any2D:
        tell()
        return apply(v.reshape(-1))

    return splinalg.LinearOperator(shape, matvec=matvec, dtype=dtype)


def _inverse(matrix: csr_array, sigma: complex, tell: Tell) -> Any:
    eye: Any = eye_array(matrix.shape[0])
    shifted = csr_array(matrix - sigma * eye)
    factors = superlu(shifted)
    dtype = shifted.dtype
    return _operator(matrix.shape, dtype, lambda v: factors.solve(v.astype(dtype)[:, None])[:, 0], tell)


def symmetric(matrix: csr_array, k: int, aimed: Shift, start: Any2D, tell: Tell, most: int) -> Eigen:
    """Find k eigenvalues of a symmetric or Hermitian matrix; each is bounded as in `spectra.symmetric`.

    Raises `ArpackNoConvergence`, and `Singular` when the shift is an eigenvalue.
    """
    found, basis = splinalg.eigsh(**_arguments(matrix, k, aimed, start, tell, most))
    order = np.argsort(found)
    values, vectors = found[order], basis[:, order]
    difference = matrix @ vectors - vectors * values
    loss = defect(vectors)
    size = frobenius(difference) + _rounding(matrix, vectors)
    bound = 2**0.5 * size / (1 - loss) ** 0.5 if loss < 1 else float("inf")
    return Eigen(values, vectors, bound, float(np.abs(difference).max()))


def general(matrix: csr_array, k: int, aimed: Shift, start: Any2D, tell: Tell, most: int) -> Eigen:
    """Find k eigenvalues of any matrix; the bound is of first order, ‖r‖ over the cosine of left and right vectors.

    Source: Wilkinson's condition number of a simple eigenvalue (Golub & Van Loan, 7.2.2), doubled; it is infinite when
    the left vectors do not come out with the same eigenvalues.
    """
    found, basis = splinalg.eigs(**_arguments(matrix, k, aimed, start, tell, most))
    order = np.lexsort((found.imag, found.real))
    values, vectors = found[order], basis[:, order]
    difference = matrix @ vectors - vectors * values
    lengths = np.linalg.norm(difference, axis=0) + _rounding(matrix, vectors)
    adjoint = csr_array(matrix.conj().T)
    turned = Shift(aimed.which, None if aimed.sigma is None else complex(aimed.sigma).conjugate())
    if turned.sigma is not None and complex(turned.sigma).imag == 0.0:
        turned = Shift(turned.which, complex(turned.sigma).real)
    wider = min(k + _MORE, matrix.shape[0] - 2)  # a pair at the edge may be cut in another place
    theirs, left = splinalg.eigs(**_arguments(adjoint, wider, turned, start, tell, most))
    bound = 0.0
    for i, value in enumerate(values):
        near = int(np.abs(theirs.conj() - value).argmin())
        cosine = abs(np.vdot(left[:, near], vectors[:, i]))
        same = abs(theirs[near].conjugate() - value) <= _CLOSE * max(np.abs(values).max(), 1e-300)
        bound = max(bound, 2.0 * float(lengths[i]) / float(cosine) if same and cosine > 0 else float("inf"))
    if not values.imag.any():
        values = values.real.copy()
        vectors = vectors.real.copy() if not vectors.imag.any() else vectors
    return Eigen(values, vectors, bound, float(np.abs(difference).max()))


def _arguments(matrix: csr_array, k: int, aimed: Shift, start: Any2D, tell: Tell, most: int) -> dict[str, Any]:
    plain = _operator(matrix.shape, matrix.dtype, lambda v: matrix @ v, tell)
    found = {"A": plain, "k": k, "which": aimed.which, "v0": start.astype(matrix.dtype), "maxiter": most, "tol": 0}
    if aimed.sigma is not None:
        found |= {"A": matrix, "sigma": aimed.sigma, "OPinv": _inverse(matrix, aimed.sigma, tell)}
    return found


def _rounding(matrix: csr_array, vectors: Any2D) -> float:
    """Bound the rounding of a residual of unit vectors in the 2-norm."""
    entries = int(np.diff(matrix.indptr).max(initial=0)) + 3
    return entries * 3 * UNIT * 2 * frobenius(abs(matrix) @ np.abs(vectors))


def svd(matrix: csr_array, k: int, which: Any, start: Any2D, tell: Tell, most: int) -> Svd:
    """Find the k largest (`LM`) or smallest (`SM`) singular values; bounded as the eigenvalues of [0 A; Aᴴ 0].

    Raises `ArpackNoConvergence`.
    """
    dtype = matrix.dtype
    adjoint = csr_array(matrix.conj().T)

    def told(map_: csr_array) -> Callable[[Any2D], Any2D]:
        def apply(v: Any2D) -> Any2D:
            tell()
            return map_ @ v.reshape(-1)

        return apply

    operator = splinalg.LinearOperator(matrix.shape, matvec=told(matrix), rmatvec=told(adjoint), dtype=dtype)
    u, s, vt = splinalg.svds(operator, k=k, which=which, v0=start.astype(dtype), maxiter=most, solver="arpack")
    order = np.argsort(-s)
    u, s, vt = u[:, order], s[order], vt[order]
    right = matrix @ vt.conj().T - u * s
    left = adjoint @ u - vt.conj().T * s
    size = (
        (frobenius(right) ** 2 + frobenius(left) ** 2) ** 0.5 + _rounding(matrix, vt.conj().T) + _rounding(adjoint, u)
    )
    loss = max(defect(u), defect(vt.conj().T))
    bound = 2**0.5 * size / (1 - loss) ** 0.5 if loss < 1 else float("inf")
    return Svd(u, s, vt, bound, float(max(np.abs(right).max(), np.abs(left).max())))
