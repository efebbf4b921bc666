"""The task `ode.ensemble`: one system for many parameters or initial values, and what they make together."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np

from agents import arrays, schema
from agents.arrays import Array
from agents.ode.bound import bounds, doubled
from agents.ode.system import (
    OdeOptions,
    System,
    check_options,
    check_size,
    estimate_cost,
    failure,
    kernel_name,
    ran,
    read_grid,
    read_methods,
    read_system,
)  # fmt: skip
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import Task, Watch
from native import ode
from native.ode import Members, Trajectories

_POINTS = 101
_MEMORY_LIMIT = 60_000_000
"""Most numbers that the trajectories behind statistics may have: 480 MB."""
_TOLD = 1000
_BOUNDED = 1000
"""Most members whose errors are bounded without being asked."""
_FINITE = Check("finite", passed=True)


class EnsembleInputs(msgspec.Struct, forbid_unknown_fields=True):
    """A system as in `ivp`, with `samples` {name: one number per member} over parameters or initial values.

    A sampled name needs no value in `parameters` or `initial`. `output` says what is given: `final` the members' states
    at the end; `trajectory` `t` and `y` {name: (members, points)}; `statistics` over the members at each time of `t`.
    `mean`, `std` (n - 1; NaN for one member) and `quantiles` {"0.5": …} come with `final` and `statistics`.
    Always given: `n_members`, `n_failed` and `failed`, the places of the first 1,000 that failed. A member that fails
    is NaN in `final` and `y` and no part of the statistics; the request fails only when all members do.
    `error_estimate` bounds the largest error of any number in `final`, in `y`, or in the statistics at the times of
    `t`, over the members that did not fail, as in `ivp`: each member is integrated a second time with tighter
    tolerances, and that answer is given. It is null where the option `error_estimate` is false, and where that is null
    and there are more than 1,000 members: then each is integrated once, which takes less than half the time; its local
    error is controlled by `rtol` and `atol`, but the error that it makes in the end is not known.
    """

    equations: dict[str, str]
    initial: dict[str, Any]
    t_span: Any
    samples: dict[str, Any]
    parameters: dict[str, Any] = {}
    t_eval: Any = None
    n_points: int | None = None
    output: Literal["final", "trajectory", "statistics"] = "final"
    quantiles: list[float] = msgspec.field(default_factory=lambda: [0.05, 0.25, 0.5, 0.75, 0.95])


class EnsembleOptions(OdeOptions, kw_only=True):
    """As in `ivp`; `error_estimate` asks for one, or declines; null asks for one up to 1,000 members."""

    error_estimate: bool | None = None


@dataclass(slots=True)
class EnsemblePlan:
    """One ensemble; it is a native call of its own."""

    system: System
    members: Members
    bounded: bool
    output: str
    quantiles: list[float]
    methods: tuple[str, ...]
    group: Hashable
    cost: float


def prepare_ensemble(inputs: Mapping[str, Any], options: Mapping[str, Any], seed: int) -> EnsemblePlan:  # noqa: ARG001
    """Validate an ensemble; raises `Problem`."""
    how = schema.read(options, EnsembleOptions, "options")
    check_options(how)
    given = schema.read(inputs, EnsembleInputs, "inputs")
    samples = {name: arrays.gate(value, f"inputs.samples.{name}", ndim=1) for name, value in given.samples.items()}
    sizes = {name: values.size for name, values in samples.items()}
    if not sizes or len(set(sizes.values())) != 1 or 0 in sizes.values():
        text = f"samples of lengths {dict(list(sizes.items())[:20])}"
        raise Problem("invalid_input", text, field="inputs.samples", hint="at least one name, all of one length")
    if not all(0.0 <= level <= 1.0 for level in given.quantiles) or len(given.quantiles) > 100:
        raise Problem("invalid_input", "not quantiles", field="inputs.quantiles", hint="at most 100, from 0 to 1")
    system = read_system(given.equations, given.parameters, given.initial, given.t_span, samples)
    count = next(iter(sizes.values()))
    grid = np.empty(0)
    if given.output != "final":
        grid = read_grid(given.t_eval, given.n_points, system.start, system.end, _POINTS)
    limit = _MEMORY_LIMIT if given.output == "statistics" else arrays.SIZE_LIMIT
    bounded = count <= _BOUNDED if how.error_estimate is None else how.error_estimate
    check_size(count * (1 + bounded), len(system.names), max(1, grid.size), limit)
    methods = read_methods(how, system)
    members = _members(system, samples, count, grid, how)
    cost = estimate_cost(system, count * (1 + 2 * bounded))
    return EnsemblePlan(system, members, bounded, given.output, given.quantiles, methods, object(), cost)


def _members(system: System, samples: Mapping[str, Array], count: int, grid: Array, how: OdeOptions) -> Members:
    def rows(names: tuple[str, ...], values: Array) -> Array:
        whole = np.repeat(values[:, None], count, axis=1)
        for j, name in enumerate(names):
            if name in samples:
                whole[j] = samples[name]
        return whole

    return Members(
        rows(system.names, system.initial), rows(system.parameters, system.values), np.full(count, system.start),
        np.full(count, system.end), np.full(count, how.rtol), np.full(count, how.atol),
        np.full(count, how.max_step or np.inf), np.full(count, how.max_steps), grid[None],
        np.zeros(count, dtype=np.int64),
    )  # fmt: skip


def compute_ensemble(plans: Sequence[EnsemblePlan], watch: Watch) -> list[Outcome]:
    """Integrate ensembles, one native call each."""
    return [_compute(plan, watch) for plan in plans]


def _compute(plan: EnsemblePlan, watch: Watch) -> Outcome:
    members = doubled(plan.members) if plan.bounded else plan.members
    try:
        made = ode.integrate(plan.system.program, plan.system.jacobian, members, plan.methods, watch)
    except Problem as problem:
        if problem.code != "invalid_formula":  # the watch's; the Jacobian's is this request's failure
            raise
        return Outcome(None, kernel_name(plan.methods, True), ode.COMPILED, problem=problem)
    bound = None
    if plan.bounded:
        made, bound = _bounded(plan, made)
    stiff = bool(made.stiff.any())
    kernel = kernel_name(plan.methods, bool(made.stiff.all()))
    failed = np.flatnonzero(made.status != ode.DONE)
    if failed.size == made.status.size:
        first = failure(plan.members, made, 0) or Problem("internal", "no member reached the end")
        first.message = f"all {failed.size} members failed; the first: {first.message}"
        return Outcome(None, kernel, ode.COMPILED, problem=first)
    diagnostics = Diagnostics(
        converged=not failed.size, iterations=int((made.accepted + made.rejected).sum()),
        evaluations=int(made.evaluations.sum()), error_estimate=bound, method=ran(plan.methods, stiff),
        checks=[_FINITE] if not failed.size else [],
    )  # fmt: skip
    outputs = {
        "n_members": made.status.size,
        "n_failed": failed.size,
        "failed": failed[:_TOLD].tolist(),
        **_outputs(plan, made),
    }
    warnings = [_told(plan.members, made, failed.tolist())] if failed.size else []
    return Outcome(outputs, kernel, ode.COMPILED, diagnostics, warnings)


def _bounded(plan: EnsemblePlan, made: Trajectories) -> tuple[Trajectories, float]:
    """Take the tight half of the integrations, and bound its errors; who failed in the other half has failed."""
    count = made.status.size // 2
    loose, tight = slice(0, count), slice(count, None)
    well = made.status[loose] == ode.DONE
    status = np.where(well, made.status[tight], made.status[loose])
    answers = made.state.T if plan.output == "final" else made.points
    errors = bounds(answers[loose], answers[tight], plan.members.rtol, plan.members.atol, made.accepted[tight])
    bound = float(errors[status == ode.DONE].max(initial=0.0))
    if plan.output == "statistics":  # means and quantiles move no further than the members, the standard deviation may
        bound *= float(np.sqrt(count / max(1, count - 1)))
    half = Trajectories(
        made.points[tight], made.reached[tight], np.where(well, made.state[:, tight], made.state[:, loose]),
        np.where(well, made.time[tight], made.time[loose]), status, made.accepted[tight],
        made.rejected[tight], made.evaluations[loose] + made.evaluations[tight], made.stiff[tight],
    )  # fmt: skip
    return half, bound


def _told(members: Members, made: Trajectories, failed: list[int]) -> str:
    """Say how many members failed, of what, and what the first one's trouble is."""
    kinds: Counter[str] = Counter()
    for i in failed[:_TOLD]:
        problem = failure(members, made, i)
        kinds[problem.code if problem else "internal"] += 1
    first = failure(members, made, failed[0])
    counts = ", ".join(f"{count} {code}" for code, count in kinds.most_common())
    of = f" (of the first {_TOLD})" if len(failed) > _TOLD else ""
    return (
        f"{len(failed)} of {made.status.size} members failed: {counts}{of}; "
        f"member {failed[0]}: {first.message if first else ''}"
    )


