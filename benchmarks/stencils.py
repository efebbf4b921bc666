"""Stencil kernels beside NumPy and hand-written numba on one core, and Poisson's equation on 216³ points.

GB/s count each array once (what a perfect cache would move); the share is of the triad a = b + s c, measured beside.
"""

import multiprocessing
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from native.pde import operators
from native.pde.grid import VALUE, Axis, Grid
from sciagents.accuracy.case import answer

ROUNDS = 7
POINTS = 160
POISSON = {"constant": None, "varying": "1 + x*y + z"}


def measure() -> dict[str, Any]:
    grid = Grid(tuple(Axis(0.0, 1.0, POINTS - 1, (VALUE, VALUE)) for _ in range(3)))
    rng = np.random.default_rng(1)
    u, d, v = rng.random((3, *grid.shape))
    outs = {name: np.zeros(grid.shape) for name in ("ours", "numpy", "numba")}
    compiled = _numba()
    w = grid.weights
    triad = _best({"triad": lambda: compiled["triad"](u.ravel(), d.ravel(), outs["numba"].ravel())})["triad"]
    bandwidth = 3 * 8 * grid.size / triad / 1e9
    print(f"triad: {bandwidth:.1f} GB/s", flush=True)
    found: dict[str, Any] = {"triad_gb_s": bandwidth}
    cases: dict[str, tuple[int, dict[str, Callable[[], object]]]] = {
        "laplacian": (2, {
            "ours": lambda: operators.diffuse(u, 0.7, grid, outs["ours"]),
            "numpy": lambda: _numpy_laplace(u, 0.7, w, outs["numpy"]),
            "numba": lambda: compiled["laplace"](u, 0.7, w, outs["numba"]),
        }),
        "diffusion": (3, {
            "ours": lambda: operators.diffuse(u, d, grid, outs["ours"]),
            "numpy": lambda: _numpy_diffuse(u, d, w, outs["numpy"]),
            "numba": lambda: compiled["diffuse"](u, d, w, outs["numba"]),
        }),
        "advection": (3, {
            "ours": lambda: _cleared(operators.advect, u, v, grid, outs["ours"]),
            "numpy": lambda: _cleared(_numpy_advect, u, v, grid, outs["numpy"]),
            "numba": lambda: _cleared(compiled["advect"], u, v, grid, outs["numba"]),
        }),
    }  # fmt: skip
    for name, (arrays, contestants) in cases.items():
        times = _best(contestants)
        inner = (slice(2, -2),) * 3
        for other in ("numpy", "numba"):
            np.testing.assert_allclose(outs["ours"][inner], outs[other][inner], rtol=1e-9, atol=1e-6)
        rate = arrays * 8 * grid.size / times["ours"] / 1e9
        row = {
            "ours_ms": 1e3 * times["ours"], "gb_s": rate, "share_of_triad": rate / bandwidth,
            "numpy": times["numpy"] / times["ours"], "numba": times["numba"] / times["ours"],
        }  # fmt: skip
        found[name] = row
        print(
            f"{name} {POINTS}³: {row['ours_ms']:.1f} ms, {rate:.1f} GB/s ({row['share_of_triad']:.0%} of triad); "
            f"NumPy takes {row['numpy']:.1f} times as long, numba {row['numba']:.2f} times", flush=True,
        )  # fmt: skip
    found["poisson"] = {name: _poisson(name) for name in POISSON}
    return found


