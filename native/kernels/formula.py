"""Evaluates a program at many points."""

import numpy as np

from native.kernels._vm import execute

# pythran export evaluate(int32[:,:] order(C), float64[:], int, int64[:], float64[:,:] order(C), int)


def begin(constants, n_registers, width):
    """Registers with the constants in place."""
    registers = np.zeros((n_registers, width))
    for i in range(constants.shape[0]):
        registers[i] = constants[i]
    return registers


def evaluate(code, constants, n_registers, outputs, inputs, lanes):
    """Evaluate at k points in blocks of `lanes`, a multiple of 8; `inputs` (n_inputs, k) to (n_outputs, k).

    The last block is filled up to a multiple of 8: no remainder loop, so a result does not depend on its neighbours.
    """
    points = inputs.shape[1]
    n_constants = constants.shape[0]
    made = np.empty((outputs.shape[0], points))
    registers = begin(constants, n_registers, lanes if points >= lanes else (points + 7) // 8 * 8)
    for start in range(0, points, lanes):
        here = min(lanes, points - start)
        if here < lanes and start > 0:
            registers = begin(constants, n_registers, (here + 7) // 8 * 8)
        for i in range(inputs.shape[0]):
            for k in range(here):
                registers[n_constants + i, k] = inputs[i, start + k]
        execute(code, registers)
        for i in range(outputs.shape[0]):
            for k in range(here):
                made[i, start + k] = registers[outputs[i], k]
    return made
