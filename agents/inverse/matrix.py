"""Matrices of linear models: real, dense or sparse as they come, dense where they are used."""

from typing import Any

import numpy as np

from agents import matrices
from agents.arrays import SIZE_LIMIT, Array
from agents.outcome import Problem

_LARGEST = 1e100


def read(value: Any, field: str, *, rows: int, columns: int) -> Array:
    """Read a matrix of at most so many rows and columns, and at least one of each; raises `Problem`."""
    found = matrices.nonempty(matrices.read(value, field), field)
    m, n = found.shape
    if m > rows or n > columns or m * n > SIZE_LIMIT:
        text, hint = f"the matrix is {m} × {n}", f"at most {rows} rows, {columns} columns, {SIZE_LIMIT} numbers"
        raise Problem("budget_exceeded", text, field=field, hint=hint)
    whole = matrices.as_dense(found)
    if np.iscomplexobj(whole):
        raise Problem("invalid_input", "a complex matrix", field=field, hint="real and imaginary parts as rows")
    if np.abs(whole).max() > _LARGEST:
        text = f"a number beyond {_LARGEST:g}"
        raise Problem("invalid_input", text, field=field, hint="scale the problem")
    return np.ascontiguousarray(whole, dtype=np.float64)
