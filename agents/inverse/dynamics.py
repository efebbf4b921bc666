"""How a state goes from one observation to the next – a matrix, a map by formulas, or equations stepped by RK4 – and
what is seen of it; both with exact tangents and adjoints.

The adjoint of a step runs backwards through its stages with the transposed Jacobians (Griewank & Walther, Evaluating
Derivatives, 2008, chapter 3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from agents import arrays, formulas
from agents.arrays import Array
from agents.outcome import Problem
from native.formula import Program

STATES_LIMIT = 500
STEPS_LIMIT = 100_000
_LARGEST = 1e50


class Dynamics(Protocol):
    """One step, from `t` to `t + h`; states are columns (n, k)."""

    def step(self, x: Array, t: float, h: float) -> Array:
        """Advance states (n, k)."""

    def tangent(self, x: Array, t: float, h: float, v: Array) -> Array:
        """Advance perturbations v (n, k) of one state x (n)."""

    def adjoint(self, x: Array, t: float, h: float, w: Array) -> Array:
        """Take sensitivities w (n) back from after the step to before it."""

    @property
    def cost(self) -> float:
        """Operations of a step of one state."""


@dataclass(frozen=True, eq=False, slots=True)
class Matrix:
    """A linear map; its length does not depend on h."""

    matrix: Array

    def step(self, x: Array, t: float, h: float) -> Array:  # noqa: ARG002
        """Advance states (n, k)."""
        made: Array = self.matrix @ x
        return made

    def tangent(self, x: Array, t: float, h: float, v: Array) -> Array:  # noqa: ARG002
        """Advance perturbations."""
        made: Array = self.matrix @ v
        return made

    def adjoint(self, x: Array, t: float, h: float, w: Array) -> Array:  # noqa: ARG002
        """Take sensitivities back."""
        made: Array = self.matrix.T @ w
        return made

    @property
    def cost(self) -> float:
        """Operations of a step of one state."""
        return 2.0 * self.matrix.size


@dataclass(frozen=True, eq=False, slots=True)
class Formulas:
    """Formulas of t, the n states and the parameters: `program` gives n values, `slopes` them and n × n derivatives."""

    program: Program
    slopes: Program
    values: Array

    def evaluate(self, x: Array, t: float) -> Array:
        """Evaluate at states (n, k)."""
        fixed = np.concatenate([[t], self.values])
        return self.program.evaluate(np.concatenate([x, np.repeat(fixed[:, None], x.shape[1], axis=1)]))

    def derive(self, x: Array, t: float) -> tuple[Array, Array]:
        """Value (n) and Jacobian (n, n) at one state."""
        made = self.slopes.evaluate(np.concatenate([x, [t], self.values])[:, None])[:, 0]
        m = self.slopes.parts[0]
        return made[:m], made[m:].reshape(m, x.size)

    @property
    def cost(self) -> float:
        """Operations of one evaluation with its Jacobian."""
        return 2.0 * (len(self.program.code) + len(self.slopes.code)) + 20.0


@dataclass(frozen=True, eq=False, slots=True)
class Map:
    """The next state is the formulas' value."""

    formulas: Formulas

    def step(self, x: Array, t: float, h: float) -> Array:  # noqa: ARG002
        """Advance states (n, k)."""
        return self.formulas.evaluate(x, t)

    def tangent(self, x: Array, t: float, h: float, v: Array) -> Array:  # noqa: ARG002
        """Advance perturbations."""
        made: Array = self.formulas.derive(x, t)[1] @ v
        return made

    def adjoint(self, x: Array, t: float, h: float, w: Array) -> Array:  # noqa: ARG002
        """Take sensitivities back."""
        made: Array = self.formulas.derive(x, t)[1].T @ w
        return made

    @property
    def cost(self) -> float:
        """Operations of a step of one state."""
        return self.formulas.cost


