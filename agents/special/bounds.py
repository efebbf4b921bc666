"""How far a value of a special function may be from the true one.

What an error in the last place of the value and of each argument would change, times a factor: the factor, and the
ranges it holds in, are those of `certified`.
"""

from collections.abc import Callable

import numpy as np

from agents.arrays import Array
from agents.special.certified import CERTIFIED
from agents.special.functions import Function

EPS = 2.0**-53
_STEPS = (2.0**-44, 2.0**-26)
"""Relative changes of an argument: short for what oscillates fast, long for what is rough in the last places."""
_TINY = 1e-290
"""Below, digits are lost to underflow on the way."""


Call = Callable[[Function, list[Array]], list[Array]]


def estimate(function: Function, arguments: list[Array], values: list[Array], call: Call) -> float | None:
    """Bound the largest error of `values`; None where no bound is known."""
    known = CERTIFIED.get(function.name)
    if known is None or any(
        not ((low <= argument) & (argument <= high)).all()
        for argument, (low, high) in zip(arguments, known.ranges, strict=True)
    ):
        return None
    if any((arguments[i] != np.floor(arguments[i])).any() for i in function.orders):
        return None
    unit = sensitivity(function, arguments, values, call)
    return max((float((known.factor * EPS * one + _TINY).max(initial=0.0)) for one in unit), default=0.0)


def sensitivity(function: Function, arguments: list[Array], values: list[Array], call: Call) -> list[Array]:
    """For each output |f| + Σ |xᵢ ∂f/∂xᵢ|, by differences; orders that are integers are exact."""
    total = [np.abs(one) for one in values]
    for i, argument in enumerate(arguments):
        if i in function.integers | function.orders:
            continue
        most = [np.zeros(argument.shape) for _ in values]
        for step in _STEPS:
            ahead, behind = (
                call(function, [*arguments[:i], argument * (1.0 + way), *arguments[i + 1 :]]) for way in (step, -step)
            )
            for k, value in enumerate(values):
                for side in (ahead[k], behind[k]):
                    change = np.abs(side - value) / step
                    most[k] = np.fmax(most[k], np.where(np.isfinite(change), change, 0.0))
        total = [one + more for one, more in zip(total, most, strict=True)]
    return total
