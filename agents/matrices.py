"""The gate for matrices: dense or sparse, real or complex; what comes out is finite, within bounds, and of known form.

Dense: what `agents.arrays` takes, or `{"re": …, "im": …}` with one of those under each key. Sparse: coo
`{"format": "coo", "row", "col", "data", "shape"}` or csr `{"format": "csr", "indptr", "indices", "data", "shape"}`;
entries given twice add up.
"""

from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np
from scipy import sparse

from agents import arrays
from agents.outcome import Problem

DENSE_LIMIT = 5_000
"""Most rows or columns of a dense matrix that is factorized."""
SPARSE_LIMIT = 2_000_000
"""Most rows or columns of a sparse matrix."""
RESULT_LIMIT = 750_000
"""Most numbers in a result, two for a complex one: about 8 MB of base64."""

Dense = np.ndarray[Any, np.dtype[np.float64]] | np.ndarray[Any, np.dtype[np.complex128]]
Matrix = Any
"""A dense array (float64 or complex128), or a `csr_array` without duplicates and with sorted indices."""

_LARGEST = 2**31 - 1
_KEYS = {
    "coo": {"format", "row", "col", "data", "shape"},
    "csr": {"format", "indptr", "indices", "data", "shape"},
}


def is_sparse(matrix: Matrix) -> TypeGuard[sparse.csr_array]:
    """Whether a matrix that came through the gate is sparse."""
    return isinstance(matrix, sparse.csr_array)


def dense(value: Any, field: str, *, ndim: int | tuple[int, ...] = 2) -> Dense:
    """Read a dense array, real or complex; raises `Problem`."""
    if not isinstance(value, Mapping) or not value.keys() & {"re", "im"}:
        return arrays.gate(value, field, ndim=ndim)
    if value.keys() != {"re", "im"}:
        raise Problem("invalid_input", "not a complex array", field=field, hint="the keys re and im, an array each")
    real, imaginary = (arrays.gate(value[part], f"{field}.{part}", ndim=ndim) for part in ("re", "im"))
    if real.shape != imaginary.shape:
        text = f"im has shape {list(imaginary.shape)}, re has {list(real.shape)}"
        raise Problem("invalid_input", text, field=f"{field}.im", hint="the same shape as re")
    return real + 1j * imaginary


def read(value: Any, field: str, *, ndim: int | tuple[int, ...] = 2) -> Matrix:
    """Read a matrix, dense (of `ndim` dimensions) or sparse; raises `Problem`."""
    if isinstance(value, Mapping) and "format" in value:
        return _sparse(value, field)
    return dense(value, field, ndim=ndim)


def nonempty(matrix: Matrix, field: str) -> Matrix:
    """Refuse a matrix without rows or without columns."""
    if 0 in matrix.shape:
        shape = "×".join(map(str, matrix.shape))
        raise Problem("invalid_input", f"a {shape} matrix", field=field, hint="at least one row and one column")
    return matrix


def square(matrix: Matrix, field: str) -> Matrix:
    """Refuse what is not square, or empty; the last two dimensions count."""
    rows, columns = matrix.shape[-2:]
    if rows == 0 or rows != columns:
        name = field.rpartition(".")[2]
        hint = "a square matrix of at least one row"
        raise Problem("invalid_input", f"{name} is {rows}×{columns}", field=field, hint=hint)
    return matrix


def check_dense(matrix: Matrix, field: str, limit: int = DENSE_LIMIT) -> None:
    """Refuse what is too large for a dense computation: more than `limit` rows and columns, or too many numbers."""
    rows, columns = matrix.shape[-2:]
    if min(rows, columns) > limit or rows * columns > arrays.SIZE_LIMIT:
        text = f"{rows}×{columns}, the limit of a dense computation is {limit}, and {arrays.SIZE_LIMIT} numbers"
        raise Problem("budget_exceeded", text, field=field, hint=f"at most {limit} rows and columns")


def as_dense(matrix: Matrix) -> Dense:
    """Give a matrix as a dense one."""
    found: Dense = matrix.toarray() if is_sparse(matrix) else matrix
    return found


