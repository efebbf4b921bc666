"""Dormand–Prince 8(5,3) over blocks of lanes, each with its own step, with an interpolant of order 7."""

import numpy as np

from native.kernels._steps import combine, finish_step, is_wanted, load, plan_steps, reject, slopes, watch_stiffness

# pythran export advance(int32[:,:] order(C), float64[:], int, int64[:], float64[:,:] order(C), float64[:,:] order(C), int64[:,:] order(C), float64[:,:] order(C), float64[:,:] order(C), float64[:,:] order(C), float64[:,:,:], float64[:,:,:], int64[:], int, int, int)  # noqa: E501


def stage_weights():
    """Rows a of the stages from the second to the twelfth, then (66) the solution's row b."""
    return np.array([
        0.05260015195876773,
        0.0197250569845379, 0.0591751709536137,
        0.02958758547680685, 0.0, 0.08876275643042054,
        0.2413651341592667, 0.0, -0.8845494793282861, 0.924834003261792,
        0.037037037037037035, 0.0, 0.0, 0.17082860872947386, 0.12546768756682242,
        0.037109375, 0.0, 0.0, 0.17025221101954405, 0.06021653898045596, -0.017578125,
        0.03709200011850479, 0.0, 0.0, 0.17038392571223998, 0.10726203044637328, -0.015319437748624402,
        0.008273789163814023,
        0.6241109587160757, 0.0, 0.0, -3.3608926294469414, -0.868219346841726, 27.59209969944671,
        20.154067550477894, -43.48988418106996,
        0.47766253643826434, 0.0, 0.0, -2.4881146199716677, -0.590290826836843, 21.230051448181193,
        15.279233632882423, -33.28821096898486, -0.020331201708508627,
        -0.9371424300859873, 0.0, 0.0, 5.186372428844064, 1.0914373489967295, -8.149787010746927,
        -18.52006565999696, 22.739487099350505, 2.4936055526796523, -3.0467644718982196,
        2.273310147516538, 0.0, 0.0, -10.53449546673725, -2.0008720582248625, -17.9589318631188, 27.94888452941996,
        -2.8589982771350235, -8.87285693353063, 12.360567175794303, 0.6433927460157636,
        0.054293734116568765, 0.0, 0.0, 0.0, 0.0, 4.450312892752409, 1.8915178993145003, -5.801203960010585,
        0.3111643669578199, -0.1521609496625161, 0.20136540080403034, 0.04471061572777259,
    ])  # fmt: skip


def error_weights():
    """The rows of the errors of order 5 and (from 12) 3."""
    return np.array([
        0.01312004499419488, 0.0, 0.0, 0.0, 0.0, -1.2251564463762044, -0.4957589496572502, 1.6643771824549864,
        -0.35032884874997366, 0.3341791187130175, 0.08192320648511571, -0.022355307863886294,
        -0.18980075407240762, 0.0, 0.0, 0.0, 0.0, 4.450312892752409, 1.8915178993145003, -5.801203960010585,
        -0.4226823213237919, -0.1521609496625161, 0.20136540080403034, 0.02265179219836082,
    ])  # fmt: skip


def dense_weights():
    """Rows a of the three stages of the interpolant (13, 14 and 15 long), then (from 42) its four rows d."""
    return np.array([
        0.056167502283047954, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25350021021662483, -0.2462390374708025,
        -0.12419142326381637, 0.15329179827876568, 0.00820105229563469, 0.007567897660545699, -0.008298,
        0.03183464816350214, 0.0, 0.0, 0.0, 0.0, 0.028300909672366776, 0.053541988307438566, -0.05492374857139099,
        0.0, 0.0, -0.00010834732869724932, 0.0003825710908356584, -0.00034046500868740456, 0.1413124436746325,
        -0.42889630158379194, 0.0, 0.0, 0.0, 0.0, -4.697621415361164, 7.683421196062599, 4.06898981839711,
        0.3567271874552811, 0.0, 0.0, 0.0, -0.0013990241651590145, 2.9475147891527724, -9.15095847217987,
        -8.428938276109013, 0.0, 0.0, 0.0, 0.0, 0.5667149535193777, -3.0689499459498917, 2.38466765651207,
        2.117034582445028, -0.871391583777973, 2.2404374302607883, 0.6315787787694688, -0.08899033645133331,
        18.148505520854727, -9.194632392478356, -4.436036387594894,
        10.427508642579134, 0.0, 0.0, 0.0, 0.0, 242.28349177525817, 165.20045171727028, -374.5467547226902,
        -22.113666853125306, 7.733432668472264, -30.674084731089398, -9.332130526430229, 15.697238121770845,
        -31.139403219565178, -9.35292435884448, 35.81684148639408,
        19.985053242002433, 0.0, 0.0, 0.0, 0.0, -387.0373087493518, -189.17813819516758, 527.8081592054236,
        -11.57390253995963, 6.8812326946963, -1.0006050966910838, 0.7777137798053443, -2.778205752353508,
        -60.19669523126412, 84.32040550667716, 11.99229113618279,
        -25.69393346270375, 0.0, 0.0, 0.0, 0.0, -154.18974869023643, -231.5293791760455, 357.6391179106141,
        93.40532418362432, -37.45832313645163, 104.0996495089623, 29.8402934266605, -43.53345659001114,
        96.32455395918828, -39.17726167561544, -149.72683625798564,
    ])  # fmt: skip


