"""Members of an ensemble, in blocks: what each block leaves, and the answer that all of them make."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from agents import draws, summary
from agents.arrays import Array
from agents.distributions import Distribution
from agents.divided import Trouble, trouble
from agents.ode.bound import bounds, doubled
from agents.ode.system import OdeOptions, System, failure, kernel_name, ran
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.summary import Summary
from agents.task import Watch
from native import ode
from native.ode import Members, Trajectories

_TOLD = 1000
_STREAM = 2**44
"""Stream of a seed that members are drawn from."""
_FINITE = Check("finite", passed=True)


class BlockState(msgspec.Struct, frozen=True):
    """What a block leaves.

    `members` (count, n) or (count, n, points), NaN where one failed, are there when the members themselves are given;
    `summary`, of n or n × points quantities, when not. `failed` are the places of the first that failed, of all
    members, `kinds` their codes and `first` the first one's trouble.
    """

    count: int
    n_failed: int
    failed: list[int]
    kinds: list[str]
    first: Trouble | None
    steps: int
    evaluations: int
    any_stiff: bool
    all_stiff: bool
    bound: float | None
    members: Array | None
    summary: Summary | None


def values_of(samples: Mapping[str, Array | Distribution], seed: int, first: int, count: int) -> dict[str, Array]:
    """Values of the sampled names for members from `first`: what is listed, or what is drawn for each by its place."""
    drawn = [name for name, one in samples.items() if isinstance(one, Distribution)]
    units = draws.uniforms(seed, first, count, len(drawn), _STREAM) if drawn else np.empty((count, 0))
    return {
        name: one.quantile(units[:, drawn.index(name)]) if isinstance(one, Distribution) else one[first : first + count]
        for name, one in samples.items()
    }


@dataclass(frozen=True, eq=False, slots=True)
class Ensemble:
    """A validated ensemble: `count` members in blocks of `size`, of which `kept` order statistics are summed up.

    `samples` are by name one number a member, or what they are drawn from: member i is the same in any block.
    """

    system: System
    how: OdeOptions
    methods: tuple[str, ...]
    samples: Mapping[str, Array | Distribution]
    count: int
    seed: int
    bounded: bool
    output: str
    given: bool
    quantiles: list[float]
    grid: Array
    size: int
    kept: int

    def members(self, first: int, count: int) -> Members:
        """Lay out members from `first`."""
        system, how = self.system, self.how
        sampled = values_of(self.samples, self.seed, first, count)

        def rows(names: tuple[str, ...], values: Array) -> Array:
            whole = np.repeat(values[:, None], count, axis=1)
            for j, name in enumerate(names):
                if name in sampled:
                    whole[j] = sampled[name]
            return whole

        return Members(
            rows(system.names, system.initial), rows(system.parameters, system.values),
            np.full(count, system.start), np.full(count, system.end), np.full(count, how.rtol),
            np.full(count, how.atol), np.full(count, how.max_step or np.inf), np.full(count, how.max_steps),
            self.grid[None], np.zeros(count, dtype=np.int64),
        )  # fmt: skip

    def block(self, number: int, watch: Watch) -> BlockState:
        """Integrate the members of one block; raises `Problem` when the methods do not fit the equations."""
        first = number * self.size
        members = self.members(first, min(self.size, self.count - first))
        twice = doubled(members) if self.bounded else members
        made = ode.integrate(self.system.program, self.system.jacobian, twice, self.methods, watch)
        bound = None
        if self.bounded:
            made, bound = _bounded(self.output, members, made)
        good = made.status == ode.DONE
        failed = np.flatnonzero(~good)
        problems = [failure(members, made, i) for i in failed[:_TOLD].tolist()]
        known = [one or Problem("internal", "it did not reach the end") for one in problems]
        values = made.state.T if self.output == "final" else made.points
        if self.given and failed.size:
            values = np.where(good.reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)
        return BlockState(
            good.size, failed.size, (first + failed[:_TOLD]).tolist(), [one.code for one in known],
            trouble(known[0]) if known else None, int((made.accepted + made.rejected).sum()),
            int(made.evaluations.sum()), bool(made.stiff.any()), bool(made.stiff.all()), bound,
            np.ascontiguousarray(values) if self.given else None,
            None if self.given else summary.of(_by_quantity(values[good]), self.kept),
        )  # fmt: skip

    def merge(self, states: Sequence[BlockState], _: Watch) -> Outcome:
        """Answer with what all blocks left."""
        n_failed = sum(state.n_failed for state in states)
        kernel = kernel_name(self.methods, all(state.all_stiff for state in states))
        if n_failed == self.count:
            problem = next(state.first for state in states if state.first is not None).problem()
            problem.message = f"all {n_failed} members failed; the first: {problem.message}"
            return Outcome(None, kernel, ode.COMPILED, problem=problem)
        failed = [place for state in states for place in state.failed][:_TOLD]
        outputs, warnings, reach = self._outputs(states)
        if n_failed:
            warnings.insert(0, _told(states, failed, n_failed, self.count))
        diagnostics = Diagnostics(
            converged=not n_failed, iterations=sum(state.steps for state in states),
            evaluations=sum(state.evaluations for state in states), error_estimate=self._bound(states, reach),
            method=ran(self.methods, any(state.any_stiff for state in states)), checks=[] if n_failed else [_FINITE],
        )  # fmt: skip
        counts = {"n_members": self.count, "n_failed": n_failed, "failed": failed}
        return Outcome({**counts, **outputs}, kernel, ode.COMPILED, diagnostics, warnings)

    def _bound(self, states: Sequence[BlockState], reach: float) -> float | None:
        """Bound the errors; means and quantiles move no further than members, the standard deviation may."""
        if not self.bounded:
            return None
        bound = max(state.bound or 0.0 for state in states)
        if self.output == "statistics" or not self.given:
            bound *= float(np.sqrt(self.count / max(1, self.count - 1)))
        return bound + reach

    def _outputs(self, states: Sequence[BlockState]) -> tuple[dict[str, Any], list[str], float]:
        """Give what was asked for, warnings, and how far an interpolated quantile may be from the members' own."""
        names = self.system.names
        if not self.given:
            found = summary.together([state.summary for state in states if state.summary is not None])
            at, errors = found.quantiles(self.quantiles)
            shape = (len(names),) if self.output == "final" else (len(names), self.grid.size)
            outputs = _statistics(
                names, self.quantiles, found.mean.reshape(shape), found.std.reshape(shape), at.reshape(-1, *shape)
            )
            outputs["quantile_rank_error"] = found.rank_error
            outputs = {"final": None, **outputs} if self.output == "final" else {"t": self.grid, **outputs}
            return outputs, self._left_out(found.rank_error), float(errors.max(initial=0.0))
        members = np.concatenate([state.members for state in states if state.members is not None])
        if self.output == "trajectory":
            return {"t": self.grid, "y": {name: members[:, j] for j, name in enumerate(names)}}, [], 0.0
        good = members[np.isfinite(members).all(axis=1)]
        spread = good.std(axis=0, ddof=1) if len(good) > 1 else np.full(len(names), np.nan)
        at = np.quantile(good, self.quantiles, axis=0) if self.quantiles else np.empty((0, len(names)))
        final = {name: members[:, j].copy() for j, name in enumerate(names)}
        outputs = {"final": final, **_statistics(names, self.quantiles, good.mean(axis=0), spread, at)}
        return {**outputs, "quantile_rank_error": 0.0}, [], 0.0

    def _left_out(self, rank_error: float) -> list[str]:
        told = []
        if self.output == "final":
            told.append(f"final is null: {self.count} members of {len(self.system.names)} variables fit no result")
        if rank_error:
            told.append(f"the quantiles are those of levels up to {rank_error:.1g} away (quantile_rank_error)")
        return told


