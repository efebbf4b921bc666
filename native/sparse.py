"""Sparse linear systems by factorization: bands by LAPACK, any other by SuperLU, and how much room that takes."""

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse import linalg as splinalg

from native.dense import Singular, narrow
from native.judgement import Any2D, Factors, Solution, judge
from native.structure import find

FILL_LIMIT = 50_000_000
"""Most numbers in the factors that an ordering lets expect: above it iteration is left, about 0.6 GB."""
_WASTE = 4
"""A band is factorized as one when it holds at most this many numbers for each entry of the matrix."""
KERNEL = "superlu"


def solve(matrix: sparse.csr_array, right: Any2D) -> Solution:
    """Solve one system by factorization, `right` (n, m); raises `Singular`."""
    return judge(matrix, right, factorize(matrix))


def factorize(matrix: sparse.csr_array) -> Factors:
    """Factorize by the cheapest way that the structure allows; raises `Singular`."""
    structure = find(matrix)
    room = (2 * structure.lower + structure.upper + 1) * matrix.shape[0]
    if structure.name == "diagonal" or (structure.name in {"tridiagonal", "banded"} and room <= _WASTE * matrix.nnz):
        positive = structure.symmetric and bool((matrix.diagonal().real > 0).all())
        return narrow(matrix, structure, positive=positive)
    return superlu(matrix, "sparse_symmetric" if structure.symmetric else "sparse")


def superlu(matrix: sparse.csr_array, structure: str = "sparse") -> Factors:
    """LU with partial pivoting of a sparse matrix (SuperLU, COLAMD ordering); raises `Singular`."""
    lu = decompose(matrix)
    return Factors(
        "sparse_lu", structure, lambda v: np.ascontiguousarray(lu.solve(v)),
        lambda v: np.ascontiguousarray(lu.solve(v, "H" if v.dtype.kind == "c" else "T")),
    )  # fmt: skip


def decompose(matrix: sparse.csr_array) -> Any:
    """SuperLU's factors; raises `Singular`."""
    try:
        return splinalg.splu(matrix.tocsc())
    except RuntimeError as error:
        if "singular" in str(error):
            raise Singular("a pivot is zero") from None
        raise MemoryError from error


def expected_fill(matrix: sparse.csr_array) -> float:
    """Bound the numbers in the factors: the envelope after reverse Cuthill–McKee, without pivoting."""
    n = matrix.shape[0]
    pattern = sparse.csr_array((np.ones(matrix.nnz, dtype=np.int8), matrix.indices, matrix.indptr), shape=matrix.shape)
    both = sparse.csr_array(pattern + pattern.T)
    order = csgraph.reverse_cuthill_mckee(both, symmetric_mode=True)
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    if not both.nnz:
        return float(n)
    rows = np.repeat(np.arange(n), np.diff(both.indptr))
    first = place.copy()
    np.minimum.at(first, rows, place[both.indices])
    return float(2 * (place - first).sum() + n)
