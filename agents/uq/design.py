"""The task `uq.design`: at which inputs to run an experiment or a simulation."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import scipy
from scipy.spatial.distance import pdist

from agents import alone, arrays, distributions, formulas, schema
from agents.alone import Alone
from agents.arrays import Array
from agents.distributions import Distribution
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.points import Points, Sampler
from agents.task import TaskOptions, Watch
from agents.uq import designs

_KERNEL = "scipy.stats.qmc"
_NUMBERS_LIMIT = 500_000
_MOST_VARIABLES = 100
_COMPARED = 5e7
"""Up to which n² d the discrepancy and the distances of n points are computed: about 50 ms."""

Classical = ("full_factorial", "central_composite", "box_behnken")
Method = Literal["lhs", "sobol", "halton", "random", "full_factorial", "central_composite", "box_behnken"]


class DesignInputs(msgspec.Struct, forbid_unknown_fields=True):
    """Points over `bounds` {name: [low, high]} or, as quantiles, over `distributions` {name: distribution}.

    `method` (the inputs' or the options'): "lhs" (the default: of `n_candidates` Latin hypercubes the one of lowest
    centred discrepancy), "sobol", "halton" (scrambled) and "random" take `n_samples` points. "full_factorial" takes
    `levels` (a number for all, or {name: number}); "central_composite" takes `alpha`, and "box_behnken" (3 variables
    and more), as it, `n_centers`; these three need bounds, or distributions with bounded supports, whose ends they use.
    Outputs: `samples` {name: []}, `coded` (n, d) from -1 to 1, `n_samples`, and up to n² d = 5e7 `discrepancy`
    (centred, L2) and `minimum_distance` of the points in the unit cube. `error_estimate` is null: a design is exact.
    """

    n_samples: Annotated[int, msgspec.Meta(ge=1, le=_NUMBERS_LIMIT)] | None = None
    bounds: dict[str, Any] | None = None
    distributions: dict[str, Any] | None = None
    method: Method | None = None
    levels: int | dict[str, int] | None = None
    alpha: Literal["rotatable", "orthogonal", "faced"] = "rotatable"
    n_centers: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 1
    n_candidates: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 30


class DesignOptions(TaskOptions, kw_only=True):
    """`method` is the inputs' `method`; "auto" is `lhs`."""

    method: Literal[
        "auto", "lhs", "sobol", "halton", "random", "full_factorial", "central_composite", "box_behnken"
    ] = "auto"


def prepare(inputs: DesignInputs, options: DesignOptions, seed: int) -> Alone:
    """Validate; raises `Problem`."""
    ranges = _ranges(inputs)
    d = len(ranges)
    method = schema.chosen(inputs.method, options.method, "lhs", "method")
    classical = method in Classical
    levels = _levels(inputs.levels, tuple(ranges)) if method == "full_factorial" else []
    if classical and inputs.n_samples is not None:
        text = f"{method} has as many points as it has"
        raise Problem("invalid_input", text, field="inputs.n_samples", hint="leave it out, or another method")
    count = _count(method, d, levels, inputs)
    if count * d > _NUMBERS_LIMIT:
        field = "inputs.n_samples" if inputs.n_samples is not None else "inputs.bounds"
        field = "inputs.levels" if levels else field
        text = f"{count} points of {d} variables"
        raise Problem("budget_exceeded", text, field=field, hint=f"at most {_NUMBERS_LIMIT} numbers")
    if classical:
        _check_bounded(ranges)
    candidates = inputs.n_candidates if method == "lhs" and count * count * d <= _COMPARED else 1

    def work(watch: Watch, _: object) -> Outcome:
        watch(0.0, "design")
        if classical:
            coded = _coded(method, levels, d, inputs)
        else:
            coded = 2.0 * _sampled(method, seed, d, count, candidates, watch) - 1.0  # type: ignore[arg-type]
        return _outcome(ranges, coded, method, levels, watch)

    quantiles = sum(one.cost for one in ranges.values() if isinstance(one, Distribution))
    compared = 20.0 * (candidates + 2) * min(float(count * count * d), _COMPARED)
    return Alone(_KERNEL, work, count * (quantiles + 300.0 * d) + compared, compiled=False)


Range = Distribution | tuple[float, float]


def _ranges(inputs: DesignInputs) -> dict[str, Range]:
    """Read what the variables range over: exactly one of bounds and distributions."""
    if (inputs.bounds is None) == (inputs.distributions is None):
        text = "either bounds or distributions say what the points range over"
        raise Problem("invalid_input", text, field="inputs.bounds", hint="give one of the two")
    if inputs.distributions is not None:
        return dict(distributions.read_all(inputs.distributions, "inputs.distributions"))
    bounds = inputs.bounds or {}
    if not 0 < len(bounds) <= _MOST_VARIABLES:
        hint = f"1 to {_MOST_VARIABLES} variables"
        raise Problem("invalid_input", f"bounds of {len(bounds)} variables", field="inputs.bounds", hint=hint)
    formulas.check_names(bounds, "inputs.bounds", taken={})
    return {name: _pair(pair, f"inputs.bounds.{name}") for name, pair in bounds.items()}


