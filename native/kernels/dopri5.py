"""Dormand–Prince 5(4) over blocks of lanes, each with its own step."""

import numpy as np

from native.kernels._steps import (
    combine,
    finish_step,
    is_wanted,
    load,
    mean_error,
    plan_steps,
    reject,
    slopes,
    watch_stiffness,
)

# pythran export begin(int32[:,:] order(C), float64[:], int, int64[:], float64[:,:] order(C), float64[:,:] order(C), int64[:,:] order(C), float64[:,:] order(C), float64[:,:] order(C), float64)  # noqa: E501
# pythran export advance(int32[:,:] order(C), float64[:], int, int64[:], float64[:,:] order(C), float64[:,:] order(C), int64[:,:] order(C), float64[:,:] order(C), float64[:,:] order(C), float64[:,:] order(C), float64[:,:,:], float64[:,:,:], int64[:], int, int, int)  # noqa: E501


def norm(values, state, lanes, i):
    """Root mean square of a lane's column of `values` in units of its tolerance at `state`."""
    total = 0.0
    for j in range(state.shape[0]):
        one = values[j, i] / (lanes[6, i] + lanes[5, i] * abs(state[j, i]))
        total += one * one
    return np.sqrt(total / state.shape[0])


def first_guess(i, state, slope, lanes):
    """A step by which the first-order term changes the state by a hundredth of its size."""
    size = norm(state, state, lanes, i)
    speed = norm(slope, state, lanes, i)
    step = 1e-6
    if min(size, speed) > 1e-5:
        step = 0.01 * size / speed
    return np.copysign(min(step, abs(lanes[3, i] - lanes[0, i])), lanes[3, i] - lanes[0, i])


def begin(code, constants, n_registers, outputs, parameters, lanes, counts, state, slope, order):
    """Compute the slope at the start and the first step of a block for a method of this order.

    Source: Hairer, Nørsett & Wanner, Solving ODEs I, II.4 (starting step size).
    """
    n = state.shape[0]
    width = state.shape[1]
    first = constants.shape[0]
    registers = np.zeros((n_registers, width))
    load(registers, constants, parameters, n)
    slopes(code, registers, first, outputs, lanes[0], state, slope)
    trial = np.zeros((n, width))
    ahead = np.zeros((n, width))
    for i in range(width):
        lanes[1, i] = first_guess(i, state, slope, lanes)
        lanes[2, i] = np.log(1e-4)
        for j in range(n):
            trial[j, i] = state[j, i] + lanes[1, i] * slope[j, i]
            if not abs(slope[j, i]) < np.inf:
                counts[0, i] = 5
    slopes(code, registers, first, outputs, lanes[0] + lanes[1], trial, ahead)
    for i in range(width):
        for j in range(n):
            ahead[j, i] -= slope[j, i]
        steepest = max(norm(slope, state, lanes, i), norm(ahead, state, lanes, i) / abs(lanes[1, i]))
        step = 100.0 * abs(lanes[1, i])
        if steepest > 1e-15:
            step = min(step, (0.01 / steepest) ** (1.0 / order))
        if step > 0.0:  # otherwise the guess: the state ahead is not finite
            lanes[1, i] = np.copysign(min(step, lanes[4, i]), lanes[1, i])


def fill_dense(i, h, k, state, trial, bend, dense):
    """The interpolant of order 4 of the step of lane i; `bend` (n, w) is what DOPRI5's row d gives."""
    for j in range(state.shape[0]):
        dense[0, j, i] = state[j, i]
        dense[1, j, i] = trial[j, i] - state[j, i]
        dense[2, j, i] = h * k[0, j, i] - dense[1, j, i]
        dense[3, j, i] = dense[1, j, i] - h * k[6, j, i] - dense[2, j, i]
        dense[4, j, i] = h * bend[j, i]