def _outputs(plan: EnsemblePlan, made: Trajectories) -> dict[str, Any]:
    names = plan.system.names
    good = made.status == ode.DONE
    if plan.output == "final":
        final = np.where(good, made.state, np.nan)
        named = {name: final[j] for j, name in enumerate(names)}
        return {"final": named, **_statistics(names, final.T[good], plan.quantiles)}
    points = made.points
    grid = plan.members.grids[0]
    if plan.output == "trajectory":
        points[~good] = np.nan
        return {"t": grid, "y": {name: points[:, j] for j, name in enumerate(names)}}
    return {"t": grid, **_statistics(names, points[good], plan.quantiles)}


def _statistics(names: tuple[str, ...], values: Array, levels: list[float]) -> dict[str, Any]:
    """Mean, standard deviation and quantiles over the first axis of `values` (members, n, …)."""
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1:], np.nan)
    at = np.quantile(values, levels, axis=0) if levels else np.empty((0, *values.shape[1:]))

    def named(rows: Array) -> dict[str, Any]:
        return {name: rows[j] for j, name in enumerate(names)}

    return {
        "mean": named(values.mean(axis=0)),
        "std": named(spread),
        "quantiles": {f"{level:g}": named(at[i]) for i, level in enumerate(levels)},
    }


TASK = Task(
    agent="ode", name="ensemble", summary="Solve one system for many parameters or initial values.",
    inputs=EnsembleInputs, options=EnsembleOptions, methods=ode.METHODS,
    example={
        "equations": {"x": "-k*x"}, "initial": {"x": 1}, "t_span": [0, 1], "samples": {"k": [0.5, 1, 2]},
    },
    prepare=prepare_ensemble, compute=compute_ensemble,
)  # fmt: skip