def _pair(pair: Any, field: str) -> tuple[float, float]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise Problem("invalid_input", "not bounds", field=field, hint="[low, high]")
    low, high = (arrays.number(value, f"{field}[{i}]") for i, value in enumerate(pair))
    if not low < high or high - low == np.inf:
        raise Problem("invalid_input", f"{low:g} to {high:g} is no range", field=field, hint="low < high")
    return low, high


def _levels(given: int | dict[str, int] | None, names: tuple[str, ...]) -> list[int]:
    if isinstance(given, Mapping):
        formulas.check_same(given, names, "inputs.levels")
        levels = [given[name] for name in names]
    else:
        levels = [2 if given is None else given] * len(names)
    if not all(1 <= n <= _NUMBERS_LIMIT for n in levels):
        raise Problem("invalid_input", "levels out of range", field="inputs.levels", hint=f"1 to {_NUMBERS_LIMIT}")
    return levels


def _count(method: str, d: int, levels: list[int], inputs: DesignInputs) -> int:
    """Say how many points there will be, before any is made."""
    if method == "full_factorial":
        return int(min(_NUMBERS_LIMIT + 1.0, math.prod(map(float, levels))))
    if method == "central_composite":
        return int(2 ** min(d, 30)) + 2 * d + inputs.n_centers
    if method == "box_behnken":
        if d < 3:
            hint = "central_composite, or a third variable"
            raise Problem("invalid_input", f"box_behnken of {d} variables", field="inputs.method", hint=hint)
        return 2 * d * (d - 1) + inputs.n_centers
    return 10 * d if inputs.n_samples is None else inputs.n_samples


def _check_bounded(ranges: Mapping[str, Range]) -> None:
    for name, one in ranges.items():
        if isinstance(one, Distribution) and not np.isfinite(one.support).all():
            text = f"{one.name} has no ends for a classical design"
            hint = "bounds, a bounded distribution such as uniform or truncnorm, or method lhs"
            raise Problem("invalid_input", text, field=f"inputs.distributions.{name}", hint=hint)


def _coded(method: str, levels: list[int], d: int, inputs: DesignInputs) -> Array:
    if method == "full_factorial":
        return designs.full_factorial(levels)
    if method == "central_composite":
        return designs.central_composite(d, inputs.alpha, inputs.n_centers)
    return designs.box_behnken(d, inputs.n_centers)


def _sampled(method: Sampler, seed: int, d: int, count: int, candidates: int, watch: Watch) -> Array:
    """Draw points of the unit cube; of Latin hypercubes, the best of several."""
    points = Points(method, seed, d, count * candidates, replicates=candidates)
    if candidates == 1:
        return points.take(0, 0, count)
    best, lowest = points.take(0, 0, count), np.inf
    for number in range(candidates):
        watch(number / candidates, "candidates")
        one = points.take(number, 0, count)
        discrepancy = float(scipy.stats.qmc.discrepancy(one))
        if discrepancy < lowest:
            best, lowest = one, discrepancy
    return best


def _outcome(ranges: Mapping[str, Range], coded: Array, method: str, levels: list[int], watch: Watch) -> Outcome:
    units = 0.5 * (coded + 1.0)
    samples = {}
    for j, (name, one) in enumerate(ranges.items()):
        watch(j / len(ranges), "quantiles")
        samples[name] = _placed(one, units[:, j], by_quantile=method not in Classical)
    outputs: dict[str, Any] = {"samples": samples, "coded": coded, "n_samples": len(coded)}
    if len(coded) > 1 and len(coded) * coded.size <= _COMPARED:
        outputs["discrepancy"] = float(scipy.stats.qmc.discrepancy(np.clip(units, 0.0, 1.0)))
        outputs["minimum_distance"] = float(pdist(units).min())
    if method == "full_factorial":
        outputs["levels"] = levels
    diagnostics = Diagnostics(
        error_estimate=None, method=method, checks=[Check("within_range", passed=bool((np.abs(coded) <= 1.0).all()))]
    )
    return Outcome(outputs, _KERNEL, compiled=False, diagnostics=diagnostics)


def _placed(one: Range, units: Array, *, by_quantile: bool) -> Array:
    if isinstance(one, Distribution) and by_quantile:
        return one.quantile(units)
    low, high = one.support if isinstance(one, Distribution) else one
    return low + (high - low) * units


TASK = alone.task(
    agent="uq", name="design", summary="Design an experiment: Latin hypercubes, low discrepancy, classical designs.",
    inputs=DesignInputs, options=DesignOptions,
    methods=("lhs", "sobol", "halton", "random", "full_factorial", "central_composite", "box_behnken"),
    example={"bounds": {"temperature": [20, 80], "pressure": [1, 5], "time": [10, 60]}},
    prepare=prepare,
)  # fmt: skip
