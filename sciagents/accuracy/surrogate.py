"""Surrogates of functions that are known everywhere, and of samples whose prediction can be worked out by hand."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import qmc

from sciagents.accuracy.case import Case

_CENTRES = np.array([0.3, 1.1, 2.4])
_HEIGHTS = np.array([1.0, -0.7, 0.4])


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield from _gaussian_processes()
    yield from _interpolants()
    yield from _expansions()
    yield from _modes()


def _mean(outputs: dict[str, Any]) -> Any:
    return outputs["mean"]


def _combination(x: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    """Evaluate a function of the Gaussian kernel's own space: a sum of three kernels."""
    return np.exp(-0.5 * (x[:, None] - _CENTRES) ** 2) @ _HEIGHTS


def _gaussian_processes() -> Iterator[Case]:
    x, at = np.linspace(0.0, 3.0, 9), np.linspace(0.0, 3.0, 61)
    yield Case(
        name="a sum of three kernels, from 9 samples", agent="surrogate", task="gaussian_process",
        source="in the kernel's own Hilbert space", pick=_mean, truth=_combination(at),
        inputs={
            "x": x.tolist(), "y": _combination(x).tolist(), "kernel": "rbf", "predict_at": at.tolist(),
            "hyperparameters": {"length_scales": 1.0, "noise": 0.0},
        },
    )  # fmt: skip
    x = np.linspace(0.0, 6.0, 12)
    at = np.linspace(0.0, 6.0, 101)
    for kernel in ("rbf", "matern32", "matern52", "rational_quadratic"):
        yield Case(
            name=f"sine from 12 samples, {kernel}", agent="surrogate", task="gaussian_process", source="sin x",
            inputs={"x": x.tolist(), "y": np.sin(x).tolist(), "kernel": kernel, "predict_at": at.tolist()},
            pick=_mean, truth=np.sin(at),
        )  # fmt: skip
    yield Case(
        name="middle of two samples", agent="surrogate", task="predict", source="k(½)/(1 + k(1)), by hand",
        inputs={
            "surrogate": {
                "kind": "gaussian_process", "version": 1, "kernel": "rbf", "x": [[0.0], [1.0]], "y": [[1.0], [1.0]],
                "flat": True, "length_scales": [1.0], "amplitude": 1.0, "noise": 0.0, "alpha": 1.0, "degree": -1,
                "offset": [0.0], "scale": [1.0], "nugget": False,
            },
            "at": [0.5],
        },
        pick=_mean, truth=np.array([2.0 * np.exp(-0.125) / (1.0 + np.exp(-0.5))]),
    )  # fmt: skip


def _interpolants() -> Iterator[Case]:
    half, whole = 1.0 - np.exp(-0.5), 1.0 - np.exp(-1.0)
    yield Case(
        name="middle of two samples, exponential variogram", agent="surrogate", task="kriging",
        source="weights of a half, by hand", pick=_mean, truth=np.array([2.0]),
        inputs={
            "x": [0, 1], "y": [1, 3], "kernel": "exponential", "variogram": {"partial_sill": 1, "range": 1},
            "predict_at": [0.5],
        },
    )  # fmt: skip
    yield Case(
        name="variance in the middle of two samples", agent="surrogate", task="kriging",
        source="2 γ(½) - γ(1)/2, by hand", pick=lambda outputs: outputs["std"] ** 2,
        truth=np.array([2.0 * half - 0.5 * whole]),
        inputs={
            "x": [0, 1], "y": [1, 3], "kernel": "exponential", "variogram": {"partial_sill": 1, "range": 1},
            "predict_at": [0.5],
        },
    )  # fmt: skip
    x, at = np.linspace(0.0, 6.0, 16), np.linspace(0.0, 6.0, 101)
    for kernel in ("spherical", "gaussian"):
        yield Case(
            name=f"sine from 16 samples, {kernel} variogram", agent="surrogate", task="kriging", source="sin x",
            inputs={"x": x.tolist(), "y": np.sin(x).tolist(), "kernel": kernel, "predict_at": at.tolist()},
            pick=_mean, truth=np.sin(at),
        )  # fmt: skip
    grid = np.stack(np.meshgrid(np.linspace(0.0, 1.0, 7), np.linspace(0.0, 1.0, 7)), axis=-1).reshape(-1, 2)
    inside = np.stack(np.meshgrid(np.linspace(0.05, 0.95, 10), np.linspace(0.05, 0.95, 10)), axis=-1).reshape(-1, 2)
    for kernel in ("thin_plate_spline", "multiquadric", "gaussian", "quintic"):
        yield Case(
            name=f"Franke's function from 49 samples, {kernel}", agent="surrogate", task="rbf", source="Franke (1979)",
            inputs={
                "x": grid.tolist(), "y": _franke(grid).tolist(), "kernel": kernel, "predict_at": inside.tolist(),
            },
            pick=_mean, truth=_franke(inside),
        )  # fmt: skip
    yield Case(
        name="a quadratic polynomial", agent="surrogate", task="rbf", source="reproduced by degree 2",
        inputs={
            "x": grid.tolist(), "y": (grid[:, 0] * grid[:, 1]).tolist(), "kernel": "cubic", "degree": 2,
            "predict_at": inside.tolist(),
        },
        pick=_mean, truth=inside[:, 0] * inside[:, 1],
    )  # fmt: skip


