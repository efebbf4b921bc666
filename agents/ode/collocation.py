"""How well a boundary value problem determines its solution: the matrix of its linearised collocation equations."""

from typing import Any

import numpy as np
from scipy.sparse import coo_matrix, csc_matrix
from scipy.sparse.linalg import splu

from agents.arrays import Array

_STEPS = 4


def sensitivity(mesh: Array, slopes: Array, middles: Array, ends: tuple[Array, Array, Array]) -> float:
    """Estimate by how much the linearised problem magnifies errors of its equations; infinite where it is singular.

    `mesh` (m); `slopes` (n, n + k, m) are the derivatives of the equations by the n variables and the k unknown
    parameters at the mesh, `middles` (n, n + k, m - 1) between its points; `ends` those of the n + k conditions by the
    values at both ends (n + k, n) and by the parameters (n + k, k). The equations are those of Lobatto's method of
    order 4 (Ascher, Mattheij & Russell, 5.6); the estimate is the norm of the matrix' inverse, by inverse iteration,
    over m.
    """
    matrix = _matrix(mesh, slopes, middles, ends)
    try:
        factors: Any = splu(matrix)
    except (RuntimeError, ValueError):
        return float("inf")
    size = matrix.shape[0]
    x = np.cos(np.arange(size) + 1.0)
    growth = 0.0
    for _ in range(_STEPS):
        x = factors.solve(factors.solve(x / np.sqrt(x @ x), trans="T"))
        growth = float(np.sqrt(np.sqrt(x @ x)))
        if not np.isfinite(growth) or growth == 0.0:
            return float("inf")
    return growth / mesh.size


def _matrix(mesh: Array, slopes: Array, middles: Array, ends: tuple[Array, Array, Array]) -> csc_matrix[np.float64]:
    n, wide, m = slopes.shape
    h = np.diff(mesh)
    states, middle = slopes[:, :n].transpose(2, 0, 1), middles[:, :n].transpose(2, 0, 1)
    step = h[:, None, None]
    half, unit = step / 8.0 * middle, np.eye(n)
    left = -unit - step / 6.0 * (states[:-1] + 2.0 * middle + 4.0 * half @ states[:-1])
    right = unit - step / 6.0 * (states[1:] + 2.0 * middle - 4.0 * half @ states[1:])
    rows, columns, values = [], [], []

    def add(block: Array, row: Any, column: Any) -> None:
        rows.append(np.broadcast_to(row, block.shape).ravel())
        columns.append(np.broadcast_to(column, block.shape).ravel())
        values.append(block.ravel())

    place = n * np.arange(m - 1)[:, None, None]
    down, across = np.arange(n)[:, None], np.arange(n)
    add(left, place + down, place + across)
    add(right, place + down, place + n + across)
    last = n * (m - 1)
    conditions = last + np.arange(wide)[:, None]
    add(ends[0], conditions, across)
    add(ends[1], conditions, last + across)
    if wide > n:
        extra = slopes[:, n:].transpose(2, 0, 1), middles[:, n:].transpose(2, 0, 1)
        between = extra[1] + step / 8.0 * middle @ (extra[0][:-1] - extra[0][1:])
        beside = n * m + np.arange(wide - n)
        add(-step / 6.0 * (extra[0][:-1] + 4.0 * between + extra[0][1:]), place + down, beside)
        add(ends[2], conditions, beside)
    shape = (last + wide, n * m + wide - n)
    return coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape).tocsc()
