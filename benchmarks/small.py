"""Small single requests beside the same call of SciPy: what validation, bounds and diagnostics cost.

Both start from the JSON of the inputs. Ours validates, computes and bounds its error, the short way where there is one;
SciPy's gets its arrays made and gives the answer alone. Add a row to `CASES` for a task that is to be fast.
"""

import math
import time
import timeit
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import scipy
import scipy.integrate
import scipy.optimize

from agents import catalogue

_ROUNDS = 7
_ROUND_S = 0.05


@dataclass(frozen=True)
class Small:
    """A request and the peer that answers it from the same inputs."""

    name: str
    agent: str
    task: str
    inputs: Mapping[str, Any]
    peer: Callable[[Mapping[str, Any]], object]
    options: Mapping[str, Any] = field(default_factory=dict)


def _matrix(n: int, *, positive: bool = False) -> list[list[float]]:
    drawn = np.random.default_rng(n).standard_normal((n, n))
    return (drawn @ drawn.T + n * np.eye(n) if positive else drawn).tolist()


def _batch(k: int, n: int) -> dict[str, Any]:
    drawn = np.random.default_rng(n)
    return {"a": drawn.standard_normal((k, n, n)).tolist(), "b": drawn.standard_normal((k, n)).tolist()}


def _array(inputs: Mapping[str, Any], name: str = "a") -> Any:
    return np.asarray(inputs[name], dtype=float)


def _solved(inputs: Mapping[str, Any]) -> object:
    return scipy.linalg.solve(_array(inputs), _array(inputs, "b"))


def _solved_together(inputs: Mapping[str, Any]) -> object:
    return np.linalg.solve(_array(inputs), _array(inputs, "b")[..., None])


def _judged_together(inputs: Mapping[str, Any]) -> object:
    """What it takes in NumPy to know of each solution how far it can be trusted."""
    a, b = _array(inputs), _array(inputs, "b")[..., None]
    x, inverse = np.linalg.solve(a, b), np.linalg.inv(a)
    residual = np.abs(b - a @ x)
    condition = np.abs(a).sum(axis=1).max(axis=1) * np.abs(inverse).sum(axis=1).max(axis=1)
    scale = np.abs(a) @ np.abs(x) + np.abs(b)
    return x, condition, residual.max(axis=1), (np.abs(inverse) @ (residual + 1e-15 * scale)).max(axis=1)


def _linalg() -> list[Small]:
    rows = [
        Small(f"solve, n = {n}", "linalg", "solve", {"a": _matrix(n), "b": [1.0] * n}, _solved)
        for n in (2, 4, 8, 16, 32, 64, 128)
    ]
    positive = {"a": _matrix(40, positive=True), "b": [1.0] * 40}
    rows.append(Small("solve, n = 40, positive definite", "linalg", "solve", positive, _solved))
    tall = {"a": np.random.default_rng(1).standard_normal((40, 6)).tolist(), "b": [1.0] * 40}
    rows.append(Small("least_squares, 40×6", "linalg", "least_squares", tall,
                      lambda given: scipy.linalg.lstsq(_array(given), _array(given, "b"))))  # fmt: skip
    symmetric = (np.array(_matrix(16)) + np.array(_matrix(16)).T).tolist()
    rows += [
        Small("eigen, n = 16", "linalg", "eigen", {"a": _matrix(16)}, lambda given: scipy.linalg.eig(_array(given))),
        Small("eigen, n = 16, symmetric", "linalg", "eigen", {"a": symmetric},
              lambda given: scipy.linalg.eigh(_array(given))),
        Small("svd, n = 16", "linalg", "svd", {"a": _matrix(16)}, lambda given: scipy.linalg.svd(_array(given))),
        Small("factorize lu, n = 16", "linalg", "factorize", {"a": _matrix(16)},
              lambda given: scipy.linalg.lu(_array(given))),
        Small("expm, n = 8", "linalg", "expm", {"a": _matrix(8)}, lambda given: scipy.linalg.expm(_array(given))),
    ]  # fmt: skip
    for n in (2, 4, 8, 16):
        batch = _batch(2000, n)
        rows.append(Small(f"2,000 systems, n = {n}, beside numpy", "linalg", "solve", batch, _solved_together))
        rows.append(Small(f"2,000 systems, n = {n}, beside numpy with bounds", "linalg", "solve", batch,
                          _judged_together))  # fmt: skip
    return rows


