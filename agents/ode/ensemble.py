"""The task `ode.ensemble`: one system for many parameters or initial values, and what they make together."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, arrays, distributions, divided
from agents.arrays import Array
from agents.distributions import Distribution
from agents.divided import Divided
from agents.ode.members import BlockState, Ensemble
from agents.ode.system import (
    OdeOptions,
    check_options,
    check_size,
    estimate_cost,
    kernel_name,
    read_grid,
    read_methods,
    read_system,
)  # fmt: skip
from agents.outcome import Problem
from native import ode

_POINTS = 101
_MEMBERS_LIMIT = 100_000_000
_GIVEN_LIMIT = 1_000_000
"""Most numbers of `final`: what fits a result."""
_BOUNDED = 1000
"""Most members whose errors are bounded without being asked."""
_BLOCK = 65_536
_BLOCK_FEWEST = 1024
"""Members of a block, at most and where that is left to decide: the kernels' lanes are to be full."""
_MEMORY_LIMIT = 60_000_000
"""Most numbers of the trajectories of one block: 480 MB."""
_BLOCK_NUMBERS = 4_000_000
_BLOCK_COST = 4e10
"""Of one block, where its members are more than a thousand: numbers of trajectories (32 MB), operations, estimated."""
_KEPT_NUMBERS = 8_000_000
"""Most order statistics that are kept of all blocks together (64 MB): up to so many values, all are kept."""
_KEPT = 2048
_KEPT_FEWEST = 64
"""Order statistics of a block: more tell nothing that anybody asks for, fewer tell too little."""


class EnsembleInputs(msgspec.Struct, forbid_unknown_fields=True):
    """A system as in `ivp`, with `samples` over parameters or initial values: {name: one number per member}, or

    {name: {"distribution": "norm", "loc": 28, "scale": 1}} (independent, named as in `scipy.stats`) from which
    `n_members` members are drawn by the request's seed. A sampled name needs no value in `parameters` or `initial`.
    `output` says what is given: `final` the members' states at the end, null where they are more than 1,000,000
    numbers; `trajectory` `t` and `y` {name: (members, points)}; `statistics` over the members at each time of `t`.
    `mean`, `std` (n - 1; NaN for one member) and `quantiles` {"0.5": …} come with `final` and `statistics`, and
    `quantile_rank_error`: the share of members by which the rank of a quantile may be off its level. It is 0, and the
    quantiles exact, up to 8,000,000 values (members × variables × times); of more, each block of members keeps evenly
    spaced order statistics, and a warning says how far off that may be.
    Always given: `n_members`, `n_failed` and `failed`, the places of the first 1,000 that failed. A member that fails
    is NaN in `final` and `y` and no part of the statistics; the request fails only when all members do.
    `error_estimate` bounds the largest error of any number in `final`, in `y`, or in the statistics of these members
    (not of the distributions) at the times of `t`, over the members that did not fail, as in `ivp`: each member is
    integrated a second time with tighter tolerances, and that answer is given. It is null where the option
    `error_estimate` is false, and where that is null and there are more than 1,000 members: then each is integrated
    once, which takes less than half the time; its local error is controlled by `rtol` and `atol`, but the error that it
    makes in the end is not known.
    """

    equations: dict[str, str]
    initial: dict[str, Any]
    t_span: Any
    samples: dict[str, Any]
    parameters: dict[str, Any] = {}
    n_members: Annotated[int, msgspec.Meta(ge=1, le=_MEMBERS_LIMIT)] | None = None
    t_eval: Any = None
    n_points: int | None = None
    output: Literal["final", "trajectory", "statistics"] = "final"
    quantiles: list[float] = msgspec.field(default_factory=lambda: [0.05, 0.25, 0.5, 0.75, 0.95])


class EnsembleOptions(OdeOptions, kw_only=True):
    """As in `ivp`; `error_estimate` asks for one, or declines; null asks for one up to 1,000 members."""

    error_estimate: bool | None = None


