"""Radau IIA of order 5 for stiff systems, with the exact Jacobian, over blocks of lanes."""

import numpy as np

from native.kernels._lu import factorize, substitute
from native.kernels._steps import (
    finish_step,
    is_wanted,
    load,
    look_inside,
    mean_error,
    plan_steps,
    reject,
    slopes,
    take_larger,
    watch_calm,
)

# pythran export advance(int32[:,:] order(C), float64[:], int, int64[:], int32[:,:] order(C), float64[:], int, int64[:], float64[:,:] order(C), float64[:,:] order(C), int64[:,:] order(C), float64[:,:] order(C), float64[:,:] order(C), float64[:,:,:], float64[:,:,:], int64[:], int, int, int)  # noqa: E501


def weights():
    """T, T⁻¹ (row by row, from 0 and 9), the eigenvalues γ, α, β (18), the nodes (21), E (24) and the interpolant (27).

    T⁻¹ A⁻¹ T is γ beside α + i β. The interpolant's nine numbers take Z to the coefficients of s, s² and s³.
    """
    root = np.sqrt(6.0)
    third = np.power(3.0, 1 / 3)
    return np.array([
        0.09443876248897524, -0.14125529502095421, 0.03002919410514742,
        0.25021312296533332, 0.20412935229379994, -0.38294211275726192,
        1.0, 1.0, 0.0,
        4.17871859155190428, 0.32768282076106237, 0.52337644549944951,
        -4.17871859155190428, -0.32768282076106237, 0.47662355450055044,
        0.50287263494578682, -2.57192694985560522, 0.59603920482822492,
        3 + third * third - third, 3 + 0.5 * (third - third * third),
        -0.5 * (np.power(3.0, 5 / 6) + np.power(3.0, 7 / 6)),
        (4 - root) / 10, (4 + root) / 10, 1.0,
        (-13 - 7 * root) / 3, (-13 + 7 * root) / 3, -1 / 3,
        13 / 3 + 7 * root / 3, 13 / 3 - 7 * root / 3, 1 / 3,
        -23 / 3 - 22 * root / 3, -23 / 3 + 22 * root / 3, -8 / 3,
        10 / 3 + 5 * root, 10 / 3 - 5 * root, 10 / 3,
    ])  # fmt: skip


def prepare_lane(i, step, c, jacobian, real, pair, order, orders):
    """Factorize γ / h - J (n, n), and (α + i β) / h - J as a real matrix (2 n, 2 n). Gives whether both are regular."""
    n = real.shape[0]
    for row in range(n):
        for column in range(n):
            one = jacobian[row * (n + 1) + 1 + column, i]
            real[row, column] = -one
            pair[row, column] = -one
            pair[n + row, n + column] = -one
            pair[row, n + column] = 0.0
            pair[n + row, column] = 0.0
        real[row, row] += c[18] / step
        pair[row, row] += c[19] / step
        pair[n + row, n + row] += c[19] / step
        pair[row, n + row] -= c[20] / step
        pair[n + row, row] += c[20] / step
    if not factorize(real, order):
        return False
    return factorize(pair, orders)


def solve_ordered(lu, order, right, x):
    """Solve for `right`, in the order of the equations, to `x`."""
    for j in range(x.shape[0]):
        x[j] = right[order[j]]
    substitute(lu, x)


def mixed(c, start, k, j, i):
    """Row of T or T⁻¹ times the three stages."""
    return c[start] * k[0, j, i] + c[start + 1] * k[1, j, i] + c[start + 2] * k[2, j, i]


def fill_rights(i, step, c, k, w, right, rights):
    """Write the right-hand sides of the Newton step of lane i: (n) and (2 n)."""
    n = right.shape[0]
    for j in range(n):
        right[j] = mixed(c, 9, k, j, i) - c[18] / step * w[0, j, i]
        rights[j] = mixed(c, 12, k, j, i) - (c[19] * w[1, j, i] - c[20] * w[2, j, i]) / step
        rights[n + j] = mixed(c, 15, k, j, i) - (c[19] * w[2, j, i] + c[20] * w[1, j, i]) / step


