"""The task `uq.confidence`: how sure a statistic of data is, by the bootstrap."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from scipy import special

from agents import alone, arrays, draws, expectation, schema
from agents.alone import Alone
from agents.arrays import Array
from agents.outcome import Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch
from agents.uq.statistics import Statistic, moment_statistic, quantile_statistic

_KERNEL = "numpy.random.philox"
_WORK_LIMIT = 20_000_000_000
_AT_ONCE = 1_000_000
_STREAM = 2**44
_BINS = 50

Interval = tuple[float, float]


class ConfidenceInputs(msgspec.Struct, forbid_unknown_fields=True):
    """A confidence interval of `statistic` for what the independent values `data` were drawn from.

    `statistic`: mean, median, std and variance (n - 1), quantile (at `quantile`), skewness or kurtosis (the excess).
    `method` (Efron & Tibshirani, 1993): "bca" (the default; corrected for bias and acceleration), "percentile" or
    "basic", from `n_resamples` resamples with replacement. Outputs: `estimate` (of the data), `interval` [low, high] at
    `confidence_level`, `standard_error`, `bias`, `n_resamples` and the resamples' `histogram` {counts, edges}.
    `error_estimate` bounds with a probability of 99.9 % how far an end of `interval` is from that of infinitely many
    resamples; how well the method itself covers for few data is not part of it.
    """

    data: Any
    statistic: Literal["mean", "median", "std", "variance", "quantile", "skewness", "kurtosis"] = "mean"
    quantile: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    method: Literal["percentile", "basic", "bca"] | None = None
    confidence_level: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.95
    n_resamples: Annotated[int, msgspec.Meta(ge=200, le=1_000_000)] = 9999


class ConfidenceOptions(TaskOptions, kw_only=True):
    """`method` is the inputs' `method`; "auto" is `bca`."""

    method: Literal["auto", "percentile", "basic", "bca"] = "auto"


def prepare(inputs: ConfidenceInputs, options: ConfidenceOptions, seed: int) -> Alone:
    """Validate; raises `Problem`."""
    data = arrays.gate(inputs.data, "inputs.data", ndim=1)
    if data.size < 3:
        raise Problem("invalid_input", f"{data.size} values", field="inputs.data", hint="at least 3")
    if (inputs.quantile is not None) != (inputs.statistic == "quantile"):
        text = f"the statistic is {inputs.statistic}, quantile is {inputs.quantile}"
        hint = "a number from 0 to 1 with the statistic quantile, and none with any other"
        raise Problem("invalid_input", text, field="inputs.quantile", hint=hint)
    size = data.size * inputs.n_resamples
    if size > _WORK_LIMIT:
        text = f"{inputs.n_resamples} resamples of {data.size} values"
        hint = f"at most {_WORK_LIMIT // data.size} resamples of so many"
        raise Problem("budget_exceeded", text, field="inputs.n_resamples", hint=hint)
    method = schema.chosen(inputs.method, options.method, "bca", "method")
    if inputs.statistic in {"median", "quantile"}:
        statistic = quantile_statistic(0.5 if inputs.quantile is None else inputs.quantile)
    else:
        statistic = moment_statistic(inputs.statistic)

    def work(watch: Watch, _: object) -> Outcome:
        found = np.sort(_resampled(data, statistic, inputs.n_resamples, seed, watch))
        return _outcome(data, statistic, found, method, inputs.confidence_level)

    return Alone(_KERNEL, work, 200.0 * size, compiled=False)


def _resampled(data: Array, statistic: Statistic, count: int, seed: int, watch: Watch) -> Array:
    """Compute the statistic of resamples, each by its number."""
    found = np.empty(count)
    step = max(1, _AT_ONCE // data.size)
    for first in range(0, count, step):
        watch(first / count, "resample")
        size = min(step, count - first)
        chosen = (draws.uniforms(seed, first, size, data.size, _STREAM) * data.size).astype(np.int64)
        found[first : first + size] = statistic.of(data[np.minimum(chosen, data.size - 1)])
    return found


def _outcome(data: Array, statistic: Statistic, found: Array, method: str, level: float) -> Outcome:
    estimate = float(statistic.of(data[None])[0])
    levels = [0.5 - 0.5 * level, 0.5 + 0.5 * level]
    warnings = []
    if method == "bca":
        levels, sure = _corrected(data, statistic, found, estimate, levels)
        if not sure:
            warnings.append("bca has no bias or acceleration to correct by here: the interval is the percentile's")
    ends = [_end(found, at) for at in levels]
    interval = [end[1] for end in ends]
    if method == "basic":
        interval = [2.0 * estimate - interval[1], 2.0 * estimate - interval[0]]
    if found[0] == found[-1]:
        warnings.append("all resamples give the same: these data tell nothing about the error")
    error = max(max(high - middle, middle - low) for low, middle, high in ends)
    low, high = float(found[0]), float(found[-1])
    bins = _BINS if (high - low) / _BINS > 1e-15 * max(abs(low), abs(high)) else 1
    counts, edges = np.histogram(found, bins=bins) if bins > 1 else (np.array([found.size]), np.array([low, high]))
    outputs: dict[str, Any] = {
        "estimate": estimate, "interval": interval, "standard_error": float(found.std(ddof=1)),
        "bias": float(found.mean()) - estimate, "n_resamples": found.size,
        "histogram": {"counts": counts, "edges": edges},
    }  # fmt: skip
    diagnostics = Diagnostics(
        evaluations=found.size, error_estimate=error + 4e-16 * max(map(abs, interval)), method=method
    )
    return Outcome(outputs, _KERNEL, compiled=False, diagnostics=diagnostics, warnings=warnings)


def _corrected(
    data: Array, statistic: Statistic, found: Array, estimate: float, levels: list[float]
) -> tuple[list[float], bool]:
    """Correct the levels for bias and acceleration (Efron, Better bootstrap confidence intervals, 1987)."""
    below = (np.sum(found < estimate) + 0.5 * np.sum(found == estimate)) / found.size
    left = statistic.without_each(data)
    away = left.mean() - left
    away /= np.abs(away).max() or 1.0  # the acceleration knows no scale: nothing under- or overflows on the way
    squares = float((away * away).sum())
    if not 0.0 < below < 1.0 or not squares > 0.0:
        return levels, False
    acceleration = float((away**3).sum()) / (6.0 * squares**1.5)
    bias = float(special.ndtri(below))
    made = []
    for level in levels:
        z = bias + float(special.ndtri(level))
        scale = 1.0 - acceleration * z
        if not scale > 0.0:
            return levels, False
        made.append(float(special.ndtr(bias + z / scale)))
    return made, True


def _end(found: Array, level: float) -> tuple[float, float, float]:
    """Find a quantile of the sorted resamples, between the order statistics that bound that of infinitely many."""
    n = found.size
    width = float(special.ndtri(0.5 + 0.5 * expectation.CONFIDENCE)) * np.sqrt(n * level * (1.0 - level)) + 1.0
    at = level * (n - 1)
    low, high = max(0, int(at - width)), min(n - 1, int(np.ceil(at + width)))
    return float(found[low]), float(np.quantile(found, level)), float(found[high])


TASK = alone.task(
    agent="uq", name="confidence", summary="Give a bootstrap confidence interval for a statistic of data.",
    inputs=ConfidenceInputs, options=ConfidenceOptions, methods=("bca", "percentile", "basic"),
    example={"data": [4.1, 5.6, 3.9, 4.8, 6.0, 5.2, 4.4, 5.0, 4.7, 5.5], "statistic": "mean"},
    prepare=prepare,
)  # fmt: skip
