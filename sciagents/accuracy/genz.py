"""Genz's six families of integrands over the unit cube, with their integrals.

Source: Genz, A package for testing multiple integration subroutines (1987). `a` are the difficulties, of a given
sum in each family; `w` the places of peaks, kinks and jumps.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_PLACES = (0.31, 0.73, 0.42, 0.58, 0.83, 0.17)
_SHAPES = (1.0, 0.7, 1.3, 0.5, 1.1, 0.9)


@dataclass(frozen=True)
class Integrand:
    """A formula of x0, x1, … and its integral over the unit cube."""

    name: str
    formula: str
    exact: float
    smooth: bool = True

    @property
    def bounds(self) -> dict[str, list[float]]:
        """The unit cube."""
        count = sum(f"x{i}" in self.formula for i in range(len(_PLACES)))
        return {f"x{i}": [0.0, 1.0] for i in range(count)}


def families(d: int) -> Iterator[Integrand]:
    """Iterate over the six families in d dimensions, 2 to 6."""
    w = _PLACES[:d]
    for name, difficulty, make in _FAMILIES:
        total = sum(_SHAPES[:d])
        a = tuple(difficulty * shape / total for shape in _SHAPES[:d])
        formula, exact = make(a, w)
        yield Integrand(f"Genz's {name}, d = {d}", formula, exact, smooth=name not in {"continuous", "discontinuous"})


Numbers = tuple[float, ...]


def _sum(terms: Callable[[int], str], d: int) -> str:
    return " + ".join(terms(i) for i in range(d))


def _oscillatory(a: Numbers, w: Numbers) -> tuple[str, float]:
    value = complex(math.cos(2 * math.pi * w[0]), math.sin(2 * math.pi * w[0]))
    for one in a:
        value *= (complex(math.cos(one), math.sin(one)) - 1.0) / (1j * one)
    return f"cos(2*pi*{w[0]!r} + {_sum(lambda i: f'{a[i]!r}*x{i}', len(a))})", value.real


def _product_peak(a: Numbers, w: Numbers) -> tuple[str, float]:
    formula = "*".join(f"1/({a[i] ** -2!r} + (x{i} - {w[i]!r})**2)" for i in range(len(a)))
    return formula, math.prod(
        one * (math.atan(one * (1 - at)) + math.atan(one * at)) for one, at in zip(a, w, strict=True)
    )


def _corner_peak(a: Numbers, w: Numbers) -> tuple[str, float]:  # noqa: ARG001 - a family's signature
    d = len(a)
    total = math.fsum(
        (-1) ** sum(corner) / (1.0 + math.fsum(k * one for k, one in zip(corner, a, strict=True)))
        for corner in itertools.product((0, 1), repeat=d)
    )
    formula = f"(1 + {_sum(lambda i: f'{a[i]!r}*x{i}', d)})**-{d + 1}"
    return formula, total / (math.factorial(d) * math.prod(a))


def _gaussian(a: Numbers, w: Numbers) -> tuple[str, float]:
    formula = f"exp(-({_sum(lambda i: f'{a[i] ** 2!r}*(x{i} - {w[i]!r})**2', len(a))}))"
    return formula, math.prod(
        math.sqrt(math.pi) / (2 * one) * (math.erf(one * (1 - at)) + math.erf(one * at))
        for one, at in zip(a, w, strict=True)
    )


def _continuous(a: Numbers, w: Numbers) -> tuple[str, float]:
    formula = f"exp(-({_sum(lambda i: f'{a[i]!r}*abs(x{i} - {w[i]!r})', len(a))}))"
    return formula, math.prod(
        (2.0 - math.exp(-one * at) - math.exp(-one * (1 - at))) / one for one, at in zip(a, w, strict=True)
    )


def _discontinuous(a: Numbers, w: Numbers) -> tuple[str, float]:
    formula = f"where(x0 > {w[0]!r} or x1 > {w[1]!r}, 0, exp({_sum(lambda i: f'{a[i]!r}*x{i}', len(a))}))"
    return formula, math.prod(math.expm1(one * (w[i] if i < 2 else 1.0)) / one for i, one in enumerate(a))


_FAMILIES: tuple[tuple[str, float, Callable[[Numbers, Numbers], tuple[str, float]]], ...] = (
    ("oscillatory", 9.0, _oscillatory), ("product peak", 7.25, _product_peak), ("corner peak", 1.85, _corner_peak),
    ("Gaussian", 7.03, _gaussian), ("continuous", 20.4, _continuous), ("discontinuous", 4.3, _discontinuous),
)  # fmt: skip