def change_norm(i, x, xs, state, lanes):
    """Root mean square of the change of w in units of the tolerance."""
    n = x.shape[0]
    total = 0.0
    for j in range(n):
        scale = lanes[6, i] + lanes[5, i] * abs(state[j, i])
        total += (x[j] * x[j] + xs[j] * xs[j] + xs[n + j] * xs[n + j]) / (scale * scale)
    return np.sqrt(total / (3 * n))


def is_hopeless(iteration, rate, size, enough):
    """Whether Newton's method diverges, or cannot converge in the iterations that are left."""
    if iteration == 0:
        return not size < 1e100
    return not (rate < 1.0 and np.power(rate, 6 - iteration) / (1.0 - rate) * size <= enough)


def add_change(i, c, x, xs, w, z):
    """Add the change to w, and compute z = T w."""
    n = x.shape[0]
    for j in range(n):
        w[0, j, i] += x[j]
        w[1, j, i] += xs[j]
        w[2, j, i] += xs[n + j]
        for s in range(3):
            z[s, j, i] = mixed(c, 3 * s, w, j, i)


def iterate_lane(i, iteration, step, c, lu, lus, order, orders, k, w, z, state, lanes, sizes, right, rights, x, xs):
    """One simplified Newton step of lane i; gives 1 to go on, 2 when it has converged, 0 when it does not.

    Source: Hairer & Wanner, Solving ODEs II, IV.8 (the stopping criterion).
    """
    fill_rights(i, step, c, k, w, right, rights)
    solve_ordered(lu, order, right, x)
    solve_ordered(lus, orders, rights, xs)
    size = change_norm(i, x, xs, state, lanes)
    enough = max(2.2e-15 / lanes[5, i], min(0.03, np.sqrt(lanes[5, i])))
    rate = 0.0
    if iteration > 0 and sizes[i] > 0.0:
        rate = size / sizes[i]
    sizes[i] = size
    if is_hopeless(iteration, rate, size, enough):
        return 0
    add_change(i, c, x, xs, w, z)
    if size == 0.0 or (iteration > 0 and rate / (1.0 - rate) * size < enough):
        return 2
    return 1


def count_active(active):
    """How many lanes iterate."""
    total = 0
    for i in range(active.shape[0]):
        if active[i] == 1:
            total += 1
    return total


def newton(
    code, registers, first, outputs, times, steps, state, lanes, counts, c, lu, lus, order, orders, active, used, k, w,
    z, trial, sizes, right, rights, x, xs,
):  # fmt: skip
    """Solve the equations of the stages: z (3, n, w) is what they add to the state; `active` (w) becomes 2 or 0."""
    n = state.shape[0]
    for s in range(3):
        for j in range(n):
            w[s, j] = 0.0
            z[s, j] = 0.0
    for iteration in range(7):
        if count_active(active) == 0:
            break
        for s in range(3):
            for j in range(n):
                trial[j] = state[j] + z[s, j]
            slopes(code, registers, first, outputs, times + c[21 + s] * steps, trial, k[s])
        for i in range(active.shape[0]):
            if active[i] == 1:
                counts[9, i] += 3
                used[i] = iteration + 1
                active[i] = iterate_lane(
                    i, iteration, steps[i], c, lu[i], lus[i], order[i], orders[i], k, w, z, state, lanes, sizes, right,
                    rights, x, xs,
                )  # fmt: skip
    for i in range(active.shape[0]):
        if active[i] == 1:
            active[i] = 0


