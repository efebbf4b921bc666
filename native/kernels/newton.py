"""Newton's method on a small system of formulas, from a near start, with a bound of the error at its end."""

import numpy as np

from native.kernels._lu import factorize, substitute
from native.kernels._small import condition, invert, largest
from native.kernels._vm import execute

# pythran export polish(int32[:,:] order(C), float64[:,:] order(C), int, int64[:], float64[:], float64[:,:] order(C), float64[:,:] order(C))  # noqa: E501


def place(registers, constants, parameters, n):
    """Lane k gets the k-th roundings of constants and parameters; the lanes behind are as the first."""
    first = constants.shape[1]
    for lane in range(registers.shape[1]):
        turn = lane if lane < constants.shape[0] else 0
        for i in range(first):
            registers[i, lane] = constants[turn, i]
        for i in range(parameters.shape[1]):
            registers[first + n + i, lane] = parameters[turn, i]


def evaluate(code, registers, first, outputs, x, factors, values, slopes, jumps):
    """Values and slopes at x; `jumps` are what other roundings change beside the linear part."""
    n = x.shape[0]
    for i in range(n):
        for lane in range(registers.shape[1]):
            registers[first + i, lane] = x[i] * factors[lane if lane < factors.shape[0] else 0, i]
    execute(code, registers)
    finite = True
    for i in range(n):
        values[i] = registers[outputs[i], 0]
        finite = finite and abs(values[i]) < np.inf
        for j in range(n):
            slopes[i, j] = registers[outputs[n + i * n + j], 0]
            finite = finite and abs(slopes[i, j]) < np.inf
    for i in range(n):
        jumps[i] = 0.0
        for lane in range(1, factors.shape[0]):
            jump = registers[outputs[i], lane] - values[i]
            for j in range(n):
                jump -= slopes[i, j] * (x[j] * factors[lane, j] - x[j])
            jumps[i] = max(jumps[i], abs(jump))
            finite = finite and abs(jump) < np.inf
    return finite


def equilibrate(slopes, scaled):
    """Divide rows, then columns, by their largest entry; column j becomes row j of `scaled`."""
    n = slopes.shape[0]
    for i in range(n):
        scale = largest(slopes[i])
        for j in range(n):
            scaled[j, i] = slopes[i, j] / scale if scale > 0.0 else 0.0
    for j in range(n):
        scale = largest(scaled[j])
        for i in range(n):
            scaled[j, i] = scaled[j, i] / scale if scale > 0.0 else 0.0


def bound(x, values, jumps, inverse, factor, error):
    """Write how far each coordinate is from the root; gives whether Newton's step is nothing but rounding."""
    n = x.shape[0]
    rounding = True
    for i in range(n):
        step = 0.0
        spread = 0.0
        for j in range(n):
            noise = 4.0 * jumps[j] + 2.220446049250313e-16 * abs(values[j]) + 1e-306
            step += inverse[j, i] * values[j]
            spread += abs(inverse[j, i]) * noise
        error[i] = factor * (abs(step) + spread) + 2.220446049250313e-16 * abs(x[i])
        if abs(step) > 4.0 * spread:
            rounding = False
            if abs(step) > 1e-3 * abs(x[i]):  # where a small coordinate still doubles, slopes are not those at a root
                error[i] = np.inf
    return rounding


def polish(code, constants, n_registers, outputs, start, parameters, factors):
    """Iterate from `start` (n) while the steps shrink, and judge the best point.

    `outputs` are n values, then n × n slopes, row by row. `constants` (4, c), `parameters` (4, p) and `factors` (4, n)
    have in the first row what is meant, and in the others the same changed in the last place. Gives x, the
    values and the bound of the error (3, n), and what is told: whether it is a root that is regular and near the start,
    the number of steps, and the condition of the Jacobian with rows and columns of like size.
    """
    n = start.shape[0]
    first = constants.shape[1]
    registers = np.zeros((n_registers, 8))
    place(registers, constants, parameters, n)
    values = np.zeros(n)
    slopes = np.zeros((n, n))
    jumps = np.zeros(n)
    lu = np.zeros((n, n))
    order = np.zeros(n, dtype=np.int64)
    move = np.zeros(n)
    x = np.zeros(n)
    best = np.zeros(n)
    for i in range(n):
        x[i] = start[i]
        best[i] = start[i]
    shortest = np.inf
    ratio = 0.0
    steps = 0
    told = np.zeros(3)
    found = np.zeros((3, n))
    going = True
    while going and steps < 80:
        going = evaluate(code, registers, first, outputs, x, factors, values, slopes, jumps)
        if going:
            lu[:] = slopes
            going = factorize(lu, order)
        if going:
            for i in range(n):
                move[i] = -values[order[i]]
            substitute(lu, move)
            length = largest(move)
            going = length < 0.85 * shortest
            if going:
                ratio = length / shortest if shortest > 0.0 and shortest < np.inf else 0.0
                shortest = length
                best[:] = x
                going = length > 1.1102230246251565e-16 * largest(x)
            for i in range(n):
                x[i] = x[i] + move[i]
            steps += 1
    regular = evaluate(code, registers, first, outputs, best, factors, values, slopes, jumps)
    if regular:
        lu[:] = slopes
        regular = factorize(lu, order)
    if regular:
        inverse = np.zeros((n, n))
        invert(lu, order, inverse)
        equilibrate(slopes, lu)
        told[2] = condition(lu)
        rounding = bound(best, values, jumps, inverse, 2.0 / (1.0 - ratio), found[2])
        for i in range(n):
            found[0, i] = best[i]
            found[1, i] = values[i]
            move[i] = best[i] - start[i]
        size = max(largest(best), min(largest(move), 1.0))
        most = largest(found[2])
        if most <= (1e-3 if rounding else 1e-6) * size and largest(move) <= max(1.0, largest(start)):
            if told[2] <= 1e13:
                told[0] = 1.0
    told[1] = steps
    return found, told