def check_result(numbers: float, hint: str) -> None:
    """Refuse a request whose result would have too many numbers."""
    if numbers > RESULT_LIMIT:
        text = f"the result would have {numbers:.0f} numbers, the limit is {RESULT_LIMIT}"
        raise Problem("budget_exceeded", text, field="inputs.a", hint=hint)


def check_cost(cost: float, limit: float, hint: str) -> None:
    """Refuse a request whose estimated floating-point operations are above the limit."""
    if cost > limit:
        text = f"about {cost:.1e} floating-point operations, the limit is {limit:.0e}"
        raise Problem("budget_exceeded", text, field="inputs.a", hint=hint)


def _sparse(value: Mapping[str, Any], field: str) -> sparse.csr_array:
    form = value["format"]
    if not isinstance(form, str) or form not in _KEYS:
        raise Problem("invalid_input", "unknown sparse format", field=f"{field}.format", hint="coo or csr")
    if value.keys() != _KEYS[form]:
        wrong = min(map(str, value.keys() ^ _KEYS[form]))[:80]
        state = "unknown" if wrong in value else "missing"
        hint = f"keys: {', '.join(sorted(_KEYS[form]))}"
        raise Problem("invalid_input", f"{wrong!r} is {state}", field=f"{field}.{wrong}", hint=hint)
    rows, columns = _shape(value["shape"], f"{field}.shape")
    data = dense(value["data"], f"{field}.data", ndim=1)
    if form == "coo":
        row = _indices(value["row"], f"{field}.row", rows, data.size)
        column = _indices(value["col"], f"{field}.col", columns, data.size)
    else:
        column = _indices(value["indices"], f"{field}.indices", columns, data.size)
        row = _rows(value["indptr"], f"{field}.indptr", rows, data.size)
    # the sums of what was given twice are the same whatever the order of the entries with different places
    found = sparse.csr_array(sparse.coo_array((data, (row, column)), shape=(rows, columns)))
    found.sum_duplicates()
    if not np.isfinite(found.data).all():
        raise Problem("invalid_input", "entries given twice overflow", field=f"{field}.data", hint="smaller numbers")
    return found


def _shape(value: Any, field: str) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2 or not all(type(n) is int and n > 0 for n in value):
        raise Problem("invalid_input", "not the shape of a matrix", field=field, hint="[rows, columns], from 1 on")
    if max(value) > SPARSE_LIMIT:
        text = f"{max(value)} rows or columns, the limit is {SPARSE_LIMIT}"
        raise Problem("budget_exceeded", text, field=field, hint=f"at most {SPARSE_LIMIT}")
    return value[0], value[1]


def _whole(value: Any, field: str) -> np.ndarray[Any, np.dtype[np.int32]]:
    given = arrays.gate(value, field, ndim=1)
    wrong = np.flatnonzero((given != np.floor(given)) | (np.abs(given) > _LARGEST))
    if wrong.size:
        place = f"{field}[{wrong[0]}]"
        raise Problem("invalid_input", f"{given[wrong[0]]:g} is no index", field=place, hint="whole numbers")
    return given.astype(np.int32)


def _indices(value: Any, field: str, end: int, count: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    found = _whole(value, field)
    if found.size != count:
        text = f"{found.size} indices for {count} numbers of data"
        raise Problem("invalid_input", text, field=field, hint=f"{count} indices")
    outside = np.flatnonzero((found < 0) | (found >= end))
    if outside.size:
        text, place = f"the index {found[outside[0]]} is outside", f"{field}[{outside[0]}]"
        raise Problem("invalid_input", text, field=place, hint=f"0 to {end - 1}")
    return found


def _rows(value: Any, field: str, rows: int, count: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    starts = _whole(value, field)
    if starts.size != rows + 1 or starts[0] != 0 or starts[-1] != count or (np.diff(starts) < 0).any():
        hint = f"{rows + 1} numbers from 0 to {count} that do not fall"
        raise Problem("invalid_input", "not the row pointers of a csr matrix", field=field, hint=hint)
    return np.repeat(np.arange(rows, dtype=np.int32), np.diff(starts))