def prepare(given: EnsembleInputs, how: EnsembleOptions, seed: int) -> Divided:
    """Validate an ensemble; raises `Problem`."""
    check_options(how)
    samples = read_samples(given.samples)
    count = count_of(samples, given.n_members)
    if not all(0.0 <= level <= 1.0 for level in given.quantiles) or len(given.quantiles) > 100:
        raise Problem("invalid_input", "not quantiles", field="inputs.quantiles", hint="at most 100, from 0 to 1")
    system = read_system(given.equations, given.parameters, given.initial, given.t_span, samples)
    grid = np.empty(0)
    if given.output != "final":
        grid = read_grid(given.t_eval, given.n_points, system.start, system.end, _POINTS)
    bounded = count <= _BOUNDED if how.error_estimate is None else how.error_estimate
    times, n = max(1, grid.size), len(system.names)
    if given.output == "trajectory":
        check_size(count * (1 + bounded), n, times)
    check_size(1 + bounded, n, times, _MEMORY_LIMIT)
    in_result = given.output == "trajectory" or (given.output == "final" and count * n <= _GIVEN_LIMIT)
    methods = read_methods(how, system)
    each = estimate_cost(system, 1 + 2 * bounded)
    whole = in_result or count * n * times <= _KEPT_NUMBERS
    size = _block_size(count, each, n * times, (1 + bounded) * n * times, whole=whole)
    blocks = -(-count // size)
    kept = size if whole else _kept(size, blocks, n * times)
    made = Ensemble(
        system, how, methods, samples, count, seed, bounded, given.output, in_result, given.quantiles, grid, size, kept
    )
    cost = count * (each + sum(one.cost for one in samples.values() if isinstance(one, Distribution)))
    return divided.plan(
        kernel_name(methods, True), cost, blocks, made.block, made.merge, BlockState,
        state_bytes=8 * min(size, kept) * n * times + 64 * n * times + 20_000, compiled=ode.COMPILED, finite=False,
    )  # fmt: skip


def read_samples(given: Mapping[str, Any]) -> dict[str, Array | Distribution]:
    """Read `samples`: numbers, or a distribution, by name; raises `Problem`."""

    def read(name: str, value: Any) -> Array | Distribution:
        field = f"inputs.samples.{name}"
        if isinstance(value, Mapping) and "distribution" in value:
            return distributions.read(value, field)
        return arrays.gate(value, field, ndim=1)

    return {name: read(name, value) for name, value in given.items()}


def count_of(samples: Mapping[str, Array | Distribution], n_members: int | None) -> int:
    """Say how many members there are: as many as the lists are long, or `n_members`; raises `Problem`."""
    sizes = {name: one.size for name, one in samples.items() if not isinstance(one, Distribution)}
    if not samples or len(set(sizes.values())) > 1 or 0 in sizes.values():
        text = f"samples of lengths {dict(list(sizes.items())[:20])}"
        raise Problem("invalid_input", text, field="inputs.samples", hint="at least one name, all of one length")
    listed = next(iter(sizes.values()), None)
    if listed is None and n_members is None:
        text = "members are drawn from distributions, but not how many"
        raise Problem("invalid_input", text, field="inputs.n_members", hint="such as 100000")
    if listed is not None and n_members not in {None, listed}:
        text = f"n_members is {n_members}, samples have {listed} numbers"
        raise Problem("invalid_input", text, field="inputs.n_members", hint="leave it out")
    return listed if listed is not None else n_members or 0


def _block_size(count: int, each: float, numbers: int, in_memory: int, *, whole: bool) -> int:
    """Members of a block: a power of two, so that its trajectories fit memory and what it leaves a message, if it can.

    It depends on the request alone: neither on who computes nor on how many do.
    """
    most = min(_BLOCK, _BLOCK_NUMBERS // in_memory, int(_BLOCK_COST / each))
    if whole:  # each member's numbers are kept
        most = min(most, divided.STATE_LIMIT // (10 * numbers))
    size = 1 << max(0, most.bit_length() - 1)
    return min(max(size, min(_BLOCK_FEWEST, _MEMORY_LIMIT // in_memory)), count)


def _kept(size: int, blocks: int, numbers: int) -> int:
    """How many order statistics a block keeps of each quantity; raises `Problem` where that would be too few."""
    most = min(_KEPT_NUMBERS // (blocks * numbers), divided.STATE_LIMIT // (10 * numbers))
    kept = min(_KEPT, size, 1 << max(0, most.bit_length() - 1))
    if kept < min(size, _KEPT_FEWEST):
        text = f"statistics of {numbers} quantities (variables and times) over so many members are too many to be kept"
        hint = f"at most {_KEPT_NUMBERS // (blocks * _KEPT_FEWEST)} quantities"
        raise Problem("budget_exceeded", text, field="inputs", hint=hint)
    return kept


TASK = alone.task(
    agent="ode", name="ensemble", summary="Solve one system for many parameters or initial values.",
    inputs=EnsembleInputs, options=EnsembleOptions, methods=ode.METHODS,
    example={
        "equations": {"x": "-k*x"}, "initial": {"x": 1}, "t_span": [0, 1], "samples": {"k": [0.5, 1, 2]},
    },
    prepare=prepare,
)  # fmt: skip
