"""Uncertain inputs whose effects are known: moments in closed form, Ishigami's function, Sobol's g-function, tails."""

import math
from collections.abc import Iterator
from typing import Any

from sciagents.accuracy.case import Case

_NORMAL = {"distribution": "norm"}
_UNIT = {"distribution": "uniform"}
_ANGLE = {"distribution": "uniform", "loc": -math.pi, "scale": 2 * math.pi}


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield from _propagate()
    yield from _sensitivity()
    yield from _rare_event()
    yield from _confidence()


def _propagate() -> Iterator[Case]:
    known: list[tuple[str, str, dict[str, Any], float, str]] = [
        ("a line of two normals", "3*x - 2*y + 1", {"x": {**_NORMAL, "loc": 2.0}, "y": _NORMAL}, 7.0, "3 E(x) + 1"),
        ("a lognormal", "exp(s*x)", {"x": _NORMAL}, math.exp(0.125), "exp(s²/2), s = 0.5"),
        ("a square", "x**2", {"x": {**_NORMAL, "loc": 1.0, "scale": 2.0}}, 5.0, "μ² + σ²"),
        (
            "a product of ten uniforms", "*".join(f"(1 + x{i})" for i in range(10)),
            {f"x{i}": _UNIT for i in range(10)}, 1.5**10, "1.5¹⁰",
        ),
        ("the ratio of a gamma to a constant", "x/4", {"x": {"distribution": "gamma", "a": 3.0}}, 0.75, "a/4"),
        ("a tail", "where(x > 2, 1, 0)", {"x": _NORMAL}, 0.022750131948179207, "Φ(−2)"),
    ]  # fmt: skip
    for name, model, distributions, mean, source in known:
        for sampler in ("random", "lhs", "sobol"):
            yield Case(
                name=f"the mean of {name}, {sampler}", agent="uq", task="propagate", source=source,
                inputs={
                    "model": model, "distributions": distributions, "parameters": {"s": 0.5}, "n_samples": 16_384,
                    "sampler": sampler,
                },
                pick=lambda outputs: outputs["mean"], truth=mean,
            )  # fmt: skip
    yield Case(
        name="a model that does not exist everywhere", agent="uq", task="propagate", source="log of a negative number",
        inputs={"model": "log(x)", "distributions": {"x": _NORMAL}}, problem="non_finite",
    )  # fmt: skip


def ishigami(a: float, b: float) -> tuple[list[float], list[float]]:
    """First and total indices of Ishigami's function of three angles (Ishigami & Homma, 1990)."""
    first = 0.5 * (1.0 + b * math.pi**4 / 5.0) ** 2
    second = a * a / 8.0
    both = b * b * math.pi**8 * (1.0 / 18.0 - 1.0 / 50.0)
    total = first + second + both
    return [first / total, second / total, 0.0], [(first + both) / total, second / total, both / total]


def g_function(a: list[float]) -> tuple[list[float], list[float]]:
    """First and total indices of Sobol's g-function (Saltelli & Sobol', 1995)."""
    parts = [1.0 / (3.0 * (1.0 + one) ** 2) for one in a]
    total = math.prod(1.0 + part for part in parts) - 1.0
    others = [math.prod(1.0 + part for k, part in enumerate(parts) if k != i) for i in range(len(a))]
    return (
        [part / total for part in parts],
        [part * other / total for part, other in zip(parts, others, strict=True)],
    )


