"""The Rosenbrock method RODAS of order 4 for stiff systems, with the exact Jacobian, over blocks of lanes."""

import numpy as np

from native.kernels._lu import factorize, substitute
from native.kernels._steps import (
    combine,
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


def trial_weights():
    """RODAS' rows a of the stages from the second, one after the other; the sixth is the embedded solution's."""
    return np.array([
        1.544,
        0.9466785280815826, 0.2557011698983284,
        3.314825187068521, 2.896124015972201, 0.9986419139977817,
        1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950,
        1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 1.0,
    ])  # fmt: skip


def right_weights():
    """RODAS' rows c of the stages from the second, then (from 15) the two rows of the interpolant."""
    return np.array([
        -5.6688,
        -2.430093356833875, -0.2063599157091915,
        -0.1073529058151375, -9.594562251023355, -20.47028614809616,
        7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160,
        8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054,
        10.12623508344586, -7.487995877610167, -34.80091861555747, -7.992771707568823, 1.025137723295662,
        -0.6762803392801253, 6.087714651680015, 16.43084320892478, 24.76722511418386, -6.594389125716872,
    ])  # fmt: skip


def nodes():
    """Where in the step the stages are, then (from 6) how much of df/dt each takes."""
    return np.array([0.0, 0.386, 0.21, 0.63, 1.0, 1.0, 0.25, -0.1043, 0.1035, -0.0362, 0.0, 0.0])


def prepare_lane(i, step, jacobian, lu, order):
    """Factorize 1 / (γ h) - J of lane i; `jacobian` (n (n + 1), w). Gives whether it is regular."""
    n = lu.shape[0]
    for row in range(n):
        for column in range(n):
            lu[row, column] = -jacobian[row * (n + 1) + 1 + column, i]
        lu[row, row] += 1.0 / (0.25 * step)
    return factorize(lu, order)


def solve_lane(i, lu, order, right, column, found):
    """Solve for the stage of lane i: `right` (n, w) to `found` (n, w); `column` (n) is working space."""
    n = lu.shape[0]
    for j in range(n):
        column[j] = right[order[j], i]
    substitute(lu, column)
    for j in range(n):
        found[j, i] = column[j]


def factorize_lanes(lanes, counts, jacobian, lus, orders, regular):
    """Factorize the matrices of all lanes that run; `regular` (w) tells which can be solved with."""
    for i in range(lanes.shape[1]):
        regular[i] = 0
        if counts[0, i] == 0 and prepare_lane(i, lanes[1, i], jacobian, lus[i], orders[i]):
            regular[i] = 1


def solve_lanes(lus, orders, regular, right, column, found):
    """Solve for one stage of all lanes that can be solved with."""
    for i in range(right.shape[1]):
        if regular[i] == 1:
            solve_lane(i, lus[i], orders[i], right, column, found)


def compute_stages(
    code, registers, first, outputs, times, steps, state, jacobian, lus, orders, regular, column, k, a, c, when, trial,
    right,
):  # fmt: skip
    """Compute the stages k[0] to k[5]; `trial` becomes the state that the last stage completes."""
    n = state.shape[0]
    start = 0
    for stage in range(6):
        for j in range(n):
            trial[j] = state[j]
        if stage > 0:
            combine(right, k, a, start, stage)
            for j in range(n):
                trial[j] += right[j]
        slopes(code, registers, first, outputs, times + when[stage] * steps, trial, right)
        for s in range(stage):
            for j in range(n):
                right[j] += c[start + s] / steps * k[s, j]
        for j in range(n):
            right[j] += when[6 + stage] * steps * jacobian[j * (n + 1)]
        solve_lanes(lus, orders, regular, right, column, k[stage])
        start += stage


def fill_dense(i, k, c, state, trial, dense):
    """The interpolant of order 3 of the step of lane i."""
    for j in range(state.shape[0]):
        dense[0, j, i] = state[j, i]
        dense[1, j, i] = trial[j, i] - state[j, i]
        dense[2, j, i] = 0.0
        dense[3, j, i] = 0.0
        dense[4, j, i] = 0.0
        for s in range(5):
            dense[2, j, i] += c[15 + s] * k[s, j, i]
            dense[3, j, i] += c[20 + s] * k[s, j, i]


def compare_inside(
    code, registers, first, outputs, times, steps, state, trial, lanes, counts, grids, log, lus, orders, regular,
    column, k, c, dense, place, slope, right, errors, others,
):  # fmt: skip
    """Fill the interpolants that are wanted, and let their defect be an error too, as `radau` has it."""
    n = state.shape[0]
    some = 0
    for i in range(state.shape[1]):
        others[i] = -1.0
        if counts[0, i] == 0 and regular[i] == 1 and errors[i] <= 1.0 and is_wanted(i, lanes, counts, grids, log):
            some += 1
            others[i] = 0.0
            fill_dense(i, k, c, state, trial, dense)
            look_inside(dense, i, steps[i], place, slope)
    if some == 0:
        return
    slopes(code, registers, first, outputs, times + 0.4 * steps, place, right)
    for j in range(n):
        right[j] -= slope[j]
    for i in range(state.shape[1]):
        if others[i] == 0.0:
            solve_lane(i, lus[i], orders[i], right, column, place)
        else:
            for j in range(n):
                place[j, i] = 0.0
    mean_error(place, state, trial, lanes, others)
    for i in range(state.shape[1]):
        take_larger(i, errors, others)


def advance(
    code, constants, n_registers, outputs, code_j, constants_j, n_registers_j, outputs_j, parameters, lanes, counts,
    state, grids, found, log, logged, detect, iterations, enough,
):  # fmt: skip
    """Advance a block as `dopri5.advance` does; the second program gives df/d(t, y), row by row, n × (n + 1).

    Source: Hairer & Wanner, Solving ODEs II, IV.7 and IV.10 (RODAS, stiffly accurate, L-stable, order 4(3)).
    """
    a = trial_weights()
    c = right_weights()
    when = nodes()
    n = state.shape[0]
    width = state.shape[1]
    first = constants.shape[0]
    first_j = constants_j.shape[0]
    registers = np.zeros((n_registers, width))
    registers_j = np.zeros((n_registers_j, width))
    load(registers, constants, parameters, n)
    load(registers_j, constants_j, parameters, n)
    jacobian = np.zeros((n * (n + 1), width))
    lus = np.zeros((width, n, n))
    orders = np.zeros((width, n), dtype=np.int64)
    regular = np.zeros(width, dtype=np.int64)
    column = np.zeros(n)
    second = np.zeros(n)
    k = np.zeros((6, n, width))
    trial = np.zeros((n, width))
    right = np.zeros((n, width))
    dense = np.zeros((5, n, width))
    steps = np.zeros(width)
    errors = np.zeros(width)
    others = np.zeros(width)
    place = np.zeros((n, width))
    slope = np.zeros((n, width))
    running = plan_steps(lanes, counts, 1.0, steps)
    for _ in range(iterations):
        if running < enough:
            break
        slopes(code_j, registers_j, first_j, outputs_j, lanes[0], state, jacobian)
        factorize_lanes(lanes, counts, jacobian, lus, orders, regular)
        compute_stages(
            code, registers, first, outputs, lanes[0], steps, state, jacobian, lus, orders, regular, column, k, a, c,
            when, trial, right,
        )  # fmt: skip
        for j in range(n):
            trial[j] += k[5, j]
        mean_error(k[5], state, trial, lanes, errors)
        if grids.shape[1] + log.shape[0] > 0:
            compare_inside(
                code, registers, first, outputs, lanes[0], steps, state, trial, lanes, counts, grids, log, lus, orders,
                regular, column, k, c, dense, place, slope, right, errors, others,
            )  # fmt: skip
        for i in range(width):
            if counts[0, i] == 0:
                if regular[i] == 1 and errors[i] <= 1.0:
                    if detect:
                        watch_calm(i, jacobian, lanes, counts, column, second)
                    factor = max(0.2, min(6.0, errors[i] ** 0.25 / 0.9))
                    finish_step(dense, i, lanes, counts, grids, found, log, logged, factor)
                    for j in range(n):
                        state[j, i] = trial[j, i]
                elif regular[i] == 1 and errors[i] < 1e100:
                    reject(i, lanes, counts, min(6.0, errors[i] ** 0.25 / 0.9))
                else:  # NaN too
                    reject(i, lanes, counts, 10.0)
        running = plan_steps(lanes, counts, 1.0, steps)
    return running
