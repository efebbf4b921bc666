"""Integrals with closed forms."""

import math
from collections.abc import Iterator
from typing import Any

from sciagents.accuracy import genz
from sciagents.accuracy.case import Case

_INF = "Infinity"
_GENZ = "Genz (1987)"


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield from _quad()
    yield from _cubature()
    yield from _monte_carlo()


def _value(task: str, name: str, source: str, truth: float, inputs: dict[str, Any], **options: Any) -> Case:
    return Case(
        name=name, agent="integrate", task=task, source=source, inputs=inputs, options=options,
        pick=lambda outputs: outputs["value"], truth=truth,
    )  # fmt: skip


def _none(task: str, name: str, inputs: dict[str, Any], **options: Any) -> Case:
    return Case(
        name=name, agent="integrate", task=task, source="diverges", inputs=inputs, options=options,
        problem="not_converged",
    )  # fmt: skip


def _quad() -> Iterator[Case]:
    line = {"integrand": "exp(-x**2)", "bounds": ["-Infinity", _INF]}
    yield _value("quad", "Gauss's integral", "√π", math.sqrt(math.pi), line)
    root = math.sqrt(2.0)
    known: list[tuple[str, str, str, list[Any], list[float], float]] = [
        ("Planck's integral", "π⁴/15", "x**3/(exp(x) - 1)", [0, _INF], [], math.pi**4 / 15),
        ("Runge's function", "2 atan(5)/5", "1/(1 + 25*x*x)", [-1, 1], [], 2 * math.atan(5.0) / 5),
        ("a fast oscillation", "sin(200)/200", "cos(200*x)", [0, 1], [], math.sin(200.0) / 200),
        ("x^−0.9, singular at 0", "10", "x**-0.9", [0, 1], [], 10.0),
        ("log x, singular at 0", "−1", "log(x)", [0, 1], [], -1.0),
        ("1/√|x − 1/2|, singular at a breakpoint", "2√2", "1/sqrt(abs(x - 0.5))", [0, 1], [0.5], 2 * root),
        ("1/√(1 − x²), singular at both ends", "π", "1/sqrt(1 - x*x)", [-1, 1], [], math.pi),
        ("log(1 − x)/√(1 − x)", "−4", "log(1 - x)/sqrt(1 - x)", [0, 1], [], -4.0),
        ("a slow decay over the line", "π", "1/(1 + x*x)", ["-Infinity", _INF], [], math.pi),
    ]  # fmt: skip
    for name, source, integrand, bounds, breakpoints, truth in known:
        yield _value(
            "quad", name, source, truth, {"integrand": integrand, "bounds": bounds, "breakpoints": breakpoints}
        )
    # Lyness & Kaganove (1976): a peak 1/(1 + a²(x − λ)²) at random places, here at five
    for place in (0.1, 0.34, 0.5, 0.71, 0.98):
        truth = (math.atan(1e3 * (1 - place)) + math.atan(1e3 * place)) / 1e3
        inputs = {"integrand": "1/(1 + 1e6*(x - p)**2)", "bounds": [0, 1], "parameters": {"p": place}}
        yield _value("quad", f"a peak of width 1/1000 at {place}", "Lyness & Kaganove (1976)", truth, inputs)
    for name, integrand, bounds in (
        ("1/x", "1/x", [0, 1]), ("1/|x − 0.3| around a breakpoint", "1/abs(x - 0.3)", [0, 1]),
        ("1/x over [1, ∞)", "1/x", [1, _INF]), ("sin x over [0, ∞)", "sin(x)", [0, _INF]),
    ):  # fmt: skip
        breakpoints = [0.3] if "0.3" in integrand else []
        yield _none("quad", name, {"integrand": integrand, "bounds": bounds, "breakpoints": breakpoints})


