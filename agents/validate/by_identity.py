"""Special functions by what holds of them: another function's formula, the mean over a circle, the values beside.

An analytic function at x is its mean over a circle around x in the complex plane, where SciPy has other algorithms than
on the real line; and a function that is smooth is, at x, what the polynomial through its neighbours says.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from agents import arrays
from agents.arrays import Array
from agents.special.evaluate import call
from agents.special.functions import Function, functions
from agents.task import Watch
from agents.validate.findings import Claim, Road
from agents.validate.values import Numbers

_PLACES = 256
"""Most values that are looked at."""
_SETTLED = 1e-9
"""How near two orders of a rule have to come, in the size of the value, for the rule to have a say."""
_EXACT = 1e-8
_REACHES = (0.25, 0.05, 0.01, 1e-3)
_CIRCLE = (16, 24)
_NODES = (10, 14)
_SCALED = {"airye", "ive", "jve", "yve"}
"""Scaled by what is no analytic function of a complex argument."""


def _middle(function: Any, v: Array, x: Array, sign: float) -> Any:
    """A Bessel function from those whose orders lie one below and one above."""
    return x * (function(v - 1.0, x) - sign * function(v + 1.0, x)) / (2.0 * v)


def _incomplete(phi: Array, m: Array) -> Any:
    s, c = np.sin(phi), np.cos(phi)
    return np.where(np.abs(phi) <= 0.5 * np.pi, s * special.elliprf(c * c, 1.0 - m * s * s, 1.0), np.nan)


def _double_factorial(n: Array) -> Any:
    odd = n % 2 == 1
    return np.where(
        odd, 2.0 ** (0.5 * (n + 1)) * special.gamma(0.5 * n + 1.0) / np.sqrt(np.pi),
        2.0 ** (0.5 * n) * special.gamma(0.5 * n + 1.0),
    )  # fmt: skip


Formula = Callable[..., Any]
FORMULAS: Mapping[str, tuple[str, Formula]] = {
    "gamma": ("exp(gammaln)", lambda x: special.gammasgn(x) * np.exp(special.gammaln(x))),
    "rgamma": ("1/gamma", lambda x: 1.0 / special.gamma(x)),
    "beta": ("gamma", lambda a, b: special.gamma(a) / special.gamma(a + b) * special.gamma(b)),
    "factorial": ("gamma(n + 1)", lambda n: special.gamma(n + 1.0)),
    "comb": ("binom", lambda n, k: np.where((n >= k) & (k >= 0), special.binom(n, k), 0.0)),
    "perm": ("poch", lambda n, k: np.where((n >= k) & (k >= 0), special.poch(n - k + 1.0, k), 0.0)),
    "psi": ("digamma by its step", lambda x: special.psi(x + 1.0) - 1.0 / x),
    "digamma": ("digamma by its step", lambda x: special.psi(x + 1.0) - 1.0 / x),
    "erf": ("gammainc", lambda x: np.sign(x) * special.gammainc(0.5, x * x)),
    "erfc": ("gammaincc", lambda x: np.where(x > 0, special.gammaincc(0.5, x * x), 1 + special.gammainc(0.5, x * x))),
    "erfcx": ("wofz", lambda x: special.wofz(1j * x).real),
    "dawsn": ("wofz", lambda x: 0.5 * np.sqrt(np.pi) * special.wofz(x).imag),
    "ndtr": ("erfc", lambda x: 0.5 * special.erfc(-x / np.sqrt(2.0))),
    "gammainc": ("chdtr", lambda a, x: special.chdtr(2.0 * a, 2.0 * x)),
    "gammaincc": ("chdtrc", lambda a, x: special.chdtrc(2.0 * a, 2.0 * x)),
    "betainc": ("fdtr", lambda a, b, x: special.fdtr(2.0 * a, 2.0 * b, b * x / (a * (1.0 - x)))),
    "stdtr": ("betainc", lambda n, t: 0.5 + 0.5 * np.sign(t) * special.betainc(0.5, 0.5 * n, t * t / (n + t * t))),
    "expit": ("tanh", lambda x: np.exp(np.minimum(x, 0.0)) / (1.0 + np.exp(-np.abs(x)))),
    "logit": ("log and log1p", lambda p: np.log(p) - np.log1p(-p)),
    "exp1": ("expi", lambda x: -special.expi(-x)),
    "expi": ("exp1", lambda x: -special.exp1(-x)),
    "jv": ("its recurrence", lambda v, x: _middle(special.jv, v, x, -1.0)),
    "yv": ("its recurrence", lambda v, x: _middle(special.yv, v, x, -1.0)),
    "iv": ("its recurrence", lambda v, x: _middle(special.iv, v, x, 1.0)),
    "kv": ("its recurrence", lambda v, x: -_middle(special.kv, v, x, 1.0)),
    "j0": ("jv", lambda x: special.jv(0.0, x)), "j1": ("jv", lambda x: special.jv(1.0, x)),
    "y0": ("yv", lambda x: special.yv(0.0, x)), "y1": ("yv", lambda x: special.yv(1.0, x)),
    "i0": ("iv", lambda x: special.iv(0.0, x)), "i1": ("iv", lambda x: special.iv(1.0, x)),
    "k0": ("kv", lambda x: special.kv(0.0, x)), "k1": ("kv", lambda x: special.kv(1.0, x)),
    "jn": ("its recurrence", lambda v, x: _middle(special.jv, v, x, -1.0)),
    "spherical_jn": ("jv", lambda n, x: np.sqrt(0.5 * np.pi / x) * special.jv(n + 0.5, x)),
    "spherical_yn": ("yv", lambda n, x: np.sqrt(0.5 * np.pi / x) * special.yv(n + 0.5, x)),
    "spherical_in": ("iv", lambda n, x: np.sqrt(0.5 * np.pi / x) * special.iv(n + 0.5, x)),
    "spherical_kn": ("kv", lambda n, x: np.sqrt(0.5 * np.pi / x) * special.kv(n + 0.5, x)),
    "ellipk": ("Carlson's integral", lambda m: special.elliprf(0.0, 1.0 - m, 1.0)),
    "ellipkm1": ("Carlson's integral", lambda p: special.elliprf(0.0, p, 1.0)),
    "ellipe": ("Carlson's integral", lambda m: 2.0 * special.elliprg(0.0, 1.0 - m, 1.0)),
    "ellipkinc": ("Carlson's integral", _incomplete),
    "zeta": ("its step", lambda s, q: special.zeta(s, q + 1.0) + q ** (-s)),
    "eval_legendre": ("hyp2f1", lambda n, x: special.hyp2f1(-n, n + 1.0, 1.0, 0.5 * (1.0 - x))),
    "eval_chebyt": ("cosines", lambda n, x: np.where(np.abs(x) <= 1, np.cos(n * np.arccos(x)), np.nan)),
    "eval_laguerre": ("hyp1f1", lambda n, x: special.hyp1f1(-n, 1.0, x)),
    "factorial2": ("gamma", _double_factorial),
    "cbrt": ("powers", lambda x: np.sign(x) * np.abs(x) ** (1.0 / 3.0)),
    "exp2": ("powers", lambda x: 2.0**x), "exp10": ("powers", lambda x: 10.0**x),
    "sinc": ("sine", lambda x: np.sin(np.pi * x) / (np.pi * x)),
}  # fmt: skip
"""By the function's name: which formula, and the formula."""


