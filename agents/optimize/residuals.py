"""Residuals and their exact Jacobian: of a model at data, or of a list of formulas."""

from abc import ABC, abstractmethod
from dataclasses import replace
from functools import lru_cache

import numpy as np

from agents import draws
from agents.arrays import Array
from agents.task import Watch
from native.formula import Program

EPS = float(np.finfo(float).eps)
_PACE = 2e7
"""Floating-point operations between two looks at the watch."""
_CALL = 3e4
"""What a call costs beside its operations, in operations."""
_SIGNS = np.where(draws.uniforms(0, 0, 1024, 1)[:, 0] < 0.5, -1.0, 1.0)
_EXACT = 2.0**20
_BLOCK = 2_000_000
"""Most numbers in one evaluation of several points."""


class Pace:
    """Looks at the watch after so much work; counts evaluations."""

    def __init__(self, watch: Watch, limit: int, stage: str) -> None:
        self._watch = watch
        self._limit = limit
        self._stage = stage
        self._work = 0.0
        self.evaluations = 0

    def tick(self, points: int, work: float) -> None:
        """Count `points` evaluations of `work` operations together; raises what the watch raises."""
        self.evaluations += points
        self._work += work + _CALL
        if self._work >= _PACE:
            self._work = 0.0
            self._watch(min(0.95, self.evaluations / self._limit), self._stage)


def jitter(values: Array, turn: int) -> Array:
    """Change each number that may have been rounded when it was read by one unit in its last place, up or down."""
    scaled = values * _EXACT
    return np.where(scaled == np.rint(scaled), values, values * _factors(turn, values.shape))


def turned(values: Array, turns: int) -> Array:
    """Stack the values as they are, then `turns` times with their last places changed, each otherwise."""
    if values.size == 0:
        return np.empty((1 + turns, *values.shape))
    scaled = values * _EXACT
    return np.where(scaled == np.rint(scaled), values, values * _all_factors(turns, values.shape))


@lru_cache(maxsize=256)
def _all_factors(turns: int, shape: tuple[int, ...]) -> Array:
    return np.array([np.ones(shape), *(_factors(turn, shape) for turn in range(turns))])


@lru_cache(maxsize=256)
def _factors(turn: int, shape: tuple[int, ...]) -> Array:
    signs = np.resize(np.roll(_SIGNS, 37 * turn + 1), shape)
    return 1.0 + 0.5 * EPS * signs


@lru_cache(maxsize=512)
def jittered(program: Program, turn: int) -> Program:
    """Return the program with its constants changed in the last place: what they are in decimals is not known."""
    return replace(program, constants=jitter(program.constants, turn))


@lru_cache(maxsize=256)
def constants_of(program: Program, turns: int) -> Array:
    """Return the program's constants as `turned` gives them."""
    return turned(program.constants, turns)


class Residuals(ABC):
    """m residuals r(p) of n parameters; `size` is the norm of what they are differences of."""

    n: int
    m: int
    size: float

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._last: tuple[bytes, Array, Array] | None = None

    def at(self, p: Array) -> tuple[Array, Array]:
        """Residuals (m) and Jacobian (m, n) at a point; the last is kept."""
        key = p.tobytes()
        if self._last is None or self._last[0] != key:
            r, jacobian = self._many(p[None, :], None)
            self._last = key, r[0], jacobian[0]
        return self._last[1], self._last[2]

    def many(self, points: Array) -> tuple[Array, Array]:
        """Residuals (k, m) and Jacobians (k, m, n) at k points."""
        return self._in_blocks(points, None)

    def near(self, points: Array) -> tuple[Array, Array]:
        """As `many`, with data and constants changed in their last place, differently for each point."""
        parts = [self._in_blocks(points[turn : turn + 1], turn) for turn in range(len(points))]
        return np.concatenate([r for r, _ in parts]), np.concatenate([j for _, j in parts])

    def _in_blocks(self, points: Array, turn: int | None) -> tuple[Array, Array]:
        block = max(1, _BLOCK // (self.m * (self.n + 1)))
        if len(points) <= block:
            return self._many(points, turn)
        parts = [self._many(points[i : i + block], turn) for i in range(0, len(points), block)]
        return np.concatenate([r for r, _ in parts]), np.concatenate([j for _, j in parts])

    @abstractmethod
    def _many(self, points: Array, turn: int | None) -> tuple[Array, Array]: ...


class ModelResiduals(Residuals):
    """(model - observed)/sigma over m rows of data; `program` has the model and its derivatives by the parameters."""

    def __init__(self, program: Program, columns: Array, observed: Array, weights: Array, n: int, pace: Pace) -> None:
        super().__init__(pace)
        self.n, self.m = n, len(observed)
        self.size = float(np.linalg.norm(observed * weights))
        self.columns = columns
        self.observed = observed
        self.weights = weights
        self.program = program
        self._work = self.m * (len(program.code) + 4.0 * n * n)
        self._inputs = np.empty((program.n_inputs, self.m))
        self._inputs[n:] = columns
        self._jittered: dict[int, tuple[Array, Array]] = {}

    def at(self, p: Array) -> tuple[Array, Array]:
        """Residuals (m) and Jacobian (m, n) at a point; the last is kept."""
        key = p.tobytes()
        if self._last is None or self._last[0] != key:
            self.pace.tick(1, self._work)
            self._inputs[: self.n] = p[:, None]
            made = self.program.evaluate(self._inputs)
            self._last = key, (made[0] - self.observed) * self.weights, (made[1:] * self.weights).T
        return self._last[1], self._last[2]

    def _many(self, points: Array, turn: int | None) -> tuple[Array, Array]:
        program, columns, observed = self.program, self.columns, self.observed
        if turn is not None:
            program = jittered(program, turn)
            columns, observed = self._changed(turn)
        k = len(points)
        self.pace.tick(k, k * self._work)
        inputs = np.empty((program.n_inputs, k, self.m))
        inputs[: self.n] = points.T[:, :, None]
        inputs[self.n :] = columns[:, None, :]
        made = program.evaluate(inputs.reshape(program.n_inputs, -1)).reshape(self.n + 1, k, self.m)
        jacobian = made[1:].transpose(1, 2, 0) * self.weights[:, None]
        return (made[0] - observed) * self.weights, jacobian

    def _changed(self, turn: int) -> tuple[Array, Array]:
        """Columns and observations with their last places changed; kept while they are not many."""
        found = self._jittered.get(turn)
        if found is None:
            found = jitter(self.columns, turn), jitter(self.observed, turn + 5)
            if self.columns.size < _BLOCK:
                self._jittered[turn] = found
        return found


class ListResiduals(Residuals):
    """A formula a residual; `program` has m formulas and their m·n derivatives; `constants` follow the variables."""

    def __init__(self, program: Program, constants: Array, n: int, m: int, pace: Pace) -> None:
        super().__init__(pace)
        self.n, self.m = n, m
        self.size = 0.0
        self.constants = constants
        self.program = program

    def _many(self, points: Array, turn: int | None) -> tuple[Array, Array]:
        program, constants = self.program, self.constants
        if turn is not None:
            program, constants = jittered(program, turn), jitter(constants, turn)
        k = len(points)
        self.pace.tick(k, k * (len(program.code) + 4.0 * self.m * self.n * self.n))
        inputs = np.empty((program.n_inputs, k))
        inputs[: self.n] = points.T
        inputs[self.n :] = constants[:, None]
        made = program.evaluate(inputs)
        return made[: self.m].T, np.ascontiguousarray(made[self.m :].T).reshape(k, self.m, self.n)
