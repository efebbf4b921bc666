"""Waves on one grid: velocity Verlet (leapfrog), with steps below the limit of stability."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agents.arrays import Array
from agents.outcome import Problem
from agents.pde import coefficients
from agents.pde.evolution import Equation, OnGrid
from agents.pde.functions import Function
from native.pde import operators
from native.pde.grid import Grid

Watch = Callable[[float, str], None]
SAFETY = 0.9
"""The largest step, of the limit of stability."""
_WHY = "the speed of a wave must be positive"


@dataclass(frozen=True, eq=False, slots=True)
class Wave:
    """u_tt = speed² laplacian u - damping u_t + source; `equation` has diffusivity 1, the source and the sides."""

    equation: Equation
    speed: Function
    damping: float
    velocity: Function


class Leapfrog:
    """A wave on one grid on its way."""

    def __init__(self, wave: Wave, grid: Grid, start: float, watch: Watch) -> None:
        self.wave, self.watch = wave, watch
        self.system = OnGrid(wave.equation, grid, start)
        self.t = start
        self.u = self.system.start(start)
        points = self.system.points
        velocity = wave.velocity.at(points)
        coefficients.check_finite(velocity, wave.velocity.field, points)
        self.v = velocity.reshape(self.u.shape)
        self.system.clear(self.v)
        self.square = self._square(points)
        self.acceleration = np.empty_like(self.u)
        self._accelerate(start)

    def _square(self, points: Array) -> Array | float:
        speed = self.wave.speed
        if speed.constant:
            return speed.value * speed.value  # a power would raise where it overflows
        values = speed.at(points)
        coefficients.check_values(values, speed, self.system.grid, above=True, why=_WHY)
        return (values * values).reshape(self.u.shape)

    def _accelerate(self, t: float) -> None:
        system, out = self.system, self.acceleration
        operators.diffuse(self.u[0], 1.0, system.grid, out[0])
        system.add_slopes(t, 0, self.u[0], out[0])
        out *= self.square
        system.add_source(t, self.u, out)
        system.clear(out)

    def limit(self) -> float:
        """The largest stable step: 2 over the largest frequency."""
        radius = self.system.radius(self.t, self.u) - 4.0 * float(self.system.grid.weights.sum())
        radius += 4.0 * float(self.system.grid.weights.sum()) * float(np.max(self.square))
        if self.system.exchange_rate > 0.0:
            radius += self.system.exchange_rate * (float(np.max(self.square)) - 1.0)
        return SAFETY * 2.0 / float(np.sqrt(radius)) if radius > 0.0 else float("inf")

    def run(self, times: Array, counts: list[int], keep: Callable[[int, Array], None]) -> None:
        """Go through all times with `counts` steps between each and the next; `keep` gets each state."""
        keep(0, self.u)
        whole = sum(counts)
        done = 0
        for k, (end, count) in enumerate(zip(times[1:].tolist(), counts, strict=True)):
            begin, step = self.t, (end - self.t) / count
            fade = float(np.exp(-self.wave.damping * step))
            parts = (self.u, self.v, self.acceleration)
            operators.leap(*parts, 0.5 * step, step, fade**0.5)
            for i in range(1, count + 1):
                self.watch((done + i) / whole, "step")
                self.t = begin + step * i if i < count else end
                self.system.impose(self.t, self.u)
                self._accelerate(self.t)
                if i < count:
                    operators.leap(*parts, 0.5 * step * (1.0 + fade), step, fade)
                if i % 64 == 0 or i == count:
                    self._check()
            operators.leap(*parts, 0.5 * step, 0.0, 1.0)
            self.v *= fade**0.5
            done += count
            keep(k + 1, self.u)

    def _check(self) -> None:
        if not np.isfinite(self.u).all() or not np.isfinite(self.acceleration).all():
            text = f"the solution grows without bound before t = {self.t:.9g}"
            raise Problem("non_finite", text, field="inputs.t_span", hint="end t_span before, or look at the source")
