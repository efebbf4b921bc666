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


def _periodic(inputs: dict[str, Any], axis: str) -> bool:
    boundary = inputs.get("boundary")
    return boundary == "periodic" or (isinstance(boundary, dict) and boundary.get(axis) == "periodic")


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield from _poissons()


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
