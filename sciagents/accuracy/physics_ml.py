"""Differential equations with known solutions, an operator with closed form, and a conserved energy."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from sciagents.accuracy.case import Case, Outputs

_X = [round(0.05 * i, 2) for i in range(21)]


def _u(outputs: Outputs) -> Any:
    return outputs["u"]


def _held(*conditions: tuple[dict[str, float], str]) -> list[dict[str, Any]]:
    return [{"at": at, "equation": equation} for at, equation in conditions]


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield from _pinn()
    yield from _inverse()
    yield _operator()
    yield _conservation()


def _pinn() -> Iterator[Case]:
    x = np.array(_X)
    inside = {"x": _X, "t": _X}
    ends = [({"x": 0.0}, "u"), ({"x": 1.0}, "u")]
    start = ({"t": 0.0}, "u - sin(pi*x)")
    for name, equation, domain, conditions, points, truth, source in (
        ("Poisson, 1-D", "u_xx == -pi**2*sin(pi*x)", {"x": [0, 1]}, _held(*ends), {"x": _X}, np.sin(math.pi * x),
         "sin πx"),
        ("oscillator to t = 10", "u_tt + u", {"t": [0, 10]}, _held(({"t": 0}, "u - 1"), ({"t": 0}, "u_t")),
         {"t": [10 * one for one in _X]}, np.cos(10 * x), "cos t"),
        ("logistic growth", "u_t == u*(1 - u)", {"t": [0, 5]}, _held(({"t": 0}, "u - 0.1")),
         {"t": [5 * one for one in _X]}, 1 / (1 + 9 * np.exp(-5 * x)), "1/(1 + 9 exp(-t))"),
        ("heat", "u_t == 0.1*u_xx", {"x": [0, 1], "t": [0, 1]}, _held(*ends, start), inside,
         np.exp(-0.1 * math.pi**2 * x) * np.sin(math.pi * x), "exp(-0.1 π² t) sin πx"),
        ("wave", "u_tt == u_xx", {"x": [0, 1], "t": [0, 1]}, _held(*ends, start, ({"t": 0}, "u_t")), inside,
         np.cos(math.pi * x) * np.sin(math.pi * x), "cos πt sin πx"),
        ("Poisson in 2-D", "u_xx + u_yy == -2*pi**2*sin(pi*x)*sin(pi*y)", {"x": [0, 1], "y": [0, 1]},
         _held(*ends, ({"y": 0}, "u"), ({"y": 1}, "u")), {"x": _X, "y": _X}, np.sin(math.pi * x) ** 2, "sin πx sin πy"),
        ("Burgers, ν = 0.3", "u_t + u*u_x == 0.3*u_xx", {"x": [-1, 1], "t": [0, 1]},
         _held(*(({"x": side}, "u - 1 + tanh((x - t)/0.6)") for side in (-1.0, 1.0)), ({"t": 0}, "u - 1 + tanh(x/.6)")),
         inside, np.ones(21), "travelling wave, 1 - tanh((x - t)/2ν)"),
    ):  # fmt: skip
        yield Case(
            name=name, agent="physics_ml", task="pinn", source=source, pick=_u, truth=truth,
            inputs={"equation": equation, "domain": domain, "conditions": conditions, "predict_at": points},
        )  # fmt: skip
    yield Case(
        name="u' = u² past its blow-up", agent="physics_ml", task="pinn", source="1/(1 - t)", problem="not_converged",
        inputs={"equation": "u_t == u**2", "domain": {"t": [0, 2]}, "conditions": _held(({"t": 0}, "u - 1"))},
        options={"n_features": 100},
    )  # fmt: skip


def _inverse() -> Iterator[Case]:
    numbers = np.random.default_rng(3)
    x, t = numbers.random(60), numbers.random(60)
    u = np.exp(-0.3 * math.pi**2 * t) * np.sin(math.pi * x)
    for noise in (0.0, 0.01):
        yield Case(
            name=f"diffusivity, noise {noise:g}", agent="physics_ml", task="inverse", source="data made with D = 0.3",
            inputs={
                "equation": "u_t == D*u_xx", "domain": {"x": [0, 1], "t": [0, 1]}, "unknown": {"D": 1},
                "data": {"x": x.tolist(), "t": t.tolist(), "u": (u + noise * numbers.standard_normal(60)).tolist()},
                "conditions": _held(({"x": 0}, "u"), ({"x": 1}, "u")),
            },
            pick=lambda outputs: outputs["parameters"]["D"], truth=0.3,
        )  # fmt: skip
    times = np.linspace(0, 10, 41)
    yield Case(
        name="damped oscillator", agent="physics_ml", task="inverse", source="data made with c = 0.2, k = 2",
        inputs={
            "equation": "u_tt + c*u_t + k*u", "domain": {"t": [0, 10]}, "unknown": {"c": 1, "k": 1},
            "data": {"t": times.tolist(), "u": (np.exp(-0.1 * times) * np.cos(np.sqrt(1.99) * times)).tolist()},
        },
        pick=lambda outputs: [outputs["parameters"]["c"], outputs["parameters"]["k"]], truth=[0.2, 2.0],
    )  # fmt: skip


def _operator() -> Case:
    numbers = np.random.default_rng(5)
    sensors, places = np.linspace(0, 1, 30), np.linspace(0, 1, 25)

    def sample(count: int) -> tuple[Any, Any]:
        weights = numbers.standard_normal((count, 4))
        functions = sum(weights[:, [k]] * np.cos(math.pi * k * sensors) for k in range(4))
        values = weights[:, [0]] * places
        values = values + sum(weights[:, [k]] * np.sin(math.pi * k * places) / (math.pi * k) for k in range(1, 4))
        return functions, values

    functions, values = sample(120)
    wanted, truth = sample(20)
    return Case(
        name="the antiderivative", agent="physics_ml", task="operator", source="∫ Σ aₖ cos πkx", truth=truth,
        inputs={
            "functions": functions.tolist(), "places": places.tolist(), "values": values.tolist(),
            "predict": wanted.tolist(),
        },
        pick=lambda outputs: outputs["prediction"],
    )  # fmt: skip


def _conservation() -> Case:
    x, t = np.linspace(0, 1, 41), np.linspace(0, 1, 11)
    u = np.exp(-0.1 * math.pi**2 * t)[:, None] * np.sin(math.pi * x)
    return Case(
        name="heat that leaves through the ends", agent="physics_ml", task="conservation",
        source="2/π exp(-0.1 π² t)", truth=2 / math.pi * np.exp(-0.1 * math.pi**2 * t),
        inputs={
            "t": t.tolist(), "axes": {"x": x.tolist()}, "fields": {"u": u.tolist()}, "density": "u",
            "flux": {"x": "-0.1*u_x"},
        },
        pick=lambda outputs: outputs["integral"],
    )  # fmt: skip
