"""The task `physics_ml.operator`: learns what turns input functions into output functions."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, arrays, draws
from agents.alone import Alone
from agents.arrays import Array
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.physics_ml import deeponet
from agents.task import TaskOptions, Watch

KERNEL = "agents.physics_ml.deeponet"
_SAFETY = 2.0
_WORK_LIMIT = 2e13
_LEAST = 10
_NAMES = ("linear", "w1", "b1", "w2", "b2", "v1", "c1", "v2", "c2", "v3", "c3")


class OperatorInputs(msgspec.Struct, forbid_unknown_fields=True):
    """Samples of an operator: `functions` (n, m), each input function at m sensors, and `values` (n, k), its output
    function at the k `places` (k, d) or (k).

    `predict` (q, m) are input functions whose outputs are wanted; without it, those held out are predicted. A DeepONet
    is trained on the others (L-BFGS). Outputs: `prediction` (q, k), `places`, `network` (its layers and scales),
    `held_out_error` (relative, in the 2-norm), `held_out_max_error`, `training_error`, `n_trained`, `n_held_out`.

    `error_estimate` is twice the largest error over the samples held out: it bounds the error of predictions for
    functions of the same kind as the samples, and says nothing of others.
    """

    functions: Any
    places: Any
    values: Any
    predict: Any = None


class OperatorOptions(TaskOptions, kw_only=True):
    """`width` units in each hidden layer, `modes` products, at most `iterations` of L-BFGS.

    A share `held_out` of the samples is kept for the validation; the request fails when its relative error is above
    `rtol`.
    """

    method: Literal["auto", "deeponet"] = "auto"
    width: Annotated[int, msgspec.Meta(ge=2, le=256)] = 40
    modes: Annotated[int, msgspec.Meta(ge=1, le=128)] = 20
    iterations: Annotated[int, msgspec.Meta(ge=1, le=20_000)] = 1500
    held_out: Annotated[float, msgspec.Meta(ge=0.05, le=0.5)] = 0.2
    rtol: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.1


def prepare(given: OperatorInputs, how: OperatorOptions, seed: int) -> Alone:
    """Validate samples of an operator."""
    functions = arrays.gate(given.functions, "inputs.functions", ndim=2)
    places = arrays.gate(given.places, "inputs.places", ndim=(1, 2))
    values = arrays.gate(given.values, "inputs.values", ndim=2)
    if places.ndim == 1:
        places = places[:, None]
    n, m = functions.shape
    if n < _LEAST or m < 1 or not places.size:
        text = f"{n} functions at {m} sensors, {len(places)} places"
        raise Problem("invalid_input", text, field="inputs.functions", hint=f"{_LEAST} samples or more, none empty")
    if values.shape != (n, len(places)):
        text, hint = f"values are {values.shape[0]}×{values.shape[1]}", f"{n}×{len(places)}: a row for each function"
        raise Problem("invalid_input", text, field="inputs.values", hint=hint)
    wanted = None if given.predict is None else arrays.gate(given.predict, "inputs.predict", ndim=2)
    if wanted is not None and (wanted.shape[1] != m or not wanted.size):
        text, hint = f"{wanted.shape[1]} sensors", f"{m}, as in functions, and at least one function"
        raise Problem("invalid_input", text, field="inputs.predict", hint=hint)
    each = n * (m * (how.width + how.modes) + how.width * how.modes + len(places) * how.modes)
    each += len(places) * how.width * (places.shape[1] + how.width + how.modes)
    cost = 3e8 + 8.0 * how.iterations * each
    if cost > _WORK_LIMIT:
        text = f"about {cost:.1e} operations, the limit is {_WORK_LIMIT:.0e}"
        raise Problem("budget_exceeded", text, field="options.iterations", hint="fewer iterations, modes or samples")

    def work(watch: Watch, _: object) -> Outcome:
        return _learn(functions, places, values, wanted, how, seed, watch)

    return Alone(KERNEL, work, cost, compiled=False)


def _learn(
    functions: Array, places: Array, values: Array, wanted: Array | None, how: OperatorOptions, seed: int, watch: Watch
) -> Outcome:
    order = draws.generator(seed, 1).permutation(len(functions))
    count = max(2, round(how.held_out * len(functions)))
    held, used = order[:count], order[count:]
    middle, spread = _scales(functions[used], axis=0)
    low, high = places.min(axis=0), places.max(axis=0)
    offset, size = _scales(values[used], axis=None)
    inside = (places - (low + high) / 2) / np.where(high > low, (high - low) / 2, 1.0)

    def scaled(one: Array) -> Array:
        return np.asarray((one - middle) / (spread * np.sqrt(functions.shape[1])))

    network, iterations = deeponet.train(
        scaled(functions[used]), inside, (values[used] - offset) / size, how.width, how.modes, how.iterations, seed,
        lambda fraction: watch(fraction, "train"),
    )  # fmt: skip

    def predicted(one: Array) -> Array:
        return np.asarray(offset + size * network.evaluate(scaled(one), inside))

    wrong = predicted(functions[held]) - values[held]
    scale = float(np.linalg.norm(values[held]))
    relative = float(np.linalg.norm(wrong)) / (scale or 1.0)
    if not relative <= how.rtol:
        text = f"the relative error on {count} samples held out is {relative:.2g}"
        hint = "more samples, iterations or modes, or a looser rtol"
        raise Problem("not_converged", text, field="options.rtol", hint=hint)
    largest = float(np.abs(wrong).max())
    trained = predicted(functions[used]) - values[used]
    outputs = {
        "prediction": predicted(functions[held] if wanted is None else wanted), "places": places,
        "held_out_error": relative, "held_out_max_error": largest,
        "training_error": float(np.linalg.norm(trained)) / (float(np.linalg.norm(values[used])) or 1.0),
        "n_trained": len(used), "n_held_out": count, "held_out": held,
        "network": {
            **dict(zip(_NAMES, network.layers, strict=True)), "functions_offset": middle,
            "functions_scale": spread * np.sqrt(functions.shape[1]), "places_low": low, "places_high": high,
            "values_offset": float(offset), "values_scale": float(size),
        },
    }  # fmt: skip
    return Outcome(outputs, KERNEL, False, Diagnostics(
        converged=True, iterations=iterations, error_estimate=_SAFETY * largest, residual=relative, method="deeponet",
        checks=[Check("error held out within rtol", passed=True)],
    ))  # fmt: skip


def _scales(values: Array, axis: int | None) -> tuple[Array, Array]:
    """Mean and standard deviation, 1 where all are equal."""
    spread = values.std(axis=axis)
    return np.asarray(values.mean(axis=axis)), np.asarray(np.where(spread > 0, spread, 1.0))


_SAMPLES = [[np.cos(k * i) for k in range(1, 4)] for i in range(1, 25)]

TASK = alone.task(
    agent="physics_ml", name="operator", summary="Learn an operator between functions from samples (DeepONet).",
    inputs=OperatorInputs, options=OperatorOptions, methods=("deeponet",),
    example={
        "functions": [[float(one) for one in row] for row in _SAMPLES], "places": [0.0, 0.5, 1.0],
        "values": [[float(row[0]), float(sum(row)), float(row[2] - row[1])] for row in _SAMPLES],
    },
    prepare=prepare,
)  # fmt: skip