def _franke(p: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    x, y = 9.0 * p[:, 0], 9.0 * p[:, 1]
    return (
        0.75 * np.exp(-((x - 2.0) ** 2 + (y - 2.0) ** 2) / 4.0)
        + 0.75 * np.exp(-((x + 1.0) ** 2) / 49.0 - (y + 1.0) / 10.0)
        + 0.5 * np.exp(-((x - 7.0) ** 2 + (y - 3.0) ** 2) / 4.0)
        - 0.2 * np.exp(-((x - 4.0) ** 2) - (y - 7.0) ** 2)
    )


def _expansions() -> Iterator[Case]:
    """Ishigami's function with a = 7, b = 0.1; its variances are in closed form (Sobol' & Levitan, 1999)."""
    x = np.pi * (2.0 * qmc.Sobol(3, scramble=False).random(512) - 1.0)
    at = np.pi * (1.9 * qmc.Halton(3, scramble=False).random(200) - 0.95)
    first = 0.5 * (1.0 + 0.1 * np.pi**4 / 5.0) ** 2
    both = 0.01 * np.pi**8 * (1.0 / 18.0 - 1.0 / 50.0)
    whole = first + 49.0 / 8.0 + both
    inputs = {"x": x.tolist(), "y": _ishigami(x).tolist(), "bounds": {one: [-np.pi, np.pi] for one in "abc"}}
    for order in ("lars", "omp"):
        yield Case(
            name=f"Ishigami's function, Sobol' indices, {order}", agent="surrogate", task="polynomial_chaos",
            source="Sobol' & Levitan (1999)", inputs=inputs, options={"method": order},
            pick=lambda outputs: np.array([*outputs["first_order"].values(), *outputs["total_order"].values()]),
            truth=np.array([first, 49.0 / 8.0, 0.0, first + both, 49.0 / 8.0, both]) / whole,
        )  # fmt: skip
    yield Case(
        name="Ishigami's function, prediction", agent="surrogate", task="polynomial_chaos", source="Ishigami & Homma",
        inputs={**inputs, "predict_at": at.tolist()}, pick=_mean, truth=_ishigami(at),
    )  # fmt: skip
    t = np.linspace(0.05, 6.0, 30)
    yield Case(
        name="a cubic of a gamma variable", agent="surrogate", task="polynomial_chaos",
        source="E g = a, E g³ = a(a + 1)(a + 2)", pick=lambda outputs: outputs["response_mean"],
        truth=2.5 + 2.5 * 3.5 * 4.5,
        inputs={
            "x": t.tolist(), "y": (t + t**3).tolist(), "distributions": {"g": {"distribution": "gamma", "a": 2.5}},
            "predict_at": [1.0],
        },
    )  # fmt: skip


def _ishigami(x: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    return np.sin(x[:, 0]) * (1.0 + 0.1 * x[:, 2] ** 4) + 7.0 * np.sin(x[:, 1]) ** 2


def _modes() -> Iterator[Case]:
    space, x = np.linspace(0.0, 1.0, 40), np.linspace(0.5, 3.0, 12)
    at = np.array([0.7, 1.33, 2.6])
    yield Case(
        name="two exact modes", agent="surrogate", task="pod", source="3 and 4 times orthonormal vectors",
        inputs={"snapshots": [[3, 0], [0, 4], [0, 0]]}, options={"center": False},
        pick=lambda outputs: outputs["singular_values"], truth=np.array([4.0, 3.0]),
    )  # fmt: skip
    yield Case(
        name="decaying exponentials over their rate", agent="surrogate", task="pod", source="e^(-p s)", pick=_mean,
        truth=np.exp(-at[:, None] * space),
        inputs={"y": np.exp(-x[:, None] * space).tolist(), "x": x.tolist(), "predict_at": at.tolist()},
    )  # fmt: skip