def estimate(steps, c, slope, z, lu, order, active, right, x, error):
    """Error of the step of each lane that has converged: (γ / h - J)⁻¹ (slope + E z / h) to `error` (n, w)."""
    n = slope.shape[0]
    for i in range(steps.shape[0]):
        if active[i] == 2:
            for j in range(n):
                right[j] = slope[j, i] + mixed(c, 24, z, j, i) / steps[i]
            solve_ordered(lu[i], order[i], right, x)
            for j in range(n):
                error[j, i] = x[j]


def fill_dense(i, c, z, state, dense):
    """The collocation polynomial of the step of lane i."""
    for j in range(state.shape[0]):
        square = mixed(c, 30, z, j, i)
        cube = mixed(c, 33, z, j, i)
        dense[0, j, i] = state[j, i]
        dense[1, j, i] = z[2, j, i]
        dense[2, j, i] = -square - cube
        dense[3, j, i] = -cube


def compare_inside(
    code, registers, first, outputs, times, steps, state, trial, lanes, inner, counts, grids, log, c, lu, order, active,
    z, dense, place, slope, right, x, k, errors, others,
):  # fmt: skip
    """Fill the interpolants that are wanted, and let their defect be an error too.

    Where the system is very stiff a step may be as long as it likes and end on the solution, which the polynomial does
    not follow in between: (γ / h - J)⁻¹ times the defect f - u' tells how far it is off, at one place inside.
    """
    n = state.shape[0]
    some = 0
    for i in range(state.shape[1]):
        others[i] = -1.0
        if active[i] == 2 and errors[i] <= 1.0 and is_wanted(i, lanes, counts, grids, log):
            some += 1
            others[i] = 0.0
            fill_dense(i, c, z, state, dense)
            look_inside(dense, i, steps[i], place, slope)
    if some == 0:
        return
    slopes(code, registers, first, outputs, times + 0.4 * steps, place, k)
    for i in range(state.shape[1]):
        for j in range(n):
            place[j, i] = 0.0
        if others[i] == 0.0:
            counts[9, i] += 1
            for j in range(n):
                right[j] = k[j, i] - slope[j, i]
            solve_ordered(lu[i], order[i], right, x)
            for j in range(n):
                place[j, i] = x[j]
    mean_error(place, state, trial, inner, others)
    for i in range(state.shape[1]):
        take_larger(i, errors, others)


def factorize_lanes(lanes, counts, c, jacobian, lu, lus, order, orders, active):
    """Factorize the matrices of all lanes that run; `active` (w) tells which can be solved with."""
    for i in range(lanes.shape[1]):
        active[i] = 0
        if counts[0, i] == 0 and prepare_lane(i, lanes[1, i], c, jacobian, lu[i], lus[i], order[i], orders[i]):
            active[i] = 1


def any_large(errors, active):
    """Whether an error is beyond the tolerance."""
    for i in range(errors.shape[0]):
        if active[i] == 2 and not errors[i] <= 1.0:
            return True
    return False


def loosen(lanes, inner):
    """Copy `lanes` with the tolerances for an error estimate of order 3 (RADAU5: rtol is a tenth of its ⅔rd power)."""
    for part in range(lanes.shape[0]):
        inner[part] = lanes[part]
    for i in range(lanes.shape[1]):
        inner[5, i] = 0.1 * np.power(lanes[5, i], 2 / 3)
        inner[6, i] = inner[5, i] * lanes[6, i] / lanes[5, i]


