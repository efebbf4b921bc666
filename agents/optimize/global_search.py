"""The task `optimize.global`: the lowest minimum in a box that a search finds, polished and checked."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from scipy import optimize

from agents import alone, draws, formulas
from agents.arrays import Array
from agents.optimize import boxes
from agents.optimize.descent import Descent, unbounded
from agents.optimize.functions import Functions
from agents.optimize.kkt import Box, Stationary
from agents.optimize.minimize import KERNEL, MinimizeInputs, outcome, read
from agents.optimize.residuals import Pace
from agents.outcome import Outcome, Problem
from agents.task import TaskOptions, Watch

VARIABLES_LIMIT = 200
_LONG = 3e8
_SAME = 1e-6
_SHOWN = 20
_MEMBERS = 100
_MEMBER = 1e3
_HOPS = 12
_HOP = (0.05, 0.1, 0.2, 0.02, 0.4)
_DEEP = 1e12


class GlobalInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The least `objective` inside `bounds`, {name: [low, high]}, finite for every variable.

    `parameters`, `constraints` and `maximize` are as in `minimize`. Outputs are as there, with `minima`: the local
    minima that were found, the lowest first, each with `x`, `objective` and `hits`, how many descents ended in it.
    `error_estimate` bounds the distance of `x` to the minimum it is next to; that this is the lowest of all is likely,
    not proved: one with a basin that no point of the search fell into is not seen.
    """

    objective: str
    bounds: dict[str, Any]
    parameters: dict[str, Any] = {}
    constraints: list[str] = []
    maximize: bool = False


class GlobalOptions(TaskOptions, kw_only=True):
    """`auto` is differential evolution, then descents from its best and from the best of many random points.

    `multi_start` is the latter alone; both go on with descents from around the lowest. `population` is the number of
    members for each variable (100 in all at least), `max_iterations` the
    most generations (or annealing steps), `starts` the descents. The seed of the request decides the draws.
    """

    method: Literal["auto", "differential_evolution", "dual_annealing", "multi_start"] = "auto"
    population: Annotated[int, msgspec.Meta(ge=2, le=200)] = 15
    max_iterations: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000
    starts: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 12


def prepare(inputs: GlobalInputs, options: GlobalOptions, seed: int) -> alone.Alone:
    """Validate a search; raises `Problem`."""
    names = tuple(inputs.bounds)
    if not 0 < len(names) <= VARIABLES_LIMIT:
        hint = f"1 to {VARIABLES_LIMIT} variables, each with [low, high]"
        raise Problem("invalid_input", f"{len(names)} variables", field="inputs.bounds", hint=hint)
    formulas.check_names(names, "inputs.bounds", taken={})
    low, high = boxes.read(inputs.bounds, names, "inputs.bounds")
    for name, one, other in zip(names, low.tolist(), high.tolist(), strict=True):
        if not np.isfinite(other - one):
            text = f"{name!r} has an open end or too wide a range"
            raise Problem("invalid_input", text, field=f"inputs.bounds.{name}", hint="two numbers, [low, high]")
    middle = dict(zip(names, (0.5 * low + 0.5 * high).tolist(), strict=True))
    given = MinimizeInputs(
        inputs.objective, middle, inputs.parameters, inputs.bounds, inputs.constraints, inputs.maximize
    )
    _, functions, box, signs = read(given)

    def work(watch: Watch, kept: object) -> Outcome:  # noqa: ARG001
        most = options.max_iterations * options.population * len(names) + 1000 * options.starts
        functions.begin(Pace(watch, most, "search"))
        return _Search(functions, box, options, seed).outcome(given, signs)

    return alone.Alone(KERNEL, work, max(_LONG, 1e6 * options.max_iterations))


