"""How a regularisation parameter is chosen from a curve of solutions: GCV, L-curve, discrepancy.

Sources: Golub, Heath & Wahba (1979); Hansen, Rank-Deficient and Discrete Ill-Posed Problems (1998), chapter 7;
Zou, Hastie & Tibshirani, On the degrees of freedom of the lasso (2007).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from agents.arrays import Array
from agents.outcome import Problem

Rule = Literal["gcv", "l_curve", "discrepancy"]
_FLAT = 1e-6


@dataclass(frozen=True, eq=False, slots=True)
class Curve:
    """For each of ascending `alpha`: norms of residuals, penalties, degrees of freedom; m equations.

    Cross-validation looks only where at least `left` parts of the equations are left over.
    """

    alpha: Array
    residual: Array
    penalty: Array
    freedom: Array
    equations: int
    left: float = 1e-9

    def gcv(self) -> Array:
        """Generalised cross-validation; infinite where no degree of freedom is left."""
        left = self.equations - self.freedom
        enough = left > self.left * self.equations
        safe = np.where(enough, left, 1.0)
        return np.where(enough, self.equations * (self.residual / safe) ** 2, np.inf)

    def curvature(self) -> Array:
        """Curvature of the L-curve: log of the residual against log of the penalty."""
        x = np.log(np.maximum(self.residual, 1e-300))
        y = np.log(np.maximum(self.penalty, 1e-300))
        t = np.log(self.alpha)
        dx, dy = np.gradient(x, t), np.gradient(y, t)
        bend = dx * np.gradient(dy, t) - np.gradient(dx, t) * dy
        return np.asarray(bend / np.maximum(dx * dx + dy * dy, 1e-12) ** 1.5, dtype=np.float64)


def choose(curve: Curve, rule: Rule, noise_norm: float) -> tuple[int, list[str]]:
    """Choose a place on the curve, with warnings; raises `Problem` where the rule tells nothing."""
    if rule == "discrepancy":
        below = np.flatnonzero(curve.residual <= noise_norm)
        if not below.size:
            raise Problem(
                "infeasible", f"no alpha makes the residual as small as {noise_norm:.3g}", field="options.noise_norm",
                hint=f"at least {curve.residual.min():.3g}",
            )  # fmt: skip
        return int(below[-1]), []
    if rule == "gcv":
        score = np.log(np.maximum(curve.gcv(), 1e-300))
        finite = score[np.isfinite(score)]
        if not finite.size or np.ptp(finite) < _FLAT:
            raise _undetermined("generalised cross-validation is flat")
        place = int(np.argmin(score))
    else:
        bend = curve.curvature()
        inner = slice(2, -2)
        if bend[inner].max() <= 0.0:
            raise _undetermined("the L-curve has no corner")
        place = 2 + int(np.argmax(bend[inner]))
    edge = place in {0, len(curve.alpha) - 1}
    return place, [f"{rule} chose alpha at the end of its range: give alpha, or the noise"] if edge else []


def refine(residual: Callable[[float], float], low: float, high: float, noise_norm: float, steps: int) -> float:
    """Bisect for the largest alpha whose residual is at most the noise; it is so at `low` and not at `high`."""
    for _ in range(steps):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if residual(middle) <= noise_norm else (low, middle)
    return low


def _undetermined(text: str) -> Problem:
    hint = "a number, or selection: discrepancy with noise_norm"
    return Problem("singular", f"alpha cannot be chosen: {text}", field="inputs.alpha", hint=hint)