def _optimize() -> list[Small]:
    """SciPy's get Python functions, as somebody would write them."""
    start = [250, 5e-4]
    fit = {
        "t": [77.6, 114.9, 141.1, 190.8, 239.9, 289, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1],
        "y": [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.4],
    }
    valley = {"objective": "(1 - x)**2 + 100*(y - x**2)**2", "initial": {"x": -1.2, "y": 1}}
    prism = {
        "objective": "a*d*(a + b + c) + c",
        "initial": {"a": 1, "b": 5, "c": 5, "d": 1},
        "bounds": {name: [1, 5] for name in "abcd"},
        "constraints": ["a*b*c*d >= 25", "a**2 + b**2 + c**2 + d**2 == 40"],
    }
    limits = (
        {"type": "ineq", "fun": lambda p: p[0] * p[1] * p[2] * p[3] - 25},
        {"type": "eq", "fun": lambda p: p[0] ** 2 + p[1] ** 2 + p[2] ** 2 + p[3] ** 2 - 40},
    )
    program = {"c": [-3, -2], "a_ub": [[1, 1], [1, 3]], "b_ub": [4, 6], "bounds": [[0, 3], [0, None]]}
    return [
        Small("minimize, Rosenbrock", "optimize", "minimize", valley,
              lambda _: scipy.optimize.minimize(lambda p: (1 - p[0])**2 + 100 * (p[1] - p[0]**2)**2, [-1.2, 1])),
        Small("minimize, HS71", "optimize", "minimize", prism,
              lambda _: scipy.optimize.minimize(lambda p: p[0] * p[3] * (p[0] + p[1] + p[2]) + p[2], [1, 5, 5, 1],
                                                bounds=[(1, 5)] * 4, constraints=limits)),
        Small("root, two equations", "optimize", "root",
              {"equations": ["x**2 + y**2 - 4", "x*y - 1"], "initial": {"x": 2, "y": 0.5}},
              lambda _: scipy.optimize.root(lambda p: [p[0]**2 + p[1]**2 - 4, p[0] * p[1] - 1], [2, 0.5])),
        Small("least_squares, Rosenbrock", "optimize", "least_squares",
              {"residuals": ["10*(y - x**2)", "1 - x"], "initial": {"x": -1.2, "y": 1}},
              lambda _: scipy.optimize.least_squares(lambda p: np.array([10 * (p[1] - p[0]**2), 1 - p[0]]), [-1.2, 1])),
        Small("curve_fit, 12 rows", "optimize", "curve_fit",
              {"model": "a*(1 - exp(-b*t))", "parameters": {"a": 250, "b": 5e-4}, "data": fit, "observed": "y"},
              lambda given: scipy.optimize.curve_fit(lambda t, a, b: a * (1 - np.exp(-b * t)),
                                                     *map(np.array, given["data"].values()), start)),
        Small("linear_program, two variables", "optimize", "linear_program", program,
              lambda given: scipy.optimize.linprog(given["c"], given["a_ub"], given["b_ub"], bounds=given["bounds"])),
    ]  # fmt: skip


def _ode() -> list[Small]:
    """`solve_ivp` with the request's tolerances integrates once; ours does so twice, to bound its error."""
    oscillator = {
        "equations": {"x": "v", "v": "-k*x"}, "parameters": {"k": 1}, "initial": {"x": 1, "v": 0}, "t_span": [0, 10],
        "n_points": 101,
    }  # fmt: skip
    lorenz = {
        "equations": {"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8/3*z"},
        "initial": {"x": 1, "y": 1, "z": 1}, "t_span": [0, 5], "n_points": 101,
    }  # fmt: skip
    relaxation = {
        "equations": {"x": "v", "v": "100*(1 - x*x)*v - x"}, "initial": {"x": 2, "v": 0}, "t_span": [0, 200],
        "n_points": 101,
    }  # fmt: skip
    systems: list[tuple[str, dict[str, Any], str, Callable[[float, Any], list[float]], list[float]]] = [
        ("oscillator", oscillator, "RK45", lambda _, u: [u[1], -u[0]], [1, 0]),
        ("Lorenz", lorenz, "RK45",
         lambda _, u: [10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]], [1, 1, 1]),
        ("van der Pol, μ = 100", relaxation, "Radau",
         lambda _, u: [u[1], 100 * (1 - u[0] * u[0]) * u[1] - u[0]], [2, 0]),
    ]  # fmt: skip
    return [
        Small(f"ivp, {name}, beside {method}", "ode", "ivp", inputs, _integrated(slope, start, method))
        for name, inputs, method, slope, start in systems
    ]


