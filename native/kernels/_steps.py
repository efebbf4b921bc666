"""What the integrators share: running a program on a block of members, dense output, step control's limits."""

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


def load(constants, n_registers, first, parameters, n):
    """Make the registers of a block, with constants and `parameters` (p, w) in their places."""
    registers = np.zeros((n_registers, parameters.shape[1]))
    for i in range(constants.shape[0]):
        registers[i] = constants[i]
    for i in range(parameters.shape[0]):
        registers[first + 1 + n + i] = parameters[i]
    return registers


def write_points(dense, i, past, step, direction, time, times, cursor, found):
    """Write the points of `times` that member i's last step has passed, by its interpolant (Hairer's CONTD5 form)."""
    while cursor[i] < times.shape[0] and (times[cursor[i]] - time) * direction <= 0.0:
        s = (times[cursor[i]] - past) / step
        for j in range(dense.shape[1]):
            value = dense[3, j, i] + (1.0 - s) * dense[4, j, i]
            value = dense[1, j, i] + (1.0 - s) * (dense[2, j, i] + s * value)
            found[i, cursor[i], j] = dense[0, j, i] + s * value
        cursor[i] += 1
