"""The cost of variational assimilation in the variables that make the background a standard normal.

With x = background + L v: J(v) = |v|²/2 + Σ |N⁻¹(y_k - h(x_k))|²/2, x_k being x moved to the time of observation k.
Its gradient comes from one adjoint run; tangent runs give the Jacobian of the residuals.
Sources: Talagrand & Courtier (1987); Courtier, Thépaut & Hollingsworth, A strategy for operational implementation of
4D-Var (1994).
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import linalg

from agents.arrays import Array
from agents.inverse.dynamics import Clock, Dynamics, Operator
from agents.task import Watch


@dataclass(eq=False)
class Assimilation:
    """`background` (n) with factor L (n, n); `observations` (k, m) with factor N (m, m).

    Without dynamics all observations are of one state.
    """

    background: Array
    spread: Array
    dynamics: Dynamics | None
    operator: Operator
    observations: Array
    noise: Array
    clock: Clock | None
    start: float
    watch: Watch
    evaluations: int = 0
    runs: int = field(default=0)

    def state(self, v: Array) -> Array:
        """Give the state of control variables."""
        made: Array = self.background + self.spread @ v
        return made

    def trajectory(self, x: Array) -> list[Array]:
        """Give the states before every step and after the last."""
        states = [x]
        if self.clock is not None and self.dynamics is not None:
            for t, h in zip(self.clock.begins, self.clock.lengths, strict=True):
                self.watch(0.5, "forecast")
                states.append(self.dynamics.step(states[-1][:, None], float(t), float(h))[:, 0])
        self.evaluations += len(states)
        return states

    def places(self) -> list[tuple[int, float]]:
        """Give for each observation its place in the trajectory, and its time."""
        if self.clock is None:
            return [(0, self.start)] * len(self.observations)
        return list(zip(np.cumsum(self.clock.counts).tolist(), self.clock.times.tolist(), strict=True))

    def innovations(self, states: list[Array]) -> Array:
        """Give observations minus what the states would show: (k, m)."""
        seen = [self.operator.evaluate(states[i][:, None], t)[:, 0] for i, t in self.places()]
        return self.observations - np.stack(seen)

    def whiten(self, rows: Array) -> Array:
        """Divide by the noise: N⁻¹ of each row."""
        made: Array = linalg.solve_triangular(self.noise, rows.T, lower=True, check_finite=False).T
        return made

    def residuals(self, v: Array) -> Array:
        """Give v and the whitened innovations, whose squares sum up to twice the cost."""
        whole = self.whiten(self.innovations(self.trajectory(self.state(v))))
        return np.concatenate([v, whole.ravel()])

    def gradient(self, v: Array) -> tuple[float, Array]:
        """Cost and its gradient, by one run forwards and one of the adjoint backwards."""
        states = self.trajectory(self.state(v))
        whole = self.whiten(self.innovations(states))
        cost = 0.5 * float(v @ v) + 0.5 * float((whole * whole).sum())
        pull: Array = linalg.solve_triangular(self.noise, whole.T, lower=True, trans="T", check_finite=False).T
        due: dict[int, list[tuple[float, Array]]] = {}
        for k, (i, t) in enumerate(self.places()):
            due.setdefault(i, []).append((t, pull[k]))
        w: Array = np.zeros_like(self.background)
        for i in range(len(states) - 1, -1, -1):
            self.watch(0.5, "adjoint")
            if self.clock is not None and self.dynamics is not None and i < len(states) - 1:
                w = self.dynamics.adjoint(states[i], float(self.clock.begins[i]), float(self.clock.lengths[i]), w)
            for t, one in due.get(i, ()):
                w = w - self.operator.derive(states[i], t).T @ one
        return cost, v + self.spread.T @ w

    def jacobian(self, v: Array) -> Array:
        """Jacobian of the residuals (n + k m, n), by tangent runs of all directions at once."""
        states = self.trajectory(self.state(v))
        along = self.spread
        made, step = [], 0
        for i, t in self.places():
            while step < i:
                assert self.clock is not None
                assert self.dynamics is not None
                self.watch(0.5, "tangent")
                begin, length = float(self.clock.begins[step]), float(self.clock.lengths[step])
                along = self.dynamics.tangent(states[step], begin, length, along)
                step += 1
            made.append(-self.whiten((self.operator.derive(states[i], t) @ along).T).T)
        self.runs += 1
        return np.concatenate([np.eye(len(v)), *made])