def nodes():
    """Where in the step the stages are from the second to the twelfth, then (from 11) those of the interpolant."""
    return np.array([
        0.05260015195876773, 0.0789002279381516, 0.1183503419072274, 0.2816496580927726, 0.3333333333333333, 0.25,
        0.3076923076923077, 0.6512820512820513, 0.6, 0.8571428571428571, 1.0, 0.1, 0.2, 0.7777777777777778,
    ])  # fmt: skip


def compute_stages(code, registers, first, outputs, times, steps, state, k, table, when, trial, last, change):
    """Compute the stages k[1] to k[12]; `trial` becomes the new state, `last` the twelfth stage's one."""
    start = 0
    for stage in range(1, 13):
        combine(change, k, table, start, stage)
        start += stage
        if stage == 12:
            for j in range(state.shape[0]):
                last[j] = trial[j]
        for j in range(state.shape[0]):
            trial[j] = state[j] + steps * change[j]
        if stage < 12:
            slopes(code, registers, first, outputs, times + when[stage - 1] * steps, trial, k[stage])
        else:
            slopes(code, registers, first, outputs, times + steps, trial, k[stage])


def measure(high, low, state, trial, lanes, steps, errors):
    """Error of each lane in units of the tolerance, to `errors` (w), from those of order 5 and 3 (n, w)."""
    n = state.shape[0]
    for i in range(state.shape[1]):
        five = 0.0
        three = 0.0
        for j in range(n):
            scale = lanes[6, i] + lanes[5, i] * max(abs(state[j, i]), abs(trial[j, i]))
            one = high[j, i] / scale
            other = low[j, i] / scale
            five += one * one
            three += other * other
        errors[i] = 0.0
        both = five + 0.01 * three
        if both != 0.0:  # NaN too
            errors[i] = abs(steps[i]) * five / np.sqrt(both * n)


def any_wanted(lanes, counts, grids, errors, log):
    """Whether a lane whose step is taken needs the interpolant."""
    for i in range(lanes.shape[1]):
        if counts[0, i] == 0 and errors[i] <= 1.0 and is_wanted(i, lanes, counts, grids, log):
            return True
    return False


def compute_dense(code, registers, first, outputs, times, steps, state, k, table, when, trial, change, dense):
    """Compute the three stages that the interpolant takes more, and its last four parts; `trial` is the new state."""
    n = state.shape[0]
    start = 0
    for stage in range(13, 16):
        combine(change, k, table, start, stage)
        start += stage
        for j in range(n):
            change[j] = state[j] + steps * change[j]
        slopes(code, registers, first, outputs, times + when[stage - 2] * steps, change, k[stage])
    for part in range(4):
        combine(change, k, table, 42 + 16 * part, 16)
        for j in range(n):
            dense[4 + part, j] = steps * change[j]
    for j in range(n):
        dense[0, j] = state[j]
        dense[1, j] = trial[j] - state[j]
        dense[2, j] = steps * k[0, j] - dense[1, j]
        dense[3, j] = dense[1, j] - steps * k[12, j] - dense[2, j]


def take_step(i, error, lanes, counts, state, k, trial, dense, grids, found, log, logged):
    """Take the step of lane i; the next one's size follows from this error."""
    factor = max(0.15, min(3.0, max(error, 1e-300) ** 0.125 / 0.9))
    finish_step(dense, i, lanes, counts, grids, found, log, logged, factor)
    for j in range(state.shape[0]):
        state[j, i] = trial[j, i]
        k[0, j, i] = k[12, j, i]


def advance(
    code, constants, n_registers, outputs, parameters, lanes, counts, state, slope, grids, found, log, logged, detect,
    iterations, enough,
):  # fmt: skip
    """Advance a block of lanes as `dopri5.advance` does; the interpolant in `log` has eight parts.

    Source: Hairer, Nørsett & Wanner, Solving ODEs I, II.5 and II.6 (DOP853), its error and its stiffness test.
    """
    table = stage_weights()
    error_table = error_weights()
    dense_table = dense_weights()
    when = nodes()
    n = state.shape[0]
    width = state.shape[1]
    first = constants.shape[0]
    registers = np.zeros((n_registers, width))
    load(registers, constants, parameters, n)
    k = np.zeros((16, n, width))
    trial = np.zeros((n, width))
    last = np.zeros((n, width))
    change = np.zeros((n, width))
    low = np.zeros((n, width))
    dense = np.zeros((8, n, width))
    steps = np.zeros(width)
    errors = np.zeros(width)
    for j in range(n):
        k[0, j] = slope[j]
    running = plan_steps(lanes, counts, 0.0, steps)
    for _ in range(iterations):
        if running < enough:
            break
        compute_stages(code, registers, first, outputs, lanes[0], steps, state, k, table, when, trial, last, change)
        combine(change, k, error_table, 0, 12)
        combine(low, k, error_table, 12, 12)
        measure(change, low, state, trial, lanes, steps, errors)
        if any_wanted(lanes, counts, grids, errors, log):
            compute_dense(
                code, registers, first, outputs, lanes[0], steps, state, k, dense_table, when, trial, change, dense
            )
        for i in range(width):
            if counts[0, i] == 0:
                if errors[i] <= 1.0:
                    if detect:
                        watch_stiffness(i, k[12], k[11], trial, last, lanes, counts, 6.1)
                    take_step(i, errors[i], lanes, counts, state, k, trial, dense, grids, found, log, logged)
                elif errors[i] < 1e100:
                    reject(i, lanes, counts, min(3.0, errors[i] ** 0.125 / 0.9))
                else:  # NaN too
                    reject(i, lanes, counts, 10.0)
        running = plan_steps(lanes, counts, 0.0, steps)
    for j in range(n):
        slope[j] = k[0, j]
    return running
