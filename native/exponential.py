"""The exponential of a matrix, and a bound of its error by a second computation with its own account of rounding."""

import math
from typing import Any

import numpy as np
from scipy import linalg

from native import is_compiled
from native.judgement import Any2D, largest
from native.kernels import exponential as kernel

COMPILED = is_compiled(kernel)
_FEW = 12
"""Largest n for a second computation by the kernel, in doubles."""
_EXTENDED = 48
"""Largest n for the second computation in extended precision."""
_DEGREE = {"extended": 18, "double": 15}
_HALF = 0.5
_SINGULAR = 256
_ABOVE = 1.0 + 1e-12
_CERTAIN = 1e-12
"""Largest bound of the relative error that needs no account entry by entry."""
_LARGEST = 1e6
_NOT_LOST = 1e-200
"""Eighth powers of norms below this may have underflown."""
_UNIT = float(np.finfo(np.longdouble).eps) / 2
_ROOT = 5
"""Root of the degree of the series in blocks."""
_FAR = 2.0
_COEFFICIENTS = np.array(
    [[np.longdouble(1) / math.factorial(_ROOT * j + i) for i in range(_ROOT)] for j in range(_ROOT)]
)
_LAST = np.longdouble(1) / math.factorial(_ROOT * _ROOT)


def exponential(matrix: Any2D) -> tuple[Any2D, float]:
    """Exponential of (n, n), and a bound of its largest entry's error; both may be infinite.

    Scaling and squaring with Padé approximants (Al-Mohy & Higham, 2009: SciPy's), compared with Taylor's series, scaled
    and squared, whose truncation and rounding are bounded step by step: in doubles where that tells twelve digits, else
    in extended precision.
    """
    found = linalg.expm(matrix)
    n, bound = len(matrix), math.inf
    with np.errstate(all="ignore"):
        certain = _CERTAIN * largest(np.abs(found))
        if n <= _FEW and matrix.dtype.kind == "f":
            bound = _compared(found, *kernel.exponential(matrix))  # type: ignore[no-untyped-call]
        if not bound <= certain and n <= _EXTENDED:
            bound = min(bound, _compared(found, *blocked(matrix)))
        if not bound <= certain:
            bound = min(bound, _compared(found, *taylor(matrix)))
    return found, bound


def _compared(found: Any2D, second: Any2D, error: float) -> float:
    bound = largest(np.abs(found - second)) + error
    return bound if math.isfinite(bound) else math.inf


def blocked(matrix: Any2D) -> tuple[Any2D, float]:
    """Exponential as by `taylor`, in extended precision, with a bound of norms alone: fewer steps, less sharp.

    The series to degree 25 takes eight products (Paterson & Stockmeyer, 1973), whose rounding is that of a series of
    norms (Higham, Functions of matrices, 2008, theorem 4.5).
    """
    n = matrix.shape[0]
    complex_ = matrix.dtype.kind == "c"
    unit = _UNIT * (3.0 if complex_ else 1.0)
    norm = _norm(matrix)
    if not norm < _LARGEST:
        return matrix, math.inf
    squarings = max(0, math.ceil(math.log2(norm / _FAR))) if norm > _FAR else 0
    powers = np.zeros((_ROOT, n, n), dtype=np.clongdouble if complex_ else np.longdouble)
    powers[0].flat[:: n + 1] = 1.0
    first = np.multiply(matrix, np.longdouble(0.5) ** squarings, out=powers[1])
    for k in range(2, _ROOT):
        np.matmul(first, powers[k - 1], out=powers[k])
    step = first @ powers[-1]
    blocks = (_COEFFICIENTS @ powers.reshape(_ROOT, n * n)).reshape(_ROOT, n, n)
    found = blocks[-1] + _LAST * step
    for block in blocks[-2::-1]:
        found = found @ step + block
    size = norm * 0.5**squarings
    degree = _ROOT * _ROOT
    error = n**0.5 * ((degree + 1) * (n + 4) * unit * math.exp(size) + _remainder(size, degree))
    for _ in range(squarings):
        x = found.astype(matrix.dtype)
        square = (x.conj() if complex_ else x).T @ x
        fourfold = square @ square
        power = float(np.vdot(fourfold, fourfold).real)
        largest = power**0.125 * _ABOVE if _NOT_LOST < power < math.inf else math.inf
        error = error * (2.0 * largest + error) + (n + 4) * unit * float(np.vdot(x, x).real)
        found = found @ found
    rounded = found.astype(matrix.dtype)
    return rounded, error + float(np.finfo(np.float64).eps * np.abs(rounded).max())


def taylor(matrix: Any2D) -> tuple[Any2D, float]:
    """Exponential by Taylor's series at a power of two below, squared back; gives it with a bound of its error.

    The bound goes two ways and takes the better at each entry: by the 2-norm, as suits normal matrices, and by entries,
    as suits triangular ones. For a product with errors E: |X| E + E |X| + E² and the rounding (n + 2) u |X| |X|.
    """
    n = matrix.shape[0]
    extended = n <= _EXTENDED
    kind = ("clongdouble" if extended else "complex128") if matrix.dtype.kind == "c" else "longdouble"
    dtype = np.dtype(kind if extended or matrix.dtype.kind == "c" else "float64")
    unit = float(np.finfo(dtype).eps) / 2 * (3.0 if dtype.kind == "c" else 1.0)
    rounding = (n + 4) * unit
    norm = _norm(matrix)
    squarings = max(0, math.ceil(math.log2(norm / _HALF))) if norm > _HALF else 0
    scaled = matrix.astype(dtype) * dtype.type(0.5) ** squarings
    degree = _DEGREE["extended" if extended else "double"]
    eye, size = np.eye(n, dtype=dtype), np.abs(scaled).astype(np.float64)
    found, errors = eye, np.zeros((n, n))
    for k in range(degree, 0, -1):
        errors = (size @ errors + rounding * (size @ np.abs(found).astype(np.float64))) / k + unit * np.eye(n)
        found = eye + scaled @ found / k
    errors += _remainder(norm * 0.5**squarings, degree)
    error = float(np.linalg.norm(errors))
    for _ in range(squarings):
        here = np.abs(found).astype(np.float64)
        products = rounding * (here @ here)
        error = error * (2 * _norm_2(found) + error) + float(np.linalg.norm(products))
        errors = np.fmin(here @ errors + errors @ here + errors @ errors + products, error)
        error = min(error, float(np.linalg.norm(errors)))
        found = found @ found
    rounded = found.astype(matrix.dtype)
    return rounded, float((errors + np.finfo(np.float64).eps * np.abs(rounded)).max())


def _norm(matrix: Any) -> float:
    return float(np.abs(matrix).sum(axis=1).max())


def _norm_2(matrix: Any) -> float:
    """2-norm from above: by singular values of small matrices, by ‖(XᴴX)⁴‖ to the eighth part of larger ones."""
    x = matrix.astype(np.complex128 if matrix.dtype.kind == "c" else np.float64)
    if not np.isfinite(x).all():
        return math.inf
    if x.shape[0] <= _SINGULAR:
        return float(np.linalg.norm(x, 2)) * _ABOVE
    scale = float(np.linalg.norm(x))
    square = (x / scale).conj().T @ (x / scale)
    square = square @ square
    root: float = float(np.linalg.norm(square @ square)) ** 0.125
    return scale * root * _ABOVE


def _remainder(size: float, degree: int) -> float:
    """Bound what Taylor's series leaves out, for a norm of at most 2."""
    return 2.0 * size ** (degree + 1) / math.factorial(degree + 1)
