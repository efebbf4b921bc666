"""Many small dense systems in one call."""

import numpy as np

from native.kernels._lu import factorize, substitute

# pythran export solve_batch(float64[:,:,:], float64[:,:] order(C))


def norm(matrix):
    """1-norm: the largest sum of a column's absolute values."""
    largest = 0.0
    for j in range(matrix.shape[1]):
        total = 0.0
        for i in range(matrix.shape[0]):
            total += abs(matrix[i, j])
        largest = max(largest, total)
    return largest


def transposed_norm(matrix):
    """1-norm of the transpose."""
    largest = 0.0
    for i in range(matrix.shape[0]):
        total = 0.0
        for j in range(matrix.shape[1]):
            total += abs(matrix[i, j])
        largest = max(largest, total)
    return largest


def invert(lu, order, inverse):
    """Write the inverse's rows transposed: row j of `inverse` is its column j."""
    n = lu.shape[0]
    for column in range(n):
        for i in range(n):
            inverse[column, i] = 1.0 if order[i] == column else 0.0
        substitute(lu, inverse[column])


def row_residual(row, right, x):
    """Residual of one equation."""
    value = right
    for j in range(row.shape[0]):
        value -= row[j] * x[j]
    return value


def row_weight(row, right, x):
    """Sum of the magnitudes of what the residual of one equation is computed from."""
    value = abs(right)
    for j in range(row.shape[0]):
        value += abs(row[j] * x[j])
    return value


def judge(matrix, right, x, inverse, weight):
    """Residual's maximum norm and forward error bound of one solution; `weight` (n) is working space."""
    n = matrix.shape[0]
    residual = 0.0
    for i in range(n):
        one = abs(row_residual(matrix[i], right[i], x))
        residual = max(residual, one)
        weight[i] = one + 3.0 * n * 1.1102230246251565e-16 * row_weight(matrix[i], right[i], x)
    bound = 0.0
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += abs(inverse[j, i]) * weight[j]
        bound = max(bound, total)
    return residual, bound


def solve_batch(matrices, rights):
    """Solve k systems of n equations by LU with partial pivoting, with what is needed to judge each answer.

    `matrices` (k, n, n), `rights` (k, n); gives x (k, n), the 1-norm condition number (k), the residual's maximum norm
    (k), a forward error bound (k) and whether the matrix is exactly singular (k). The inverse is formed, as n is small:
    the condition is exact and the bound is Golub & Van Loan, 3.5.1: |inv(A)| (|r| + 3 n u (|A| |x| + |b|)).
    """
    count = matrices.shape[0]
    n = matrices.shape[1]
    x = np.zeros((count, n))
    condition = np.zeros(count)
    residual = np.zeros(count)
    bound = np.zeros(count)
    singular = np.zeros(count, dtype=np.bool_)
    lu = np.zeros((n, n))
    inverse = np.zeros((n, n))
    order = np.zeros(n, dtype=np.int64)
    weight = np.zeros(n)
    for k in range(count):
        for i in range(n):
            for j in range(n):
                lu[i, j] = matrices[k, i, j]
        if not factorize(lu, order):
            singular[k] = True
            condition[k] = np.inf
            continue
        invert(lu, order, inverse)
        condition[k] = norm(matrices[k]) * transposed_norm(inverse)
        for i in range(n):
            x[k, i] = rights[k, order[i]]
        substitute(lu, x[k])
        found, error = judge(matrices[k], rights[k], x[k], inverse, weight)
        residual[k] = found
        bound[k] = error
    return x, condition, residual, bound, singular
