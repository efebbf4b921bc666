"""A typical piece of work for each kernel, with its useful operations and the bytes that have to move."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType

import numpy as np

from native import levmar, newton, ode, quadrature
from native.formula import compile_program
from native.kernels import dense, dense_lanes, multigrid, stencil
from native.ode_kernels import EXPLICIT, IMPLICIT, kernel_of

_LORENZ = ["sigma*(y - x)", "x*(rho - z) - y", "x*y - beta*z"]
_ROBERTSON = ["-0.04*x + 1e4*y*z", "0.04*x - 1e4*y*z - 3e7*y**2", "3e7*y**2"]
_PERIODIC = np.zeros(6, dtype=np.int64)


@dataclass(frozen=True)
class Workload:
    """What to run, how many operations and bytes it takes, and what it is."""

    run: Callable[[], object]
    operations: float
    bytes_moved: float
    what: str


def _watch(_fraction: float, _stage: str) -> None:
    """Run to the end."""


def _formula() -> Workload:
    points = 200_000
    program = compile_program(_LORENZ, ["x", "y", "z"], ["sigma", "rho", "beta"])
    inputs = np.random.default_rng(1).uniform(1, 2, (6, points))
    return Workload(
        lambda: program.evaluate(inputs), len(program.code) * points, 8.0 * 9 * points,
        "the slopes of the Lorenz system at 200,000 points",
    )  # fmt: skip


def _dense(kernel: ModuleType) -> Workload:
    k, n = 5000, 8
    rng = np.random.default_rng(1)
    matrices, rights = rng.standard_normal((k, n, n)), rng.standard_normal((k, n))
    return Workload(
        lambda: kernel.solve_batch(matrices, rights), k * (2 / 3 * n**3 + 2 * n**2), 8.0 * k * (n * n + 2 * n),
        "5,000 systems of 8 equations; factors and one solution count, the error bound does not",
    )  # fmt: skip


def _newton() -> Workload:
    n = 8
    names = [f"x{i}" for i in range(n)]
    texts = [f"{name}**3 + {name} - 2 + 0.1*sin({names[i - 1]})" for i, name in enumerate(names)]
    program = compile_program(texts, names, derivatives="gradient")
    constants, factors = np.tile(program.constants, (newton.TURNS, 1)), np.ones((newton.TURNS, n))

    def run() -> newton.Ended:
        return newton.polish(program, constants, np.full(n, 0.5), np.empty((newton.TURNS, 0)), factors)

    return Workload(
        run, run().steps * (len(program.code) + 2 / 3 * n**3 + 2 * n**2), 0.0,
        "8 equations; evaluations and factors of the steps count, the bound of the error does not",
    )  # fmt: skip


def _levmar() -> Workload:
    m, n = 128, 3
    program = compile_program(["a*exp(-b*x) + c"], ["a", "b", "c"], ["x"], derivatives="gradient")
    x = np.linspace(0, 4, m)
    data = np.tile(np.stack([x, 2 * np.exp(-1.3 * x) + 0.5 + 0.01 * np.cos(50 * x)]), (levmar.TURNS, 1, 1))
    constants, factors = np.tile(program.constants, (levmar.TURNS, 1)), np.ones((levmar.TURNS, n))

    def run() -> levmar.Ended:
        return levmar.fit(
            program, constants, np.ones(n), data, np.ones(m), factors, float(np.linalg.norm(data[0, 1])), 300
        )

    return Workload(
        run, run().evaluations * m * (len(program.code) + 2.0 * n * n), 0.0,
        "3 parameters, 128 rows; evaluations and factors count, the bound of the error does not",
    )  # fmt: skip


def _quadrature() -> Workload:
    program = compile_program(["exp(-x*x)*cos(k*x)"], ["x"], ["k"])
    inputs = np.array([0.0, 200.0])

    def run() -> quadrature.Integral:
        return quadrature.integrate(program, 0, inputs, [-8.0, 8.0], 1e-12, 0.0, 5000, _watch)

    return Workload(
        run, run().evaluations * (len(program.code) + 6.0), 0.0,
        "an oscillating integral; exp and cos count as one operation each",
    )  # fmt: skip


def _integrator(
    method: str, formulas: list[str], parameters: dict[str, float], start: list[float], end: float
) -> Workload:
    members, names = 512, ["x", "y", "z"]
    program = compile_program(formulas, ["t", *names], list(parameters))

    def jacobian() -> object:
        whole = compile_program(formulas, ["t", *names], list(parameters), derivatives="gradient")
        return replace(whole, outputs=whole.outputs[len(names) :].copy())

    spread = np.linspace(0.99, 1.01, members)
    initial = np.array(start)[:, None] * spread
    many = ode.Members(
        initial, np.array(list(parameters.values())).reshape(-1, 1) * np.ones(members), np.zeros(members),
        np.full(members, end), np.full(members, 1e-6), np.full(members, 1e-9), np.full(members, np.inf),
        np.full(members, 100_000), np.linspace(0, end, 3)[None], np.zeros(members, dtype=np.int64),
    )  # fmt: skip

    def run() -> ode.Trajectories:
        return ode.integrate(program, jacobian, many, (method,), _watch)

    made = run()
    cost = kernel_of(method, program, jacobian, detect=False).cost
    steps = int(made.accepted.sum() + made.rejected.sum())
    return Workload(run, float(steps * cost), 0.0, f"{members} members, {steps} steps of about {cost} operations")


def _stencil() -> Workload:
    shape = (128, 128, 128)
    u, d, out = np.random.default_rng(1).random((3, *shape))
    weights = np.ones(3)
    return Workload(
        lambda: stencil.diffuse(u, d, out, weights, _PERIODIC), 25.0 * u.size, 24.0 * u.size,
        "diffusion on 128³ nodes, three arrays moved once",
    )  # fmt: skip


def _multigrid() -> Workload:
    shape = (128, 128, 128)
    u, d, f = np.random.default_rng(1).random((3, *shape))
    weights = np.ones(3)

    def run() -> None:
        for colour in (0, 1):
            multigrid.relax(u, d, f, 0.5, weights, _PERIODIC, colour)

    return Workload(run, 32.0 * u.size, 2 * 32.0 * u.size, "a red and black sweep on 128³ nodes, u written back")


_CHAOS = ({"sigma": 10.0, "rho": 28.0, "beta": 8 / 3}, [1.0, 1.0, 20.0], 5.0)
_STIFF = ({}, [1.0, 1e-5, 1e-3], 100.0)
WORKLOADS: dict[str, Callable[[], Workload]] = {
    "dense": partial(_dense, dense), "dense_lanes": partial(_dense, dense_lanes), "formula": _formula,
    "newton": _newton, "levmar": _levmar,
    "quadrature": _quadrature, "stencil": _stencil, "multigrid": _multigrid,
    **{name: partial(_integrator, name, _LORENZ, *_CHAOS) for name in EXPLICIT},
    **{name: partial(_integrator, name, _ROBERTSON, *_STIFF) for name in IMPLICIT},
}  # fmt: skip
"""By the kernel's name."""
