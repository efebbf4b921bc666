"""As `dense`, eight systems at a time: the innermost index of working arrays is the lane.

Each lane does the same operations in the same order as `dense` does, so that the answers have the same bytes.
"""

import numpy as np

# pythran export solve_batch(float64[:,:,:], float64[:,:] order(C))


def subtract(target, factor, source):
    """Subtract a product in every lane."""
    for lane in range(8):
        target[lane] -= factor[lane] * source[lane]


def divide(target, by):
    """Divide in every lane."""
    for lane in range(8):
        target[lane] /= by[lane]


def largest_below(lu, column, best, place):
    """Find the row of the largest entry of a column from the diagonal on, in every lane."""
    for lane in range(8):
        best[lane] = abs(lu[column, column, lane])
        place[lane] = column
    for i in range(column + 1, lu.shape[0]):
        for lane in range(8):
            if abs(lu[i, column, lane]) > best[lane]:
                best[lane] = abs(lu[i, column, lane])
                place[lane] = i


def swap(lu, order, lane, first, second):
    """Exchange two rows of one lane, and their places in `order`."""
    for j in range(lu.shape[1]):
        kept = lu[first, j, lane]
        lu[first, j, lane] = lu[second, j, lane]
        lu[second, j, lane] = kept
    held = order[first, lane]
    order[first, lane] = order[second, lane]
    order[second, lane] = held


def eliminate(lu, column):
    """Subtract multiples of the pivot's row from the rows below it; the multiples take the place of the zeros."""
    n = lu.shape[0]
    for i in range(column + 1, n):
        divide(lu[i, column], lu[column, column])
        for j in range(column + 1, n):
            subtract(lu[i, j], lu[i, column], lu[column, j])


def factorize(lu, order, singular, best, place):
    """Factorize every lane with partial pivoting (Golub & Van Loan, 3.4); a lane without a pivot is marked."""
    n = lu.shape[0]
    for i in range(n):
        for lane in range(8):
            order[i, lane] = i
    for column in range(n):
        largest_below(lu, column, best, place)
        for lane in range(8):
            if best[lane] == 0.0:
                singular[lane] = 1
                lu[column, column, lane] = 1.0
            elif place[lane] != column:
                swap(lu, order, lane, column, place[lane])
        eliminate(lu, column)


def substitute(lu, x):
    """Solve L U x = x in place, `x` (n, lanes) in the order of the rows of L."""
    n = lu.shape[0]
    for i in range(n):
        for j in range(i):
            subtract(x[i], lu[i, j], x[j])
    for back in range(n):
        i = n - 1 - back
        for j in range(i + 1, n):
            subtract(x[i], lu[i, j], x[j])
        divide(x[i], lu[i, i])


def invert(lu, order, inverse):
    """Write the inverses' rows transposed: row j of `inverse` is column j of the inverse."""
    n = lu.shape[0]
    for column in range(n):
        for i in range(n):
            for lane in range(8):
                inverse[column, i, lane] = 1.0 if order[i, lane] == column else 0.0
        substitute(lu, inverse[column])


def add_size(total, values):
    """Add magnitudes in every lane."""
    for lane in range(8):
        total[lane] += abs(values[lane])


def raise_to(largest, values):
    """Take the larger in every lane."""
    for lane in range(8):
        largest[lane] = max(largest[lane], values[lane])


def norm(matrix, largest, total):
    """1-norm: the largest sum of a column's magnitudes."""
    n = matrix.shape[0]
    largest[:] = 0.0
    for j in range(n):
        total[:] = 0.0
        for i in range(n):
            add_size(total, matrix[i, j])
        raise_to(largest, total)


def transposed_norm(matrix, largest, total):
    """1-norm of the transpose."""
    n = matrix.shape[0]
    largest[:] = 0.0
    for i in range(n):
        total[:] = 0.0
        for j in range(n):
            add_size(total, matrix[i, j])
        raise_to(largest, total)


def weigh(remainder, weight, factor, x):
    """Take a product from a residual, and its magnitude to what the residual is computed from."""
    for lane in range(8):
        product = factor[lane] * x[lane]
        remainder[lane] -= product
        weight[lane] += abs(product)