def _cubature() -> Iterator[Case]:
    for d in (2, 3, 4, 5, 6):
        for one in genz.families(d):
            options = {} if one.smooth or d < 4 else {"epsrel": 1e-5 if d == 4 else 1e-2}
            inputs = {"integrand": one.formula, "bounds": one.bounds}
            yield _value("cubature", one.name, _GENZ, one.exact, inputs, **options)
    square = {"x": [0, 1], "y": [0, 1]}
    cube = {**square, "z": [0, 1]}
    plane = {"x": [None, None], "y": [None, None]}
    yield _value(
        "cubature", "1/r over the square, singular in a corner", "2 log(1 + √2)", 2 * math.log1p(math.sqrt(2)),
        {"integrand": "1/sqrt(x*x + y*y)", "bounds": square},
    )  # fmt: skip
    yield _value(
        "cubature", "1/r over the square, singular in its middle", "8 log(1 + √2)", 8 * math.log1p(math.sqrt(2)),
        {"integrand": "1/sqrt(x*x + y*y)", "bounds": {"x": [-1, 1], "y": [-1, 1]}},
    )  # fmt: skip
    yield _value(
        "cubature", "1/(1 - x y), singular in a corner", "ζ(2)", math.pi**2 / 6,
        {"integrand": "1/(1 - x*y)", "bounds": square},
    )  # fmt: skip
    yield _value(
        "cubature", "1/(1 - x y z)", "ζ(3)", 1.2020569031595942,
        {"integrand": "1/(1 - x*y*z)", "bounds": cube},
    )  # fmt: skip
    yield _value(
        "cubature", "a Gaussian over the plane", "π", math.pi, {"integrand": "exp(-x*x - y*y)", "bounds": plane}
    )
    yield _value(
        "cubature", "a quarter of the disc, by its indicator", "π/4", math.pi / 4,
        {"integrand": "where(x*x + y*y < 1, 1, 0)", "bounds": square}, epsrel=1e-4,
    )  # fmt: skip
    yield _value(
        "cubature", "a kink at a breakpoint", "(0.3² + 0.7²)/4", 0.145,
        {"integrand": "abs(x - 0.3)*y", "bounds": square, "breakpoints": {"x": [0.3]}},
    )  # fmt: skip
    yield _none("cubature", "1/(x + y)²", {"integrand": "1/(x + y)**2", "bounds": square})
    yield _none(
        "cubature", "1/r² around a point", {"integrand": "1/(x*x + y*y)", "bounds": {"x": [-1, 1], "y": [-1, 1]}}
    )
    yield _none("cubature", "1/(1 + r²) over the plane", {"integrand": "1/(1 + x*x + y*y)", "bounds": plane})


def _monte_carlo() -> Iterator[Case]:
    for d in (2, 4, 6):
        for one in genz.families(d):
            for sampler in ("sobol", "halton", "random"):
                inputs = {"integrand": one.formula, "bounds": one.bounds, "sampler": sampler}
                yield _value("monte_carlo", f"{one.name}, {sampler}", _GENZ, one.exact, inputs)
    yield _value(
        "monte_carlo", "a Gaussian over four-dimensional space", "π²", math.pi**2,
        {
            "integrand": f"exp(-({' + '.join(f'x{i}**2' for i in range(4))}))",
            "bounds": {f"x{i}": [None, None] for i in range(4)}, "n_samples": 262_144,
        },
    )  # fmt: skip
    yield _value(
        "monte_carlo", "the ball of five dimensions", "8 π²/15", 8 * math.pi**2 / 15,
        {
            "integrand": f"where({' + '.join(f'x{i}**2' for i in range(5))} < 1, 1, 0)",
            "bounds": {f"x{i}": [-1, 1] for i in range(5)},
        },
    )  # fmt: skip
    yield _value(
        "monte_carlo", "1/√x, of infinite variance", "2", 2.0, {"integrand": "1/sqrt(x)", "bounds": {"x": [0, 1]}}
    )
    yield _none("monte_carlo", "1/x", {"integrand": "1/x", "bounds": {"x": [0, 1]}})
