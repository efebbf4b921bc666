"""Pictures of named numbers: bars, intervals, histograms, and tables of what is left."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Outputs = Mapping[str, Any]

_NAMES = 40
_GREEN, _RED, _GREY = "#2e7d32", "#c62828", "#9e9e9e"
_STATUS = {"succeeded": _GREEN, "failed": _RED, "rejected": _RED}


def sensitivity(figure: Figure, outputs: Outputs) -> None:
    """First-order and total Sobol' indices side by side, with their intervals."""
    axes = figure.subplots()
    names = list(outputs["first_order"])[:_NAMES]
    for shift, key, label in ((-0.2, "first_order", "first order"), (0.2, "total_order", "total")):
        values = np.array([float(outputs[key][name]) for name in names])
        intervals = outputs.get(f"{key}_confidence")
        spread = None
        if intervals:
            ends = np.array([np.asarray(intervals[name], dtype=float) for name in names])
            spread = np.abs(ends.T - values)
        axes.bar(np.arange(len(names)) + shift, values, 0.38, label=label, yerr=spread, capsize=3)
    axes.set_xticks(np.arange(len(names)), names)
    axes.set_ylabel("share of the variance")
    axes.legend(frameon=False)


def morris(figure: Figure, outputs: Outputs) -> None:
    """Elementary effects: their mean size against their spread."""
    axes = figure.subplots()
    for name, size in list(outputs["mu_star"].items())[:_NAMES]:
        spread = float(outputs["sigma"][name])
        axes.plot(float(size), spread, "o")
        axes.annotate(name, (float(size), spread), xytext=(5, 5), textcoords="offset points")
    axes.set_xlabel("μ*")
    axes.set_ylabel("σ")
    axes.grid(visible=True, alpha=0.25)


def histogram(figure: Figure, outputs: Outputs) -> None:
    """The histogram of a propagated distribution, its mean and quantiles."""
    axes = figure.subplots()
    counts, edges = np.asarray(outputs["histogram"]["counts"]), np.asarray(outputs["histogram"]["edges"])
    axes.stairs(counts, edges, fill=True, alpha=0.6)
    if isinstance(outputs.get("mean"), float | int):
        axes.axvline(float(outputs["mean"]), color="C3", label="mean")
    quantiles = outputs.get("quantiles") or {}
    for i, value in enumerate(quantiles.values()):
        axes.axvline(float(value), color="0.4", linewidth=0.8, linestyle=":", label=None if i else "quantiles")
    for i, end in enumerate(outputs.get("interval", ())):
        axes.axvline(float(end), color="C1", label=None if i else "interval")
    axes.set_ylabel("samples")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)


def posterior(figure: Figure, outputs: Outputs) -> None:
    """Posterior means with their credible intervals, and how they go together."""
    mean, intervals = outputs["mean"], outputs["credible_intervals"]
    if not isinstance(mean, Mapping):
        mean = {f"x{i}": value for i, value in enumerate(np.atleast_1d(np.asarray(mean)))}
        intervals = dict(zip(mean, np.asarray(intervals, dtype=float), strict=True))
    names = list(mean)[:_NAMES]
    left, right = figure.subplots(1, 2)
    for i, name in enumerate(names):
        low, high = np.asarray(intervals[name], dtype=float)
        left.plot([low, high], [i, i], color="C0", linewidth=2)
        left.plot(float(mean[name]), i, "o", color="C0")
    left.set_yticks(range(len(names)), names)
    left.set_xlabel("95 % credible interval")
    _correlations(right, outputs.get("covariance"), names)


def estimates(figure: Figure, outputs: Outputs) -> None:
    """Estimated parameters with two standard errors, and how they go together."""
    left, right = figure.subplots(1, 2)
    names = list(outputs["parameters"])[:_NAMES]
    for i, name in enumerate(names):
        error = 2 * float(outputs["standard_errors"][name])
        left.errorbar(float(outputs["parameters"][name]), i, xerr=error, fmt="o", color="C0", capsize=3)
    left.set_yticks(range(len(names)), names)
    left.set_xlabel("estimate ± 2 standard errors")
    _correlations(right, outputs.get("covariance"), names)


def states(figure: Figure, outputs: Outputs) -> None:
    """A state that was estimated, with two standard deviations, and how its parts go together."""
    estimate, std = np.asarray(outputs["estimate"]), np.asarray(outputs["std"])
    left, right = figure.subplots(1, 2)
    left.errorbar(np.arange(len(estimate)), estimate, yerr=2 * std, fmt="o", markersize=4, capsize=3)
    left.set_ylabel("estimate ± 2 standard deviations")
    _correlations(right, outputs.get("covariance"), [str(name) for name in outputs["names"]])


def _correlations(axes: Axes, covariance: Any, names: Sequence[str]) -> None:
    if covariance is None:
        axes.set_axis_off()
        return
    matrix = np.atleast_2d(np.asarray(covariance, dtype=float))[:_NAMES, :_NAMES]
    size = np.sqrt(np.diagonal(matrix))
    size = np.where(size > 0, size, 1.0)
    axes.imshow(matrix / np.outer(size, size), vmin=-1, vmax=1, cmap="RdBu")
    axes.set_xticks(range(len(matrix)), names[: len(matrix)], rotation=90)
    axes.set_yticks(range(len(matrix)), names[: len(matrix)])
    axes.set_xlabel("correlation, -1 (red) to 1 (blue)")