def _best(contestants: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of the processor, the best of several rounds in turns."""
    best = dict.fromkeys(contestants, float("inf"))
    for contestant in contestants.values():
        contestant()
    for _ in range(ROUNDS):
        for name, contestant in contestants.items():
            start = time.process_time()
            contestant()
            best[name] = min(best[name], time.process_time() - start)
    return best


def _numpy_laplace(u: Any, scale: float, w: Any, out: Any) -> None:
    c = u[1:-1, 1:-1, 1:-1]
    out[1:-1, 1:-1, 1:-1] = scale * (
        w[0] * (u[2:, 1:-1, 1:-1] - 2 * c + u[:-2, 1:-1, 1:-1])
        + w[1] * (u[1:-1, 2:, 1:-1] - 2 * c + u[1:-1, :-2, 1:-1])
        + w[2] * (u[1:-1, 1:-1, 2:] - 2 * c + u[1:-1, 1:-1, :-2])
    )  # fmt: skip


def _numpy_diffuse(u: Any, d: Any, w: Any, out: Any) -> None:
    inner = (slice(1, -1),) * 3
    total = np.zeros_like(u[inner])
    for axis in range(3):
        flux = 0.5 * w[axis] * (np.delete(d, 0, axis) + np.delete(d, -1, axis)) * np.diff(u, axis=axis)
        cut = list(inner)
        cut[axis] = slice(None)
        total += np.diff(flux[tuple(cut)], axis=axis)
    out[inner] = total


def _numpy_advect(u: Any, v: Any, grid: Grid, axis: int, out: Any) -> None:
    n = u.shape[axis]
    a, b, c, d, e = (np.take(u, np.arange(k, n - 4 + k), axis) for k in range(5))
    index = [slice(None)] * 3
    index[axis] = slice(2, -2)
    one = v[tuple(index)]
    way = np.where(one > 0, 2 * d + 3 * c - 6 * b + a, 6 * d - 3 * c - 2 * b - e)
    out[tuple(index)] -= one * way / (6 * grid.axes[axis].spacing)


def _cleared(advect: Callable[..., object], u: Any, v: Any, grid: Grid, out: Any) -> None:
    out.fill(0.0)
    advect(u, v, grid, 0, out)


def _numba() -> dict[str, Callable[..., object]]:
    from numba import njit  # noqa: PLC0415 - a peer, not needed by other benchmarks

    @njit
    def triad(b: Any, c: Any, a: Any) -> None:
        for i in range(a.size):
            a[i] = b[i] + 3.0 * c[i]

    @njit
    def laplace(u: Any, scale: float, w: Any, out: Any) -> None:
        for i in range(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                for k in range(1, u.shape[2] - 1):
                    c = 2.0 * u[i, j, k]
                    out[i, j, k] = scale * (
                        w[0] * (u[i + 1, j, k] - c + u[i - 1, j, k]) + w[1] * (u[i, j + 1, k] - c + u[i, j - 1, k])
                        + w[2] * (u[i, j, k + 1] - c + u[i, j, k - 1])
                    )  # fmt: skip

    @njit
    def diffuse(u: Any, d: Any, w: Any, out: Any) -> None:
        for i in range(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                for k in range(1, u.shape[2] - 1):
                    x, y = u[i, j, k], d[i, j, k]
                    total = (d[i + 1, j, k] + y) * (u[i + 1, j, k] - x) - (d[i - 1, j, k] + y) * (x - u[i - 1, j, k])
                    total *= w[0]
                    one = (d[i, j + 1, k] + y) * (u[i, j + 1, k] - x) - (d[i, j - 1, k] + y) * (x - u[i, j - 1, k])
                    two = (d[i, j, k + 1] + y) * (u[i, j, k + 1] - x) - (d[i, j, k - 1] + y) * (x - u[i, j, k - 1])
                    out[i, j, k] = 0.5 * (total + w[1] * one + w[2] * two)

    @njit
    def upwind(u: Any, v: Any, w: float, out: Any) -> None:
        for i in range(2, u.shape[0] - 2):
            for j in range(u.shape[1]):
                for k in range(u.shape[2]):
                    b, c, d = u[i - 1, j, k], u[i, j, k], u[i + 1, j, k]
                    if v[i, j, k] > 0.0:
                        way = 2.0 * d + 3.0 * c - 6.0 * b + u[i - 2, j, k]
                    else:
                        way = 6.0 * d - 3.0 * c - 2.0 * b - u[i + 2, j, k]
                    out[i, j, k] -= w * v[i, j, k] * way

    def advect(u: Any, v: Any, grid: Grid, axis: int, out: Any) -> None:
        upwind(u, v, 1.0 / (6.0 * grid.axes[axis].spacing), out)

    return {"triad": triad, "laplace": laplace, "diffuse": diffuse, "advect": advect}


def _poisson(name: str) -> dict[str, float]:
    """Solve on 216³ points in a process of its own, so that its peak of memory is known."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        row = pool.apply(_solve, (name,))
    print(f"Poisson 216³, {name}: {row['processor_s']:.1f} s of one core, peak {row['peak_gib']:.2f} GiB", flush=True)
    return row


def _solve(name: str) -> dict[str, float]:
    inputs: dict[str, Any] = {"domain": [[0, 1]] * 3, "shape": [216] * 3, "source": "sin(pi*x)*sin(pi*y)*sin(pi*z)"}
    if POISSON[name]:
        inputs["coefficients"] = {"diffusivity": POISSON[name]}
    wall, processor = time.perf_counter(), time.process_time()
    outcome = answer("pde", "poisson", inputs, {})
    if outcome.problem is not None:
        raise outcome.problem
    return {
        "wall_s": time.perf_counter() - wall, "processor_s": time.process_time() - processor,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "error_estimate": outcome.diagnostics.error_estimate or 0.0,
    }  # fmt: skip
