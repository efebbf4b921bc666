"""Pictures of curves."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Outputs = Mapping[str, Any]

_CURVES = 30
_MARKED = 60


def trajectory(figure: Figure, outputs: Outputs) -> None:
    """Variables over time, with the events on them; members of an ensemble as thin lines."""
    t, named = np.asarray(outputs["t"]), outputs["y"]
    axes = figure.subplots()
    for place, (name, values) in enumerate(list(named.items())[:_CURVES]):
        rows = np.atleast_2d(np.asarray(values))
        for row in rows[:_CURVES]:
            many = len(rows) > 1
            axes.plot(t, row, color=f"C{place % 10}", alpha=0.35 if many else 1.0, linewidth=0.8 if many else 1.5)
        axes.plot([], [], color=f"C{place % 10}", label=name)
    for times in outputs.get("event_times", ()):
        for time in np.atleast_1d(np.asarray(times)):
            axes.axvline(time, color="0.6", linewidth=0.8, linestyle=":")
    _finish(axes, "t", legend=True)


def profile(figure: Figure, outputs: Outputs) -> None:
    """Variables over x: a boundary value problem."""
    axes = figure.subplots()
    for name, values in list(outputs["y"].items())[:_CURVES]:
        axes.plot(np.asarray(outputs["x"]), np.asarray(values), label=name)
    _finish(axes, "x", legend=True)


def band(figure: Figure, outputs: Outputs) -> None:
    """Means over time, with a band of one standard deviation."""
    t = np.asarray(outputs["t"])
    axes = figure.subplots()
    mean, std = outputs["mean"], outputs["std"]
    if not isinstance(mean, Mapping):  # (times, variables)
        names = outputs.get("names") or [f"x{i}" for i in range(np.asarray(mean).shape[-1])]
        mean, std = (dict(zip(names, np.asarray(one).T, strict=True)) for one in (mean, std))
    for name, values in list(mean.items())[:_CURVES]:
        middle = np.asarray(values)
        spread = np.nan_to_num(np.asarray(std[name]))
        (line,) = axes.plot(t, middle, label=name)
        axes.fill_between(t, middle - spread, middle + spread, color=line.get_color(), alpha=0.2, linewidth=0)
    _finish(axes, "t", "mean ± standard deviation", legend=True)


def balance(figure: Figure, outputs: Outputs) -> None:
    """What is kept over time, and by how much it drifts."""
    above, below = figure.subplots(2, 1, sharex=True)
    t = np.asarray(outputs["t"])
    above.plot(t, np.asarray(outputs["integral"]))
    _finish(above, "", "integral")
    below.plot(t, np.asarray(outputs["balance"]), color="C3")
    _finish(below, "t", "balance")


def fit(figure: Figure, outputs: Outputs) -> None:
    """Fitted values and residuals, observation by observation."""
    fitted, residuals = np.asarray(outputs["fitted"]).ravel(), np.asarray(outputs["residuals"]).ravel()
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    place = np.arange(len(fitted))
    above.plot(place, fitted + residuals, "o", markersize=4, label="data")
    above.plot(place, fitted, label="fitted")
    _finish(above, "", legend=True)
    below.axhline(0.0, color="0.7", linewidth=0.8)
    below.plot(place, residuals, "o", markersize=3, color="C3")
    _finish(below, "observation", "residual")


def decay(figure: Figure, outputs: Outputs) -> None:
    """Singular values, on a logarithmic scale."""
    values = np.asarray(outputs["singular_values"] if "singular_values" in outputs else outputs["s"]).ravel()
    axes = figure.subplots()
    axes.plot(np.arange(1, len(values) + 1), values, "o-", markersize=4)
    if (values > 0).any():
        axes.set_yscale("log")
    _finish(axes, "number", "singular value")


def operators(figure: Figure, outputs: Outputs) -> None:
    """Predicted functions over their places."""
    places, prediction = np.asarray(outputs["places"]), np.asarray(outputs["prediction"])
    axes = figure.subplots()
    x = places[:, 0] if places.ndim == 2 else places
    order = np.argsort(x)
    for row in prediction[:_CURVES]:
        axes.plot(x[order], row[order], linewidth=1)
    _finish(axes, "place", "prediction")


def prediction(figure: Figure, outputs: Outputs) -> None:
    """Predicted means with a band of two standard deviations: over one variable, or point by point."""
    mean, std = np.atleast_1d(np.asarray(outputs["mean"])), np.atleast_1d(np.asarray(outputs["std"]))
    axes = figure.subplots()
    place = outputs.get("predict_at") if outputs.get("predict_at") is not None else outputs.get("at")
    points = np.arange(len(mean), dtype=float)[:, None] if place is None else np.asarray(place)
    points = points[:, None] if points.ndim == 1 else points
    mean, std = mean.reshape(len(mean), -1)[:, 0], std.reshape(len(std), -1)[:, 0]
    if points.shape[1] == 1 and len(points) == len(mean):
        order = np.argsort(points[:, 0])
        x, mean, std = points[order, 0], mean[order], std[order]
        axes.plot(x, mean, "o-" if len(x) < _MARKED else "-", markersize=4)
        axes.fill_between(x, mean - 2 * std, mean + 2 * std, alpha=0.2, linewidth=0)
        _finish(axes, "x", "mean ± 2 standard deviations")
    else:
        axes.errorbar(np.arange(len(mean)), mean, yerr=2 * std, fmt="o", markersize=4, capsize=3)
        _finish(axes, "point", "mean ± 2 standard deviations")


def levels(figure: Figure, outputs: Outputs) -> None:
    """Probabilities of exceeding the levels of a subset simulation, down to the one that was asked for."""
    axes = figure.subplots()
    found = [level if isinstance(level, Mapping) else {"threshold": level} for level in _rows(outputs["levels"])]
    x = [float(level.get("threshold", i)) for i, level in enumerate(found)]
    probability = [float(level.get("probability", 0.1 ** (i + 1))) for i, level in enumerate(found)]
    axes.plot(x, probability, "o-", markersize=4)
    axes.axhline(float(outputs["probability"]), color="C3", linewidth=0.8, linestyle="--", label="probability")
    axes.set_yscale("log")
    _finish(axes, "level", "probability", legend=True)


def _rows(value: Any) -> list[Any]:
    return list(value)


def nodes(figure: Figure, outputs: Outputs) -> None:
    """Weights of a quadrature rule at its nodes."""
    axes = figure.subplots()
    axes.stem(np.asarray(outputs["nodes"]), np.asarray(outputs["weights"]))
    _finish(axes, "node", "weight")


def frequencies(figure: Figure, outputs: Outputs) -> None:
    """Amplitudes over frequencies."""
    values, frequency = np.asarray(outputs["values"]), np.asarray(outputs["frequencies"])
    axes = figure.subplots()
    if values.ndim != 1 or values.shape != frequency.shape:
        axes.imshow(np.abs(np.atleast_2d(values.squeeze())), aspect="auto")
        return
    order = np.argsort(frequency)
    axes.stem(frequency[order], np.abs(values[order])) if len(order) < _MARKED else axes.plot(
        frequency[order], np.abs(values[order])
    )
    _finish(axes, "frequency", "amplitude")


def values(figure: Figure, outputs: Outputs) -> None:
    """Values in their order; of several outputs or rows a curve each."""
    found = outputs["values"]
    rows = list(found) if isinstance(found, list) else [found]
    axes = figure.subplots()
    for i, row in enumerate(rows[:_CURVES]):
        flat = np.atleast_1d(np.asarray(row))
        flat = np.abs(flat) if np.iscomplexobj(flat) else flat
        for line in flat.reshape(-1, flat.shape[-1])[:_CURVES]:
            axes.plot(line, "o-" if len(line) < _MARKED else "-", markersize=4, label=str(i))
    _finish(axes, "place", "value", legend=len(rows) > 1)


def analysis(figure: Figure, outputs: Outputs) -> None:
    """Means of an assimilated state over its cycles."""
    axes = figure.subplots()
    rows = np.atleast_2d(np.asarray(outputs["analysis"]))
    axes.plot(rows if rows.shape[0] > 1 else rows.T)
    _finish(axes, "cycle", "analysis")


def _finish(axes: Axes, x: str, y: str = "", *, legend: bool = False) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, alpha=0.25)
    axes.margins(x=0.02)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, ncols=2)
