"""Distributions as requests name them: `{"distribution": "norm", "loc": 0, "scale": 1}`, named as in `scipy.stats`.

`scipy.stats`, `scipy.signal` and `scipy.interpolate` are reached through `scipy`, which imports them when first used:
they would be a third of the time of importing the catalogue, and each process with kernels does that as it starts.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import numpy as np
import scipy
from scipy import special

from agents import formulas
from agents.arrays import Array
from agents.outcome import Problem

_LIMIT = 100
_NAMES = (
    "alpha", "anglit", "arcsine", "argus", "beta", "betaprime", "bradford", "burr", "burr12", "cauchy", "chi", "chi2",
    "cosine", "dgamma", "dweibull", "erlang", "expon", "exponnorm", "exponpow", "exponweib", "f", "fatiguelife", "fisk",
    "foldcauchy", "foldnorm", "gamma", "genexpon", "genextreme", "gengamma", "genhalflogistic", "genlogistic",
    "gennorm", "genpareto", "gompertz", "gumbel_l", "gumbel_r", "halfcauchy", "halflogistic", "halfnorm", "hypsecant",
    "invgamma", "invgauss", "invweibull", "johnsonsb", "johnsonsu", "kappa3", "laplace", "levy", "levy_l", "loggamma",
    "logistic", "loglaplace", "lognorm", "loguniform", "lomax", "maxwell", "mielke", "moyal", "nakagami", "norm",
    "pareto", "pearson3", "powerlaw", "powerlognorm", "powernorm", "rayleigh", "rdist", "recipinvgauss", "reciprocal",
    "semicircular", "skewnorm", "t", "trapezoid", "triang", "truncexpon", "truncnorm", "truncpareto", "tukeylambda",
    "uniform", "vonmises", "wald", "weibull_max", "weibull_min", "wrapcauchy",
)  # fmt: skip


_COSTS = {
    "vonmises": 5e6, "exponnorm": 2e6, "recipinvgauss": 2e6, "foldnorm": 2e6, "foldcauchy": 2e6, "argus": 1.5e6,
    "wald": 3e4, "skewnorm": 3e4, "invgauss": 3e4, "gennorm": 8e3, "semicircular": 8e3, "beta": 8e3, "f": 8e3,
    "dgamma": 8e3, "gengamma": 4e3, "rdist": 4e3, "chi2": 4e3, "chi": 4e3, "loggamma": 4e3, "maxwell": 4e3,
    "gamma": 4e3, "betaprime": 4e3, "invgamma": 4e3, "nakagami": 4e3, "erlang": 4e3, "t": 4e3, "pearson3": 4e3,
    "truncnorm": 4e3, "genexpon": 4e3,
}  # fmt: skip
"""Floating-point operations in the time of one quantile, where it is found by iteration."""


class Distribution:
    """One distribution; the arrays have any shape."""

    def __init__(self, name: str, values: Mapping[str, float]) -> None:
        self.name = name
        self.values = dict(values)
        self._frozen = getattr(scipy.stats, name)(**values)

    def quantile(self, probability: Array) -> Array:
        """Quantiles of probabilities inside (0, 1)."""
        return np.asarray(self._frozen.ppf(probability), dtype=np.float64)

    def upper_quantile(self, probability: Array) -> Array:
        """Quantiles of probabilities inside (0, 1) counted from above: exact far out in the upper tail."""
        return np.asarray(self._frozen.isf(probability), dtype=np.float64)

    def probability(self, x: Array) -> Array:
        """Probability of at most x."""
        return np.asarray(self._frozen.cdf(x), dtype=np.float64)

    def of_normal(self, u: Array) -> Array:
        """Turn standard normal numbers into numbers so distributed, also far out in both tails."""
        if self.name == "norm":
            return np.asarray(self.values.get("loc", 0.0) + self.values.get("scale", 1.0) * u)
        tail = np.clip(special.ndtr(-np.abs(u)), 1e-300, None)
        x = np.where(u > 0.0, self._frozen.isf(tail), self._frozen.ppf(tail))
        # an upper tail that is found as 1 - q ends at the last number below 1
        return np.asarray(np.where(np.isinf(x) & (u > 0.0), self._frozen.ppf(1.0 - 2.0**-53), x))

    def log_density(self, x: Array) -> Array:
        """Logarithm of the density; -inf outside the support."""
        return np.asarray(self._frozen.logpdf(x), dtype=np.float64)

    @property
    def cost(self) -> float:
        """Floating-point operations in the time that one quantile takes."""
        return _COSTS.get(self.name, 300.0)

    @property
    def mean(self) -> float:
        """The mean; infinite or NaN where there is none."""
        return float(self._frozen.mean())

    @property
    def std(self) -> float:
        """The standard deviation; infinite or NaN where there is none."""
        return float(self._frozen.std())

    @property
    def support(self) -> tuple[float, float]:
        """Where the density is not zero."""
        low, high = self._frozen.support()
        return float(low), float(high)


def read(value: Any, field: str) -> Distribution:
    """Read one distribution; raises `Problem`."""
    if not isinstance(value, Mapping):
        hint = '{"distribution": "norm", "loc": 0, "scale": 1}'
        raise Problem("invalid_input", "not a distribution", field=field, hint=hint)
    name = value.get("distribution")
    if not isinstance(name, str) or name not in _NAMES:
        near = get_close_matches(str(name)[:100], _NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "a continuous distribution of scipy.stats, such as norm"
        raise Problem("invalid_input", f"no distribution {str(name)[:80]!r}", field=f"{field}.distribution", hint=hint)
    shapes, known = _keywords(name)
    given = {key: one for key, one in value.items() if key != "distribution"}
    for key in given:
        if key not in known:
            text = f"{name} has no parameter {str(key)[:80]!r}"
            raise Problem("invalid_input", text, field=f"{field}.{str(key)[:80]}", hint=f"known: {', '.join(known)}")
    values = formulas.numbers(given, field)
    for key in shapes:
        if key not in values:
            raise Problem("invalid_input", f"{name} needs {key!r}", field=f"{field}.{key}", hint="a number")
    if values.get("scale", 1.0) <= 0:
        raise Problem("invalid_input", "the scale is not positive", field=f"{field}.scale", hint="a number above 0")
    if not bool(np.all(getattr(scipy.stats, name)._argcheck(*(values[key] for key in shapes)))):  # noqa: SLF001 - no other way
        text = f"{name} does not exist for these parameters"
        raise Problem("invalid_input", text, field=field, hint=f"see scipy.stats.{name}: {', '.join(shapes)}")
    return Distribution(name, values)


def read_all(values: Mapping[str, Any], field: str) -> dict[str, Distribution]:
    """Read named distributions: 1 to 100 of them, each name one that a variable can have."""
    if not 0 < len(values) <= _LIMIT:
        raise Problem("invalid_input", f"{len(values)} distributions", field=field, hint=f"1 to {_LIMIT}")
    formulas.check_names(values, field, taken={})
    return {name: read(value, f"{field}.{name}") for name, value in values.items()}


@lru_cache(maxsize=256)
def _keywords(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Shape parameters of a distribution, and all its keywords."""
    described = getattr(scipy.stats, name).shapes
    shapes = tuple(part.strip() for part in described.split(",")) if described else ()
    return shapes, (*shapes, "loc", "scale")