def _sensitivity() -> Iterator[Case]:
    def indices(outputs: dict[str, Any]) -> list[float]:
        return [*outputs["first_order"].values(), *outputs["total_order"].values()]

    g = [0.0, 0.5, 3.0, 9.0, 99.0, 99.0]
    factors = "*".join(f"(abs(4*x{i} - 2) + {one})/{1 + one}" for i, one in enumerate(g))
    angles = dict.fromkeys(("x1", "x2", "x3"), _ANGLE)
    known: list[tuple[str, str, str, dict[str, Any], tuple[list[float], list[float]]]] = [
        (
            "Ishigami's function, a = 7, b = 0.1", "Ishigami & Homma (1990)",
            "sin(x1) + 7*sin(x2)**2 + 0.1*x3**4*sin(x1)", angles, ishigami(7.0, 0.1),
        ),
        ("Sobol's g-function of six inputs", "Saltelli & Sobol' (1995)", factors,
         {f"x{i}": _UNIT for i in range(6)}, g_function(g)),
        ("a line, shares 1/5 and 4/5", "σᵢ²/σ²", "x + 2*y", {"x": _NORMAL, "y": _NORMAL}, ([0.2, 0.8], [0.2, 0.8])),
    ]  # fmt: skip
    for name, source, model, distributions, (first, total) in known:
        for count in (1024, 16_384):
            yield Case(
                name=f"first and total indices of {name}, N = {count}", agent="uq", task="sensitivity", source=source,
                inputs={"model": model, "distributions": distributions, "n_samples": count},
                pick=indices, truth=[*first, *total],
            )  # fmt: skip
    yield Case(
        name="Morris's measure of a line", agent="uq", task="sensitivity", source="slope times range",
        inputs={"model": "3*x - 2*y", "distributions": {"x": _ANGLE, "y": _UNIT}, "method": "morris"},
        pick=lambda outputs: list(outputs["mu_star"].values()), truth=[6 * math.pi, 2.0],
    )  # fmt: skip
    yield Case(
        name="a model that does not vary", agent="uq", task="sensitivity", source="no variance to share",
        inputs={"model": "1", "distributions": {"x": _UNIT}}, problem="singular",
    )  # fmt: skip


def _rare_event() -> Iterator[Case]:
    def line(d: int, beta: float) -> dict[str, Any]:
        total = " + ".join(f"x{i}" for i in range(d))
        return {
            "model": f"({total})/sqrt({d})", "threshold": beta, "distributions": {f"x{i}": _NORMAL for i in range(d)}
        }  # fmt: skip

    parabola = {"model": "y + 0.1*x**2", "threshold": 4.0, "distributions": {"x": _NORMAL, "y": _NORMAL}}
    sphere = {
        "model": " + ".join(f"x{i}**2" for i in range(5)), "threshold": 36.0,
        "distributions": {f"x{i}": _NORMAL for i in range(5)},
    }  # fmt: skip
    known: list[tuple[str, str, dict[str, Any], float]] = [
        ("a plane, β = 3, d = 2", "Φ(−3)", line(2, 3.0), 1.3498980316300945e-3),
        ("a plane, β = 4, d = 10", "Φ(−4)", line(10, 4.0), 3.1671241833119921e-5),
        ("a plane, β = 5, d = 50", "Φ(−5)", line(50, 5.0), 2.8665157187919391e-7),
        ("outside a sphere, d = 5", "χ² of 5 degrees", sphere, 9.4981089986250793e-7),
        ("beyond a parabola", "∫ φ(x) Φ(0.1 x² − 4) dx, mpmath", parabola, 6.4065211316770283e-5),
        (
            "a sum of exponentials", "e⁻²⁵ (1 + 25)",
            {"model": "x + y", "threshold": 25.0, "distributions": {name: {"distribution": "expon"} for name in "xy"}},
            26.0 * math.exp(-25.0),
        ),
    ]  # fmt: skip
    for name, source, inputs, truth in known:
        yield Case(
            name=f"{name}, subset simulation", agent="uq", task="rare_event", source=source, inputs=inputs,
            pick=lambda outputs: outputs["probability"], truth=truth,
        )  # fmt: skip
    yield Case(
        name="a plane, β = 3, counted", agent="uq", task="rare_event", source="Φ(−3)",
        inputs={**line(2, 3.0), "method": "monte_carlo"}, pick=lambda outputs: outputs["probability"],
        truth=1.3498980316300945e-3,
    )  # fmt: skip
    yield Case(
        name="an event that cannot happen", agent="uq", task="rare_event", source="sin x ≤ 1",
        inputs={"model": "sin(x)", "threshold": 2.0, "distributions": {"x": _NORMAL}}, problem="not_converged",
    )  # fmt: skip


def _confidence() -> Iterator[Case]:
    half = [0.0] * 50 + [1.0] * 50
    yield Case(
        name="the percentile interval of a share", agent="uq", task="confidence",
        source="quantiles of the binomial distribution", inputs={"data": half, "method": "percentile"},
        pick=lambda outputs: outputs["interval"], truth=[0.4, 0.6],
    )  # fmt: skip
    yield Case(
        name="the median of three values", agent="uq", task="confidence", source="7/27 of the resamples at either end",
        inputs={"data": [1.0, 2.0, 3.0], "statistic": "median", "method": "percentile"},
        pick=lambda outputs: outputs["interval"], truth=[1.0, 3.0],
    )  # fmt: skip
