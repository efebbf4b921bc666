"""Initial value problems: closed forms, DETEST, and the Bari test set with its published values."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from scipy import special

from sciagents.accuracy.case import Case

_BARI = "Mazzia & Magherini, Test Set for IVP Solvers, release 2.4"


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield from _elementary()
    yield from _detest()
    yield from _stiff()
    yield from _bari()
    yield from _events()
    yield from _ensembles()
    yield from _hopeless()


def _case(
    name: str, source: str, equations: Mapping[str, str], initial: Mapping[str, float], t_span: Sequence[float],
    times: Sequence[float] | np.ndarray[Any, Any], truth: Any, **options: Any,
) -> Case:  # fmt: skip
    """All variables at the times: `truth` (n, times)."""
    method = options.get("method", "auto")
    return Case(
        name=f"{name}, {method}, rtol {options.get('rtol', 1e-6):g}", agent="ode", task="ivp", source=source,
        inputs={
            "equations": equations, "initial": initial, "t_span": list(t_span),
            "t_eval": np.asarray(times, dtype=float).tolist(),
        },
        options=options, pick=lambda outputs: [outputs["y"][key] for key in equations], truth=truth,
    )  # fmt: skip


def _elementary() -> Iterator[Case]:
    t = np.linspace(0, 100, 41)
    for method, rtol in product(("dopri5", "dop853", "rodas4", "radau"), (1e-4, 1e-8)):
        yield _case(
            "harmonic oscillator", "cos t, -sin t", {"x": "v", "v": "-x"}, {"x": 1, "v": 0}, [0, 100], t,
            [np.cos(t), -np.sin(t)], method=method, rtol=rtol, atol=rtol / 100,
        )  # fmt: skip
    t = np.linspace(5, 0, 11)
    yield _case("decay backwards", "exp(-t)", {"x": "-x"}, {"x": math.exp(-5)}, [5, 0], t, [np.exp(-t)])
    t = np.linspace(0, 20, 21)
    yield _case(
        "logistic growth", "closed form", {"x": "x*(1 - x)"}, {"x": 0.01}, [0, 20], t, [1 / (1 + 99 * np.exp(-t))]
    )
    t = np.linspace(0, 3, 13)
    yield _case("x' = 5 t⁴", "t⁵", {"x": "5*t**4"}, {"x": 0}, [0, 3], t, [t**5])
    yield _case(
        "Lorenz's system to t = 10", "Taylor series of 28 digits (mpmath's odefun)",
        {"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8/3*z"}, {"x": 1, "y": 1, "z": 1}, [0, 10], [5, 10],
        LORENZ, rtol=1e-9, atol=1e-11,
    )  # fmt: skip


LORENZ = [
    [-6.512113699419599047, -4.9026875411346457319], [-6.9740427884170761343, -3.7438729218029196163],
    [23.924129572103370351, 24.690858102790555453],
]  # fmt: skip


def _detest() -> Iterator[Case]:
    source = "DETEST (Hull et al., 1972): "
    t = np.linspace(0, 20, 21)
    slow, fast = 0.5 * np.exp(-t), 0.5 * np.exp(-3 * t)
    yield _case(
        "B2, a linear reaction", source + "closed form", {"a": "-a + b", "b": "a - 2*b + c", "c": "b - c"},
        {"a": 2, "b": 0, "c": 1}, [0, 20], t, [1 + slow + fast, 1 - 2 * fast, 1 - slow + fast],
    )  # fmt: skip
    yield _case(
        "B5, a rigid body without torque", source + "sn, cn, dn", {"a": "b*c", "b": "-a*c", "c": "-0.51*a*b"},
        {"a": 0, "b": 1, "c": 1}, [0, 20], t, special.ellipj(t, 0.51)[:3], rtol=1e-8, atol=1e-10,
    )  # fmt: skip
    for name, e in (("D1", 0.1), ("D3", 0.5), ("D5", 0.9)):
        for rtol in (1e-5, 1e-10):
            yield _case(
                f"{name}, Kepler's orbit, e = {e}", source + "Kepler's equation", _KEPLER,
                {"x": 1 - e, "y": 0, "v": 0, "w": math.sqrt((1 + e) / (1 - e))}, [0, 20], t, _orbit(t, e), rtol=rtol,
                atol=rtol / 100,
            )  # fmt: skip


_KEPLER = {"x": "v", "y": "w", "v": "-x/(x*x + y*y)**1.5", "w": "-y/(x*x + y*y)**1.5"}


def _orbit(t: Any, e: float) -> Any:
    anomaly = t + 0.0
    for _ in range(100):
        anomaly = anomaly - 0.7 * (anomaly - e * np.sin(anomaly) - t) / (1 - e * np.cos(anomaly))
    speed, minor = 1 / (1 - e * np.cos(anomaly)), math.sqrt(1 - e * e)
    return [
        np.cos(anomaly) - e, minor * np.sin(anomaly), -speed * np.sin(anomaly), speed * minor * np.cos(anomaly),
    ]  # fmt: skip


def _stiff() -> Iterator[Case]:
    t = np.linspace(0, 10, 41)
    for stiffness, method in product((1e3, 1e6), ("rodas4", "radau", "auto")):
        yield _case(
            f"Prothero & Robinson's problem, λ = -{stiffness:g}", "cos t",
            {"x": f"-{stiffness!r}*(x - cos(t)) - sin(t)"}, {"x": 1}, [0, 10], t, [np.cos(t)], method=method,
        )  # fmt: skip


def _bari() -> Iterator[Case]:
    hires = [7.371312573325668e-4, 1.442485726316185e-4, 5.888729740967575e-5, 1.175651343283149e-3,
             2.386356198831331e-3, 6.238968252742796e-3, 2.849998395185769e-3, 2.850001604814231e-3]  # fmt: skip
    for method, rtol in (("auto", 1e-6), ("auto", 1e-9), ("rodas4", 1e-6), ("radau", 1e-8)):
        how = {"method": method, "rtol": rtol, "atol": rtol * 1e-4}
        yield _at_end("HIRES", HIRES, 321.8122, hires, **how)
        yield _at_end("OREGO", OREGO, 360.0, [1.000814870318523, 1228.178521549917, 132.0554942846706], **how)
        yield _at_end("van der Pol's equation, μ = 1000", VAN_DER_POL, 2000.0,
                      [1.706167732170469, -0.8928097010248125e-3], **how)  # fmt: skip
        yield _at_end("Robertson's problem to t = 1e11", ROBERTSON, 1e11,
                      [2.083340149701255e-8, 8.333360770334713e-14, 0.9999999791665050], **how)  # fmt: skip
    pleiades = [0.3706139143970502, 3.237284092057233, -3.222559032418324, 0.6597091455775310, 0.3425581707156584,
                1.562172101400631, -0.7003092922212495, -3.943437585517392, -3.271380973972550, 5.225081843456543,
                -2.590612434977470, 1.198213693392275, -0.2429682344935824, 1.091449240428980]  # fmt: skip
    for method, rtol in (("dopri5", 1e-7), ("dop853", 1e-9), ("auto", 1e-6)):
        case = _at_end("Pleiades (positions)", PLEIADES, 3.0, pleiades, method=method, rtol=rtol, atol=rtol * 1e-2)
        yield case


def _at_end(name: str, system: tuple[Any, Any], end: float, truth: Sequence[float], **options: Any) -> Case:
    equations, initial = system
    names = list(equations)[: len(truth)]
    return Case(
        name=f"{name}, {options['method']}, rtol {options['rtol']:g}", agent="ode", task="ivp", source=_BARI,
        inputs={"equations": equations, "initial": initial, "t_span": [0, end], "t_eval": [end]},
        options={"max_steps": 1_000_000, **options},
        pick=lambda outputs: [outputs["y"][key][0] for key in names], truth=truth,
    )  # fmt: skip


HIRES = (
    {
        "a": "-1.71*a + 0.43*b + 8.32*c + 0.0007", "b": "1.71*a - 8.75*b", "c": "-10.03*c + 0.43*d + 0.035*f",
        "d": "8.32*b + 1.71*c - 1.12*d", "f": "-1.745*f + 0.43*g + 0.43*h",
        "g": "-280*g*i + 0.69*d + 1.71*f - 0.43*g + 0.69*h", "h": "280*g*i - 1.81*h", "i": "-280*g*i + 1.81*h",
    },
    {"a": 1, "b": 0, "c": 0, "d": 0, "f": 0, "g": 0, "h": 0, "i": 0.0057},
)  # fmt: skip
OREGO = (
    {"a": "77.27*(b + a*(1 - 8.375e-6*a - b))", "b": "(c - (1 + a)*b)/77.27", "c": "0.161*(a - c)"},
    {"a": 1, "b": 2, "c": 3},
)
VAN_DER_POL = ({"x": "v", "v": "1000*(1 - x*x)*v - x"}, {"x": 2, "v": 0})
ROBERTSON = (
    {"a": "-0.04*a + 1e4*b*c", "b": "0.04*a - 1e4*b*c - 3e7*b*b", "c": "3e7*b*b"},
    {"a": 1, "b": 0, "c": 0},
)


def _pleiades() -> tuple[dict[str, str], dict[str, float]]:
    """Seven bodies of masses 1 to 7 in the plane."""
    bodies = range(1, 8)
    equations = {f"{axis}{i}": f"{rate}{i}" for axis, rate in (("x", "u"), ("y", "v")) for i in bodies}
    for (axis, rate), i in product((("x", "u"), ("y", "v")), bodies):
        pulls = (f"{j}*({axis}{j} - {axis}{i})/((x{i} - x{j})**2 + (y{i} - y{j})**2)**1.5" for j in bodies if j != i)
        equations[f"{rate}{i}"] = " + ".join(pulls)
    places = [3, 3, -1, -3, 2, -2, 2, 3, -3, 2, 0, 0, -4, 4, 0, 0, 0, 0, 0, 1.75, -1.5, 0, 0, 0, -1.25, 1, 0, 0]
    return equations, dict(zip(equations, places, strict=True))


PLEIADES = _pleiades()


def _events() -> Iterator[Case]:
    yield Case(
        name="a fall from 10 m, when it ends", agent="ode", task="ivp", source="√(2 h / g)",
        inputs={
            "equations": {"x": "v", "v": "-9.81"}, "initial": {"x": 10, "v": 0}, "t_span": [0, 5],
            "events": [{"formula": "x", "direction": -1, "terminal": True}],
        },
        pick=lambda outputs: outputs["event_times"][0], truth=[math.sqrt(20 / 9.81)],
    )  # fmt: skip
    quarter = float(special.ellipk(math.sin(1.0) ** 2))
    for method in ("dopri5", "dop853", "radau"):
        yield Case(
            name=f"a pendulum's zeros, {method}", agent="ode", task="ivp", source="odd multiples of K(sin²(θ₀ / 2))",
            inputs={
                "equations": {"angle": "speed", "speed": "-sin(angle)"}, "initial": {"angle": 2, "speed": 0},
                "t_span": [0, 20], "events": [{"formula": "angle"}],
            },
            options={"method": method, "rtol": 1e-8, "atol": 1e-10},
            pick=lambda outputs: outputs["event_times"][0], truth=[quarter * k for k in (1, 3, 5, 7, 9)],
        )  # fmt: skip


def _ensembles() -> Iterator[Case]:
    rates = np.geomspace(0.1, 1e6, 200)
    for rtol in (1e-4, 1e-8):
        yield Case(
            name=f"200 decays, slow to stiff, rtol {rtol:g}", agent="ode", task="ensemble", source="exp(-k t)",
            inputs={
                "equations": {"x": "-k*x"}, "initial": {"x": 1}, "t_span": [0, 1], "samples": {"k": rates.tolist()},
            },
            options={"rtol": rtol, "atol": rtol / 100}, pick=lambda outputs: outputs["final"]["x"],
            truth=np.exp(-rates),
        )  # fmt: skip
    orbits = np.linspace(0.0, 0.9, 50)
    fast = np.sqrt((1 + orbits) / (1 - orbits))
    for output in ("final", "statistics"):
        exact = np.array([_orbit(np.array([20.0]), e)[0][0] for e in orbits])
        yield Case(
            name=f"50 Kepler orbits, {'places' if output == 'final' else 'mean and spread'}", agent="ode",
            task="ensemble", source="Kepler's equation",
            inputs={
                "equations": _KEPLER, "initial": {"y": 0, "v": 0}, "t_span": [0, 20], "output": output,
                "samples": {"x": (1 - orbits).tolist(), "w": fast.tolist()},
                **({"t_eval": [20]} if output == "statistics" else {}),
            },
            options={"rtol": 1e-9, "atol": 1e-11},
            pick=(lambda outputs: outputs["final"]["x"]) if output == "final"
            else (lambda outputs: [outputs["mean"]["x"][0], outputs["std"]["x"][0]]),
            truth=exact if output == "final" else [exact.mean(), exact.std(ddof=1)],
        )  # fmt: skip


def _hopeless() -> Iterator[Case]:
    for name, source, text, options, problem in (
        ("x' = x² beyond its blow-up", "1 / (1 - t)", "x*x", {}, "non_finite"),
        ("x' = -1/x beyond its end", "√(1 - 2 t)", "-1/x", {}, "not_converged"),
        ("x' = 1/(t - 1) across the pole", "no solution beyond t = 1", "1/(t - 1)", {}, "not_converged"),
        ("ten steps for a hundred turns", "max_steps", "cos(300*t)", {"max_steps": 10}, "not_converged"),
    ):
        yield Case(
            name=name, agent="ode", task="ivp", source=source, options=options, problem=problem,
            inputs={"equations": {"x": text}, "initial": {"x": 1}, "t_span": [0, 2]},
        )  # fmt: skip