@dataclass(frozen=True, eq=False, slots=True)
class RungeKutta:
    """The formulas are dx/dt; a step is one of the classical method of order 4."""

    formulas: Formulas

    def step(self, x: Array, t: float, h: float) -> Array:
        """Advance states (n, k)."""
        f = self.formulas.evaluate
        k1 = f(x, t)
        k2 = f(x + 0.5 * h * k1, t + 0.5 * h)
        k3 = f(x + 0.5 * h * k2, t + 0.5 * h)
        k4 = f(x + h * k3, t + h)
        return x + h / 6.0 * (k1 + 2.0 * (k2 + k3) + k4)

    def _stages(self, x: Array, t: float, h: float) -> list[Array]:
        f = self.formulas.derive
        k1, j1 = f(x, t)
        k2, j2 = f(x + 0.5 * h * k1, t + 0.5 * h)
        k3, j3 = f(x + 0.5 * h * k2, t + 0.5 * h)
        _, j4 = f(x + h * k3, t + h)
        return [j1, j2, j3, j4]

    def tangent(self, x: Array, t: float, h: float, v: Array) -> Array:
        """Advance perturbations."""
        j1, j2, j3, j4 = self._stages(x, t, h)
        v1 = j1 @ v
        v2 = j2 @ (v + 0.5 * h * v1)
        v3 = j3 @ (v + 0.5 * h * v2)
        v4 = j4 @ (v + h * v3)
        made: Array = v + h / 6.0 * (v1 + 2.0 * (v2 + v3) + v4)
        return made

    def adjoint(self, x: Array, t: float, h: float, w: Array) -> Array:
        """Take sensitivities back through the stages."""
        j1, j2, j3, j4 = self._stages(x, t, h)
        w4 = j4.T @ (h / 6.0 * w)
        w3 = j3.T @ (h / 3.0 * w + h * w4)
        w2 = j2.T @ (h / 3.0 * w + 0.5 * h * w3)
        w1 = j1.T @ (h / 6.0 * w + 0.5 * h * w2)
        made: Array = w + w1 + w2 + w3 + w4
        return made

    @property
    def cost(self) -> float:
        """Operations of a step of one state."""
        return 4.0 * self.formulas.cost


@dataclass(frozen=True, eq=False, slots=True)
class Operator:
    """What is seen of a state: a matrix (m, n) or formulas."""

    matrix: Array | None
    formulas: Formulas | None
    size: int

    def evaluate(self, x: Array, t: float) -> Array:
        """Observe states (n, k): (m, k)."""
        if self.matrix is not None:
            made: Array = self.matrix @ x
            return made
        assert self.formulas is not None
        return self.formulas.evaluate(x, t)

    def derive(self, x: Array, t: float) -> Array:
        """Jacobian (m, n) at one state."""
        if self.matrix is not None:
            return self.matrix
        assert self.formulas is not None
        return self.formulas.derive(x, t)[1]


@dataclass(frozen=True, eq=False, slots=True)
class Clock:
    """Times of observations, and the steps that lead to each: `begins` and `lengths` of all, `counts` for each."""

    times: Array
    begins: Array
    lengths: Array
    counts: list[int]


def read_state(value: Any, names: Sequence[str] | None, field: str) -> tuple[Array, tuple[str, ...]]:
    """Read a state: numbers, called x0, x1, …, or {name: number}; `names` are those that are known already."""
    if isinstance(value, Mapping):
        formulas.check_names(value, field, taken={"t": "the time"})
        found = formulas.numbers(value, field)
        if names is not None:
            formulas.check_same(found, names, field)
        order = tuple(names or found)
        state = np.array([found[name] for name in order])
    else:
        state = arrays.gate(value, field, ndim=1)
        order = tuple(names or (f"x{i}" for i in range(state.size)))
        if state.size != len(order):
            raise Problem("invalid_input", f"{state.size} numbers", field=field, hint=f"{len(order)}, one a variable")
    if not 0 < state.size <= STATES_LIMIT:
        code, hint = ("budget_exceeded" if state.size else "invalid_input"), f"1 to {STATES_LIMIT} numbers"
        raise Problem(code, f"{state.size} states", field=field, hint=hint)  # type: ignore[arg-type]
    if np.abs(state).max() > _LARGEST:
        raise Problem("invalid_input", f"a number beyond {_LARGEST:g}", field=field, hint="scale the problem")
    return state, order


def read_formulas(
    texts: Mapping[str, str], names: Sequence[str], parameters: Mapping[str, Any], taken: Mapping[str, str]
) -> Formulas:
    """Compile formulas {field: text} of the states, t and parameters, with derivatives by the states."""
    formulas.check_names(parameters, "inputs.parameters", taken={"t": "the time", **taken})
    values = formulas.numbers(parameters, "inputs.parameters")
    rest = ("t", *values)
    plain = formulas.compiled(texts, tuple(names), rest)
    slopes = formulas.compiled(texts, tuple(names), rest, derivatives="gradient")
    return Formulas(plain, slopes, np.array(list(values.values())))