def finals(figure: Figure, outputs: Outputs) -> None:
    """Where the members of an ensemble end: a histogram a variable."""
    named = list(outputs["final"].items())[:9]
    across = int(np.ceil(np.sqrt(len(named))))
    panels = np.atleast_1d(figure.subplots(-(-len(named) // across), across, squeeze=False)).ravel()
    for axes, (name, values) in zip(panels, named, strict=False):
        finite = np.asarray(values, dtype=float)
        finite = finite[np.isfinite(finite)]
        axes.hist(finite, bins=min(60, max(5, len(finite) // 20)), alpha=0.7)
        axes.set_xlabel(name)
    for axes in panels[len(named) :]:
        axes.set_axis_off()


def spreads(figure: Figure, outputs: Outputs) -> None:
    """What very many members end like: the mean of each variable, and its quantiles from the first to the last."""
    axes = figure.subplots()
    names = list(outputs["mean"])[:_NAMES]
    levels = sorted(outputs["quantiles"], key=float)
    for i, name in enumerate(names):
        at = [float(outputs["quantiles"][level][name]) for level in levels]
        axes.plot(at, [i] * len(at), "|-", color="C0", markersize=12)
        axes.plot(float(outputs["mean"][name]), i, "o", color="C1")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel(f"mean (dot), quantiles {', '.join(levels)}")


def solution(figure: Figure, outputs: Outputs) -> None:
    """The numbers of a solution: a bar for each name, or a stem for each place."""
    x = outputs["x"]
    axes = figure.subplots()
    if isinstance(x, Mapping):
        names = list(x)[:_NAMES]
        axes.bar(names, [float(np.real(x[name])) for name in names])
        axes.axhline(0, color="0.6", linewidth=0.8)
        if isinstance(outputs.get("objective"), float | int):
            axes.set_title(f"objective {outputs['objective']:.6g}", fontsize=10)
        return
    values = np.asarray(x)
    values = np.abs(values) if np.iscomplexobj(values) else values
    if values.ndim > 1:
        axes.imshow(values.reshape(values.shape[0], -1), aspect="auto")
        return
    axes.stem(values) if len(values) < 100 else axes.plot(values)
    axes.set_xlabel("place")
    axes.set_ylabel("x")


def value(figure: Figure, outputs: Outputs) -> None:
    """A value with the bound of its error."""
    _one(
        figure,
        float(outputs["value"]),
        [float(outputs["value"]) + s * float(outputs["error_estimate"]) for s in (-1, 1)],
    )


def interval(figure: Figure, outputs: Outputs) -> None:
    """An estimate with its interval."""
    ends = np.asarray(outputs.get("interval", outputs.get("mean_confidence_interval")), dtype=float)
    middle = next(
        (outputs[key] for key in ("estimate", "statistic", "value", "mean") if _is_number(outputs.get(key))), None
    )
    _one(figure, float(ends.mean() if middle is None else middle), ends)


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int | np.floating) and not isinstance(value, bool)


def _one(figure: Figure, middle: float, ends: Any) -> None:
    axes = figure.subplots()
    axes.plot(ends, [0, 0], color="C0", linewidth=3, solid_capstyle="butt")
    axes.plot(middle, 0, "o", color="C0")
    axes.annotate(f"{middle:.10g}", (middle, 0), xytext=(0, 12), textcoords="offset points", ha="center")
    axes.set_yticks([])
    axes.grid(visible=True, axis="x", alpha=0.25)


def checks(figure: Figure, outputs: Outputs) -> None:
    """Checks of a validation: each value against its tolerance."""
    rows = list(outputs["checks"])[:_NAMES]
    axes = figure.subplots()
    for i, check in enumerate(rows):
        size, tolerance = check.get("value"), check.get("tolerance")
        known = _is_number(size) and _is_number(tolerance) and tolerance > 0
        width = min(float(size) / float(tolerance), 2.0) if known else 1.0 if check["passed"] else 2.0
        axes.barh(i, max(width, 0.02), color=_GREEN if check["passed"] else _RED)
    axes.axvline(1.0, color="0.4", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(rows)), [str(check["name"])[:40] for check in rows])
    axes.invert_yaxis()
    axes.set_xlabel("value in units of its tolerance")


def stages(figure: Figure, outputs: Outputs) -> None:
    """Where the time of a request goes."""
    named = {name: 1000 * float(value) for name, value in outputs["stages"].items() if _is_number(value)}
    if not named:
        facts(figure, outputs)
        return
    axes = figure.subplots()
    axes.barh(list(named), list(named.values()))
    axes.invert_yaxis()
    axes.set_xlabel("ms")


def steps(figure: Figure, outputs: Outputs) -> None:
    """The steps of a workflow by their status."""
    axes = figure.subplots()
    named = list(outputs["steps"].items())[:_NAMES]
    for i, (_, step) in enumerate(named):
        status = step.get("status", "") if isinstance(step, Mapping) else "several"
        axes.barh(i, 1.0, color=_STATUS.get(status, _GREY))
        axes.text(0.02, i, str(status), va="center", color="white")
    axes.set_yticks(range(len(named)), [name for name, _ in named])
    axes.invert_yaxis()
    axes.set_xticks([])


def facts(figure: Figure, outputs: Outputs) -> None:
    """What is neither curve nor field, as a table."""
    rows = [(name, _brief(value)) for name, value in outputs.items() if value is not None][:25]
    axes = figure.subplots()
    axes.set_axis_off()
    table = axes.table([list(row) for row in rows], loc="center", cellLoc="left", colWidths=[0.25, 0.7])
    table.auto_set_font_size(False)
    table.set_fontsize(8)


def _brief(value: Any) -> str:
    text = f"{value:.8g}" if _is_number(value) else str(value)
    return text if len(text) < 90 else f"{text[:87]}…"
