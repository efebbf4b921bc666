"""What a careful user writes by hand: Dormand–Prince 5(4) with step control for one system, compiled by Numba."""

import numpy as np
from numba import njit

Numbers = tuple[float, float, float]

SIGMA, RHO, BETA = 10.0, 28.0, 8.0 / 3.0


@njit
def slope(x: float, y: float, z: float) -> Numbers:
    return SIGMA * (y - x), x * (RHO - z) - y, x * y - BETA * z


@njit
def step(u: Numbers, k1: Numbers, h: float) -> tuple[Numbers, Numbers, Numbers]:
    """One step from `u` with the slope `k1`: the new state, its slope, and the error (3)."""
    x, y, z = u
    a1, b1, c1 = k1
    h1 = h / 5
    a2, b2, c2 = slope(x + h1 * a1, y + h1 * b1, z + h1 * c1)
    p, q = 3 / 40, 9 / 40
    a3, b3, c3 = slope(x + h * (p * a1 + q * a2), y + h * (p * b1 + q * b2), z + h * (p * c1 + q * c2))
    p, q, r = 44 / 45, -56 / 15, 32 / 9
    a4, b4, c4 = slope(
        x + h * (p * a1 + q * a2 + r * a3), y + h * (p * b1 + q * b2 + r * b3), z + h * (p * c1 + q * c2 + r * c3)
    )
    p, q, r, s = 19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729
    a5, b5, c5 = slope(
        x + h * (p * a1 + q * a2 + r * a3 + s * a4), y + h * (p * b1 + q * b2 + r * b3 + s * b4),
        z + h * (p * c1 + q * c2 + r * c3 + s * c4),
    )  # fmt: skip
    p, q, r, s, t = 9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656
    a6, b6, c6 = slope(
        x + h * (p * a1 + q * a2 + r * a3 + s * a4 + t * a5), y + h * (p * b1 + q * b2 + r * b3 + s * b4 + t * b5),
        z + h * (p * c1 + q * c2 + r * c3 + s * c4 + t * c5),
    )  # fmt: skip
    p, q, r, s, t = 35 / 384, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84
    x += h * (p * a1 + q * a3 + r * a4 + s * a5 + t * a6)
    y += h * (p * b1 + q * b3 + r * b4 + s * b5 + t * b6)
    z += h * (p * c1 + q * c3 + r * c4 + s * c5 + t * c6)
    a7, b7, c7 = slope(x, y, z)
    p, q, r, s, t, w = 71 / 57600, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40
    return (
        (x, y, z), (a7, b7, c7),
        (h * (p * a1 + q * a3 + r * a4 + s * a5 + t * a6 + w * a7), h * (p * b1 + q * b3 + r * b4 + s * b5 + t * b6
         + w * b7), h * (p * c1 + q * c3 + r * c4 + s * c5 + t * c6 + w * c7)),
    )  # fmt: skip


@njit
def integrate(initial: np.ndarray, end: float, rtol: float, atol: float) -> np.ndarray:
    """Final states (members, 3), each member with its own steps."""
    final = np.empty_like(initial)
    for i in range(initial.shape[0]):
        u = (initial[i, 0], initial[i, 1], initial[i, 2])
        k = slope(u[0], u[1], u[2])
        t, h, before = 0.0, 1e-3, 1e-4
        while t < end:
            h = min(h, end - t)
            new, ahead, error = step(u, k, h)
            total = 0.0
            for j in range(3):
                one = error[j] / (atol + rtol * max(abs(u[j]), abs(new[j])))
                total += one * one
            size = (total / 3) ** 0.5
            if size <= 1.0:
                t, u, k = t + h, new, ahead
                h *= min(10.0, max(0.2, 0.9 * max(size, 1e-10) ** -0.17 * before**0.04))
                before = max(size, 1e-4)
            else:
                h *= max(0.2, 0.9 * size**-0.2)
        final[i, 0], final[i, 1], final[i, 2] = u
    return final