def read_dynamics(
    equations: Mapping[str, str] | None, transition: Mapping[str, str] | None, matrix: Any,
    names: Sequence[str], parameters: Mapping[str, Any],
) -> Dynamics | None:  # fmt: skip
    """Read the one way that is given; None where none is."""
    given = [name for name, one in (("equations", equations), ("transition", transition), ("matrix", matrix))
             if one is not None]  # fmt: skip
    if len(given) > 1:
        text = f"both {given[0]} and {given[1]}"
        raise Problem("invalid_input", text, field=f"inputs.{given[1]}", hint="one of them")
    if not given:
        return None
    if matrix is not None:
        found = arrays.gate(matrix, "inputs.matrix", ndim=2)
        n = len(names)
        if found.shape != (n, n):
            text = f"the matrix is {found.shape[0]} × {found.shape[1]}"
            raise Problem("invalid_input", text, field="inputs.matrix", hint=f"{n} × {n}")
        if np.abs(found).max() > _LARGEST:
            raise Problem("invalid_input", f"a number beyond {_LARGEST:g}", field="inputs.matrix", hint="scale it")
        return Matrix(found)
    texts = equations if equations is not None else transition
    assert texts is not None
    formulas.check_same(texts, names, f"inputs.{given[0]}")
    taken = dict.fromkeys(names, "a state already")
    made = read_formulas({f"inputs.{given[0]}.{name}": texts[name] for name in names}, names, parameters, taken)
    return RungeKutta(made) if equations is not None else Map(made)


def read_operator(value: Any, names: Sequence[str], parameters: Mapping[str, Any]) -> Operator:
    """Read what is observed: null for all states, a matrix, or a list of formulas."""
    n = len(names)
    field = "inputs.observation_operator"
    if value is None:
        return Operator(np.eye(n), None, n)
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        if len(value) > STATES_LIMIT:
            raise Problem("budget_exceeded", f"{len(value)} formulas", field=field, hint=f"at most {STATES_LIMIT}")
        texts = {f"{field}[{i}]": one for i, one in enumerate(value)}
        taken = dict.fromkeys(names, "a state already")
        return Operator(None, read_formulas(texts, names, parameters, taken), len(value))
    found = arrays.gate(value, field, ndim=2)
    if found.shape[1] != n or not 0 < found.shape[0] <= STATES_LIMIT:
        text = f"the operator is {found.shape[0]} × {found.shape[1]}"
        raise Problem("invalid_input", text, field=field, hint=f"m × {n} with m of 1 to {STATES_LIMIT}, or formulas")
    if np.abs(found).max() > _LARGEST:
        raise Problem("invalid_input", f"a number beyond {_LARGEST:g}", field=field, hint="scale the problem")
    return Operator(found, None, found.shape[0])


def read_observations(value: Any, m: int) -> Array:
    """Read observations (k, m), or (k) of one number each."""
    found = arrays.gate(value, "inputs.observations", ndim=(1, 2))
    if found.ndim == 1:
        found = found[:, None] if m == 1 else found[None, :]
    if found.shape[1] != m or not len(found):
        text = f"{found.shape[0]} observations of {found.shape[1]} numbers"
        raise Problem("invalid_input", text, field="inputs.observations", hint=f"rows of {m} numbers, at least one")
    if np.abs(found).max() > _LARGEST:
        text = f"a number beyond {_LARGEST:g}"
        raise Problem("invalid_input", text, field="inputs.observations", hint="scale the problem")
    return found


def read_clock(times: Any, count: int, start: float, dt: float | None, *, continuous: bool) -> Clock:
    """Read the times of the observations, 1, 2, … unless given, and lay steps of at most `dt` between them."""
    even = start + np.arange(1.0, count + 1.0)
    found = even if times is None else arrays.gate(times, "inputs.times", ndim=1)
    if found.size != count:
        raise Problem("invalid_input", f"{found.size} times", field="inputs.times", hint=f"{count}, one an observation")
    gaps = np.diff(np.concatenate([[start], found]))
    if (gaps < 0.0).any() or not np.isfinite(gaps).all():
        raise Problem("invalid_input", "times out of order", field="inputs.times", hint="from t_start on, in order")
    if not continuous:
        if (found != np.floor(found)).any() or start != np.floor(start):
            raise Problem("invalid_input", "a time between steps", field="inputs.times", hint="whole numbers of steps")
        steps = gaps
    else:
        length = float(gaps.max()) / 10.0 if dt is None else dt
        steps = np.ceil(gaps / length - 1e-9) if length > 0.0 else np.zeros(count)
        steps = np.where(gaps > 0.0, np.maximum(steps, 1.0), 0.0)
    if not steps.sum() <= STEPS_LIMIT:
        text = f"{steps.sum():g} steps"
        raise Problem("budget_exceeded", text, field="inputs.times", hint=f"at most {STEPS_LIMIT}: a longer dt")
    counts = [int(one) for one in steps]
    begins, lengths = [], []
    for gap, many, end in zip(gaps, counts, found, strict=True):
        h = gap / many if many else 0.0
        begins += [end - gap + i * h for i in range(many)]
        lengths += [h] * many
    return Clock(found, np.array(begins), np.array(lengths), counts)
