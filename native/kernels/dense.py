"""Many small dense systems in one call."""

import numpy as np

# pythran export solve_batch(float64[:,:,:], float64[:,:])


def solve_batch(matrices, rights):
    """Solve k systems of n equations by LU with partial pivoting, with what is needed to judge each answer.

    `matrices` (k, n, n), `rights` (k, n); gives x (k, n), the 1-norm condition number (k), the residual's maximum norm
    (k), a forward error bound (k) and whether the matrix is exactly singular (k). The inverse is formed, as n is small:
    the condition is exact and the bound is Golub & Van Loan, 3.5.1: |inv(A)| (|r| + 3 n u (|A| |x| + |b|)).
    """
    count = matrices.shape[0]
    n = matrices.shape[1]
    unit = 1.1102230246251565e-16
    x = np.zeros((count, n))
    condition = np.zeros(count)
    residual = np.zeros(count)
    bound = np.zeros(count)
    singular = np.zeros(count, dtype=np.bool_)
    lu = np.zeros((n, n))
    inverse = np.zeros((n, n))
    order = np.zeros(n, dtype=np.int64)
    for k in range(count):
        for i in range(n):
            order[i] = i
            for j in range(n):
                lu[i, j] = matrices[k, i, j]
        failed = False
        for column in range(n):
            pivot = column
            largest = abs(lu[column, column])
            for i in range(column + 1, n):
                if abs(lu[i, column]) > largest:
                    largest = abs(lu[i, column])
                    pivot = i
            if largest == 0.0:
                failed = True
                break
            if pivot != column:
                kept = order[column]
                order[column] = order[pivot]
                order[pivot] = kept
                for j in range(n):
                    swap = lu[column, j]
                    lu[column, j] = lu[pivot, j]
                    lu[pivot, j] = swap
            for i in range(column + 1, n):
                factor = lu[i, column] / lu[column, column]
                lu[i, column] = factor
                for j in range(column + 1, n):
                    lu[i, j] -= factor * lu[column, j]
        singular[k] = failed
        if failed:
            condition[k] = np.inf
            continue
        for right in range(n + 1):  # the n columns of the inverse, then the right-hand side itself
            for i in range(n):
                if right < n:
                    value = 1.0 if order[i] == right else 0.0
                else:
                    value = rights[k, order[i]]
                for j in range(i):
                    if right < n:
                        value -= lu[i, j] * inverse[j, right]
                    else:
                        value -= lu[i, j] * x[k, j]
                if right < n:
                    inverse[i, right] = value
                else:
                    x[k, i] = value
            for back in range(n):
                i = n - 1 - back
                if right < n:
                    value = inverse[i, right]
                    for j in range(i + 1, n):
                        value -= lu[i, j] * inverse[j, right]
                    inverse[i, right] = value / lu[i, i]
                else:
                    value = x[k, i]
                    for j in range(i + 1, n):
                        value -= lu[i, j] * x[k, j]
                    x[k, i] = value / lu[i, i]
        norm = 0.0
        inverse_norm = 0.0
        for j in range(n):
            total = 0.0
            inverse_total = 0.0
            for i in range(n):
                total += abs(matrices[k, i, j])
                inverse_total += abs(inverse[i, j])
            norm = max(norm, total)
            inverse_norm = max(inverse_norm, inverse_total)
        condition[k] = norm * inverse_norm
        for i in range(n):  # the residual row by row; order and lu are free now, lu's first row keeps the weights
            value = rights[k, i]
            weight = abs(rights[k, i])
            for j in range(n):
                value -= matrices[k, i, j] * x[k, j]
                weight += abs(matrices[k, i, j] * x[k, j])
            residual[k] = max(residual[k], abs(value))
            lu[0, i] = abs(value) + 3.0 * n * unit * weight
        for i in range(n):
            value = 0.0
            for j in range(n):
                value += abs(inverse[i, j]) * lu[0, j]
            bound[k] = max(bound[k], value)
    return x, condition, residual, bound, singular
