"""Steps through time: chosen by the error on the coarsest grid, then halved on each finer one."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from agents.arrays import Array
from agents.outcome import Problem
from agents.pde.evolution import OnGrid
from agents.task import Watch
from native.pde.stepping import Step, chebyshev, stages_for, tr_bdf2

_COURANT = 0.9
_BLOWN_UP = 1e10


@dataclass(frozen=True, slots=True)
class How:
    """`rtol` and `atol` bound the local error of a step on the coarsest grid; atol None is a hundredth of rtol's."""

    rtol: float
    atol: float | None
    max_steps: int
    implicit: bool = False


@dataclass(slots=True)
class Log:
    """The steps between one time of the output and the next, and how many evaluations all took."""

    steps: list[list[float]] = field(default_factory=list)
    evaluations: int = 0


class March:
    """A state on one grid on its way."""

    def __init__(self, system: OnGrid, how: How, times: Array, watch: Watch) -> None:
        self.system, self.how, self.times = system, how, times
        self.watch = watch
        self.damped = bool(system.equation.velocity)
        self.t = float(times[0])
        self.u = system.start(self.t)
        self.slope = np.empty_like(self.u)
        system.slope(self.t, self.u, self.slope)
        self._check(self.u, self.slope, self.t)
        self.scale = float(np.abs(self.u).max())
        self.log = Log()
        self._beat()

    def _beat(self) -> None:
        share = (self.t - self.times[0]) / (self.times[-1] - self.times[0])
        self.watch(share, "step")

    def _check(self, u: Array, slope: Array, t: float) -> None:
        if np.isfinite(u).all() and np.isfinite(slope).all():
            return
        text = f"the solution or the equation is not finite at t = {t:.9g}"
        raise Problem("non_finite", text, field="inputs", hint="end t_span before, or look for a division by zero")

    def _step(self, step: float) -> Step:
        self._beat()
        if self.how.implicit:
            return tr_bdf2(self.system, self.t, self.u, self.slope, step, self._beat)
        radius = self.system.radius(self.t, self.u)
        stages = stages_for(step, radius, damped=self.damped)
        if stages > 5000:
            text = f"an explicit step of {step:.2g} needs {stages} stages at t = {self.t:.6g}"
            raise Problem("not_converged", text, field="options.method", hint="method: implicit where it is offered")
        return chebyshev(self.system, self.t, self.u, self.slope, step, stages, self._beat, damped=self.damped)

    def _accept(self, made: Step, t: float) -> None:
        self.u, self.slope, self.t = made.u, made.slope, t
        self.log.evaluations += made.evaluations

    def adaptive(self) -> "list[Array]":
        """Go through all times, choosing steps; gives the states there. `log` has the steps."""
        states = [self.u.copy()]
        step = self._first()
        count = 0
        least = 1e-12 * float(self.times[-1] - self.times[0])
        for end in self.times[1:].tolist():
            taken: list[float] = []
            while self.t < end:
                count += 1
                if count > self.how.max_steps:
                    text = f"more than {self.how.max_steps} steps, at t = {self.t:.6g}"
                    hint = "allow more steps, or loosen rtol"
                    raise Problem("not_converged", text, field="options.max_steps", hint=hint)
                limit = _COURANT / self.system.courant() if self.damped and self.system.courant() > 0 else np.inf
                step = min(step, limit)
                left = end - self.t
                now = left if step >= left * (1 - 1e-9) else (min(step, left / 2))
                made = self._step(now)
                error = self._size(made)
                if error <= 1.0:
                    self._accept(made, end if now == left else self.t + now)
                    taken.append(now)
                    self.scale = max(self.scale, float(np.abs(self.u).max()))
                if not error <= 1.0 or now >= 0.5 * step:
                    growth = 0.8 / max(error, 1e-6) ** (1 / 3) if np.isfinite(error) else 0.1
                    step = now * min(4.0, max(0.1, growth))
                if step < least:
                    self._give_up()
            self.log.steps.append(taken)
            states.append(self.u.copy())
        return states

    def _give_up(self) -> None:
        largest = float(np.abs(self.u).max())
        beginning = float(np.abs(self.system.start(float(self.times[0]))).max())
        if largest > 100.0 * (beginning + 1e-300):
            text = f"the solution grows without bound near t = {self.t:.9g}: it is {largest:.2g} there"
            raise Problem("non_finite", text, field="inputs.t_span", hint="end t_span before")
        text = f"no step is small enough at t = {self.t:.9g}"
        raise Problem("not_converged", text, field="inputs.t_span", hint="a loose rtol, or a smoother problem")

    def _first(self) -> float:
        span = float(self.times[-1] - self.times[0])
        radius = self.system.radius(self.t, self.u)
        rate = float(np.abs(self.slope).max()) / max(self.scale, 1e-300)
        guess = min(span / 10, 1.0 / radius if radius else span, 0.1 / rate if rate else span)
        return max(guess, 1e-9 * span)

    def _size(self, made: Step) -> float:
        largest = float(np.abs(made.u).max())
        if not np.isfinite(largest) or not np.isfinite(made.error).all() or not np.isfinite(made.slope).all():
            return float("inf")
        rtol = self.how.rtol
        floor = self.how.atol if self.how.atol is not None else 0.01 * rtol * max(self.scale, largest)
        weighted = made.error / (max(floor, 1e-300) + rtol * np.maximum(np.abs(made.u), np.abs(self.u)))
        return float(np.sqrt(np.mean(weighted * weighted)))

    def replay(self, log: Log, halvings: int, keep: Callable[[int, Array], None]) -> None:
        """Go through all times with each step of `log` cut into 2^halvings; `keep` gets each state."""
        pieces = 2**halvings
        keep(0, self.u)
        for k, (end, steps) in enumerate(zip(self.times[1:].tolist(), log.steps, strict=True)):
            base = self.t
            for step in steps:
                for piece in range(1, pieces + 1):
                    made = self._step(step / pieces)
                    self._accept(made, base + step * piece / pieces)
                base = self.t
            self.t = end
            self._check(self.u, self.slope, self.t)
            keep(k + 1, self.u)
