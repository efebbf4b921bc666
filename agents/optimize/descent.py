"""From a starting point to a local minimum: SciPy's methods with exact derivatives, then polished."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import optimize

from agents import draws
from agents.arrays import Array
from agents.optimize.functions import Functions
from agents.optimize.kkt import Box, Stationary, polish
from agents.outcome import Problem

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_ESCAPES = 5
_UNBOUNDED = 1e15
_STARTS = 4
_INFEASIBLE = 1e-7


class Unbounded(Exception):  # noqa: N818 - an answer, not an error
    """The objective went below any bound at x."""

    def __init__(self, x: Array) -> None:
        super().__init__("unbounded")
        self.x = x


class Descent:
    """One minimisation: `functions` are the objective, then the constraints; `method` one of SciPy's, or auto."""

    def __init__(self, functions: Functions, start: Array, box: Box, method: str, limit: int, seed: int) -> None:
        self.functions = functions
        self.start = start
        self.box = box
        self.constrained = functions.k > 1
        self.method = method
        self.limit = limit
        self.seed = seed
        first = float(functions.at(start)[0][0])
        self.large = max(1.0, abs(first))
        self.used = ""

    def minimum(self) -> Stationary:
        """Return the best point found; its flags say whether it is a minimum. Raises `Problem`."""
        try:
            return self._minimum()
        except Unbounded as found:
            self.check_ray(found.x)
            raise unbounded("the objective falls below every bound") from None

    def _minimum(self) -> Stationary:
        best: Stationary | None = None
        for start in self._starts():
            point = self._from(start)
            if point.solved or (point.flat and point.settled and point.feasible):
                return point
            best = point if best is None or _rank(point) < _rank(best) else best
        assert best is not None
        self.check_ray(best.x)
        return best

    def _starts(self) -> Any:
        yield self.start
        if not self.constrained:
            return
        nearest = self.least_violation()
        yield nearest
        spread = 0.1 * np.maximum(np.abs(nearest), 1.0)
        for u in draws.uniforms(self.seed, 0, _STARTS, len(nearest)):
            yield self.box.clip(nearest + spread * (2.0 * u - 1.0))

    def _from(self, start: Array) -> Stationary:
        """Descend, and go on from a saddle along the direction in which it falls."""
        x = start
        point: Stationary | None = None
        for _ in range(_ESCAPES):
            point = self._polished(x)
            if point.solved or self.constrained or not np.isfinite(point.values).all():
                return point
            lower = self._lower(point)
            if lower is None:
                return point
            x = lower
        assert point is not None
        return point

    def _polished(self, x: Array) -> Stationary:
        first, *others = self._methods()
        end = self.solve(x, first)
        point = polish(self.functions, end, self.box)
        for method in others:
            if point.solved or (point.flat and point.settled and point.feasible):
                break
            self.check_ray(point.x)
            if not point.feasible:
                end = self.least_violation()
            other = polish(self.functions, self.solve(end, method), self.box)
            if other.solved or _rank(other) < _rank(point):
                point = other
        return point

    def _methods(self) -> tuple[str, ...]:
        if self.method != "auto":
            return (self.method,)
        if self.constrained:
            return ("slsqp", "trust_constr") if self.functions.n <= 200 else ("trust_constr",)
        bounded = np.isfinite(self.box.low).any() or np.isfinite(self.box.high).any()
        return ("l_bfgs_b",) if bounded or self.functions.n > 500 else ("l_bfgs_b", "newton")

    def _lower(self, point: Stationary) -> Array | None:
        """Return a lower point along the direction of least curvature, where there is one."""
        if point.minimum or not point.curve.any():
            return None
        value = point.values[0]
        size = max(1.0, float(np.abs(point.x).max()))
        steps = size * np.array([1e-3, 1e-2, 1e-1, 1.0])
        trials = np.concatenate([point.x + steps[:, None] * point.curve, point.x - steps[:, None] * point.curve])
        trials = np.array([self.box.clip(trial) for trial in trials])
        values = self.functions.many(trials)[0][:, 0]
        values = np.where(np.isfinite(values), values, np.inf)
        lowest = int(np.argmin(values))
        return trials[lowest] if values[lowest] < value - 1e-14 * max(abs(value), 1e-300) else None

    def check_ray(self, x: Array) -> None:
        """Raise `unbounded` when the objective falls below any bound along a ray from x that stays feasible."""
        with np.errstate(all="ignore"):
            directions = [x - self.start, -self.functions.at(x)[1][0]]
            for direction in directions:
                length = float(np.linalg.norm(direction))
                if not (length > 0 and math.isfinite(length)):
                    continue
                reach = 10.0 ** np.arange(0.0, 151.0, 2.0)
                points = x + reach[:, None] * (direction / length)
                points = points[((points >= self.box.low) & (points <= self.box.high)).all(axis=1)]
                if not len(points):
                    continue
                values = self.functions.many(points)[0]
                usable = np.asarray(np.isfinite(values).all(axis=1))
                values = values[: len(usable) if usable.all() else int(np.argmin(usable))]
                if len(values) < 5 or not (np.diff(values[:, 0]) < 0).all():
                    continue
                slack = np.where(self.box.equality, -np.abs(values[:, 1:]), values[:, 1:])
                if values[-1, 0] < -_UNBOUNDED * self.large and (slack >= -1e-9).all():
                    text = "the objective falls below every bound along a ray"
                    raise unbounded(text)

    def _feasible(self, x: Array) -> bool:
        values = self.functions.at(x)[0][1:]
        slack = np.where(self.box.equality, -np.abs(values), values)
        return bool((slack >= -_INFEASIBLE * (1.0 + np.abs(x).max(initial=0.0))).all())

    def solve(self, start: Array, method: str) -> Array:
        """Run one of SciPy's methods; gives where it ended."""
        self.used = method
        value, slope = self._objective()
        bounds = optimize.Bounds(self.box.low, self.box.high)
        keywords: dict[str, Any] = {}
        if method == "l_bfgs_b":
            keywords = {
                "method": "L-BFGS-B", "jac": slope, "bounds": bounds,
                "options": {"maxiter": self.limit, "maxfun": 2 * self.limit, "ftol": 1e-15, "gtol": 1e-10},
            }  # fmt: skip
        elif method == "newton":
            keywords = {"method": "trust-exact", "jac": slope, "hess": self._hess,
                        "options": {"maxiter": self.limit, "gtol": 1e-10}}  # fmt: skip
        elif method == "newton_cg":
            keywords = {"method": "Newton-CG", "jac": slope, "hess": self._hess,
                        "options": {"maxiter": self.limit, "xtol": 1e-12}}  # fmt: skip
        elif method == "slsqp":
            keywords = {"method": "SLSQP", "jac": slope, "bounds": bounds, "constraints": self._slsqp(),
                        "options": {"maxiter": self.limit, "ftol": 1e-10}}  # fmt: skip
        else:
            keywords = {
                "method": "trust-constr", "jac": slope, "hess": self._hess, "bounds": bounds,
                "constraints": self._nonlinear(), "options": {
                    "maxiter": self.limit, "gtol": 1e-10, "xtol": 1e-12,
                    "factorization_method": "SVDFactorization" if self.constrained else None,
                },
            }  # fmt: skip
        try:
            found = optimize.minimize(value, start, **keywords)
        except Unbounded as far:
            if self._feasible(far.x):
                raise
            return start  # it went astray
        except (ValueError, np.linalg.LinAlgError):  # not finite where it went
            return start
        x = np.asarray(found.x, dtype=np.float64)
        return self.box.clip(x) if np.isfinite(x).all() else start

    def _objective(self) -> tuple[Callable[[Array], float], Callable[[Array], Array]]:
        def value(x: Array) -> float:
            found = float(self.functions.at(np.asarray(x, dtype=np.float64))[0][0])
            if found < -_UNBOUNDED * self.large:
                raise Unbounded(np.array(x, dtype=np.float64))
            return found if math.isfinite(found) else 1e10 * self.large

        def slope(x: Array) -> Array:
            found = self.functions.at(np.asarray(x, dtype=np.float64))[1][0]
            return np.where(np.isfinite(found), found, 0.0)

        return value, slope

    def _hess(self, x: Array) -> Array:
        weights = np.zeros(self.functions.k)
        weights[0] = 1.0
        found = self.functions.hessian(np.asarray(x, dtype=np.float64), weights)
        return np.where(np.isfinite(found), found, 0.0)

    def _part(self, chosen: Mask, derivative: bool) -> Callable[[Array], Array]:
        places = 1 + np.flatnonzero(chosen)

        def part(x: Array) -> Array:
            found = self.functions.at(np.asarray(x, dtype=np.float64))[derivative].take(places, axis=0)
            if math.isfinite(found.sum()):
                return found
            return np.where(np.isfinite(found), found, 0.0 if derivative else -1e10)

        return part

    def _slsqp(self) -> list[dict[str, Any]]:
        parts = []
        for kind, chosen in (("eq", self.box.equality), ("ineq", ~self.box.equality)):
            if chosen.any():
                parts.append({"type": kind, "fun": self._part(chosen, False), "jac": self._part(chosen, True)})
        return parts

    def _nonlinear(self) -> list[optimize.NonlinearConstraint]:
        if not self.constrained:
            return []
        every = np.ones(len(self.box.equality), dtype=np.bool_)

        def curvature(x: Array, v: Array) -> Array:
            found = self.functions.hessian(np.asarray(x, dtype=np.float64), np.concatenate([[0.0], v]))
            return np.where(np.isfinite(found), found, 0.0)

        high = np.where(self.box.equality, 0.0, np.inf)
        hess: Any = curvature  # the stubs forget the second argument
        return [optimize.NonlinearConstraint(
            self._part(every, False), 0.0, high, jac=self._part(every, True), hess=hess
        )]  # fmt: skip

    def least_violation(self) -> Array:
        """Return a point that holds the constraints; raises `infeasible` when none was found."""
        best, least = self.start, np.inf
        spread = np.maximum(np.abs(self.start), 1.0)
        u = draws.uniforms(self.seed, 0, 2 * _STARTS, len(self.start), stream=1)
        for k in range(2 * _STARTS + 1):
            start = self.start if k == 0 else self.box.clip(self.start + spread * 4.0**k / 16 * (2.0 * u[k - 1] - 1.0))
            x = self._closer(start)
            size = float(np.abs(self.violations(x)).max(initial=0.0))
            agreed = abs(size - least) <= 1e-4 * least
            if size < least:
                best, least = x, size
            if self._feasible(best):
                return best
            if agreed:
                break
        text = f"no point satisfies the constraints: the least violation found is {least:.3g}"
        hint = "loosen a constraint or a bound; where equations are used, check that they do not contradict each other"
        raise Problem("infeasible", text, field="inputs.constraints", hint=hint)

    def violations(self, x: Array) -> Array:
        """How much each constraint is violated; negative for an inequality."""
        values = self.functions.at(x)[0][1:]
        return np.where(self.box.equality, values, np.minimum(values, 0.0))

    def _closer(self, start: Array) -> Array:
        width = np.maximum(np.abs(start), 1.0) * 1e-10
        fixed = self.box.high - self.box.low <= 0
        low = np.where(fixed, self.box.low - width, self.box.low)
        high = np.where(fixed, self.box.high + width, self.box.high)

        def value(x: Array) -> Array:
            return np.nan_to_num(self.violations(np.asarray(x, dtype=np.float64)), nan=1e10, posinf=1e10, neginf=-1e10)

        def slope(x: Array) -> Array:
            found = self.functions.at(np.asarray(x, dtype=np.float64))
            used = self.box.equality | (found[0][1:] < 0)
            return np.nan_to_num(np.where(used[:, None], found[1][1:], 0.0), nan=0.0, posinf=0.0, neginf=0.0)

        try:
            found = optimize.least_squares(
                value, start, jac=slope, bounds=(low, high), xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=100
            )
        except (ValueError, np.linalg.LinAlgError):
            return start
        return self.box.clip(np.asarray(found.x, dtype=np.float64))


def unbounded(text: str) -> Problem:
    """The objective has no minimum."""
    hint = "bounds or constraints that keep the objective finite; maximize is for the largest value"
    return Problem("unbounded", text, field="inputs.objective", hint=hint)


def _rank(point: Stationary) -> tuple[bool, bool, float]:
    value = float(point.values[0])
    return not point.feasible, not math.isfinite(value), value if math.isfinite(value) else 0.0