class _Search:
    def __init__(self, functions: Functions, box: Box, options: GlobalOptions, seed: int) -> None:
        self.functions = functions
        self.box = box
        self.options = options
        self.seed = seed
        self.price = 1.0
        self.typical = 1.0
        self.failed: Problem | None = None

    def outcome(self, inputs: MinimizeInputs, signs: Array) -> Outcome:
        """Search, descend, and say what was found."""
        points = self._random()
        candidates = self._candidates(points)
        usable = [one for x in candidates if (one := self._descend(x)) is not None]
        if not usable:
            raise self.failed or _nothing()
        usable.sort(key=_height)
        usable += self._hops(usable[0])
        usable.sort(key=_height)
        if not usable[0][0].solved and (again := self._descend(usable[0][0].x, "auto")) is not None:
            usable = sorted([again, *usable], key=_height)
        best, descent = usable[0]
        if best.values[0] < -_DEEP * self.typical:
            raise unbounded("the objective falls below every bound at a point inside the bounds")
        self._check_lowest(best, points)
        made = outcome(descent, best, inputs, signs)
        assert made.outputs is not None
        made.outputs["minima"] = self._minima([one for one, _ in usable], signs)
        method = "differential_evolution" if self.options.method == "auto" else self.options.method
        diagnostics = msgspec.structs.replace(made.diagnostics, method=method)
        return msgspec.structs.replace(made, diagnostics=diagnostics)

    def _descend(self, x: Array, method: str | None = None) -> tuple[Stationary, Descent] | None:
        quick = "slsqp" if self.functions.k > 1 else "l_bfgs_b"
        descent = Descent(self.functions, x, self.box, method or quick, 500, self.seed)
        try:
            point = descent.minimum()
        except Problem as problem:
            if problem.code in {"timed_out", "cancelled", "infeasible", "unbounded"}:
                raise
            self.failed = problem
            return None
        return (point, descent) if point.feasible and np.isfinite(point.values[0]) else None

    def _hops(self, best: tuple[Stationary, Descent]) -> list[tuple[Stationary, Descent]]:
        """Descend from around the lowest, and from around what is lower (Leary, monotonic basin hopping 2000)."""
        found = []
        count = _HOPS + 4 * self.functions.n if self.options.method != "dual_annealing" else 0
        width = self.box.high - self.box.low
        for i, u in enumerate(draws.uniforms(self.seed, 0, count, self.functions.n, stream=3)):
            step = width * _HOP[i % len(_HOP)]
            one = self._descend(self.box.clip(best[0].x + step * (2.0 * u - 1.0)))
            if one is not None:
                found.append(one)
                best = min(best, one, key=_height)
        return found

    def _random(self) -> Array:
        """Random points in the box, the lowest first, those that hold the constraints before others."""
        n = self.functions.n
        count = min(4096, max(256, 64 * n))
        points = self.box.low + draws.uniforms(self.seed, 0, count, n) * (self.box.high - self.box.low)
        with np.errstate(all="ignore"):
            values = self.functions.many(points)[0]
            finite = np.isfinite(values).all(axis=1)
            if not finite.any():
                if (values[:, 0] == -np.inf).any():
                    raise unbounded("the objective is minus infinity inside the bounds")
                text = "the formulas are finite at none of the points that were tried"
                raise Problem("non_finite", text, field="inputs.objective", hint="other bounds")
            violation = self._violation(values)
            self.typical = max(1.0, float(np.median(np.abs(values[finite, 0]))))
            spread = float(np.ptp(values[finite, 0]))
            worst = float(violation[finite].max(initial=0.0))
            self.price = 10.0 * spread / worst if worst > 0 and spread > 0 else 1.0
            return points[np.argsort(self._merit(values), kind="stable")]

    def _violation(self, values: Array) -> Array:
        rest = values[:, 1:]
        return np.asarray(np.where(self.box.equality, np.abs(rest), np.maximum(-rest, 0.0)).sum(axis=1))

    def _merit(self, values: Array) -> Array:
        """The objective, with a price on violations: what the population is judged by."""
        found = values[:, 0] + self.price * self._violation(values)
        return np.where(np.isfinite(found), found, np.where(found == -np.inf, -np.inf, np.inf))

    def _candidates(self, points: Array) -> list[Array]:
        chosen: list[Array] = []
        method = self.options.method
        if method in {"auto", "differential_evolution"}:
            chosen.append(self._evolved())
        elif method == "dual_annealing":
            chosen.append(self._annealed())
        if method in {"auto", "multi_start"}:
            width = np.maximum(self.box.high - self.box.low, 1e-300)
            for point in points:  # the best that are not close to each other
                if len(chosen) >= self.options.starts:
                    break
                if all(np.abs((point - other) / width).max() > 0.03 for other in chosen):
                    chosen.append(point)
        return chosen

    def _evolved(self) -> Array:
        """Differential evolution, a generation in one evaluation (Storn & Price 1997)."""
        pace = self.functions.pace

        def merit(columns: Array, /) -> Any:
            if pace is not None:
                pace.tick(0, _MEMBER * columns.size)  # what SciPy does with each
            return np.maximum(self._merit(self.functions.many(np.atleast_2d(columns.T))[0]), -1e300)

        how = self.options
        members = -(-max(how.population * self.functions.n, _MEMBERS) // self.functions.n)
        rng = draws.generator(self.seed, 1)
        found = optimize.differential_evolution(
            merit, self._bounds(), vectorized=True, updating="deferred", polish=False, popsize=members,
            maxiter=how.max_iterations, tol=1e-8, rng=rng, init="latinhypercube",
        )  # fmt: skip
        return np.asarray(found.x, dtype=np.float64)

    def _annealed(self) -> Array:
        def merit(x: Array) -> float:
            value = float(self._merit(self.functions.at(np.asarray(x, dtype=np.float64))[0][None, :])[0])
            return min(max(value, -1e300), 1e300)

        run: Callable[..., Any] = optimize.dual_annealing
        rng = draws.generator(self.seed, 2)
        found = run(merit, self._bounds(), maxiter=self.options.max_iterations, rng=rng, no_local_search=True)
        return np.asarray(found.x, dtype=np.float64)

    def _bounds(self) -> optimize.Bounds:
        # SciPy divides by the width
        wide = np.maximum(self.box.high, np.nextafter(self.box.low, np.inf))
        return optimize.Bounds(self.box.low, wide)

    def _check_lowest(self, best: Stationary, points: Array) -> None:
        """A minimum that is higher than a random point that holds the constraints is none."""
        values = self.functions.many(points[:1])[0]
        if self._violation(values)[0] == 0.0 and values[0, 0] < best.values[0] - 1e-9 * (1 + abs(best.values[0])):
            raise _nothing()

    def _minima(self, points: list[Stationary], signs: Array) -> list[dict[str, Any]]:
        """Distinct minima with their hits."""
        width = np.maximum(self.box.high - self.box.low, 1e-300)
        kinds: list[tuple[Stationary, list[int]]] = []
        for point in points:
            for known, hits in kinds:
                if np.abs((point.x - known.x) / width).max() < _SAME:
                    hits[0] += 1
                    break
            else:
                kinds.append((point, [1]))
        return [
            {
                "x": dict(zip(self.functions.names, point.x.tolist(), strict=True)),
                "objective": float(point.values[0] * signs[0]), "hits": hits[0],
            }
            for point, hits in kinds[:_SHOWN]
        ]  # fmt: skip


def _height(one: tuple[Stationary, Descent]) -> float:
    return float(one[0].values[0])


def _nothing() -> Problem:
    text = "the search ended in no point where the conditions of a minimum hold"
    hint = "a larger population or max_iterations; a kink (abs, max) is better written with constraints"
    return Problem("not_converged", text, field="inputs.objective", hint=hint)


TASK = alone.task(
    agent="optimize", name="global", summary="Search a box for the lowest minimum of a formula.",
    inputs=GlobalInputs, options=GlobalOptions, methods=("differential_evolution", "dual_annealing", "multi_start"),
    example={
        "objective": "20 + x**2 - 10*cos(2*pi*x) + y**2 - 10*cos(2*pi*y)",
        "bounds": {"x": [-5.12, 5.12], "y": [-5.12, 5.12]},
    },
    prepare=prepare,
)  # fmt: skip
