"""The task `surrogate.pod`: proper orthogonal decomposition of snapshots, and prediction over parameters."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from scipy import linalg

from agents import alone
from agents.alone import Alone
from agents.arrays import Array
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.surrogate import kernel_surrogate, kernels, model, samples
from agents.surrogate.kernel_model import KernelModel, fit, polynomial_terms
from agents.surrogate.kernel_surrogate import KernelSurrogate
from agents.surrogate.pod_model import Pod
from agents.task import TaskOptions, Watch

SNAPSHOTS_LIMIT = 2000
_NUMBERS_LIMIT = 5_000_000
_EPS = float(np.finfo(np.float64).eps)


class PodInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The modes of snapshots: `snapshots` (m, n), one a column, or `y` (n, m), one a row.

    Outputs: `modes` (m, k), `singular_values`, `energy` (cumulative shares of their squares), `coefficients` (n, k),
    `mean_snapshot` (m), `n_modes`, `reconstruction_error` (Frobenius norm left out, relative) and
    `largest_reconstruction_error` (absolute, of any number). With parameters `x` (n, d) or (n), one row a snapshot,
    the coefficients are interpolated by radial basis functions: `loo_error`, `surrogate_id`, and with `predict_at`
    (q, d) `mean` and `std` (q, m).

    `error_estimate` with `predict_at` bounds the error of `mean` for snapshots like those given: the largest `std`
    times its factor (see `rbf`), at least the largest error of a snapshot predicted from the others, plus what the
    modes leave out. Without, it bounds the rounding error of `singular_values`.
    """

    snapshots: Any = None
    y: Any = None
    x: Any = None
    predict_at: Any = None


class PodOptions(TaskOptions, kw_only=True):
    """As many modes as hold `energy`, or `n_modes`; `center` takes off the mean snapshot; `kernel` interpolates."""

    energy: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.999999
    n_modes: Annotated[int, msgspec.Meta(ge=1, le=2000)] | None = None
    center: bool = True
    kernel: Literal["linear", "thin_plate_spline", "cubic"] = "cubic"
    return_model: bool = False