def evaluate(claim: Claim, watch: Watch) -> None:
    """Values at up to 256 places by a formula of other functions, over a circle, or from those beside."""
    given = claim.inner.inputs
    function = functions()[given["function"]]
    read = [
        arrays.gate(one, "inputs.arguments", ndim=tuple(range(1, 9)))
        if isinstance(one, list | Mapping)
        else np.array(arrays.number(one, "inputs.arguments"))
        for one in given["arguments"]
    ]
    shape = np.broadcast_shapes(*(one.shape for one in read))
    flat = [np.broadcast_to(one, shape).reshape(-1) for one in read]
    size = flat[0].size
    if not size:
        return
    places = np.unique(np.linspace(0, size - 1, min(size, _PLACES)).astype(int))
    some = [np.ascontiguousarray(one[places]) for one in flat]
    found = [one[places] for one in _outputs(claim, function.n_outputs, size)]
    watch(0.3, "another formula")
    if function.name in FORMULAS:
        name, formula = FORMULAS[function.name]
        _tell(claim, found, [np.asarray(formula(*some))], f"by a formula in terms of {name}")
    watch(0.6, "around it")
    made = None if function.name in _SCALED else _over_a_circle(function, some)
    if made is not None:
        _tell(claim, found, made, "the mean over a circle in the complex plane")
        if all(np.isfinite(one).all() for one in made):
            return
    watch(0.8, "beside it")
    made = _from_beside(function, some)
    if made is not None:
        _tell(claim, found, made, "from the values beside it, by interpolation")