def _integrated(
    slope: Callable[[float, Any], list[float]], start: list[float], method: str
) -> Callable[[Mapping[str, Any]], object]:
    def peer(inputs: Mapping[str, Any]) -> object:
        times = np.linspace(*inputs["t_span"], inputs["n_points"])
        return scipy.integrate.solve_ivp(
            slope, inputs["t_span"], start, method=method, rtol=1e-6, atol=1e-9, t_eval=times
        )

    return peer


def _integrate() -> list[Small]:
    """SciPy's integrands are Python functions; `cubature`'s takes arrays of points.

    Ours starts from eight panels in place of one, so that less is stepped over.
    """
    quad = scipy.integrate.quad
    line = {"integrand": "exp(-x**2)", "bounds": ["-Infinity", "Infinity"]}
    cube = {"integrand": "exp(-x*y)*cos(x + z)", "bounds": {"x": [0, 1], "y": [0, 2], "z": [-1, 1]}}
    return [
        Small("quad, exp(-x²) over the line", "integrate", "quad", line,
              lambda _: quad(lambda x: math.exp(-x * x), -math.inf, math.inf)),
        Small("quad, sin(x) exp(-x) over [0, 3]", "integrate", "quad",
              {"integrand": "sin(x)*exp(-x)", "bounds": [0, 3]},
              lambda _: quad(lambda x: math.sin(x) * math.exp(-x), 0, 3)),
        Small("quad, 1/√x over [0, 1]", "integrate", "quad", {"integrand": "1/sqrt(x)", "bounds": [0, 1]},
              lambda _: quad(lambda x: 1 / math.sqrt(x), 0, 1)),
        Small("quad, 1/√|x - 1/2|, breakpoint", "integrate", "quad",
              {"integrand": "1/sqrt(abs(x - 0.5))", "bounds": [0, 1], "breakpoints": [0.5]},
              lambda _: quad(lambda x: 1 / math.sqrt(abs(x - 0.5)), 0, 1, points=[0.5])),
        Small("cubature, 3 dimensions", "integrate", "cubature", cube,
              lambda _: scipy.integrate.cubature(
                  lambda p: np.exp(-p[:, 0] * p[:, 1]) * np.cos(p[:, 0] + p[:, 2]), [0, 0, -1], [1, 2, 1], rtol=1e-6)),
    ]  # fmt: skip


CASES: list[Small] = [*_linalg(), *_optimize(), *_ode(), *_integrate()]


def _go_on(fraction: float, stage: str) -> None:
    """Watch nothing."""


def _ours(case: Small) -> Callable[[], object]:
    task, raw = catalogue.find(case.agent, case.task), msgspec.json.encode(case.inputs)

    def whole() -> object:
        return task.compute([task.prepare(msgspec.json.decode(raw), case.options, 1)], _go_on)

    def short() -> object:
        if task.quick is None:
            raise ValueError(task.name)
        return task.compute([task.quick.plan(task.quick.decoder.decode(raw))], _go_on)

    if task.quick is None or case.options:
        return whole
    try:
        return whole if task.quick.plan(task.quick.decoder.decode(raw)) is None else short
    except msgspec.ValidationError:
        return whole


def _theirs(case: Small) -> Callable[[], object]:
    raw = msgspec.json.encode(case.inputs)
    return lambda: case.peer(msgspec.json.decode(raw))


def _seconds(calls: list[Callable[[], object]]) -> list[float]:
    """Seconds of the processor of each call, the best of rounds in turns: others on the machine count least so."""
    counts = [
        max(1, int(_ROUND_S / max(timeit.timeit(call, number=1, timer=time.process_time), 1e-6))) for call in calls
    ]
    found: list[list[float]] = [[] for _ in calls]
    for _ in range(_ROUNDS):
        for times, call, count in zip(found, calls, counts, strict=True):
            times.append(timeit.timeit(call, number=count, timer=time.process_time) / count)
    return [min(times) for times in found]


def measure() -> dict[str, Any]:
    """Measure every case; prints a table."""
    found: dict[str, Any] = {}
    print(f"{'request':52} {'ours ms':>9} {'SciPy ms':>9} {'ratio':>6}")
    for case in CASES:
        ours, peer = _seconds([_ours(case), _theirs(case)])
        found[f"{case.agent}.{case.name}"] = {"ours_ms": ours * 1e3, "scipy_ms": peer * 1e3, "ratio": ours / peer}
        print(f"{case.agent + '.' + case.name:52} {ours * 1e3:9.3f} {peer * 1e3:9.3f} {ours / peer:6.2f}", flush=True)
    return found