def advance(
    code, constants, n_registers, outputs, code_j, constants_j, n_registers_j, outputs_j, parameters, lanes, counts,
    state, grids, found, log, logged, detect, iterations, enough,
):  # fmt: skip
    """Advance a block as `rodas4.advance` does; row 9 of `counts` counts evaluations.

    Source: Hairer & Wanner, Solving ODEs II, IV.8 (RADAU5); each step has its own Jacobian and factors, and begins
    Newton's method at zero, so that a step depends on nothing but where it starts.
    """
    c = weights()
    n = state.shape[0]
    width = state.shape[1]
    first = constants.shape[0]
    first_j = constants_j.shape[0]
    registers = np.zeros((n_registers, width))
    registers_j = np.zeros((n_registers_j, width))
    load(registers, constants, parameters, n)
    load(registers_j, constants_j, parameters, n)
    jacobian = np.zeros((n * (n + 1), width))
    lu = np.zeros((width, n, n))
    lus = np.zeros((width, 2 * n, 2 * n))
    order = np.zeros((width, n), dtype=np.int64)
    orders = np.zeros((width, 2 * n), dtype=np.int64)
    active = np.zeros(width, dtype=np.int64)
    used = np.zeros(width, dtype=np.int64)
    right = np.zeros(n)
    rights = np.zeros(2 * n)
    x = np.zeros(n)
    xs = np.zeros(2 * n)
    k = np.zeros((3, n, width))
    w = np.zeros((3, n, width))
    z = np.zeros((3, n, width))
    slope = np.zeros((n, width))
    trial = np.zeros((n, width))
    error = np.zeros((n, width))
    place = np.zeros((n, width))
    inside = np.zeros((n, width))
    dense = np.zeros((4, n, width))
    steps = np.zeros(width)
    errors = np.zeros(width)
    again = np.zeros(width)
    sizes = np.zeros(width)
    inner = np.zeros((7, width))
    loosen(lanes, inner)
    running = plan_steps(lanes, counts, 1.0, steps)
    for _ in range(iterations):
        if running < enough:
            break
        slopes(code_j, registers_j, first_j, outputs_j, lanes[0], state, jacobian)
        slopes(code, registers, first, outputs, lanes[0], state, slope)
        factorize_lanes(lanes, counts, c, jacobian, lu, lus, order, orders, active)
        newton(
            code, registers, first, outputs, lanes[0], steps, state, inner, counts, c, lu, lus, order, orders, active,
            used, k, w, z, trial, sizes, right, rights, x, xs,
        )  # fmt: skip
        estimate(steps, c, slope, z, lu, order, active, right, x, error)
        for j in range(n):
            trial[j] = state[j] + z[2, j]
        mean_error(error, state, trial, inner, errors)
        if any_large(errors, active):  # an estimate that is too large where the system is stiff: once more, filtered
            for j in range(n):
                trial[j] = state[j] + error[j]
            slopes(code, registers, first, outputs, lanes[0], trial, k[0])
            estimate(steps, c, k[0], z, lu, order, active, right, x, error)
            for j in range(n):
                trial[j] = state[j] + z[2, j]
            mean_error(error, state, trial, inner, again)
            for i in range(width):
                if not errors[i] <= 1.0:
                    errors[i] = again[i]
                    counts[9, i] += 1
        if grids.shape[1] + log.shape[0] > 0:
            compare_inside(
                code, registers, first, outputs, lanes[0], steps, state, trial, lanes, inner, counts, grids, log, c, lu,
                order, active, z, dense, place, inside, right, x, k[0], errors, again,
            )  # fmt: skip
        for i in range(width):
            if counts[0, i] == 0:
                counts[9, i] += 1
                if active[i] == 2 and errors[i] <= 1.0:
                    if detect:
                        watch_calm(i, jacobian, lanes, counts, x, right)
                    safety = 0.9 * 15.0 / (14.0 + used[i])
                    factor = max(0.125, min(5.0, np.power(max(errors[i], 1e-300), 0.25) / safety))
                    finish_step(dense, i, lanes, counts, grids, found, log, logged, factor)
                    for j in range(n):
                        state[j, i] = trial[j, i]
                elif active[i] == 2 and errors[i] < 1e100:
                    reject(i, lanes, counts, min(5.0, np.power(errors[i], 0.25) / 0.9))
                else:  # Newton's method does not converge, or NaN
                    reject(i, lanes, counts, 3.0)
        running = plan_steps(lanes, counts, 1.0, steps)
    return running
