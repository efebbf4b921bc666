"""What the integrators share: running a program on a block of lanes, step sizes, dense output.

A lane is one member of an ensemble on its way. `lanes` (7, w): time, next step, logarithm of the last error, end,
largest step, rtol, atol. `counts` (9, w): status, accepted steps, rejected steps, place in the grid, stiff and calm
steps in a row, most steps, row in `found`, grid. Status: 0 running, 1 at the end, 2 step too small, 3 too many steps,
4 stiff, 5 the slope at the start is not finite, 7 no longer stiff.
"""

import numpy as np

from native.kernels._vm import execute


def slopes(code, registers, first, outputs, time, states, found):
    """Evaluate a program for a block: `time` (w), `states` (n, w) to the rows of `found`.

    `registers` holds the constants and the parameters already; `first` is the register of the time.
    """
    registers[first] = time
    for j in range(states.shape[0]):
        registers[first + 1 + j] = states[j]
    execute(code, registers)
    for j in range(outputs.shape[0]):
        found[j] = registers[outputs[j]]


def load(registers, constants, parameters, n):
    """Put constants and `parameters` (p, w) in their places in the registers of a block."""
    first = constants.shape[0]
    for i in range(first):
        registers[i] = constants[i]
    for i in range(parameters.shape[0]):
        registers[first + 1 + n + i] = parameters[i]


def plan_steps(lanes, counts, idle, steps):
    """Keep the next steps within the largest one and the end; gives how many lanes run.

    `steps` (w) becomes what the stages are computed with: the next step, and `idle` for the lanes that do not run.
    """
    running = 0
    for i in range(lanes.shape[1]):
        if counts[0, i] == 0:
            running += 1
            left = lanes[3, i] - lanes[0, i]
            if abs(lanes[1, i]) > lanes[4, i]:
                lanes[1, i] = np.copysign(lanes[4, i], left)
            if abs(lanes[1, i]) * 1.01 >= abs(left):
                lanes[1, i] = left
            steps[i] = lanes[1, i]
        else:
            steps[i] = idle
    return running


def combine(found, k, table, start, count):
    """Write Σ table[start + s] k[s] over the first `count` stages to `found` (n, w); `k` (stages, n, w).

    Three stages a pass over the lanes: fewer loads and stores of `found`.
    """
    rest = (count - 1) % 3
    for j in range(found.shape[0]):
        if rest == 0:
            found[j] = table[start] * k[0, j]
        elif rest == 1:
            found[j] = table[start] * k[0, j] + table[start + 1] * k[1, j]
        else:
            found[j] = table[start] * k[0, j] + table[start + 1] * k[1, j] + table[start + 2] * k[2, j]
        for s in range(rest + 1, count, 3):
            found[j] += (
                table[start + s] * k[s, j] + table[start + s + 1] * k[s + 1, j] + table[start + s + 2] * k[s + 2, j]
            )


def mean_error(error, state, trial, lanes, squares):
    """Root mean square over the equations of the local error in units of the tolerance, to `squares` (w)."""
    squares[:] = 0.0
    for j in range(state.shape[0]):
        for i in range(state.shape[1]):
            larger = max(abs(state[j, i]), abs(trial[j, i]))
            one = error[j, i] / (lanes[6, i] + lanes[5, i] * larger)
            squares[i] += one * one
    for i in range(state.shape[1]):
        squares[i] = np.sqrt(squares[i] / state.shape[0])


def reject(i, lanes, counts, factor):
    """Refuse the step of lane i; the next one is smaller by `factor`."""
    counts[2, i] += 1
    lanes[1, i] /= factor
    if abs(lanes[1, i]) <= 4e-16 * abs(lanes[0, i]) or abs(lanes[1, i]) < 1e-290:
        counts[0, i] = 2
    elif counts[1, i] + counts[2, i] >= counts[6, i]:
        counts[0, i] = 3


def interpolate(dense, j, i, s):
    """The last step's interpolant at the fraction s: parts that s and 1 - s multiply in turn (Hairer's CONTD5 form)."""
    last = dense.shape[0] - 1
    value = dense[last, j, i]
    for back in range(last):
        part = last - 1 - back
        if part % 2 == 0:
            value = dense[part, j, i] + s * value
        else:
            value = dense[part, j, i] + (1.0 - s) * value
    return value


