"""Surrogates of functions that are known everywhere, and of samples whose prediction can be worked out by hand."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from sciagents.accuracy.case import Case

_CENTRES = np.array([0.3, 1.1, 2.4])
_HEIGHTS = np.array([1.0, -0.7, 0.4])


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield from _gaussian_processes()


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