def _outputs(claim: Claim, count: int, size: int) -> list[Numbers]:
    if count == 1:
        return [claim.numbers("values").reshape(-1)]
    if "values" in claim.outputs.numbers:
        return list(claim.numbers("values").reshape(count, size))
    return [claim.numbers(f"values[{i}]").reshape(-1) for i in range(count)]


def _tell(claim: Claim, found: list[Numbers], made: list[Any], how: str) -> None:
    """Compare where the other road has a value."""
    worst, known, size = 0.0, 0, 0.0
    for one, other in zip(found, made, strict=True):
        sure = np.isfinite(other)
        known += int(sure.sum())
        size = max(size, float(np.abs(other[sure]).max(initial=0.0)))
        allowed = (claim.error or 0.0) + _EXACT * np.abs(other[sure]) + 1e-13 * size + 1e-300
        ratio = np.abs(one[sure] - other[sure]) / allowed
        worst = float("inf") if np.isnan(ratio).any() else max(worst, float(ratio.max(initial=0.0)))
    if known:
        text = f"{how}, at {known} places; in what rounding and the error allow"
        claim.add("values", worst, 1.0, text)


def _over_a_circle(function: Function, arguments: list[Array]) -> list[Any] | None:
    """Means over circles around the last argument, NaN where two numbers of points differ; None without such a loop."""
    wide = function.call
    if not isinstance(wide, np.ufunc) or len(arguments) - 1 in function.integers:
        return None
    if not any(kinds.split("->")[0].endswith("D") and set(kinds.split("->")[1]) == {"D"} for kinds in wide.types):
        return None
    x = arguments[-1]
    best = [np.full(x.size, np.nan) for _ in range(function.n_outputs)]
    for reach in _REACHES[:3]:
        radius = reach * np.maximum(np.abs(x), 1e-3)
        means = []
        for count in _CIRCLE:
            turns = np.exp(2j * np.pi * (np.arange(count) + 0.5) / count)
            points = x[:, None] + radius[:, None] * turns
            made: Any = wide(*(one[:, None] for one in arguments[:-1]), points)
            means.append([np.mean(one, axis=1) for one in (made if isinstance(made, tuple) else (made,))])
        _settle(best, means)
    plain = call(function, [one[:1] for one in arguments])
    return [one if np.iscomplexobj(real) else one.real for one, real in zip(best, plain, strict=True)]


def _from_beside(function: Function, arguments: list[Array]) -> list[Any] | None:
    """Interpolate from nodes beside one argument that need be no integer, in ever smaller reaches."""
    free = [i for i in range(len(arguments)) if i not in function.integers | function.orders]
    if not free:
        return None
    along = free[-1]
    x = arguments[along]
    best = [np.full(x.size, np.nan) for _ in range(function.n_outputs)]
    for reach in _REACHES:
        width = reach * np.where(x == 0.0, 1.0, np.abs(x))
        values = []
        for count in _NODES:
            nodes = np.cos(np.pi * (np.arange(count) + 0.5) / count)  # an even number: the middle is none of them
            weights = (-1.0) ** np.arange(count) * np.sin(np.pi * (np.arange(count) + 0.5) / count) / -nodes
            points = (x[:, None] + width[:, None] * nodes).reshape(-1)
            moved = [points if i == along else np.repeat(one, count) for i, one in enumerate(arguments)]
            made = call(function, moved)
            values.append([one.reshape(x.size, count) @ (weights / weights.sum()) for one in made])
        _settle(best, values)
    return best


def _settle(best: list[Any], values: list[list[Any]]) -> None:
    """Take the second of two orders where the first says the same, and nothing has been taken yet."""
    for i, (rough, fine) in enumerate(zip(*values, strict=True)):
        if np.iscomplexobj(fine) and not np.iscomplexobj(best[i]):
            best[i] = best[i].astype(complex)
        settled = np.abs(rough - fine) <= _SETTLED * np.abs(fine)
        best[i] = np.where(np.isnan(best[i]) & settled, fine, best[i])


ROADS: Mapping[tuple[str, str], Road] = {("special", "evaluate"): evaluate}
