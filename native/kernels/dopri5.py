"""Dormand–Prince 5(4) over blocks of ensemble members, each with its own step."""

import numpy as np

from native.kernels._steps import load, slopes, write_points

# pythran export advance(int32[:,:], float64[:], int, int64[:], float64[:,:], float64[:,:], float64[:,:], float64[:,:], float64[:], float64[:], float64[:], float64[:,:,:], int64[:,:], float64[:,:,:], float64, float64, int, int, int)  # noqa: E501


def advance(
    code, constants, n_registers, outputs, parameters, clock, state, slope, times, relative, absolute, dense, counts,
    found, end, max_step, max_steps, detect, iterations,
):  # fmt: skip
    """Advance a block of w members by at most `iterations` steps; all state is changed in place.

    `clock` (4, w): time, next step, previous error, start of the last step; `state`, `slope` (n, w); `times` (q) with
    `found` (w, q, n); `relative` (1) and `absolute` (n) tolerances; `dense` (5, n, w): the last step's interpolant;
    `counts` (6, w): status (0 running, 1 at the end, 2 step too small, 3 too many steps, 4 stiff), accepted, rejected,
    place in `times`, stiff and non-stiff steps in a row. Gives how many members still run.
    Source: Hairer, Nørsett & Wanner, Solving ODEs I, II.5–II.6 (DOPRI5), its step control and stiffness test.
    """
    n = state.shape[0]
    width = state.shape[1]
    first = constants.shape[0]
    registers = load(constants, n_registers, first, parameters, n)
    k2 = np.zeros((n, width))
    k3 = np.zeros((n, width))
    k4 = np.zeros((n, width))
    k5 = np.zeros((n, width))
    k6 = np.zeros((n, width))
    k7 = np.zeros((n, width))
    trial = np.zeros((n, width))
    last = np.zeros((n, width))
    rtol = relative[0]
    running = 0
    for _ in range(iterations):
        running = 0
        for i in range(width):
            if counts[0, i] == 0:
                running += 1
                left = end - clock[0, i]
                if abs(clock[1, i]) > max_step:
                    clock[1, i] = np.copysign(max_step, left)
                if abs(clock[1, i]) * 1.01 >= abs(left):
                    clock[1, i] = left
            else:
                clock[1, i] = 0.0
        if running == 0:
            break
        t = clock[0]
        h = clock[1]
        for j in range(n):
            trial[j] = state[j] + h * (1 / 5 * slope[j])
        slopes(code, registers, first, outputs, t + 1 / 5 * h, trial, k2)
        for j in range(n):
            trial[j] = state[j] + h * (3 / 40 * slope[j] + 9 / 40 * k2[j])
        slopes(code, registers, first, outputs, t + 3 / 10 * h, trial, k3)
        for j in range(n):
            trial[j] = state[j] + h * (44 / 45 * slope[j] - 56 / 15 * k2[j] + 32 / 9 * k3[j])
        slopes(code, registers, first, outputs, t + 4 / 5 * h, trial, k4)
        for j in range(n):
            trial[j] = state[j] + h * (
                19372 / 6561 * slope[j] - 25360 / 2187 * k2[j] + 64448 / 6561 * k3[j] - 212 / 729 * k4[j]
            )
        slopes(code, registers, first, outputs, t + 8 / 9 * h, trial, k5)
        for j in range(n):
            last[j] = state[j] + h * (
                9017 / 3168 * slope[j] - 355 / 33 * k2[j] + 46732 / 5247 * k3[j] + 49 / 176 * k4[j]
                - 5103 / 18656 * k5[j]
            )  # fmt: skip
        slopes(code, registers, first, outputs, t + h, last, k6)
        for j in range(n):
            trial[j] = state[j] + h * (
                35 / 384 * slope[j] + 500 / 1113 * k3[j] + 125 / 192 * k4[j] - 2187 / 6784 * k5[j] + 11 / 84 * k6[j]
            )
        slopes(code, registers, first, outputs, t + h, trial, k7)
        squares = np.zeros(width)
        for j in range(n):
            scale = absolute[j] + rtol * np.maximum(np.abs(state[j]), np.abs(trial[j]))
            error = h * (
                71 / 57600 * slope[j] - 71 / 16695 * k3[j] + 71 / 1920 * k4[j] - 17253 / 339200 * k5[j]
                + 22 / 525 * k6[j] - 1 / 40 * k7[j]
            ) / scale  # fmt: skip
            squares += error * error
        for i in range(width):
            if counts[0, i] != 0:
                continue
            step = clock[1, i]
            error = np.sqrt(squares[i] / n)
            if not error <= 1.0:  # NaN too
                counts[2, i] += 1
                clock[1, i] = step / min(5.0, error**0.17 / 0.9) if error < 1e100 else step / 10.0
                if abs(clock[1, i]) <= 4e-16 * abs(clock[0, i]) or abs(clock[1, i]) < 1e-290:
                    counts[0, i] = 2
                elif counts[1, i] + counts[2, i] >= max_steps:
                    counts[0, i] = 3
                continue
            if detect:
                top = 0.0
                bottom = 0.0
                for j in range(n):
                    top += (k7[j, i] - k6[j, i]) ** 2
                    bottom += (trial[j, i] - last[j, i]) ** 2
                if bottom > 0.0 and abs(step) * np.sqrt(top / bottom) > 3.25:
                    counts[5, i] = 0
                    counts[4, i] += 1
                    if counts[4, i] == 15:
                        counts[0, i] = 4
                else:
                    counts[5, i] += 1
                    if counts[5, i] == 6:
                        counts[4, i] = 0
            counts[1, i] += 1
            past = clock[0, i]
            time = end if step == end - past else past + step
            for j in range(n):
                rise = trial[j, i] - state[j, i]
                bend = step * slope[j, i] - rise
                dense[0, j, i] = state[j, i]
                dense[1, j, i] = rise
                dense[2, j, i] = bend
                dense[3, j, i] = rise - step * k7[j, i] - bend
                dense[4, j, i] = step * (
                    -12715105075 / 11282082432 * slope[j, i] + 87487479700 / 32700410799 * k3[j, i]
                    - 10690763975 / 1880347072 * k4[j, i] + 701980252875 / 199316789632 * k5[j, i]
                    - 1453857185 / 822651844 * k6[j, i] + 69997945 / 29380423 * k7[j, i]
                )  # fmt: skip
                state[j, i] = trial[j, i]
                slope[j, i] = k7[j, i]
            write_points(dense, i, past, step, np.copysign(1.0, step), time, times, counts[3], found)
            clock[0, i] = time
            clock[3, i] = past
            factor = max(0.1, min(5.0, error**0.17 / clock[2, i] ** 0.04 / 0.9))
            clock[1, i] = step / factor
            clock[2, i] = max(error, 1e-4)
            if time == end:
                counts[0, i] = 1
            elif counts[0, i] == 0 and counts[1, i] + counts[2, i] >= max_steps:
                counts[0, i] = 3
    return running
