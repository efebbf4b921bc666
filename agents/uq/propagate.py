"""The task `uq.propagate`: what a model's value is distributed like when its inputs are uncertain."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, divided, expectation, sample, schema
from agents.arrays import Array
from agents.divided import Divided
from agents.expectation import Expectation
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.points import REPLICATES, Points
from agents.sample import Sample, Sampled, SampleState
from agents.task import TaskOptions, Watch
from agents.uq import model
from agents.uq.model import COMPILED, KERNEL, Model

_KEPT_LIMIT = 10_000
_LENIENT, _STRICT = 1.5, 3.0
"""By how many standard errors the tail's index has to be above 1: the model alone, or an input too, may lack a mean."""


class PropagateInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The value of `model`, a formula of the variables in `distributions` and of `parameters`.

    `distributions` {name: {"distribution": "norm", "loc": 0, "scale": 1}} are independent, named as in `scipy.stats`.
    Of `n_samples` samples (`lhs` and `sobol`: rounded up to sixteen independent sets of equal size) are given: `mean`,
    `mean_confidence_interval` [low, high] at `confidence_level`, `std` (n - 1), `quantiles` {"0.5": …}, `histogram`
    {counts, edges} with `bins` bins, `minimum`, `maximum` and `n_samples`; with `n_kept`, `samples` {name: [], …} and
    `values`, evenly taken. `error_estimate` bounds the error of `mean` with a probability of 99.9 %, as far as a sample
    can tell. Where the values' tail is so heavy that no mean (or no variance) shows, `mean` and its interval (or `std`)
    and `error_estimate` are null, and a warning says so.
    """

    model: str
    distributions: dict[str, Any]
    parameters: dict[str, Any] = {}
    n_samples: Annotated[int, msgspec.Meta(ge=32, le=model.SAMPLES_LIMIT)] = 10_000
    sampler: Literal["random", "lhs", "sobol"] | None = None
    quantiles: list[Annotated[float, msgspec.Meta(ge=0, le=1)]] = msgspec.field(
        default_factory=lambda: [0.05, 0.25, 0.5, 0.75, 0.95]
    )
    confidence_level: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.95
    bins: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    n_kept: Annotated[int, msgspec.Meta(ge=0, le=_KEPT_LIMIT)] = 0


class PropagateOptions(TaskOptions, kw_only=True):
    """`method` is another name for the inputs' `sampler`; "auto" is `random`."""

    method: Literal["auto", "random", "lhs", "sobol"] = "auto"


def prepare(inputs: PropagateInputs, options: PropagateOptions, seed: int) -> Divided:
    """Validate; raises `Problem`."""
    read = model.read(inputs.model, inputs.distributions, inputs.parameters)
    if len(inputs.quantiles) > 100:
        text = f"{len(inputs.quantiles)} quantiles"
        raise Problem("invalid_input", text, field="inputs.quantiles", hint="at most 100")
    sampler = schema.chosen(inputs.sampler, options.method, "random", "sampler")
    points = Points(sampler, seed, len(read.names), inputs.n_samples)  # type: ignore[arg-type]

    drawn = Sample(points, read.chunk, read.names, read.at, min(inputs.n_kept, points.count))

    def merge(states: Sequence[SampleState], _: Watch) -> Outcome:
        made = sample.together(read.names, states)
        model.check_finite(made.finite)
        return _outcome(read, inputs, points, made, drawn.kept_at)

    return divided.plan(
        KERNEL, points.count * read.cost, drawn.blocks, drawn.block, merge, SampleState, compiled=COMPILED,
        state_bytes=drawn.state_bytes,
    )  # fmt: skip


def _outcome(
    read: Model, inputs: PropagateInputs, points: Points, made: Sampled, kept_at: np.ndarray[Any, Any]
) -> Outcome:
    found = expectation.expectation(made.parts, made.values)
    exists = found.tail.has_mean(_STRICT if read.heavy else _LENIENT)
    outputs, warnings = _moments(found, exists, inputs.confidence_level)
    if not points.balanced:
        warnings.append(f"sobol converges fastest where n_samples is {REPLICATES} times a power of two")
    levels = [float(level) for level in inputs.quantiles]
    outputs["quantiles"] = dict(zip(map(str, levels), np.quantile(made.values, levels).tolist(), strict=True))
    outputs["histogram"] = _histogram(made.values, inputs.bins)
    outputs["minimum"], outputs["maximum"] = float(made.values.min()), float(made.values.max())
    outputs["n_samples"] = points.count
    if inputs.n_kept:
        outputs["samples"] = dict(zip(read.names, made.kept, strict=True))
        outputs["values"] = made.values[kept_at]
    diagnostics = Diagnostics(
        evaluations=points.count, error_estimate=found.bound if exists else None, method=points.sampler,
        checks=[Check("mean_exists", exists), Check("variance_exists", found.tail.has_variance)],
    )  # fmt: skip
    return Outcome(outputs, KERNEL, COMPILED, diagnostics, warnings)


def _moments(found: Expectation, exists: bool, level: float) -> tuple[dict[str, Any], list[str]]:
    """Mean, its interval and the standard deviation, as far as they exist."""
    tail = f"the tail's index is {found.tail.index:.2g} ± {found.tail.error:.1g}"
    if not exists:
        text = f"no mean shows in this sample ({tail}, a mean needs more than 1): see the quantiles"
        return {"mean": None, "mean_confidence_interval": None, "std": None}, [text]
    half = found.half_width(level)
    outputs: dict[str, Any] = {"mean": found.mean, "mean_confidence_interval": [found.mean - half, found.mean + half]}
    if not found.tail.has_variance:
        text = f"no standard deviation shows in this sample ({tail}, it needs more than 2): see the quantiles"
        return {**outputs, "std": None}, [text, "the confidence interval is too narrow for such a tail"]
    return {**outputs, "std": float(np.sqrt(found.all.variance))}, []


def _histogram(values: Array, bins: int) -> dict[str, Array]:
    """Counts and edges; values that differ by rounding only make one bin."""
    low, high = float(values.min()), float(values.max())
    if not (high - low) / bins > 1e-15 * max(abs(low), abs(high)) or high - low == np.inf:
        return {"counts": np.array([values.size]), "edges": np.array([low, high])}
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    return {"counts": counts, "edges": edges}


TASK = alone.task(
    agent="uq", name="propagate", summary="Propagate uncertain inputs through a formula: mean, spread and quantiles.",
    inputs=PropagateInputs, options=PropagateOptions, methods=("random", "lhs", "sobol"),
    example={
        "model": "a*x + y**2", "parameters": {"a": 2.0}, "n_samples": 4096,
        "distributions": {
            "x": {"distribution": "norm", "loc": 1.0, "scale": 0.5}, "y": {"distribution": "uniform", "scale": 2.0},
        },
    },
    prepare=prepare,
)  # fmt: skip
