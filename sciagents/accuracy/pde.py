"""Partial differential equations with solutions in closed form, most of them manufactured."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sciagents.accuracy.case import Case

_PI = np.pi
_MANUFACTURED = "manufactured (Roache 2002)"


def _mesh(*axes: Any) -> list[Any]:
    return list(np.meshgrid(*axes, indexing="ij"))


def _poisson(
    name: str, inputs: dict[str, Any], exact: Callable[..., Any], source: str = _MANUFACTURED, **options: Any
) -> Case:
    axes = [
        np.linspace(low, high, n, endpoint=not _periodic(inputs, axis))
        for axis, (low, high), n in zip("xyz", inputs["domain"], inputs["shape"], strict=False)
    ]
    return Case(
        name=name, agent="pde", task="poisson", source=source, inputs=inputs, options=options,
        pick=lambda outputs: outputs["u"], truth=exact(*_mesh(*axes)),
    )  # fmt: skip


def _evolving(
    task: str, name: str, inputs: dict[str, Any], exact: Callable[..., Any], source: str = "separation of variables",
    **options: Any,
) -> Case:  # fmt: skip
    """A case whose truth is a function of the axes and t, at all times of the output (the end, where only that is)."""
    axes = [
        np.linspace(low, high, n, endpoint=not _periodic(inputs, axis))
        for axis, (low, high), n in zip("xyz", inputs["domain"], inputs["shape"], strict=False)
    ]
    start, end = inputs["t_span"]
    final = inputs.get("output") == "final"
    frames = [exact(*_mesh(*axes), t) for t in ([end] if final else np.linspace(start, end, inputs.get("n_times", 11)))]
    return Case(
        name=name, agent="pde", task=task, source=source, inputs=inputs, options=options,
        pick=lambda outputs: outputs["u"], truth=frames[0] if final else np.stack(frames),
    )  # fmt: skip


def _periodic(inputs: dict[str, Any], axis: str) -> bool:
    boundary = inputs.get("boundary")
    return boundary == "periodic" or (isinstance(boundary, dict) and boundary.get(axis) == "periodic")


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield from _poissons()
    yield from _heats()
    yield from _waves()
    yield from _advections()
    yield from _reactions()
    yield from _exchanges()


def _poissons() -> Iterator[Case]:
    yield _poisson(
        "Dirichlet, 1-D, exponential", {
            "domain": [[0, 1]], "shape": [41], "source": "-exp(x)",
            "boundary": {"x": {"low": {"type": "dirichlet", "value": 1}, "high": {"type": "dirichlet", "value": "e"}}},
        }, np.exp,
    )  # fmt: skip
    yield _poisson(
        "Dirichlet, 2-D, product of sines",
        {"domain": [[0, 1], [0, 1]], "shape": [33, 41], "source": "5*pi**2*sin(pi*x)*sin(2*pi*y)"},
        lambda x, y: np.sin(_PI * x) * np.sin(2 * _PI * y),
    )
    yield _poisson(
        "Neumann, 2-D, product of cosines",
        {
            "domain": [[0, 1], [0, 2]],
            "shape": [33, 33],
            "source": "1.25*pi**2*cos(pi*x)*cos(pi*y/2)",
            "boundary": "neumann",
        },
        lambda x, y: np.cos(_PI * x) * np.cos(_PI * y / 2),
    )
    yield _poisson(
        "periodic, 3-D, waves",
        {"domain": [[0, 1], [0, 1], [0, 2]], "shape": [20, 24, 28],
         "source": "9*pi**2*sin(2*pi*x)*cos(2*pi*y)*sin(pi*z)", "boundary": "periodic"},
        lambda x, y, z: np.sin(2 * _PI * x) * np.cos(2 * _PI * y) * np.sin(_PI * z),
    )  # fmt: skip
    yield _poisson(
        "mixed sides, 3-D",
        {"domain": [[0, 1], [0, 1], [0, 1]], "shape": [21, 20, 24],
         "source": "5.25*pi**2*sin(pi*x/2)*cos(pi*y)*sin(2*pi*z)",
         "boundary": {"x": {"low": "dirichlet", "high": "neumann"}, "y": "neumann", "z": "periodic"}},
        lambda x, y, z: np.sin(_PI * x / 2) * np.cos(_PI * y) * np.sin(2 * _PI * z),
    )  # fmt: skip
    yield _poisson(
        "diffusivity that varies, 1-D, slope given",
        {"domain": [[0, 1]], "shape": [50], "source": "-3 - 4*x", "coefficients": {"diffusivity": "1 + x"},
         "boundary": {"x": {"low": {"type": "dirichlet", "value": 0}, "high": {"type": "neumann", "value": 3}}}},
        lambda x: x**2 + x,
    )  # fmt: skip
    yield _poisson(
        "diffusivity that varies, 2-D (multigrid)",
        {"domain": [[0, 1], [0, 1]], "shape": [40, 48],
         "source": "2*pi**2*(1 + x*y)*sin(pi*x)*sin(pi*y) - pi*(y*cos(pi*x)*sin(pi*y) + x*sin(pi*x)*cos(pi*y))",
         "coefficients": {"diffusivity": "1 + x*y"}},
        lambda x, y: np.sin(_PI * x) * np.sin(_PI * y),
    )  # fmt: skip
    yield _poisson(
        "diffusivity that varies, 3-D, boundary not zero (multigrid)",
        {"domain": [[0, 1], [0, 1], [0, 1]], "shape": [20, 22, 24], "source": "-exp(x)*(2 + x + y + z)",
         "coefficients": {"diffusivity": "1 + x + y + z"}, "boundary": {"type": "dirichlet", "value": "exp(x)"}},
        lambda x, y, z: np.exp(x) + 0 * y * z,
    )  # fmt: skip
    yield Case(
        name="no slope anywhere, heated everywhere", agent="pde", task="poisson", source="Fredholm's alternative",
        inputs={"domain": [[0, 1]], "shape": [33], "source": 1, "boundary": "neumann"}, problem="infeasible",
    )  # fmt: skip


def _heats() -> Iterator[Case]:
    line = {"domain": [[0, 1]], "shape": [51], "coefficients": {"diffusivity": 0.1}, "t_span": [0, 1]}
    rate = 0.1 * _PI**2
    for method in ("explicit", "implicit"):
        yield _evolving(
            "heat", f"Dirichlet, 1-D, sine ({method})", {**line, "initial": "sin(pi*x)"},
            lambda x, t: np.sin(_PI * x) * np.exp(-rate * t), method=method,
        )  # fmt: skip
        yield _evolving(
            "heat", f"Neumann and Dirichlet, 1-D, slope of time ({method})",
            {**line, "coefficients": 1, "initial": "sin(x)", "boundary": {
                "x": {"low": "dirichlet", "high": {"type": "neumann", "value": "cos(1)*exp(-t)"}}}},
            lambda x, t: np.sin(x) * np.exp(-t), method=method,
        )  # fmt: skip
        yield _evolving(
            "heat", f"values of time at the sides, 1-D ({method})",
            {**line, "coefficients": 1, "initial": "x**2", "boundary": {"type": "dirichlet", "value": "x**2 + 2*t"}},
            lambda x, t: x**2 + 2 * t, "polynomial", method=method,
        )  # fmt: skip
        yield _evolving(
            "heat", f"diffusivity that varies, 1-D ({method})",
            {**line, "coefficients": "1 + x", "initial": "sin(pi*x)",
             "source": "exp(-t)*(((1 + x)*pi**2 - 1)*sin(pi*x) - pi*cos(pi*x))"},
            lambda x, t: np.sin(_PI * x) * np.exp(-t), _MANUFACTURED, method=method,
        )  # fmt: skip
        yield _evolving(
            "heat", f"Crank's slab, cooled at once ({method})",
            {**line, "initial": 1, "output": "final", "t_span": [0, 0.5]}, _slab, "Crank 1975, eq. 4.17", method=method,
        )  # fmt: skip
        yield _evolving(
            "heat", f"mixed sides, 2-D ({method})",
            {"domain": [[0, 1], [0, 2]], "shape": [31, 45], "initial": "sin(pi*x)*cos(pi*y/2)", "coefficients": 0.1,
             "t_span": [0, 1], "boundary": {"x": "dirichlet", "y": "neumann"}},
            lambda x, y, t: np.sin(_PI * x) * np.cos(_PI * y / 2) * np.exp(-1.25 * rate * t), method=method,
        )  # fmt: skip
        yield _evolving(
            "heat", f"mixed sides, 3-D ({method})",
            {"domain": [[0, 1]] * 3, "shape": [17, 19, 20], "initial": "sin(pi*x)*cos(pi*y)*sin(2*pi*z)",
             "coefficients": 0.1, "t_span": [0, 0.3], "n_times": 3,
             "boundary": {"x": "dirichlet", "y": "neumann", "z": "periodic"}},
            lambda x, y, z, t: np.sin(_PI * x) * np.cos(_PI * y) * np.sin(2 * _PI * z) * np.exp(-6 * rate * t),
            method=method,
        )  # fmt: skip
    yield _evolving(
        "heat", "periodic, 1-D, wave", {**line, "initial": "cos(2*pi*x)", "boundary": "periodic"},
        lambda x, t: np.cos(2 * _PI * x) * np.exp(-4 * rate * t),
    )  # fmt: skip
    yield _evolving(
        "heat", "diffusivity of time, 1-D",
        {**line, "coefficients": {"diffusivity": "0.2*t"}, "initial": "sin(pi*x)"},
        lambda x, t: np.sin(_PI * x) * np.exp(-rate * t * t),
    )  # fmt: skip
    yield _evolving(
        "heat", "a source of u that decays", {**line, "initial": "sin(pi*x)", "source": "-3*u"},
        lambda x, t: np.sin(_PI * x) * np.exp(-(3 + rate) * t),
    )  # fmt: skip
    yield _evolving(
        "heat", "steady state after a long time",
        {**line, "initial": 0, "t_span": [0, 500], "output": "final",
         "boundary": {"x": {"low": {"type": "dirichlet", "value": 1}, "high": "dirichlet"}}},
        lambda x, t: 1 - x + 0 * t, "Crank 1975, 4.3.1",
    )  # fmt: skip
    yield _evolving(
        "heat", "diffusivity that varies, 2-D (implicit, multigrid)",
        {"domain": [[0, 1], [0, 1]], "shape": [25, 33], "initial": "sin(pi*x)*sin(pi*y)", "coefficients": "1 + x*y",
         "t_span": [0, 0.2], "n_times": 3,
         "source": "exp(-t)*((2*pi**2*(1 + x*y) - 1)*sin(pi*x)*sin(pi*y)"
                   " - pi*(y*cos(pi*x)*sin(pi*y) + x*sin(pi*x)*cos(pi*y)))"},
        lambda x, y, t: np.sin(_PI * x) * np.sin(_PI * y) * np.exp(-t), _MANUFACTURED, method="implicit",
    )  # fmt: skip
    yield Case(
        name="reaction that blows up", agent="pde", task="heat", source="Fujita 1966", problem="non_finite",
        inputs={**line, "coefficients": 1, "initial": "50*sin(pi*x)", "source": "u**2"},
    )  # fmt: skip


def _slab(x: Any, t: float) -> Any:
    n = np.arange(1, 400, 2)[:, None]
    return (4 / (n * _PI) * np.sin(n * _PI * x) * np.exp(-0.1 * (n * _PI) ** 2 * t)).sum(axis=0)


def _advections() -> Iterator[Case]:
    line = {"domain": [[0, 1]], "shape": [100], "boundary": "periodic", "t_span": [0, 1], "n_times": 3}
    yield _evolving(
        "advection_diffusion", "a wave, 1-D, periodic",
        {**line, "initial": "sin(2*pi*x)", "coefficients": {"velocity": 1, "diffusivity": 0.01}},
        lambda x, t: np.sin(2 * _PI * (x - t)) * np.exp(-0.04 * _PI**2 * t),
    )  # fmt: skip
    yield _evolving(
        "advection_diffusion", "a wave, 1-D, no diffusion, against the axis",
        {**line, "initial": "sin(2*pi*x)", "coefficients": {"velocity": -1, "diffusivity": 0}},
        lambda x, t: np.sin(2 * _PI * (x + t)), "translation",
    )  # fmt: skip
    yield _evolving(
        "advection_diffusion", "a travelling Gaussian, 1-D, values at the inflow",
        {"domain": [[-2, 4]], "shape": [241], "t_span": [0, 1], "n_times": 5, "initial": "exp(-x**2/0.2)/sqrt(0.2)",
         "coefficients": {"velocity": [1.5], "diffusivity": 0.05},
         "boundary": {"x": {"low": "dirichlet", "high": "neumann"}}},
        lambda x, t: np.exp(-((x - 1.5 * t) ** 2) / (0.2 + 0.2 * t)) / np.sqrt(0.2 + 0.2 * t), "Green's function",
    )  # fmt: skip
    yield _evolving(
        "advection_diffusion", "a travelling Gaussian, 2-D, periodic",
        {"domain": [[-2, 2], [-2, 2]], "shape": [64, 64], "t_span": [0, 0.5], "n_times": 2, "boundary": "periodic",
         "initial": "exp(-((x + 0.3)**2 + y**2)/0.2)", "coefficients": {"velocity": [1, -0.5], "diffusivity": 0.02}},
        lambda x, y, t: np.exp(-((x + 0.3 - t) ** 2 + (y + 0.5 * t) ** 2) / (0.2 + 0.08 * t)) * 0.2 / (0.2 + 0.08 * t),
        "Green's function",
    )  # fmt: skip
    yield _evolving(
        "advection_diffusion", "a wave, 3-D",
        {"domain": [[0, 1]] * 3, "shape": [16, 20, 18], "t_span": [0, 0.2], "n_times": 2, "boundary": "periodic",
         "initial": "sin(2*pi*x)*sin(2*pi*y)*cos(2*pi*z)",
         "coefficients": {"velocity": [1, 0.5, -0.5], "diffusivity": 0.05}},
        lambda x, y, z, t: np.sin(2 * _PI * (x - t)) * np.sin(2 * _PI * (y - t / 2)) * np.cos(2 * _PI * (z + t / 2))
        * np.exp(-0.6 * _PI**2 * t),
    )  # fmt: skip
    yield _evolving(
        "advection_diffusion", "steady boundary layer, 1-D",
        {"domain": [[0, 1]], "shape": [101], "t_span": [0, 20], "output": "final", "initial": "x",
         "coefficients": {"velocity": [1], "diffusivity": 0.1},
         "boundary": {"x": {"low": "dirichlet", "high": {"type": "dirichlet", "value": 1}}}},
        lambda x, t: np.expm1(10 * x) / np.expm1(10) + 0 * t, "closed form",
    )  # fmt: skip
    yield _evolving(
        "advection_diffusion", "a flow that varies with place and time, 1-D",
        {"domain": [[0, 1]], "shape": [81], "t_span": [0, 1], "n_times": 3, "initial": "sin(pi*x)",
         "coefficients": {"velocity": ["x*(1 - x)*cos(t)"], "diffusivity": 0.05},
         "source": "exp(-t)*((0.05*pi**2 - 1)*sin(pi*x) + x*(1 - x)*cos(t)*pi*cos(pi*x))"},
        lambda x, t: np.sin(_PI * x) * np.exp(-t), _MANUFACTURED,
    )  # fmt: skip


def _reactions() -> Iterator[Case]:
    speed, width = 5 / np.sqrt(6), np.sqrt(6)

    def front(x: Any, t: float) -> Any:
        return (1 + np.exp((x - speed * t) / width)) ** -2

    fisher = {
        "domain": [[-15, 25]],
        "shape": [161],
        "reaction": {"u": "u*(1 - u)"},
        "diffusivity": 1,
        "t_span": [0, 4],
        "n_times": 3,
        "initial": {"u": "(1 + exp(x/sqrt(6)))**-2"},
        "boundary": {"type": "dirichlet", "value": "(1 + exp((x - 5*t/sqrt(6))/sqrt(6)))**-2"},
    }
    x = np.linspace(-15, 25, 161)
    yield Case(
        name="Fisher's travelling front", agent="pde", task="reaction_diffusion", source="Ablowitz & Zeppetella 1979",
        inputs=fisher, pick=lambda outputs: outputs["u"]["u"], truth=np.stack([front(x, t) for t in (0, 2, 4)]),
    )  # fmt: skip
    u, v = "(0.5 + 0.2*cos(pi*x)*exp(-t))", "(0.3 + 0.1*cos(pi*x)*exp(-t))"
    wave = "cos(pi*x)*exp(-t)"
    scott = {
        "domain": [[0, 1]],
        "shape": [65],
        "diffusivity": {"u": 0.02, "v": 0.01},
        "t_span": [0, 1],
        "n_times": 3,
        "parameters": {"f": 0.04, "k": 0.06},
        "boundary": {"u": "neumann", "v": {"x": "neumann"}},
        "initial": {"u": "0.5 + 0.2*cos(pi*x)", "v": "0.3 + 0.1*cos(pi*x)"},
        "reaction": {
            "u": f"-u*v**2 + f*(1 - u) + (0.02*pi**2 - 1)*0.2*{wave} + {u}*{v}**2 - f*(1 - {u})",
            "v": f"u*v**2 - (f + k)*v + (0.01*pi**2 - 1)*0.1*{wave} - {u}*{v}**2 + (f + k)*{v}",
        },
    }
    x = np.linspace(0, 1, 65)
    truth = np.stack([
        np.stack([mean + part * np.cos(_PI * x) * np.exp(-t) for t in (0, 0.5, 1)])
        for mean, part in ((0.5, 0.2), (0.3, 0.1))
    ])  # fmt: skip
    yield Case(
        name="Gray–Scott", agent="pde", task="reaction_diffusion", source=_MANUFACTURED, inputs=scott,
        pick=lambda outputs: np.stack([outputs["u"]["u"], outputs["u"]["v"]]), truth=truth,
    )  # fmt: skip
    x, y = np.meshgrid(np.arange(24) / 24, np.linspace(0, 1, 33), indexing="ij")
    yield Case(
        name="decay and exchange of two fields, 2-D", agent="pde", task="reaction_diffusion",
        source="separation of variables",
        inputs={
            "domain": [[0, 1], [0, 1]], "shape": [24, 33], "diffusivity": 0.02, "t_span": [0, 0.5], "output": "final",
            "reaction": {"a": "-3*a", "b": "3*a"}, "boundary": {"x": "periodic", "y": "neumann"},
            "initial": {"a": "2 + cos(2*pi*x)*cos(pi*y)", "b": 0},
        },
        pick=lambda outputs: np.stack([outputs["u"]["a"], outputs["u"]["b"]]),
        truth=np.stack([
            share * (2 + np.cos(2 * _PI * x) * np.cos(_PI * y) * np.exp(-0.05 * _PI**2))
            for share in (np.exp(-1.5), -np.expm1(-1.5))
        ]),
    )  # fmt: skip
    yield Case(
        name="a stiff reaction", agent="pde", task="reaction_diffusion", source=_MANUFACTURED,
        inputs={
            "domain": [[0, 1]], "shape": [41], "diffusivity": 0.1, "t_span": [0, 1], "output": "final",
            "reaction": {"w": "-10000*(w - cos(t)*cos(pi*x)) - sin(t)*cos(pi*x) + 0.1*pi**2*cos(t)*cos(pi*x)"},
            "initial": {"w": "cos(pi*x)"},
        },
        pick=lambda outputs: outputs["u"]["w"], truth=np.cos(1) * np.cos(_PI * np.linspace(0, 1, 41)),
    )  # fmt: skip
    yield Case(
        name="a reaction that blows up", agent="pde", task="reaction_diffusion", source="elementary (t = 1)",
        problem="non_finite",
        inputs={"domain": [[0, 1]], "shape": [33], "reaction": {"u": "u**2"}, "diffusivity": 1, "initial": {"u": 1},
                "t_span": [0, 2]},
    )  # fmt: skip


def _waves() -> Iterator[Case]:
    line = {"domain": [[0, 1]], "shape": [81], "t_span": [0, 1.3], "n_times": 4}
    yield _evolving(
        "wave", "a standing wave, 1-D", {**line, "initial": "sin(2*pi*x)", "coefficients": 1.5},
        lambda x, t: np.sin(2 * _PI * x) * np.cos(3 * _PI * t), "d'Alembert 1747",
    )  # fmt: skip
    yield _evolving(
        "wave", "struck, not pulled, free ends, 1-D",
        {**line, "initial": 0, "initial_velocity": "cos(pi*x)", "boundary": "neumann"},
        lambda x, t: np.cos(_PI * x) * np.sin(_PI * t) / _PI, "d'Alembert 1747",
    )  # fmt: skip
    yield _evolving(
        "wave", "two pulses that part, 1-D",
        {**line, "shape": [201], "t_span": [0, 0.25], "initial": "exp(-((x - 0.5)/0.06)**2)"},
        lambda x, t: (np.exp(-((x - 0.5 - t) / 0.06) ** 2) + np.exp(-((x - 0.5 + t) / 0.06) ** 2)) / 2,
        "d'Alembert 1747",
    )  # fmt: skip
    yield _evolving(
        "wave", "damped, 1-D", {**line, "initial": "sin(pi*x)", "coefficients": {"speed": 1, "damping": 2}},
        lambda x, t: np.sin(_PI * x) * np.exp(-t)
        * (np.cos(np.sqrt(_PI**2 - 1) * t) + np.sin(np.sqrt(_PI**2 - 1) * t) / np.sqrt(_PI**2 - 1)),
    )  # fmt: skip
    yield _evolving(
        "wave", "driven at one end, 1-D",
        {**line, "initial": "sin(-x)", "initial_velocity": "cos(x)", "boundary": {"x": {
            "low": {"type": "dirichlet", "value": "sin(t)"}, "high": {"type": "neumann", "value": "-cos(t - 1)"}}}},
        lambda x, t: np.sin(t - x), "d'Alembert 1747",
    )  # fmt: skip
    yield _evolving(
        "wave", "a speed that varies, 1-D",
        {**line, "initial": "sin(pi*x)", "coefficients": {"speed": "1 + x"},
         "source": "(-1 + (1 + x)**2*pi**2)*cos(t)*sin(pi*x)"},
        lambda x, t: np.sin(_PI * x) * np.cos(t), _MANUFACTURED,
    )  # fmt: skip
    yield _evolving(
        "wave", "a kink of the sine-Gordon equation",
        {"domain": [[-12, 12]], "shape": [241], "t_span": [0, 3], "n_times": 3, "source": "-sin(u)",
         "initial": "4*atan(exp(x/0.8))", "initial_velocity": "-1.2/0.8/cosh(x/0.8)", "boundary": "neumann"},
        lambda x, t: 4 * np.arctan(np.exp((x - 0.6 * t) / 0.8)), "Perring & Skyrme 1962",
    )  # fmt: skip
    yield _evolving(
        "wave", "a drum's mode, 2-D", {"domain": [[0, 1], [0, 2]], "shape": [31, 49], "t_span": [0, 1], "n_times": 3,
                                       "initial": "sin(pi*x)*sin(pi*y)"},
        lambda x, y, t: np.sin(_PI * x) * np.sin(_PI * y) * np.cos(np.sqrt(2) * _PI * t),
    )  # fmt: skip
    yield _evolving(
        "wave", "a mode of mixed sides, 3-D",
        {"domain": [[0, 1]] * 3, "shape": [19, 21, 20], "t_span": [0, 0.5], "n_times": 3,
         "initial": "sin(pi*x)*cos(pi*y)*sin(2*pi*z)", "boundary": {"x": "dirichlet", "y": "neumann", "z": "periodic"}},
        lambda x, y, z, t: np.sin(_PI * x) * np.cos(_PI * y) * np.sin(2 * _PI * z) * np.cos(np.sqrt(6) * _PI * t),
    )  # fmt: skip
    yield Case(
        name="a source that blows up", agent="pde", task="wave", source="Keller 1957", problem="non_finite",
        inputs={**line, "initial": "30*sin(pi*x)", "source": "u**3", "t_span": [0, 10]},
    )  # fmt: skip


def _robin(coefficient: Any, value: Any = 0) -> dict[str, Any]:
    return {"type": "robin", "coefficient": coefficient, "value": value}


_ROOT = 0.8603335890193797
"""The least root of m tan m = 1: cos(m x) exchanges with the outside at x = 1, by a coefficient of 1."""


def _exchanges() -> Iterator[Case]:
    yield from _steady_exchanges()
    cosine = {"low": "neumann", "high": _robin(1)}
    cooling = "Carslaw & Jaeger 1959, 3.10"
    for method in ("explicit", "implicit"):
        for d, (names, n, end) in enumerate((("x", 51, 1), ("xy", 31, 1), ("xyz", 18, 0.5)), start=1):
            yield _evolving(
                "heat", f"a body that cools, {d}-D ({method})",
                {"domain": [[0, 1]] * d, "shape": [n] * d, "t_span": [0, end], "n_times": 3,
                 "initial": "*".join(f"cos({_ROOT}*{name})" for name in names),
                 "boundary": dict.fromkeys(names, cosine)},
                lambda *at: np.prod([np.cos(_ROOT * one) for one in at[:-1]], axis=0)
                * np.exp(-(len(at) - 1) * _ROOT**2 * at[-1]), cooling, method=method,
            )  # fmt: skip
        yield _evolving(
            "heat", f"exchange of time with a diffusivity that varies, 1-D ({method})",
            {"domain": [[0, 1]], "shape": [51], "initial": "exp(x)", "coefficients": "1 + x", "t_span": [0, 1],
             "source": "-exp(x - t)*(3 + x)",
             "boundary": {"x": {"low": _robin(2, "exp(-t)"), "high": _robin(3, "4*exp(1 - t)")}}},
            lambda x, t: np.exp(x - t), _MANUFACTURED, method=method,
        )  # fmt: skip
    yield _evolving(
        "wave", "a string with a spring at its end", {
            "domain": [[0, 1]], "shape": [61], "initial": f"cos({_ROOT}*x)", "t_span": [0, 2], "n_times": 3,
            "coefficients": {"speed": 3}, "boundary": {"x": cosine},
        }, lambda x, t: np.cos(_ROOT * x) * np.cos(3 * _ROOT * t),
    )  # fmt: skip
    at = np.linspace(0, 1, 61)
    yield Case(
        name="decay with exchange at a side", agent="pde", task="reaction_diffusion", source="separation of variables",
        inputs={"domain": [[0, 1]], "shape": [61], "initial": {"u": f"cos({_ROOT}*x)"}, "t_span": [0, 1], "n_times": 3,
                "reaction": {"u": "-u"}, "diffusivity": {"u": 1}, "boundary": {"x": cosine}},
        pick=lambda outputs: outputs["u"]["u"],
        truth=np.stack([np.cos(_ROOT * at) * np.exp(-(1 + _ROOT**2) * t) for t in (0, 0.5, 1)]),
    )  # fmt: skip
    yield from _carried_exchanges()


def _steady_exchanges() -> Iterator[Case]:
    ends = {"low": _robin(2, 1), "high": _robin(3, "4*e")}
    lines = {"one diffusivity": ("-exp(x)", 1), "diffusivity that varies": ("-exp(x)*(2 + x)", "1 + x")}
    for name, (source, diffusivity) in lines.items():
        inputs = {"domain": [[0, 1]], "shape": [41], "source": source, "coefficients": diffusivity}
        yield _poisson(f"Robin, 1-D, {name}", {**inputs, "boundary": {"x": ends}}, np.exp)
    sides = {
        "x": {"low": _robin(2, "cos(y)"), "high": _robin("1 + y", "e*cos(y)*(2 + y)")},
        "y": {"low": _robin(1, "exp(x)"), "high": _robin(1, "exp(x)*(cos(1) - sin(1))")},
    }
    varied: dict[str, Any] = {"source": "-exp(x)*(y*cos(y) - x*sin(y))", "coefficients": {"diffusivity": "1 + x*y"}}
    for name, more in (("one diffusivity", {}), ("diffusivity that varies (multigrid)", varied)):
        yield _poisson(
            f"Robin, 2-D, {name}", {"domain": [[0, 1], [0, 1]], "shape": [33, 41], "boundary": sides, **more},
            lambda x, y: np.exp(x) * np.cos(y),
        )  # fmt: skip
    strong = {"low": _robin(1e6, "1e6*cos(y) - cos(y)"), "high": _robin(1e-3, "1.001*e*cos(y)")}
    yield _poisson(
        "Robin, 2-D, strong and weak exchange",
        {"domain": [[0, 1], [0, 1]], "shape": [65, 65], "boundary": {"x": strong, "y": sides["y"]}},
        lambda x, y: np.exp(x) * np.cos(y),
    )
    yield _poisson(
        "Robin, Neumann and Dirichlet, 3-D",
        {"domain": [[0, 1]] * 3, "shape": [24, 22, 20], "source": "-exp(x + y)*sin(z)", "boundary": {
            "x": {"low": _robin(2, "exp(y)*sin(z)"), "high": _robin(1, "2*exp(1 + y)*sin(z)")},
            "y": {"low": {"type": "neumann", "value": "-exp(x)*sin(z)"},
                  "high": {"type": "dirichlet", "value": "exp(x + 1)*sin(z)"}},
            "z": {"low": "dirichlet", "high": _robin(5, "exp(x + y)*(cos(1) + 5*sin(1))")}}},
        lambda x, y, z: np.exp(x + y) * np.sin(z),
    )  # fmt: skip


def _carried_exchanges() -> Iterator[Case]:
    """The same product, carried along one to three axes; across z nothing changes but what the side lets through."""
    source = "exp(-t)*(-0.9*sin(x + 1)*{c} + 0.5*cos(x + 1)*{c}{more})"
    x = {"low": _robin(2, "exp(-t)*{c}*(2*sin(1) - cos(1))"), "high": _robin(1, "exp(-t)*{c}*(cos(2) + sin(2))")}
    y = {"low": _robin(3, "3*exp(-t)*sin(x + 1)"), "high": _robin(1, "exp(-t)*sin(x + 1)*(cos(1) - sin(1))")}
    z = {"low": "neumann", "high": _robin(1, "exp(-t)*sin(x + 1)*cos(y)")}
    for d, n, end in ((1, 81, 1.0), (2, 41, 1.0), (3, 18, 0.2)):
        factor = "1" if d == 1 else "cos(y)"
        more = "" if d == 1 else " + 0.3*sin(x + 1)*sin(y) + 0.1*sin(x + 1)*cos(y)"
        across = {key: {**one, "value": one["value"].format(c=factor)} for key, one in x.items()}
        yield _evolving(
            "advection_diffusion", f"Robin, {d}-D",
            {"domain": [[0, 1]] * d, "shape": [n] * d, "initial": f"sin(x + 1)*{factor}", "t_span": [0, end],
             "coefficients": {"velocity": [0.5, -0.3, 0.2][:d], "diffusivity": 0.1}, "n_times": 3,
             "source": source.format(c=factor, more=more),
             "boundary": dict(zip("xyz", [across, y, z][:d], strict=False))},
            lambda *at: np.exp(-at[-1]) * np.sin(at[0] + 1) * (np.cos(at[1]) if len(at) > 2 else 1.0), _MANUFACTURED,
        )  # fmt: skip
