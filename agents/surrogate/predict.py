"""The task `surrogate.predict`: predictions of a surrogate that was fitted by an earlier request."""

from collections.abc import Mapping
from typing import Any

import msgspec

from agents import alone
from agents.alone import Alone
from agents.outcome import Diagnostics, Outcome, Problem
from agents.surrogate import chaos_model, kernel_surrogate, model, pod_model, samples
from agents.surrogate.model import Reader, Surrogate
from agents.task import TaskOptions, Watch

READERS: Mapping[str, Reader] = {
    **{kind: kernel_surrogate.read_kind(kind) for kind in ("gaussian_process", "kriging", "rbf")},
    "polynomial_chaos": chaos_model.read,
    "pod": pod_model.read,
}
_KEPT = 1e9
"""Cost of a surrogate that is not seen before it is fetched."""


class PredictInputs(msgspec.Struct, forbid_unknown_fields=True):
    """Predictions at the points `at` (k, d), by a surrogate: its `surrogate_id`, or all of it as `surrogate`.

    Outputs: `mean` (k) or (k, m), and `std` alike, null where the surrogate knows none. `error_estimate` is what the
    task that fitted the surrogate says of it; it is null where the surrogate extrapolates without a bound.
    """

    at: Any
    surrogate_id: str | None = None
    surrogate: Any = None


class PredictOptions(TaskOptions, kw_only=True):
    """`arrays` forces the form of arrays in the result."""


def prepare(inputs: PredictInputs, options: PredictOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate which surrogate and, where it is there, its points; raises `Problem`."""
    if (inputs.surrogate_id is None) == (inputs.surrogate is None):
        text = "give one of surrogate_id and surrogate"
        raise Problem("invalid_input", text, field="inputs.surrogate_id", hint="the id that fitting it gave")
    if inputs.surrogate is not None:
        surrogate = model.read(inputs.surrogate, "inputs.surrogate", READERS)
        points = samples.read_points(inputs.at, "inputs.at", surrogate.dimensions, surrogate.outputs)
        cost = surrogate.cost * (1.0 + len(points) / 1000.0)
        return Alone("surrogate.predict", lambda watch, _: _predict(surrogate, points, watch), cost, compiled=False)
    name = str(inputs.surrogate_id)
    if not name.startswith("sur-") or not 8 <= len(name) <= 100 or not name.isascii() or not name.isprintable():
        raise Problem("invalid_input", "not an id", field="inputs.surrogate_id", hint='"sur-…", as fitting it gave')
    raw = samples.read_scaled(inputs.at, "inputs.at", (1, 2))

    def work(watch: Watch, kept: Mapping[str, bytes]) -> Outcome:
        if name not in kept:
            raise Problem(
                "invalid_input", "no surrogate of this id is kept", field="inputs.surrogate_id",
                hint="fit it again: fitting gives surrogate_id, or all of it with return_model",
            )  # fmt: skip
        found = model.read(model.unpack(kept[name], "inputs.surrogate_id"), "inputs.surrogate_id", READERS)
        points = samples.shape_points(raw, "inputs.at", found.dimensions, found.outputs)
        return _predict(found, points, watch)

    return Alone("surrogate.predict", work, _KEPT, needs=(name,), compiled=False)


def _predict(surrogate: Surrogate, points: Any, watch: Watch) -> Outcome:
    made = surrogate.predict(points, watch)
    diagnostics = Diagnostics(error_estimate=made.bound, method=type(surrogate).__name__)
    outputs = {"mean": made.mean, "std": made.std, "at": points}
    return Outcome(outputs, "surrogate.predict", False, diagnostics, list(made.warnings))


_EXAMPLE = {
    "kind": "gaussian_process", "version": 1, "kernel": "rbf", "x": [[0.0], [1.0], [2.0]], "y": [[0.0], [1.0], [0.0]],
    "flat": True, "length_scales": [1.0], "amplitude": 1.0, "noise": 0.0, "alpha": 1.0, "degree": -1, "offset": [0.0],
    "scale": [1.0], "nugget": False,
}  # fmt: skip

TASK = alone.task(
    agent="surrogate", name="predict", summary="Predict with a surrogate that was fitted before.", inputs=PredictInputs,
    options=PredictOptions, methods=(), example={"surrogate": _EXAMPLE, "at": [0.5, 1.5]}, prepare=prepare,
    repeats="inputs",
)  # fmt: skip
