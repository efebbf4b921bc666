"""The exponential of a small matrix by Taylor's series, scaled and squared, with a running account of rounding."""

import numpy as np

# pythran export exponential(float64[:,:] order(C))


def multiply(x, y, out):
    """Set `out` to x y, none of them the same."""
    n = x.shape[0]
    for i in range(n):
        for j in range(n):
            out[i, j] = 0.0
        for k in range(n):
            factor = x[i, k]
            for j in range(n):
                out[i, j] += factor * y[k, j]


def norm(x):
    """The largest sum of a row's sizes."""
    most = 0.0
    for i in range(x.shape[0]):
        total = 0.0
        for j in range(x.shape[0]):
            total += abs(x[i, j])
        if not (total <= most):
            most = total
    return most


def add_block(powers, block, inverse, out):
    """Add the four terms of the series whose coefficients are inverse[4 block] and those after it."""
    n = out.shape[0]
    for i in range(n):
        out[i, i] += inverse[4 * block]
        for j in range(n):
            part = inverse[4 * block + 1] * powers[0, i, j] + inverse[4 * block + 2] * powers[1, i, j]
            out[i, j] += part + inverse[4 * block + 3] * powers[2, i, j]


def block_error(size, lost, block, inverse, unit):
    """Bound what a block of the series is wrong by; the powers have the sizes `size` and the errors `lost`."""
    rounding = (5.0 + 4.0 * block) * unit
    total = rounding * inverse[4 * block]
    for k in range(3):
        total += inverse[4 * block + 1 + k] * (lost[k] + rounding * size[k])
    return total


def series(powers, inverse, unit, found, other):
    """Set `found` to the series to degree 20 by Paterson and Stockmeyer's scheme; gives the bound of its error."""
    n = found.shape[0]
    product = (n + 2.0) * unit
    size = np.zeros(4)
    lost = np.zeros(4)
    size[0] = norm(powers[0])
    for k in range(1, 4):
        multiply(powers[0], powers[k - 1], powers[k])
        lost[k] = lost[k - 1] * size[0] + product * size[0] * size[k - 1]
        size[k] = norm(powers[k])
    for i in range(n):
        for j in range(n):
            found[i, j] = inverse[20] * powers[3, i, j]
    error = inverse[20] * (lost[3] + 21.0 * unit * size[3])
    for down in range(5):
        block = 4 - down
        if down > 0:
            before = norm(found)
            multiply(found, powers[3], other)
            found[:] = other
            error = error * (size[3] + lost[3]) + before * (lost[3] + product * size[3])
        add_block(powers, block, inverse, found)
        error += block_error(size, lost, block, inverse, unit) + 2.0 * unit * norm(found)
    left = 2.0 * inverse[20] / 21.0
    for _ in range(21):
        left *= size[0]
    return error + left


def square(found, other, rows, sums, after, unit):
    """Square in place; `rows` bound the sums of each row's errors before and after, |X| E + E |X| + E E + rounding."""
    n = found.shape[0]
    most = 0.0
    worst = 0.0
    for i in range(n):
        sums[i] = 0.0
        for j in range(n):
            sums[i] += abs(found[i, j])
        most = max(most, sums[i])
        worst = max(worst, rows[i])
    multiply(found, found, other)
    for i in range(n):
        total = rows[i] * (most + worst)
        for j in range(n):
            total += abs(found[i, j]) * (rows[j] + (n + 2.0) * unit * sums[j])
        after[i] = total
    rows[:] = after
    found[:] = other


def exponential(matrix):
    """Exponential of (n, n), and a bound of its largest entry's error, infinite where it overflows.

    The norm is halved to 1 at most; the bound follows each product (Higham, Accuracy and stability, 2002, 3.5).
    """
    n = matrix.shape[0]
    unit = 1.1102230246251565e-16 * 1.000001
    squarings = 0
    scale = 1.0
    size = norm(matrix)
    while size * scale > 1.0 and squarings < 60:
        scale *= 0.5
        squarings += 1
    powers = np.zeros((4, n, n))
    for i in range(n):
        for j in range(n):
            powers[0, i, j] = scale * matrix[i, j]
    inverse = np.ones(24)
    for k in range(1, 24):
        inverse[k] = inverse[k - 1] / k
    found = np.zeros((n, n))
    other = np.zeros((n, n))
    rows = np.zeros(n)
    sums = np.zeros(n)
    after = np.zeros(n)
    error = series(powers, inverse, unit, found, other)
    for i in range(n):
        rows[i] = error
    for _ in range(squarings):
        square(found, other, rows, sums, after, unit)
    worst = 0.0
    for i in range(n):
        if not (rows[i] <= worst):
            worst = rows[i]
    if not (worst < np.inf) or size * scale > 1.0:
        worst = np.inf
    return found, worst * 1.000001 + 1e-290
