"""The task `surrogate.gaussian_process`: regression whose hyperparameters have the largest marginal likelihood."""

import math
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, arrays
from agents.alone import Alone
from agents.arrays import Array
from agents.outcome import Outcome, Problem
from agents.surrogate import kernel_surrogate, likelihood, samples
from agents.surrogate.kernel_model import KernelModel
from agents.surrogate.kernel_surrogate import SAMPLES_LIMIT, Fitting
from agents.surrogate.samples import Samples
from agents.task import TaskOptions, Watch

_EVALUATIONS = 40.0


class GaussianProcessInputs(msgspec.Struct, forbid_unknown_fields=True):
    """A Gaussian process fitted to `x` (n, d) or (n) and `y` (n) or (n, m), for at most 2,000 samples.

    The prior mean is the mean of `y`; several outputs share their length scales and are scaled each by itself.
    `hyperparameters` are held at the values given: `amplitude` and `noise` (standard deviations, in units of a single
    y), `length_scales` (a number, or one a dimension), `alpha` (of rational_quadratic); the others have the largest
    marginal likelihood. Outputs: with `predict_at` (k, d) the `mean` and `std` of the function without noise, (k) or
    (k, m); `amplitude`, `length_scales`, `noise`, `alpha`, `log_marginal_likelihood`, `loo_error` (root mean square of
    the closed-form leave-one-out residuals), `loo_residuals`, `surrogate_id` (for the task `predict`).

    `error_estimate` bounds the error of `mean` for functions like the samples: the largest `std` times
    `confidence_factor`, which is 4 or 1.5 times the largest standardised leave-one-out residual if that is more, plus
    the rounding error. What the samples do not show, it cannot know. It is null without `predict_at`.
    """

    x: Any
    y: Any
    kernel: Literal["rbf", "matern12", "matern32", "matern52", "rational_quadratic"] = "matern52"
    predict_at: Any = None
    hyperparameters: dict[str, Any] = {}


class GaussianProcessOptions(TaskOptions, kw_only=True):
    """`ard`: a length scale for each dimension; `n_starts` of the optimisation; `return_model` gives all of it."""

    method: Literal["auto", "maximum_likelihood"] = "auto"
    ard: bool = True
    n_starts: Annotated[int, msgspec.Meta(ge=1, le=50)] = 4
    max_iterations: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200
    return_model: bool = False


def prepare(inputs: GaussianProcessInputs, options: GaussianProcessOptions, seed: int) -> Alone:
    """Validate samples, points and hyperparameters; raises `Problem`."""
    found = samples.read(inputs.x, inputs.y, least=2, most=SAMPLES_LIMIT)
    n, d = found.x.shape
    points = None
    if inputs.predict_at is not None:
        points = samples.read_points(inputs.predict_at, "inputs.predict_at", d, found.y.shape[1])
    offset = found.y.mean(axis=0)
    scale = found.y.std(axis=0)
    constant = bool((scale < 1e-90).any())
    scale = np.where(scale < 1e-90, 1.0, scale)
    ard = options.ard and d > 1
    held = _held(inputs, found, float(scale[0]), ard=ard)
    if np.isnan(held).any():
        samples.check_count(n, 3, SAMPLES_LIMIT)
        if constant:
            samples.check_varies(found.y)
    _check_repeated(found, held, ard=ard)
    target = likelihood.Likelihood(inputs.kernel, found.x, (found.y - offset) / scale, ard, held)

    def work(watch: Watch, _kept: Any) -> Outcome:
        made = likelihood.maximize(target, options.n_starts, seed, watch, options.max_iterations)
        return _outcome(inputs.kernel, found, points, target, made, offset, scale, watch, options)

    fits = (options.n_starts if n < 600 else 1) * _EVALUATIONS if np.isnan(held).any() else 1.0
    many = 0 if points is None else len(points)
    cost = fits * (5.0 * n**3 + 50.0 * n * n + 2e6) + kernel_surrogate.fit_cost(n) + many * (n * n + 50.0 * n)
    return Alone("surrogate.gaussian_process", work, cost, compiled=False)


