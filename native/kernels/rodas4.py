"""The Rosenbrock method RODAS of order 4 for stiff systems, with the exact Jacobian, over blocks of members."""

import numpy as np

from native.kernels._steps import load, slopes, write_points

# pythran export advance(int32[:,:], float64[:], int, int64[:], int32[:,:], float64[:], int, int64[:], float64[:,:], float64[:,:], float64[:,:], float64[:], float64[:], float64[:], float64[:,:,:], int64[:,:], float64[:,:,:], float64, float64, int, int)  # noqa: E501


def factorize(lu, order):
    """Factorize in place with partial pivoting (Golub & Van Loan, 3.4); gives whether it is regular."""
    n = lu.shape[0]
    for i in range(n):
        order[i] = i
    for column in range(n):
        pivot = column
        for i in range(column + 1, n):
            if abs(lu[i, column]) > abs(lu[pivot, column]):
                pivot = i
        if not 0.0 < abs(lu[pivot, column]) < np.inf:
            return False
        if pivot != column:
            for j in range(n):
                kept = lu[column, j]
                lu[column, j] = lu[pivot, j]
                lu[pivot, j] = kept
            held = order[column]
            order[column] = order[pivot]
            order[pivot] = held
        for i in range(column + 1, n):
            factor = lu[i, column] / lu[column, column]
            lu[i, column] = factor
            if factor != 0.0:
                for j in range(column + 1, n):
                    lu[i, j] -= factor * lu[column, j]
    return True


def solve(lus, orders, rights, stage, found):
    """Solve for each member: `rights` (n, w) to `found[stage]` (n, w)."""
    n = rights.shape[0]
    for m in range(rights.shape[1]):
        for i in range(n):
            value = rights[orders[m, i], m]
            for j in range(i):
                value -= lus[m, i, j] * found[stage, j, m]
            found[stage, i, m] = value
        for back in range(n):
            i = n - 1 - back
            value = found[stage, i, m]
            for j in range(i + 1, n):
                value -= lus[m, i, j] * found[stage, j, m]
            found[stage, i, m] = value / lus[m, i, i]


def advance(
    code, constants, n_registers, outputs, code_j, constants_j, n_registers_j, outputs_j, parameters, clock, state,
    times, relative, absolute, dense, counts, found, end, max_step, max_steps, iterations,
):  # fmt: skip
    """Advance a block as `dopri5.advance` does; the second program gives df/d(t, y), row by row, n × (n + 1).

    Source: Hairer & Wanner, Solving ODEs II, IV.7 and IV.10 (RODAS, stiffly accurate, L-stable, order 4(3)).
    """
    a = np.array([
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [1.544, 0.0, 0.0, 0.0, 0.0],
        [0.9466785280815826, 0.2557011698983284, 0.0, 0.0, 0.0],
        [3.314825187068521, 2.896124015972201, 0.9986419139977817, 0.0, 0.0],
        [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 0.0],
        [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 1.0],
    ])  # fmt: skip
    c = np.array([
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [-5.6688, 0.0, 0.0, 0.0, 0.0],
        [-2.430093356833875, -0.2063599157091915, 0.0, 0.0, 0.0],
        [-0.1073529058151375, -9.594562251023355, -20.47028614809616, 0.0, 0.0],
        [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160, 0.0],
        [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054],
    ])  # fmt: skip
    when = np.array([0.0, 0.386, 0.21, 0.63, 1.0, 1.0])
    drift = np.array([0.25, -0.1043, 0.1035, -0.0362, 0.0, 0.0])
    bend = np.array([
        [10.12623508344586, -7.487995877610167, -34.80091861555747, -7.992771707568823, 1.025137723295662],
        [-0.6762803392801253, 6.087714651680015, 16.43084320892478, 24.76722511418386, -6.594389125716872],
    ])  # fmt: skip
    n = state.shape[0]
    width = state.shape[1]
    first = constants.shape[0]
    first_j = constants_j.shape[0]
    registers = load(constants, n_registers, first, parameters, n)
    registers_j = load(constants_j, n_registers_j, first_j, parameters, n)
    jacobian = np.zeros((n * (n + 1), width))
    lus = np.zeros((width, n, n))
    orders = np.zeros((width, n), dtype=np.int64)
    regular = np.zeros(width, dtype=np.int64)
    k = np.zeros((6, n, width))
    trial = np.zeros((n, width))
    right = np.zeros((n, width))
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
                clock[1, i] = np.copysign(1.0, clock[1, i])
        if running == 0:
            break
        t = clock[0]
        h = clock[1]
        slopes(code_j, registers_j, first_j, outputs_j, t, state, jacobian)
        for m in range(width):
            for i in range(n):
                for j in range(n):
                    lus[m, i, j] = -jacobian[i * (n + 1) + 1 + j, m]
                lus[m, i, i] += 1.0 / (0.25 * h[m])
            regular[m] = 1 if factorize(lus[m], orders[m]) else 0
            if regular[m] == 0:  # the step is refused below; what is solved with it is not used
                for i in range(n):
                    orders[m, i] = i
                    lus[m, i, i] = 1.0
        for stage in range(6):
            for j in range(n):
                trial[j] = state[j]
                for s in range(stage):
                    trial[j] = trial[j] + a[stage, s] * k[s, j]
            slopes(code, registers, first, outputs, t + when[stage] * h, trial, right)
            for j in range(n):
                right[j] = right[j] + drift[stage] * h * jacobian[j * (n + 1)]
                for s in range(stage):
                    right[j] = right[j] + c[stage, s] / h * k[s, j]
            solve(lus, orders, right, stage, k)
        squares = np.zeros(width)
        for j in range(n):
            trial[j] = trial[j] + k[5, j]
            error = k[5, j] / (absolute[j] + rtol * np.maximum(np.abs(state[j]), np.abs(trial[j])))
            squares += error * error
        for i in range(width):
            if counts[0, i] != 0:
                continue
            step = clock[1, i]
            error = np.sqrt(squares[i] / n)
            if regular[i] == 0 or not error <= 1.0:
                counts[2, i] += 1
                clock[1, i] = step / min(6.0, error**0.25 / 0.9) if regular[i] and error < 1e100 else step / 10.0
                if abs(clock[1, i]) <= 4e-16 * abs(clock[0, i]) or abs(clock[1, i]) < 1e-290:
                    counts[0, i] = 2
                elif counts[1, i] + counts[2, i] >= max_steps:
                    counts[0, i] = 3
                continue
            counts[1, i] += 1
            past = clock[0, i]
            time = end if step == end - past else past + step
            for j in range(n):
                dense[0, j, i] = state[j, i]
                dense[1, j, i] = trial[j, i] - state[j, i]
                dense[2, j, i] = 0.0
                dense[3, j, i] = 0.0
                for s in range(5):
                    dense[2, j, i] += bend[0, s] * k[s, j, i]
                    dense[3, j, i] += bend[1, s] * k[s, j, i]
                dense[4, j, i] = 0.0
                state[j, i] = trial[j, i]
            write_points(dense, i, past, step, np.copysign(1.0, step), time, times, counts[3], found)
            clock[0, i] = time
            clock[3, i] = past
            clock[1, i] = step / max(0.2, min(6.0, error**0.25 / 0.9))
            if time == end:
                counts[0, i] = 1
            elif counts[1, i] + counts[2, i] >= max_steps:
                counts[0, i] = 3
    return running
