"""LU factorization in place, for the kernels that solve small dense systems; it is compiled into each of them."""


def swap_rows(matrix, order, first, second):
    """Exchange two rows and their places in `order`."""
    for j in range(matrix.shape[1]):
        kept = matrix[first, j]
        matrix[first, j] = matrix[second, j]
        matrix[second, j] = kept
    held = order[first]
    order[first] = order[second]
    order[second] = held


def eliminate(lu, column):
    """Subtract multiples of the pivot's row from the rows below it; the multiples take the place of the zeros."""
    n = lu.shape[0]
    for i in range(column + 1, n):
        lu[i, column] /= lu[column, column]
        if lu[i, column] != 0.0:
            for j in range(column + 1, n):
                lu[i, j] -= lu[i, column] * lu[column, j]


def factorize(lu, order):
    """Factorize (n, n) with partial pivoting (Golub & Van Loan, 3.4); gives whether no pivot is zero."""
    n = lu.shape[0]
    for i in range(n):
        order[i] = i
    for column in range(n):
        pivot = column
        for i in range(column + 1, n):
            if abs(lu[i, column]) > abs(lu[pivot, column]):
                pivot = i
        if lu[pivot, column] == 0.0:
            return False
        if pivot != column:
            swap_rows(lu, order, column, pivot)
        eliminate(lu, column)
    return True


def substitute(lu, x):
    """Solve L U x = x in place, `x` (n) in the order of the rows of L."""
    n = lu.shape[0]
    for i in range(n):
        for j in range(i):
            x[i] -= lu[i, j] * x[j]
    for back in range(n):
        i = n - 1 - back
        for j in range(i + 1, n):
            x[i] -= lu[i, j] * x[j]
        x[i] /= lu[i, i]