def watch_stiffness(i, newer, older, trial, last, lanes, counts, border):
    """Count steps at the border of stability; lane i is stiff after 15 of them without 6 calm ones in between.

    `newer` and `older` are the slopes at the states `trial` and `last` of the last two stages, both at the step's end.
    """
    top = 0.0
    bottom = 0.0
    for j in range(trial.shape[0]):
        rise = newer[j, i] - older[j, i]
        run = trial[j, i] - last[j, i]
        top += rise * rise
        bottom += run * run
    if bottom > 0.0 and abs(lanes[1, i]) * np.sqrt(top / bottom) > border:
        counts[5, i] = 0
        counts[4, i] += 1
        if counts[4, i] == 15:
            counts[0, i] = 4
    else:
        counts[5, i] += 1
        if counts[5, i] == 6:
            counts[4, i] = 0


def spectral_radius(i, jacobian, v, w):
    """Estimate the spectral radius of the Jacobian of lane i by four steps of the power method, the last two of them.

    `jacobian` (n (n + 1), w) has df/dt in its first column; `v` and `w` (n) are working space.
    """
    n = v.shape[0]
    for row in range(n):
        v[row] = 1.0 - 0.3 * (row % 3)
    growth = 1.0
    for turn in range(4):
        largest = 0.0
        for row in range(n):
            total = 0.0
            for column in range(n):
                total += jacobian[row * (n + 1) + 1 + column, i] * v[column]
            w[row] = total
            largest = max(largest, abs(total))
        if not (largest > 0.0 and largest < np.inf):
            return largest
        if turn >= 2:
            growth *= largest
        for row in range(n):
            v[row] = w[row] / largest
    return np.sqrt(growth)


def watch_calm(i, jacobian, lanes, counts, v, w):
    """Count steps that an explicit method could take as well; lane i is no longer stiff after 25 of them in a row."""
    if abs(lanes[1, i]) * spectral_radius(i, jacobian, v, w) < 1.0:
        counts[5, i] += 1
        if counts[5, i] >= 25:
            counts[0, i] = 7
    else:
        counts[5, i] = 0


def look_inside(dense, i, step, place, slope):
    """State and slope of the interpolant of lane i, a cubic, inside the step: to `place` and `slope` (n, w)."""
    for j in range(dense.shape[1]):
        place[j, i] = interpolate(dense, j, i, 0.4)
        square = dense[3, j, i] - dense[2, j, i]
        slope[j, i] = (dense[1, j, i] + dense[2, j, i] + 0.8 * square - 0.48 * dense[3, j, i]) / step


def take_larger(i, errors, others):
    """Take the larger error of lane i, or NaN."""
    if not others[i] <= errors[i]:
        errors[i] = others[i]


def is_wanted(i, lanes, counts, grids, log):
    """Whether the interpolant of the next step of lane i is needed: it may pass a point, or is logged."""
    if log.shape[0] > 0:
        return True
    if counts[3, i] >= grids.shape[1]:
        return False
    return abs(grids[counts[8, i], counts[3, i]] - lanes[0, i]) <= abs(lanes[1, i]) * 1.000001


def write_points(dense, i, time, lanes, counts, grids, found):
    """Write the points of the grid that the last step of lane i, to `time`, has passed."""
    past = lanes[0, i]
    step = lanes[1, i]
    grid = counts[8, i]
    row = counts[7, i]
    while counts[3, i] < grids.shape[1] and (grids[grid, counts[3, i]] - time) * step <= 0.0:
        s = (grids[grid, counts[3, i]] - past) / step
        for j in range(dense.shape[1]):
            found[row, j, counts[3, i]] = interpolate(dense, j, i, s)
        counts[3, i] += 1


def write_step(dense, i, lanes, log, logged):
    """Append the last step of lane i to `log` (capacity, w, 2 + parts n), while there is room: start, size, parts."""
    if logged[i] < log.shape[0]:
        n = dense.shape[1]
        log[logged[i], i, 0] = lanes[0, i]
        log[logged[i], i, 1] = lanes[1, i]
        for part in range(dense.shape[0]):
            for j in range(n):
                log[logged[i], i, 2 + part * n + j] = dense[part, j, i]
        logged[i] += 1


def finish_step(dense, i, lanes, counts, grids, found, log, logged, factor):
    """Take the step of lane i: dense output, the new time, and the next step, smaller by `factor`."""
    past = lanes[0, i]
    step = lanes[1, i]
    time = past + step
    if step == lanes[3, i] - past:
        time = lanes[3, i]
    counts[1, i] += 1
    write_points(dense, i, time, lanes, counts, grids, found)
    write_step(dense, i, lanes, log, logged)
    lanes[0, i] = time
    lanes[1, i] = step / factor
    if time == lanes[3, i]:
        counts[0, i] = 1
    elif counts[0, i] == 0 and counts[1, i] + counts[2, i] >= counts[6, i]:
        counts[0, i] = 3
