"""The work that every peer does: solve a small system with our own kernel, and write the result of the contract."""

import time
from typing import Any

import numpy as np

from native import dense
from streams import instants

VERSION = "bench"


def solve(requests: list[tuple[str, list[list[float]], list[float]]]) -> list[dict[str, Any]]:
    """Answer requests (id, a, b) of one size in one call of the kernel; the results as the contract has them."""
    matrices = np.array([a for _, a, _ in requests], dtype=np.float64)
    rights = np.array([b for _, _, b in requests], dtype=np.float64)
    found = dense.solve_small(matrices, rights)
    completed_at = instants.to_text(time.time())
    rows = zip(
        requests, found.x.tolist(), found.residual.tolist(), found.condition.tolist(), found.error_bound.tolist(),
        strict=True,
    )  # fmt: skip
    return [
        _result(request[0], x, residual, condition, bound, completed_at)
        for request, x, residual, condition, bound in rows
    ]


def _result(
    request_id: str, x: list[float], residual: float, condition: float, bound: float, completed_at: str
) -> dict[str, Any]:
    return {
        "id": request_id, "agent": "linalg", "task": "solve", "status": "succeeded",
        "outputs": {"x": x, "residual_norm": residual, "condition_estimate": condition},
        "error": None, "warnings": [],
        "diagnostics": {
            "converged": None, "iterations": None, "evaluations": None, "error_estimate": bound,
            "residual": residual, "method": "lu", "checks": [{"name": "finite", "passed": True}],
        },
        "provenance": {
            "version": VERSION, "kernel": dense.KERNEL, "compiled": dense.COMPILED, "inputs_hash": None, "seed": None,
            "worker": VERSION, "attempt": 1, "lane": "fast", "batch": 1, "cached": False, "queued_s": 0.0, "run_s": 0.0,
        },
        "labels": {}, "completed_at": completed_at,
    }  # fmt: skip