def begin(remainder, weight, right):
    """Start a residual with its right side."""
    for lane in range(8):
        remainder[lane] = right[lane]
        weight[lane] = abs(right[lane])


def finish(remainder, weight, residual, scale):
    """Take the larger residual, and turn the weight into the bound of what the residual may be."""
    for lane in range(8):
        one = abs(remainder[lane])
        residual[lane] = max(residual[lane], one)
        weight[lane] = one + scale * weight[lane]


def add_product(total, factor, values):
    """Add a product of magnitudes in every lane."""
    for lane in range(8):
        total[lane] += abs(factor[lane]) * values[lane]


def judge(matrix, right, x, inverse, weight, residual, bound, total):
    """Residual's maximum norm and forward error bound of each lane; `weight` and `total` are working space."""
    n = matrix.shape[0]
    scale = 3.0 * n * 1.1102230246251565e-16
    residual[:] = 0.0
    bound[:] = 0.0
    for i in range(n):
        begin(total, weight[i], right[i])
        for j in range(n):
            weigh(total, weight[i], matrix[i, j], x[j])
        finish(total, weight[i], residual, scale)
    for i in range(n):
        total[:] = 0.0
        for j in range(n):
            add_product(total, inverse[j, i], weight[j])
        raise_to(bound, total)


def load(matrices, rights, first, matrix, right, lu):
    """Take the systems from `first` on into the lanes; what is left of the lanes holds the last system again."""
    n = matrices.shape[1]
    for lane in range(8):
        k = min(first + lane, matrices.shape[0] - 1)
        for i in range(n):
            right[i, lane] = rights[k, i]
            for j in range(n):
                matrix[i, j, lane] = matrices[k, i, j]
                lu[i, j, lane] = matrices[k, i, j]


def arrange(right, order, x):
    """Put a right side into the order of the rows of L."""
    for i in range(right.shape[0]):
        for lane in range(8):
            x[i, lane] = right[order[i, lane], lane]


def solve_batch(matrices, rights):
    """Solve k systems of n equations by LU with partial pivoting, with what is needed to judge each answer.

    `matrices` (k, n, n), `rights` (k, n); gives x (k, n), the 1-norm condition number (k), the residual's maximum norm
    (k), a forward error bound (k) and whether the matrix is exactly singular (k), as `dense.solve_batch` does.
    """
    count = matrices.shape[0]
    n = matrices.shape[1]
    solutions = np.zeros((count, n))
    condition = np.zeros(count)
    residual = np.zeros(count)
    bound = np.zeros(count)
    singular = np.zeros(count, dtype=np.bool_)
    matrix = np.zeros((n, n, 8))
    lu = np.zeros((n, n, 8))
    inverse = np.zeros((n, n, 8))
    right = np.zeros((n, 8))
    x = np.zeros((n, 8))
    weight = np.zeros((n, 8))
    order = np.zeros((n, 8), dtype=np.int64)
    place = np.zeros(8, dtype=np.int64)
    marked = np.zeros(8, dtype=np.int64)
    best = np.zeros(8)
    total = np.zeros(8)
    size = np.zeros(8)
    inverse_size = np.zeros(8)
    residuals = np.zeros(8)
    bounds = np.zeros(8)
    for first in range(0, count, 8):
        load(matrices, rights, first, matrix, right, lu)
        marked[:] = 0
        factorize(lu, order, marked, best, place)
        arrange(right, order, x)
        substitute(lu, x)
        invert(lu, order, inverse)
        norm(matrix, size, total)
        transposed_norm(inverse, inverse_size, total)
        judge(matrix, right, x, inverse, weight, residuals, bounds, total)
        for lane in range(min(8, count - first)):
            k = first + lane
            if marked[lane] == 1:
                singular[k] = True
                condition[k] = np.inf
                continue
            condition[k] = size[lane] * inverse_size[lane]
            residual[k] = residuals[lane]
            bound[k] = bounds[lane]
            for i in range(n):
                solutions[k, i] = x[i, lane]
    return solutions, condition, residual, bound, singular
