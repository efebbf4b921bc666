"""The task `surrogate.kriging`: ordinary kriging with a variogram fitted to the samples, or given."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, arrays
from agents.alone import Alone
from agents.arrays import Array
from agents.outcome import Outcome, Problem
from agents.surrogate import kernel_surrogate, samples, variogram
from agents.surrogate.kernel_model import KernelModel
from agents.surrogate.kernel_surrogate import SAMPLES_LIMIT, Fitting
from agents.surrogate.kernels import VARIOGRAM
from agents.surrogate.samples import Samples
from agents.surrogate.variogram import Empirical, Variogram
from agents.task import TaskOptions, Watch

_LEAST = 5


class KrigingInputs(msgspec.Struct, forbid_unknown_fields=True):
    """Ordinary kriging of `x` (n, d) or (n) and `y` (n) or (n, m), for at most 2,000 samples, all of them apart.

    `kernel` is the variogram's model, γ(h) = nugget + partial_sill (1 - ρ(h / range)) with ρ(r): spherical
    1 - 1.5 r + 0.5 r³ up to 1, exponential e^-r, gaussian e^-r², matern (1 + √3 r) e^-√3r; `auto` takes the one that
    fits best. `variogram` {nugget, partial_sill, range} is fitted to the empirical one by weighted least squares
    unless given. At a sample the prediction is the sample; elsewhere the nugget is part of `std`. Outputs: with
    `predict_at` (k, d) `mean` and `std`, (k) or (k, m); `variogram`, `empirical_variogram` {lags, gamma, counts},
    `loo_error` (root mean square of the closed-form leave-one-out residuals), `loo_residuals`, `surrogate_id`.

    `error_estimate` bounds the error of `mean` for functions like the samples: the largest `std` times
    `confidence_factor`, which is 4 or 1.5 times the largest standardised leave-one-out residual if that is more, but at
    least the largest such residual itself, plus the rounding error. It is null without `predict_at`.
    """

    x: Any
    y: Any
    kernel: Literal["auto", "spherical", "exponential", "gaussian", "matern"] = "auto"
    predict_at: Any = None
    variogram: dict[str, Any] | None = None


class KrigingOptions(TaskOptions, kw_only=True):
    """`n_bins` of the empirical variogram; `return_model` gives all of the surrogate."""

    n_bins: Annotated[int, msgspec.Meta(ge=3, le=200)] = 15
    return_model: bool = False


def prepare(inputs: KrigingInputs, options: KrigingOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate samples, points and variogram; raises `Problem`."""
    given = None if inputs.variogram is None else _given(inputs)
    found = samples.read(inputs.x, inputs.y, least=2 if given else _LEAST, most=SAMPLES_LIMIT)
    n, d = found.x.shape
    pair = samples.repeated(found.x)
    if pair is not None:
        text, hint = f"x[{pair[1]}] is x[{pair[0]}] again", "one of them, or their mean"
        raise Problem("invalid_input", text, field=f"inputs.x[{pair[1]}]", hint=hint)
    if given is None:
        samples.check_varies(found.y)
    points = None
    if inputs.predict_at is not None:
        points = samples.read_points(inputs.predict_at, "inputs.predict_at", d, found.y.shape[1])

    def work(watch: Watch, _kept: Any) -> Outcome:
        return _krige(inputs.kernel, found, points, given, options, watch)

    many = 0 if points is None else len(points)
    cost = kernel_surrogate.fit_cost(n) + (0.0 if given else 3e8) + 200.0 * n * n + many * (n * n + 50.0 * n)
    return Alone("surrogate.kriging", work, cost, compiled=False)


