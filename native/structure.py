"""The structure of a matrix, as far as it changes how equations with it are solved."""

from typing import Any, NamedTuple

import numpy as np
from scipy import linalg, sparse

_FEW = 4
"""A matrix is banded when the rows of its band, pivots included, are at most n over this."""
_BLOCK = 64
"""Up to this size a matrix and its transpose are compared at once."""


class Structure(NamedTuple):
    """Name, bandwidths below and above the diagonal, and whether it is symmetric (Hermitian when complex)."""

    name: str
    lower: int
    upper: int
    symmetric: bool


def find(matrix: Any) -> Structure:
    """Look at a square matrix, dense or `csr_array`.

    `diagonal`, `lower_triangular`, `upper_triangular`, `tridiagonal`, `banded`, `symmetric`, else `general`.
    """
    n = matrix.shape[0]
    if n > 2 and not isinstance(matrix, sparse.csr_array) and matrix[0, -1] and matrix[-1, 0]:
        # its corners are filled, as those of most matrices are: it has no band
        symmetric = is_symmetric(matrix)
        return Structure("symmetric" if symmetric else "general", n - 1, n - 1, symmetric)
    lower, upper = bandwidths(matrix)
    symmetric = lower == upper and is_symmetric(matrix)
    if lower == upper == 0:
        name = "diagonal"
    elif n > 2 and max(lower, upper) == 1:
        name = "tridiagonal"
    elif upper == 0:
        name = "lower_triangular"
    elif lower == 0:
        name = "upper_triangular"
    elif (2 * lower + upper + 1) * _FEW <= n:
        name = "banded"
    else:
        name = "symmetric" if symmetric else "general"
    return Structure(name, lower, upper, symmetric)


def bandwidths(matrix: Any) -> tuple[int, int]:
    """Count the diagonals below and above the main one up to the last that is not zero."""
    if isinstance(matrix, sparse.csr_array):
        entries: Any = sparse.coo_array(matrix)
        offsets = (entries.coords[1].astype(np.int64) - entries.coords[0])[entries.data != 0]
        return max(-int(offsets.min(initial=0)), 0), max(int(offsets.max(initial=0)), 0)
    lower, upper = linalg.bandwidth(matrix)
    return int(lower), int(upper)


def is_symmetric(matrix: Any) -> bool:
    """Whether a square matrix is exactly symmetric, Hermitian when it is complex."""
    if isinstance(matrix, sparse.csr_array):
        return not sparse.csr_array(matrix - matrix.conj().T).count_nonzero()
    if abs(matrix[0, -1]) != abs(matrix[-1, 0]):
        return False
    if matrix.dtype.kind == "c":
        return bool(linalg.ishermitian(matrix)) and not matrix.diagonal().imag.any()
    return bool(linalg.issymmetric(matrix) if matrix.shape[0] > _BLOCK else (matrix == matrix.T).all())


def is_dominant(matrix: Any) -> bool:
    """Whether each diagonal entry is larger than the others of its row together."""
    diagonal = np.abs(matrix.diagonal())
    return bool((2 * diagonal > np.asarray(abs(matrix).sum(axis=1)).ravel()).all())


def is_toeplitz(matrix: Any) -> bool:
    """Whether every diagonal is constant."""
    if isinstance(matrix, sparse.csr_array):
        inner, shifted = matrix[:-1, :-1], matrix[1:, 1:]
        return not sparse.csr_array(inner - shifted).count_nonzero()
    return bool((matrix[:-1, :-1] == matrix[1:, 1:]).all())


def is_circulant(matrix: Any) -> bool:
    """Whether every row of a square matrix is the one before it, moved round by one."""
    if not is_toeplitz(matrix):
        return False
    if isinstance(matrix, sparse.csr_array):
        row, column = matrix[[0], :].toarray()[0], matrix[:, [0]].toarray()[:, 0]
    else:
        row, column = matrix[0], matrix[:, 0]
    return bool((row[1:] == column[:0:-1]).all())