def _held(inputs: GaussianProcessInputs, found: Samples, scale: float, *, ard: bool) -> Array:
    d = found.x.shape[1]
    scales = d if ard else 1
    held = np.full(scales + 2 + (inputs.kernel == "rational_quadratic"), math.nan)
    known = ("amplitude", "length_scales", "noise", "alpha")
    for name, value in inputs.hyperparameters.items():
        field = f"inputs.hyperparameters.{name[:80]}"
        if name not in known or (name == "alpha" and inputs.kernel != "rational_quadratic"):
            raise Problem("invalid_input", "no such hyperparameter", field=field, hint=f"known: {', '.join(known)}")
        if name == "length_scales":
            held[1 : 1 + scales] = np.log(_length_scales(value, field, d, scales))
            continue
        low = 0.0 if name == "noise" else 1e-50
        number = arrays.number(value, field)
        if not low <= number <= 1e50:
            raise Problem("invalid_input", f"{name} is {number:g}", field=field, hint=f"{low:g} to 1e50")
        if name == "alpha":
            held[-1] = math.log(min(max(number, 1e-6), 1e6))
        else:
            relative = min(max(number / scale, 1e-30), 1e30)
            held[0 if name == "amplitude" else 1 + scales] = math.log(relative)
    return held


def _length_scales(value: Any, field: str, d: int, scales: int) -> Array:
    if isinstance(value, int | float):
        found = np.full(scales, arrays.number(value, field))
    else:
        found = arrays.gate(value, field, ndim=1)
        if len(found) == d and scales == 1 and d > 1:
            raise Problem("invalid_input", "several length scales without ard", field=field, hint="one number")
        if len(found) != scales:
            raise Problem("invalid_input", f"{len(found)} length scales", field=field, hint=f"one, or {scales}")
    if not ((found >= 1e-50) & (found <= 1e50)).all():
        raise Problem("invalid_input", "a length scale is not positive", field=field, hint="1e-50 to 1e50")
    return found


def _check_repeated(found: Samples, held: Array, *, ard: bool) -> None:
    """Without noise one point cannot have two values."""
    noise = held[1 + (found.x.shape[1] if ard else 1)]
    if math.isnan(noise) or noise > math.log(1e-12):
        return
    pair = samples.repeated(found.x)
    if pair is not None and (found.y[pair[0]] != found.y[pair[1]]).any():
        text = f"x[{pair[1]}] is x[{pair[0]}] again, with another y, and the noise is 0"
        raise Problem("invalid_input", text, field=f"inputs.x[{pair[1]}]", hint="noise above 0, or let it be fitted")


def _outcome(
    kernel: str, found: Samples, points: Array | None, target: likelihood.Likelihood, made: likelihood.Optimum,
    offset: Array, scale: Array, watch: Watch, options: GaussianProcessOptions,
) -> Outcome:  # fmt: skip
    amplitude, length_scales, noise, alpha = target.split(made.theta)
    if math.isnan(target.held[1 + target.scales]):
        noise = math.hypot(noise, math.sqrt(target.floor) * amplitude)
    elif noise < 1e-12:
        noise = 0.0
    fitted = KernelModel(
        "gaussian_process", kernel, found.x, found.y, found.flat, length_scales, amplitude, noise**2, alpha, -1, offset,
        scale, nugget=False,
    )  # fmt: skip
    evidence = -made.value - found.y.shape[0] * float(np.log(scale).sum())
    hyperparameters = {
        "amplitude": amplitude * float(scale[0]) if found.flat else amplitude * scale,
        "noise": noise * float(scale[0]) if found.flat else noise * scale,
        "length_scales": length_scales, "kernel": kernel, "log_marginal_likelihood": evidence,
    }  # fmt: skip
    if kernel == "rational_quadratic":
        hyperparameters["alpha"] = alpha
    free = bool(np.isnan(target.held).any())
    warnings = [_at_bound(i, target) for i in made.at_bound if i != 1 + target.scales]
    if free and not made.converged:
        warnings.append("the search for the largest marginal likelihood did not meet its criterion")
    how = Fitting(
        "maximum_likelihood" if free else "given", made.converged if free else None, made.iterations, made.evaluations,
        tuple(warnings),
    )  # fmt: skip
    return kernel_surrogate.outcome(fitted, points, hyperparameters, how, watch, return_model=options.return_model)


def _at_bound(i: int, target: likelihood.Likelihood) -> str:
    if 1 <= i <= target.scales:
        which = f"length_scales[{i - 1}]"
        return f"{which} lies at its bound: the samples hardly tell how y varies along it"
    return f"{'amplitude' if i == 0 else 'alpha'} lies at its bound"


TASK = alone.task(
    agent="surrogate", name="gaussian_process", summary="Fit a Gaussian process to samples and predict with it.",
    inputs=GaussianProcessInputs, options=GaussianProcessOptions, methods=("auto", "maximum_likelihood"),
    example={
        "x": [0, 0.5, 1, 1.5, 2, 2.5, 3], "y": [0, 0.479, 0.841, 0.997, 0.909, 0.598, 0.141], "kernel": "rbf",
        "predict_at": [0.25, 1.25],
    },
    prepare=prepare,
)  # fmt: skip
