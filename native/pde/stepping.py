"""One step of du/dt = f(t, u) on a grid: stabilized explicit (Runge–Kutta–Chebyshev) and implicit (TR-BDF2)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from native.kernels import stencil as kernel
from native.pde.grid import Array

Beat = Callable[[], None]
"""Called between stages; raises to stop."""
GAMMA = 2.0 - np.sqrt(2.0)


class Motion(Protocol):
    """What moves: a system on a grid, its state an array (fields, n0, n1, n2)."""

    def slope(self, t: float, u: Array, out: Array) -> None:
        """Set `out` to du/dt, 0 where values are given."""

    def impose(self, t: float, u: Array) -> None:
        """Set the values that are given at t."""

    def clear(self, u: Array) -> None:
        """Set to 0 where values are given."""


@dataclass(frozen=True, slots=True)
class Step:
    """The state after a step, its slope, the estimate of the error made, and how many evaluations it took."""

    u: Array
    slope: Array
    error: Array
    evaluations: int


@lru_cache(maxsize=512)
def _coefficients(stages: int, damping: float) -> tuple[tuple[float, ...], ...]:
    """The method's c, mu, nu, mu~, gamma~ by stage (Sommeijer, Shampine & Verwer 1997, section 2)."""
    s = stages
    w0 = 1.0 + damping / s**2
    t, d, e = [1.0, w0], [0.0, 1.0], [0.0, 0.0]
    for j in range(2, s + 1):
        t.append(2 * w0 * t[j - 1] - t[j - 2])
        d.append(2 * t[j - 1] + 2 * w0 * d[j - 1] - d[j - 2])
        e.append(4 * d[j - 1] + 2 * w0 * e[j - 1] - e[j - 2])
    w1 = d[s] / e[s]
    b = [0.0, 0.0, *(e[j] / d[j] ** 2 for j in range(2, s + 1))]
    b[0] = b[1] = b[2]
    a = [1.0 - b[j] * t[j] for j in range(s + 1)]
    c = [0.0, 0.0, *(w1 * e[j] / d[j] for j in range(2, s + 1))]
    c[1] = c[2] / d[2]
    mu, nu, tilde, gamma = [0.0, 0.0], [0.0, 0.0], [0.0, b[1] * w1], [0.0, 0.0]
    for j in range(2, s + 1):
        mu.append(2 * b[j] * w0 / b[j - 1])
        nu.append(-b[j] / b[j - 2])
        tilde.append(2 * b[j] * w1 / b[j - 1])
        gamma.append(-a[j - 1] * tilde[j])
    return tuple(c), tuple(mu), tuple(nu), tuple(tilde), tuple(gamma)


def stages_for(step: float, radius: float, *, damped: bool) -> int:
    """How many stages are stable for eigenvalues down to -radius; `damped` leaves room for advection.

    The real interval is 0.653 (s² - 1) with damping 2/13 and 0.34 (s² - 1) with 10 (Verwer, Sommeijer & Hundsdorfer
    2004), of which the damped way uses 0.6: there a Courant number of 0.9 is stable with third-order upwinding.
    """
    reach = 0.34 * 0.6 if damped else 0.653
    return max(3 if damped else 2, int(np.ceil(min(np.sqrt(1.0 + step * radius / reach), 1e9))))


def chebyshev(
    motion: Motion, t: float, u: Array, slope: Array, step: float, stages: int, beat: Beat, *, damped: bool
) -> Step:
    """Take a step of the second-order Runge–Kutta–Chebyshev method with so many stages."""
    c, mu, nu, tilde, gamma = _coefficients(stages, 10.0 if damped else 2.0 / 13.0)
    before, now = u.copy(), np.empty_like(u)
    flat = (now.ravel(), u.ravel(), slope.ravel())
    _combine(flat[0], flat[1], flat[1], flat[1], flat[2], flat[2], 1.0, 0.0, 0.0, tilde[1] * step, 0.0)
    motion.impose(t + c[1] * step, now)
    there = np.empty_like(u)
    for j in range(2, stages + 1):
        beat()
        motion.slope(t + c[j - 1] * step, now, there)
        _combine(
            before.ravel(), u.ravel(), now.ravel(), before.ravel(), there.ravel(), slope.ravel(),
            1.0 - mu[j] - nu[j], mu[j], nu[j], tilde[j] * step, gamma[j] * step,
        )  # fmt: skip
        motion.impose(t + c[j] * step, before)
        before, now = now, before
    end = np.empty_like(u)
    motion.slope(t + step, now, end)
    error = before
    _combine(
        error.ravel(), u.ravel(), now.ravel(), now.ravel(), slope.ravel(), end.ravel(),
        0.8, -0.8, 0.0, 0.4 * step, 0.4 * step,
    )  # fmt: skip
    motion.clear(error)
    return Step(now, end, error, stages)


def _combine(out: Any, y0: Any, y1: Any, y2: Any, f0: Any, f1: Any, *factors: float) -> None:
    kernel.combine(out, y0, y1, y2, f0, f1, np.array(factors))  # type: ignore[no-untyped-call]


class Linear(Protocol):
    """A motion du/dt = A u + b(t) whose equations can be solved."""

    def slope(self, t: float, u: Array, out: Array) -> None:
        """Set `out` to A u + b(t), 0 where values are given."""

    def impose(self, t: float, u: Array) -> None:
        """Set the values that are given at t."""

    def solve(self, t: float, shift: float, right: Array, near: Array, beat: Beat) -> Array:
        """Find u with shift u - A u - b(t) = right and the values given at t; `near` is a guess."""

    def smooth(self, shift: float, right: Array, beat: Beat) -> Array:
        """Find e with shift e - A e = shift right, 0 where values are given."""


def tr_bdf2(motion: Linear, t: float, u: Array, slope: Array, step: float, beat: Beat) -> Step:
    """Take a step of TR-BDF2 (Bank et al. 1985; error estimate of Hosea & Shampine 1996): second order, L-stable."""
    shift = 2.0 / (GAMMA * step)
    middle = motion.solve(t + GAMMA * step, shift, shift * u + slope, u, beat)
    between = np.empty_like(u)
    motion.slope(t + GAMMA * step, middle, between)
    old = (1.0 - GAMMA) ** 2 / (GAMMA * (2.0 - GAMMA))
    right = shift * (middle / (GAMMA * (2.0 - GAMMA)) - old * u)
    found = motion.solve(t + step, shift, right, middle, beat)
    end = np.empty_like(u)
    motion.slope(t + step, found, end)
    size = 2.0 * step * (-3.0 * GAMMA**2 + 4.0 * GAMMA - 2.0) / (12.0 * (2.0 - GAMMA))
    raw = size * (slope / GAMMA - between / (GAMMA * (1.0 - GAMMA)) + end / (1.0 - GAMMA))
    return Step(found, end, motion.smooth(shift, raw, beat), 3)
