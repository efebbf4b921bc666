"""Evaluates a program at many points."""

import numpy as np

from native.kernels._vm import execute

# pythran export evaluate(int32[:,:], float64[:], int, int64[:], float64[:,:], int)


def evaluate(code, constants, n_registers, outputs, inputs, lanes):
    """Evaluate at k points in blocks of `lanes`; `inputs` (n_inputs, k), k a multiple of 8, to (n_outputs, k)."""
    points = inputs.shape[1]
    n_inputs = inputs.shape[0]
    n_constants = constants.shape[0]
    made = np.empty((outputs.shape[0], points))
    for start in range(0, points, lanes):
        width = min(lanes, points - start)
        registers = np.zeros((n_registers, width))
        for i in range(n_constants):
            registers[i] = constants[i]
        for i in range(n_inputs):
            registers[n_constants + i] = inputs[i, start : start + width]
        execute(code, registers)
        for i in range(outputs.shape[0]):
            made[i, start : start + width] = registers[outputs[i]]
    return made
