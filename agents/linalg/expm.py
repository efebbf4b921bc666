"""The task `linalg.expm`: the exponential of a matrix."""

import math
from typing import Any, Literal

import msgspec
import numpy as np

from agents import alone, matrices
from agents.alone import Alone
from agents.matrices import Matrix
from agents.outcome import Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch
from native.exponential import exponential
from native.judgement import largest

_COST_LIMIT = 1e12
_LIMIT = 1000
_ILL = 1e-6


class ExpmInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The exponential of `t` `a`, of a square matrix (n, n): dense or sparse, real or complex; n at most 1,000.

    Output: `expm` (n, n). `error_estimate` bounds the largest error of an entry: the difference to a second computation
    by another series, and the bound of that one's truncation and rounding.
    """

    a: Any
    t: float = 1.0


class ExpmOptions(TaskOptions, kw_only=True):
    """`pade` is scaling and squaring with Padé approximants."""

    method: Literal["auto", "pade"] = "auto"


def prepare(inputs: ExpmInputs, options: ExpmOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate a matrix; raises `Problem`."""
    a = matrices.square(matrices.read(inputs.a, "inputs.a"), "inputs.a")
    matrices.check_dense(a, "inputs.a", _LIMIT)
    complex_ = a.dtype.kind == "c"
    n = a.shape[0]
    matrices.check_result(n * n * (2 if complex_ else 1), "a smaller matrix")
    entries = a.data if matrices.is_sparse(a) else a
    size = abs(inputs.t) * (largest(np.abs(entries)) if entries.size else 0.0) * n
    if not math.isfinite(size):
        raise Problem("invalid_input", "t a is too large", field="inputs.a", hint="entries far below 1e308")
    squarings = max(0.0, math.log2(max(size, 1.0)))
    # what is small is computed again in extended precision, thirty times as slow
    cost = 2.0 * n**3 * (50 + 4 * squarings) * (4 if complex_ else 1) * (30 if n <= 48 else 1) + 1e5
    matrices.check_cost(cost, _COST_LIMIT, "a smaller matrix")
    return Alone("scipy.linalg.expm", lambda watch, _: _work(a, inputs.t, watch), cost)


def _work(a: Matrix, t: float, watch: Watch) -> Outcome:
    watch(0.0, "square")
    found, bound = exponential(matrices.as_dense(a) * t)
    most = largest(np.abs(found))
    if not math.isfinite(most):
        hint = "a smaller t, or a shifted by a multiple of the identity"
        raise Problem("non_finite", "the exponential overflows", field="inputs.a", hint=hint)
    if not math.isfinite(bound):
        text = "the rounding in the squarings cannot be bounded: no digit is certain"
        raise Problem("not_converged", text, field="inputs.a", hint="a smaller t, or a with a smaller norm")
    warnings = [f"ill-conditioned: errors up to {bound:.1e}"] if bound > _ILL * most else []
    told = Diagnostics(error_estimate=bound, method="pade")
    return Outcome({"expm": found}, "scipy.linalg.expm", True, told, warnings)


TASK = alone.task(
    agent="linalg", name="expm", summary="Compute the exponential of a matrix.",
    inputs=ExpmInputs, options=ExpmOptions, methods=("pade",),
    example={"a": [[0, 1], [-1, 0]], "t": 1.5707963267948966}, prepare=prepare,
    repeats="inputs",
)  # fmt: skip