def _by_quantity(values: Array) -> Array:
    """Turn (members, n, …) into (n × …, members)."""
    return np.ascontiguousarray(values.reshape(len(values), -1 if values.size else int(np.prod(values.shape[1:]))).T)


def _bounded(output: str, members: Members, made: Trajectories) -> tuple[Trajectories, float]:
    """Take the tight half of the integrations, and bound its errors; who failed in the other half has failed."""
    count = made.status.size // 2
    loose, tight = slice(0, count), slice(count, None)
    well = made.status[loose] == ode.DONE
    status = np.where(well, made.status[tight], made.status[loose])
    answers = made.state.T if output == "final" else made.points
    errors = bounds(answers[loose], answers[tight], members.rtol, members.atol, made.accepted[tight])
    half = Trajectories(
        made.points[tight], made.reached[tight], np.where(well, made.state[:, tight], made.state[:, loose]),
        np.where(well, made.time[tight], made.time[loose]), status, made.accepted[tight],
        made.rejected[tight], made.evaluations[loose] + made.evaluations[tight], made.stiff[tight],
    )  # fmt: skip
    return half, float(errors[status == ode.DONE].max(initial=0.0))


def _told(states: Sequence[BlockState], failed: list[int], n_failed: int, count: int) -> str:
    """Say how many members failed, of what, and what the first one's trouble is."""
    kinds = Counter([kind for state in states for kind in state.kinds][:_TOLD])
    counts = ", ".join(f"{many} {code}" for code, many in kinds.most_common())
    of = f" (of the first {_TOLD})" if n_failed > _TOLD else ""
    first = next(state.first for state in states if state.first is not None)
    return f"{n_failed} of {count} members failed: {counts}{of}; member {failed[0]}: {first.message}"


def _statistics(names: tuple[str, ...], levels: list[float], mean: Array, std: Array, at: Array) -> dict[str, Any]:
    def named(rows: Array) -> dict[str, Any]:
        return {name: rows[j] for j, name in enumerate(names)}

    return {
        "mean": named(mean), "std": named(std),
        "quantiles": {f"{level:g}": named(at[i]) for i, level in enumerate(levels)},
    }  # fmt: skip