def coefficients():
    """DOPRI5's tableau: the stages, row by row, then (from 21) the error's, then (from 28) the interpolant's row."""
    return np.array([
        1 / 5,
        3 / 40, 9 / 40,
        44 / 45, -56 / 15, 32 / 9,
        19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729,
        9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656,
        35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84,
        71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40,
        -12715105075 / 11282082432, 0.0, 87487479700 / 32700410799, -10690763975 / 1880347072,
        701980252875 / 199316789632, -1453857185 / 822651844, 69997945 / 29380423,
    ])  # fmt: skip


def nodes():
    """Where in the step the stages from the second are."""
    return np.array([1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0])


def compute_stages(code, registers, first, outputs, times, steps, state, k, table, when, trial, last, change):
    """Compute the stages k[1] to k[6]; `trial` becomes the new state, `last` the sixth stage's one."""
    start = 0
    for stage in range(1, 7):
        combine(change, k, table, start, stage)
        start += stage
        for j in range(state.shape[0]):
            last[j] = trial[j]
            trial[j] = state[j] + steps * change[j]
        slopes(code, registers, first, outputs, times + when[stage - 1] * steps, trial, k[stage])


def scale(change, steps):
    """Multiply each lane by its step."""
    for j in range(change.shape[0]):
        change[j] *= steps


def take_step(i, error, lanes, counts, state, k, trial, bend, dense, grids, found, log, logged):
    """Take the step of lane i; the next one's size follows from this error and the last (PI control)."""
    if is_wanted(i, lanes, counts, grids, log):
        fill_dense(i, lanes[1, i], k, state, trial, bend, dense)
    size = np.log(max(error, 1e-300))
    factor = max(0.1, min(5.0, np.exp(0.17 * size - 0.04 * lanes[2, i]) / 0.9))
    lanes[2, i] = max(size, np.log(1e-4))
    finish_step(dense, i, lanes, counts, grids, found, log, logged, factor)
    for j in range(state.shape[0]):
        state[j, i] = trial[j, i]
        k[0, j, i] = k[6, j, i]


def advance(
    code, constants, n_registers, outputs, parameters, lanes, counts, state, slope, grids, found, log, logged, detect,
    iterations, enough,
):  # fmt: skip
    """Advance a block of w lanes by at most `iterations` steps, in place, while at least `enough` of them run.

    `state`, `slope` (n, w); `grids` (g, q) with `found` (rows, n, q); `log` and `logged` as `write_step` has them, of
    capacity 0 where the steps are not wanted. Gives how many lanes still run.
    Source: Hairer, Nørsett & Wanner, Solving ODEs I, II.5–II.6 (DOPRI5), its step control and stiffness test.
    """
    table = coefficients()
    when = nodes()
    n = state.shape[0]
    width = state.shape[1]
    first = constants.shape[0]
    registers = np.zeros((n_registers, width))
    load(registers, constants, parameters, n)
    k = np.zeros((7, n, width))
    trial = np.zeros((n, width))
    last = np.zeros((n, width))
    change = np.zeros((n, width))
    dense = np.zeros((5, n, width))
    steps = np.zeros(width)
    errors = np.zeros(width)
    for j in range(n):
        k[0, j] = slope[j]
    running = plan_steps(lanes, counts, 0.0, steps)
    for _ in range(iterations):
        if running < enough:
            break
        compute_stages(code, registers, first, outputs, lanes[0], steps, state, k, table, when, trial, last, change)
        combine(change, k, table, 21, 7)
        scale(change, steps)
        mean_error(change, state, trial, lanes, errors)
        if grids.shape[1] + log.shape[0] > 0:
            combine(change, k, table, 28, 7)
        for i in range(width):
            if counts[0, i] == 0:
                if errors[i] <= 1.0:
                    if detect:
                        watch_stiffness(i, k[6], k[5], trial, last, lanes, counts, 3.25)
                    take_step(i, errors[i], lanes, counts, state, k, trial, change, dense, grids, found, log, logged)
                elif errors[i] < 1e100:
                    reject(i, lanes, counts, min(5.0, errors[i] ** 0.17 / 0.9))
                else:  # NaN too
                    reject(i, lanes, counts, 10.0)
        running = plan_steps(lanes, counts, 0.0, steps)
    for j in range(n):
        slope[j] = k[0, j]
    return running
