"""Which picture a result has: the first whose outputs are all there."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from sciagents.errors import UsageError
from sciagents.plot import bars, fields, lines
from streams.contracts import Result

FORMATS = ("png", "svg", "pdf")

Outputs = Mapping[str, Any]


class Picture(NamedTuple):
    """A picture, and the names of the outputs that it shows."""

    shows: tuple[str, ...]
    draw: Callable[[Figure, Outputs], None]


PICTURES: tuple[Picture, ...] = (
    Picture(("u", "axes"), fields.field),
    Picture(("u", "points"), fields.points),
    Picture(("steps",), bars.steps),
    Picture(("checks", "passed"), bars.checks),
    Picture(("stages", "memory"), bars.stages),
    Picture(("t", "y", "mean"), lines.band),
    Picture(("t", "mean", "std"), lines.band),
    Picture(("t", "y"), lines.trajectory),
    Picture(("x", "y"), lines.profile),
    Picture(("t", "balance"), lines.balance),
    Picture(("final",), bars.finals),
    Picture(("n_members", "mean", "quantiles"), bars.spreads),
    Picture(("equilibria", "eigenvalues"), fields.equilibria),
    Picture(("histogram",), bars.histogram),
    Picture(("first_order", "total_order"), bars.sensitivity),
    Picture(("mu_star", "sigma"), bars.morris),
    Picture(("credible_intervals", "mean"), bars.posterior),
    Picture(("fitted", "residuals"), lines.fit),
    Picture(("parameters", "standard_errors"), bars.estimates),
    Picture(("shape", "structure", "rank"), bars.facts),
    Picture(("estimate", "std", "increment"), bars.states),
    Picture(("singular_values",), lines.decay),
    Picture(("s", "u", "vt"), lines.decay),
    Picture(("eigenvalues",), fields.spectrum),
    Picture(("prediction", "places"), lines.operators),
    Picture(("mean", "std"), lines.prediction),
    Picture(("interval",), bars.interval),
    Picture(("mean_confidence_interval",), bars.interval),
    Picture(("probability", "levels"), lines.levels),
    Picture(("samples",), fields.samples),
    Picture(("nodes", "weights"), lines.nodes),
    Picture(("values", "frequencies"), lines.frequencies),
    Picture(("values",), lines.values),
    Picture(("value", "error_estimate"), bars.value),
    Picture(("roots",), fields.spectrum),
    Picture(("x",), bars.solution),
    Picture(("analysis",), lines.analysis),
)
"""From the particular to the general."""


def picture_of(outputs: Outputs) -> Callable[[Figure, Outputs], None]:
    """Choose the picture; what has none of its own is shown as a table, or its matrices as images."""
    for picture in PICTURES:
        if all(outputs.get(name) is not None for name in picture.shows):
            return picture.draw
    return fields.matrices if fields.matrices_of(outputs) else bars.facts


def draw(result: Result, path: Path) -> None:
    """Draw a result's picture to a file; its ending says in which format."""
    if path.suffix.lstrip(".") not in FORMATS:
        raise UsageError(f"no picture can be a {path.suffix or 'file without an ending'}", field="--plot",
                         hint=f"a file that ends with {', '.join(f'.{one}' for one in FORMATS)}")  # fmt: skip
    if not result.outputs:
        raise UsageError(f"{result.id} has no outputs to draw: it {result.status}", field="--plot")
    figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
    picture_of(result.outputs)(figure, result.outputs)
    figure.suptitle(f"{result.agent}.{result.task}  ·  {result.id}", fontsize=10, color="0.35")
    figure.savefig(path)
