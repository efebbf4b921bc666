"""A time-dependent problem on three grids, and its outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from agents import arrays
from agents.arrays import Array
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.pde import judge, results
from native.pde import operators
from native.pde.grid import Grid

KERNEL = operators.KERNEL
TIMES_LIMIT = 100_000
_KEPT_LIMIT = 30_000_000
"""Most numbers kept for comparison."""
Keep = Callable[[int, Array], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: the request's grid, how much finer to compute, times, and what of it goes into the result."""

    names: tuple[str, ...]
    grid: Grid
    factor: int
    times: Array
    final: bool
    thin: int
    said: bool
    plain: bool
    """Whether u is given as one array, or by name."""


def read_times(t_span: Any, t_eval: Any, n_times: int | None) -> Array:
    """Read `t_span` and the times of the output; the first is always the start."""
    if not isinstance(t_span, list) or len(t_span) != 2:
        raise Problem("invalid_input", "not a range", field="inputs.t_span", hint="[0, 1]")
    start, end = (arrays.number(one, f"inputs.t_span[{i}]") for i, one in enumerate(t_span))
    if not 1e-100 < end - start < 1e100 or max(abs(start), abs(end)) > 1e9 * (end - start):
        text = f"{start:g} to {end:g} is no range of time"
        raise Problem("invalid_input", text, field="inputs.t_span", hint="[start, end] with start < end")
    if t_eval is None:
        return np.linspace(start, end, 11 if n_times is None else n_times)
    if n_times is not None:
        raise Problem("invalid_input", "both t_eval and n_times", field="inputs.n_times", hint="give one of them")
    times = arrays.gate(t_eval, "inputs.t_eval", ndim=1)
    if not 1 <= times.size <= TIMES_LIMIT or times[0] < start or times[-1] > end or (np.diff(times) <= 0).any():
        hint = f"1 to {TIMES_LIMIT} rising times within t_span"
        raise Problem("invalid_input", "not a list of times", field="inputs.t_eval", hint=hint)
    return times if times[0] == start else np.concatenate([[start], times])


def want(
    names: tuple[str, ...], grid: Grid, factor: int, times: Array, output: Literal["trajectory", "final"],
    thin: int | None, *, plain: bool,
) -> Wanted:  # fmt: skip
    """Decide what goes into the result; raises `Problem` when it is too much."""
    final = output == "final"
    frames = len(names) * (1 if final else times.size)
    kept = len(names) * times.size * (grid.size * factor**grid.ndim) // 2**grid.ndim
    if kept > _KEPT_LIMIT and not final:
        text = f"{times.size} times of {grid.size} points"
        raise Problem("budget_exceeded", text, field="inputs.shape", hint="fewer times, or output: final")
    return Wanted(names, grid, factor, times, final, results.stride(grid, frames, thin), thin is None, plain)


class Frames:
    """States on one grid at the times of the output, all or the last."""

    def __init__(self, final: bool, count: int) -> None:
        self.states: dict[int, Array] = {}
        self.final, self.count = final, count

    def keep(self, k: int, state: Array) -> None:
        """Keep the state at time k."""
        if not self.final or k == self.count - 1:
            self.states[k] = state.copy()


class Comparison:
    """Finest states as they come, compared with the medium ones and made into outputs."""

    def __init__(self, wanted: Wanted, grids: list[Grid], coarse: Frames, medium: Frames) -> None:
        self.wanted, self.grids = wanted, grids
        self.coarse, self.medium = coarse.states, medium.states
        self.first = self.second = self.gap = self.scale = 0.0
        self.frames: list[Array] = []
        self.statistics: list[tuple[float, float, float]] = []
        self.kept_times: list[float] = []

    def keep(self, k: int, state: Array) -> None:
        """Take the finest state at time k."""
        if self.wanted.final and k != self.wanted.times.size - 1:
            return
        low, middle, high = self.grids
        for i in range(len(state)):
            self.scale = max(self.scale, float(np.abs(state[i]).max()))
            self.second = max(self.second, judge.difference(state[i], high, self.medium[k][i], middle))
            self.first = max(self.first, judge.difference(self.medium[k][i], middle, self.coarse[k][i], low))
            if k > 0:  # at the start a jump is part of the problem, not of its solution
                self.gap = max(self.gap, judge.gap(state[i], high, self.medium[k][i], middle))
            self.statistics.append(results.statistics(state[i], high))
        thin = [results.thinned(one, self.wanted.grid, self.wanted.factor, self.wanted.thin) for one in state]
        self.frames.append(np.stack(thin))
        self.kept_times.append(float(self.wanted.times[k]))

    def outcome(self, *, steps: int, evaluations: int, method: str, floor: float = 0.0) -> Outcome:
        """Judge, and put the result together."""
        wanted = self.wanted
        verdict = judge.judge(self.first, self.second, self.gap, self.scale, floor)
        if not np.isfinite(verdict.error):
            raise Problem("non_finite", "the solution overflows", field="inputs.t_span", hint="end t_span before")
        warnings = [] if verdict.converged else [judge.UNRESOLVED]
        if wanted.thin > 1 and wanted.said:
            warnings.append(results.thin_warning(wanted.thin))
        every = np.stack(self.frames)
        times: Any = np.array(self.kept_times)
        if wanted.final:
            every, times = every[0], float(times[0])
        fields = {name: np.ascontiguousarray(every[i] if wanted.final else every[:, i])
                  for i, name in enumerate(wanted.names)}  # fmt: skip
        figures = np.array(self.statistics).reshape(-1, len(wanted.names), 3)
        statistics = {
            name: {kind: figures[-1, i, j] if wanted.final else figures[:, i, j].copy()
                   for j, kind in enumerate(("minimum", "maximum", "mean"))}
            for i, name in enumerate(wanted.names)
        }  # fmt: skip
        name = wanted.names[0]
        outputs = {
            "u": fields[name] if wanted.plain else fields, "axes": results.axes(wanted.grid, wanted.thin), "t": times,
            "statistics": statistics[name] if wanted.plain else statistics,
        }  # fmt: skip
        diagnostics = Diagnostics(
            converged=verdict.converged, iterations=steps, evaluations=evaluations, error_estimate=verdict.error,
            method=method, checks=[Check("refinement", passed=verdict.converged)],
        )  # fmt: skip
        return Outcome(outputs, KERNEL, operators.COMPILED, diagnostics, warnings)