def _given(inputs: KrigingInputs) -> Variogram:
    values = inputs.variogram or {}
    if inputs.kernel == "auto":
        text = "which model the variogram is of is not said"
        raise Problem("invalid_input", text, field="inputs.kernel", hint=f"one of {', '.join(VARIOGRAM)}")
    numbers = {"nugget": 0.0}
    for name, value in values.items():
        if name not in {"nugget", "partial_sill", "range"}:
            field = f"inputs.variogram.{name[:80]}"
            raise Problem("invalid_input", "unknown key", field=field, hint="nugget, partial_sill, range")
        numbers[name] = arrays.number(value, f"inputs.variogram.{name}")
    for name, low in (("nugget", 0.0), ("partial_sill", 1e-50), ("range", 1e-50)):
        if name not in numbers:
            raise Problem("invalid_input", f"{name!r} is missing", field=f"inputs.variogram.{name}", hint="a number")
        if not low <= numbers[name] <= 1e50:
            text, field = f"{name} is {numbers[name]:g}", f"inputs.variogram.{name}"
            raise Problem("invalid_input", text, field=field, hint=f"{low:g} to 1e50")
    return Variogram(inputs.kernel, numbers["nugget"], numbers["partial_sill"], numbers["range"])


def _krige(
    kernel: str, found: Samples, points: Array | None, given: Variogram | None, options: KrigingOptions, watch: Watch
) -> Outcome:
    scale = np.ones(found.y.shape[1]) if given else found.y.std(axis=0)
    offset = np.zeros(found.y.shape[1]) if given else found.y.mean(axis=0)
    bins = (
        None if given else variogram.empirical(found.x, (found.y - offset) / scale / len(scale) ** 0.5, options.n_bins)
    )
    models = tuple(VARIOGRAM) if kernel == "auto" else (kernel,)
    fitted, warnings = (given, []) if given is not None else _fit(bins, models, watch)
    model = KernelModel(
        "kriging", fitted.model, found.x, found.y, found.flat, np.full(found.x.shape[1], fitted.range_),
        fitted.partial_sill**0.5, fitted.nugget, 1.0, 0, offset, scale, nugget=True,
    )  # fmt: skip
    unit = float(scale[0]) ** 2 if found.flat else 1.0
    chosen: dict[str, Any] = {
        "kernel": fitted.model,
        "variogram": {
            "nugget": fitted.nugget * unit, "partial_sill": fitted.partial_sill * unit, "range": fitted.range_,
        },
    }  # fmt: skip
    if bins is not None:
        shown = {
            "lags": bins.lags,
            "gamma": bins.gamma * unit,
            "counts": bins.counts,
            "fitted": fitted.gamma(bins.lags) * unit,
        }
        chosen["empirical_variogram"] = shown
    how = Fitting("given" if given else "weighted_least_squares", None, warnings=tuple(warnings))
    return kernel_surrogate.outcome(model, points, chosen, how, watch, return_model=options.return_model)


def _fit(bins: Empirical | None, models: tuple[str, ...], watch: Watch) -> tuple[Variogram, list[str]]:
    assert bins is not None
    if len(bins.lags) < 3:
        text = f"only {len(bins.lags)} distances have pairs: no variogram can be fitted"
        raise Problem("singular", text, field="inputs.x", hint="more samples, or a variogram of your own")
    fitted = variogram.fit(bins, models, watch)
    if fitted.partial_sill <= 1e-8 * max(fitted.nugget, 1e-300):
        raise Problem(
            "singular", "the variogram is flat: samples close together are as different as others", field="inputs.y",
            hint="samples closer together, or a variogram of your own",
        )  # fmt: skip
    long = fitted.range_ > 3.9 * float(bins.lags.max())
    text = "the range lies at the end of what the samples show: the variogram does not level off"
    return fitted, [text] if long else []


TASK = alone.task(
    agent="surrogate", name="kriging", summary="Predict by ordinary kriging with a fitted variogram.",
    inputs=KrigingInputs, options=KrigingOptions, methods=(),
    example={
        "x": [0, 0.7, 1.3, 2.1, 2.9, 4.2, 5.0], "y": [0, 0.64, 0.96, 0.86, 0.24, -0.87, -0.96],
        "kernel": "spherical", "predict_at": [1.0, 3.5],
    },
    prepare=prepare,
)  # fmt: skip
