"""Pictures of fields, points and matrices."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Outputs = Mapping[str, Any]

_TIMES = 8
_MATRICES = 4


def field(figure: Figure, outputs: Outputs) -> None:
    """A field on its grid, the last time of it: a curve for each time in 1-D, a map in 2-D, middle slices in 3-D."""
    u, axes = outputs["u"], {name: np.asarray(axis) for name, axis in outputs["axes"].items()}
    named = u if isinstance(u, Mapping) else {"u": u}
    shown = list(named.items())[:_MATRICES]
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for panel, (name, values) in zip(panels, shown, strict=True):
        _one_field(figure, panel, name, np.asarray(values), axes, outputs.get("t"))


def _one_field(figure: Figure, panel: Axes, name: str, u: Any, axes: dict[str, Any], t: Any) -> None:
    names = list(axes)
    timed = u.ndim == len(names) + 1
    if len(names) == 1:
        rows = u if timed else u[None]
        times = np.atleast_1d(np.asarray(t)) if timed and t is not None else np.arange(len(rows))
        for i in np.unique(np.linspace(0, len(rows) - 1, min(_TIMES, len(rows))).astype(int)):
            label = f"t = {times[i]:.3g}" if timed else None
            panel.plot(axes[names[0]], rows[i], label=label, color=f"C{i % 10}")
        panel.set_xlabel(names[0])
        panel.set_ylabel(name)
        panel.grid(visible=True, alpha=0.25)
        if timed:
            panel.legend(frameon=False, fontsize=8)
        return
    last = u[-1] if timed else u
    while last.ndim > 2:  # the middle of what cannot be shown
        last = last.take(last.shape[-1] // 2, axis=-1)
    image = panel.pcolormesh(axes[names[0]], axes[names[1]], last.T, shading="nearest", cmap="viridis")
    panel.set_xlabel(names[0])
    panel.set_ylabel(names[1])
    panel.set_title(f"{name}{', in the middle of ' + ', '.join(names[2:]) if len(names) > 2 else ''}", fontsize=9)
    figure.colorbar(image, ax=panel, shrink=0.8)


def points(figure: Figure, outputs: Outputs) -> None:
    """Values at single points: over the first coordinate, or as colours over the first two."""
    places, u = list(outputs["points"].items()), np.asarray(outputs["u"])
    axes = figure.subplots()
    axes.set_xlabel(places[0][0])
    if len(places) == 1:
        axes.plot(np.asarray(places[0][1]), u, "o", markersize=4)
        return
    drawn = axes.scatter(np.asarray(places[0][1]), np.asarray(places[1][1]), c=u)
    axes.set_ylabel(places[1][0])
    figure.colorbar(drawn, ax=axes)


def equilibria(figure: Figure, outputs: Outputs) -> None:
    """Eigenvalues of each equilibrium in the complex plane, and what it is."""
    axes = figure.subplots()
    named = zip(outputs["equilibria"], outputs["eigenvalues"], outputs["classification"], strict=True)
    for i, (place, values, what) in enumerate(list(named)[:20]):
        found = _complex(values)
        text = ", ".join(f"{name} = {float(value):.3g}" for name, value in list(place.items())[:4])
        axes.plot(found.real, found.imag, "o", color=f"C{i % 10}", label=f"{what}: {text}")
    _plane(axes)
    axes.legend(frameon=False, fontsize=8)


def spectrum(figure: Figure, outputs: Outputs) -> None:
    """Eigenvalues or roots: in the complex plane, or in their order when they are real."""
    found = _complex(outputs["eigenvalues"] if "eigenvalues" in outputs else outputs["roots"])
    axes = figure.subplots()
    if np.abs(found.imag).max(initial=0.0) == 0.0:
        axes.plot(np.arange(1, len(found) + 1), found.real, "o", markersize=4)
        axes.set_xlabel("number")
        axes.grid(visible=True, alpha=0.25)
        return
    axes.plot(found.real, found.imag, "o", markersize=4)
    _plane(axes)


def samples(figure: Figure, outputs: Outputs) -> None:
    """Samples of a design: the first two variables against each other."""
    found = outputs["samples"]
    named = found if isinstance(found, Mapping) else {f"x{i}": row for i, row in enumerate(np.asarray(found).T)}
    axes = figure.subplots()
    (x, first), *rest = list(named.items())
    y, second = rest[0] if rest else ("number", np.arange(len(np.asarray(first))))
    axes.plot(np.asarray(first), np.asarray(second), "o", markersize=3)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, alpha=0.25)


def matrices_of(outputs: Outputs) -> dict[str, Any]:
    """The matrices among the outputs."""
    found = {name: np.asarray(value) for name, value in outputs.items() if isinstance(value, np.ndarray)}
    return {name: value for name, value in found.items() if value.ndim == 2 and value.size > 1}


def matrices(figure: Figure, outputs: Outputs) -> None:
    """Matrices as images, the sign by colour."""
    found = list(matrices_of(outputs).items())[:_MATRICES]
    for panel, (name, value) in zip(figure.subplots(1, len(found), squeeze=False)[0], found, strict=True):
        shown = np.abs(value) if np.iscomplexobj(value) else value
        largest = float(np.abs(shown).max()) or 1.0
        image = panel.imshow(shown, cmap="RdBu", vmin=-largest, vmax=largest)
        panel.set_title(name, fontsize=9)
        figure.colorbar(image, ax=panel, shrink=0.6)


def _complex(values: Any) -> Any:
    if isinstance(values, Mapping):
        return np.atleast_1d(np.asarray(values["re"]) + 1j * np.asarray(values["im"])).ravel()
    if isinstance(values, list):
        return np.array([complex(one["re"], one["im"]) if isinstance(one, Mapping) else complex(one) for one in values])
    return np.atleast_1d(np.asarray(values)).astype(complex).ravel()


def _plane(axes: Axes) -> None:
    axes.axhline(0, color="0.7", linewidth=0.8)
    axes.axvline(0, color="0.7", linewidth=0.8)
    axes.set_xlabel("real part")
    axes.set_ylabel("imaginary part")
    axes.grid(visible=True, alpha=0.25)