def prepare(inputs: PodInputs, options: PodOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate snapshots, parameters and points; raises `Problem`."""
    if (inputs.snapshots is None) == (inputs.y is None):
        text = "give one of snapshots and y"
        raise Problem("invalid_input", text, field="inputs.snapshots", hint="a snapshot a column; in y a row")
    field = "inputs.y" if inputs.snapshots is None else "inputs.snapshots"
    found = samples.read_scaled(inputs.y if inputs.snapshots is None else inputs.snapshots, field, 2)
    rows = found if inputs.snapshots is None else np.ascontiguousarray(found.T)
    n, m = rows.shape
    if n < 2 or m < 1:
        raise Problem("invalid_input", f"{n} snapshots of {m} numbers", field=field, hint="at least 2 snapshots")
    if rows.size > _NUMBERS_LIMIT or min(n, m) > SNAPSHOTS_LIMIT or n > SNAPSHOTS_LIMIT:
        text = f"{n} snapshots of {m} numbers"
        hint = f"at most {SNAPSHOTS_LIMIT} snapshots and {_NUMBERS_LIMIT} numbers"
        raise Problem("budget_exceeded", text, field=field, hint=hint)
    if options.n_modes is not None and (options.n_modes > min(n, m) or options.n_modes * m > samples.NUMBERS_LIMIT):
        text, hint = f"{options.n_modes} modes", f"at most {min(n, m, samples.NUMBERS_LIMIT // m)}"
        raise Problem("invalid_input", text, field="options.n_modes", hint=hint)
    x, points = _parameters(inputs, options, n, m)

    def work(watch: Watch, _kept: Any) -> Outcome:
        watch(0.0, "decompose")
        return _decompose(rows, x, points, options, watch)

    cost = 1e6 + 20.0 * rows.size * min(n, m) + (kernel_surrogate.fit_cost(n) if x is not None else 0.0)
    cost += 0 if points is None else len(points) * (2.0 * min(n, m) * m + n * n)
    return Alone("scipy.linalg.svd", work, cost)


def _parameters(inputs: PodInputs, options: PodOptions, n: int, m: int) -> tuple[Array | None, Array | None]:
    if inputs.x is None:
        if inputs.predict_at is not None:
            text = "prediction needs the parameters of the snapshots"
            raise Problem("invalid_input", text, field="inputs.x", hint="a row for each snapshot")
        return None, None
    x = samples.read_inputs(inputs.x)
    if len(x) != n:
        text = f"{len(x)} rows of parameters, {n} snapshots"
        raise Problem("invalid_input", text, field="inputs.x", hint="a row for each snapshot")
    pair = samples.repeated(x)
    if pair is not None:
        text = f"x[{pair[1]}] is x[{pair[0]}] again"
        raise Problem("invalid_input", text, field=f"inputs.x[{pair[1]}]", hint="one of them")
    degree = kernels.LEAST_DEGREE[options.kernel]
    if n <= polynomial_terms(x.shape[1], degree):
        text, hint = f"{n} snapshots for {x.shape[1]} parameters", "more snapshots, or kernel: linear"
        raise Problem("invalid_input", text, field="inputs.x", hint=hint)
    if inputs.predict_at is None:
        return x, None
    return x, samples.read_points(inputs.predict_at, "inputs.predict_at", x.shape[1], m)


def _decompose(rows: Array, x: Array | None, points: Array | None, options: PodOptions, watch: Watch) -> Outcome:
    mean = rows.mean(axis=0) if options.center else np.zeros(rows.shape[1])
    moved = rows - mean
    found: Any = linalg.svd(moved, full_matrices=False, check_finite=False)
    u, s, vt = found
    total = float(s @ s)
    if total <= (1e-100) ** 2:
        text = "all snapshots are the same" if options.center else "all snapshots are 0"
        raise Problem("singular", text, field="inputs.snapshots", hint="snapshots that differ")
    energy = np.cumsum(s * s) / total
    wanted = int(np.searchsorted(energy, options.energy * (1.0 - 4.0 * _EPS))) + 1
    k = options.n_modes or min(wanted, int((s > _EPS * max(rows.shape) * s[0]).sum()))
    k = max(1, min(k, samples.NUMBERS_LIMIT // rows.shape[1]))
    signs = np.sign(vt[np.arange(k), np.abs(vt[:k]).argmax(axis=1)])
    modes = np.ascontiguousarray((vt[:k] * signs[:, None]).T)
    coefficients = u[:, :k] * s[:k] * signs
    left = moved - coefficients @ modes.T
    rest = float(np.abs(left).max())
    relative = float(np.sqrt(max(0.0, float((s[k:] ** 2).sum())) / total))
    outputs: dict[str, Any] = {
        "modes": modes, "singular_values": s, "energy": energy, "coefficients": coefficients, "mean_snapshot": mean,
        "n_modes": k, "reconstruction_error": relative, "largest_reconstruction_error": rest,
    }  # fmt: skip
    error = float(10.0 * _EPS * np.sqrt(max(rows.shape)) * s[0] + _EPS * np.abs(rows).max() * np.sqrt(rows.size))
    orthonormal = bool(np.abs(modes.T @ modes - np.eye(k)).max() <= 1e-10)
    checks = [Check("modes_orthonormal", passed=orthonormal)]
    if x is None:
        return Outcome(outputs, "scipy.linalg.svd", True, Diagnostics(error_estimate=error, checks=checks))
    return _interpolate(outputs, checks, error, left, x, points, options, watch)


def _interpolate(
    outputs: dict[str, Any], checks: list[Check], error: float, left: Array, x: Array, points: Array | None,
    options: PodOptions, watch: Watch,
) -> Outcome:  # fmt: skip
    coefficients, modes = outputs["coefficients"], outputs["modes"]
    k, d = coefficients.shape[1], x.shape[1]
    fitted = fit(
        KernelModel(
            "rbf", options.kernel, x, coefficients, False, np.full(d, 1.0), 1.0, 0.0, 1.0,
            kernels.LEAST_DEGREE[options.kernel], np.zeros(k), np.ones(k), nugget=False,
        ), watch,
    )  # fmt: skip
    missed = fitted.residuals @ modes.T + left
    rest = outputs["largest_reconstruction_error"]
    pod = Pod(modes, outputs["mean_snapshot"], rest, float(np.abs(missed).max()), KernelSurrogate(fitted.model, fitted))
    name, data = model.pack("pod", pod)
    outputs |= {"loo_error": float(np.sqrt(np.mean(missed**2))), "surrogate_id": name}
    if options.return_model:
        outputs["surrogate"] = model.plain("pod", pod)
    claimed: float | None = error
    warnings = list(fitted.warnings)
    if points is not None:
        made = pod.predict(points, watch)
        outputs |= {"mean": made.mean, "std": made.std, "predict_at": points}
        claimed = made.bound
    diagnostics = Diagnostics(error_estimate=claimed, method=options.kernel, checks=checks)
    return Outcome(outputs, "scipy.linalg.svd", True, diagnostics, warnings, keep={name: data})


TASK = alone.task(
    agent="surrogate", name="pod", summary="Decompose snapshots into orthogonal modes, and predict over parameters.",
    inputs=PodInputs, options=PodOptions, methods=(),
    example={
        "y": [[0, 0.5, 0], [0, 1, 0.1], [0, 1.5, 0.2], [0, 2, 0.4], [0, 2.5, 0.6]], "x": [0.5, 1, 1.5, 2, 2.5],
        "predict_at": [1.2],
    },
    prepare=prepare,
)  # fmt: skip
