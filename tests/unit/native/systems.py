"""Systems of equations that the tests of the integrators share."""

from dataclasses import replace

import numpy as np

from native import ode
from native.formula import compile_program

OSCILLATOR = {"x": "v", "v": "-w*w*x"}
VAN_DER_POL = {"x": "y", "y": "mu*(1 - x*x)*y - x"}
ROBERTSON = {"a": "-k1*a + k3*b*c", "b": "k1*a - k3*b*c - k2*b**2", "c": "k2*b**2"}
LORENZ = {"x": "sigma*(y - x)", "y": "x*(rho - z) - y", "z": "x*y - beta*z"}


def problem(equations, parameters, initial, t_span, *, points=11, rtol=1e-6, atol=1e-9, max_step=np.inf, most=100_000):
    """A system and its members; values in `parameters` and `initial` may be one number or one per member."""
    names, texts = list(equations), list(equations.values())
    program = compile_program(texts, ["t", *names], list(parameters))

    def jacobian():
        whole = compile_program(texts, ["t", *names], list(parameters), jacobian=True)
        return replace(whole, outputs=whole.outputs[len(names) :].copy())

    values = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(v, float)) for v in [*initial.values(), *parameters.values()])
    )
    count = values[0].size
    stacked = np.array(values).reshape(len(values), count)
    members = ode.Members(
        stacked[: len(names)].copy(), stacked[len(names) :].copy(), np.full(count, float(t_span[0])),
        np.full(count, float(t_span[1])), np.full(count, rtol), np.full(count, atol), np.full(count, max_step),
        np.full(count, most), np.linspace(*t_span, points)[None], np.zeros(count, dtype=np.int64),
    )  # fmt: skip
    return program, jacobian, members
