"""The task `uq.sensitivity`: which uncertain inputs a model's value varies with."""

from typing import Annotated, Any, Literal

import msgspec

from agents import alone, divided, schema
from agents.divided import Divided
from agents.outcome import Problem
from agents.points import Points
from agents.task import TaskOptions
from agents.uq import model
from agents.uq.model import COMPILED, KERNEL
from agents.uq.morris import Effects, MorrisState
from agents.uq.sobol import Indices, SobolState

N_SOBOL, N_MORRIS = 4096, 64
_FEWEST_SOBOL = 64


class SensitivityInputs(msgspec.Struct, forbid_unknown_fields=True):
    """How much each variable in `distributions` (independent, named as in `scipy.stats`) matters to `model`, a formula.

    `method` "sobol" (the default) takes `n_samples` N (best a power of two) and N (d + 2) evaluations, with
    `second_order` N (2 d + 2). Given are `first_order` {name: index}, `total_order`, their confidence intervals
    `first_order_confidence` and `total_order_confidence` {name: [low, high]} at `confidence_level`, by the bootstrap,
    `second_order` and `second_order_confidence` {name: {name: …}} if asked for, `mean` and `variance`. The indices are
    shares of the variance: an estimate may be a little below 0 or above 1. `error_estimate` bounds the error of all
    first and total indices together with a probability of 99.9 %.
    `method` "morris" takes `n_samples` trajectories of d + 1 evaluations over a grid of `levels` levels of each
    variable's probability. Given are, of the changes of the model per unit of probability, `mu` {name: mean}, `mu_star`
    (mean absolute value), `mu_star_confidence` and `sigma` (standard deviation). `error_estimate` bounds the error of
    all `mu_star` against an infinite number of trajectories, with a probability of 99.9 %.
    """

    model: str
    distributions: dict[str, Any]
    parameters: dict[str, Any] = {}
    n_samples: Annotated[int, msgspec.Meta(ge=4, le=model.SAMPLES_LIMIT)] | None = None
    method: Literal["sobol", "morris"] | None = None
    confidence_level: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.95
    second_order: bool = False
    levels: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 4


class SensitivityOptions(TaskOptions, kw_only=True):
    """`method` is the inputs' `method`; "auto" is `sobol`."""

    method: Literal["auto", "sobol", "morris"] = "auto"


def prepare(inputs: SensitivityInputs, options: SensitivityOptions, seed: int) -> Divided:
    """Validate; raises `Problem`."""
    read = model.read(inputs.model, inputs.distributions, inputs.parameters)
    method = schema.chosen(inputs.method, options.method, "sobol", "method")
    if method == "sobol":
        count, each = inputs.n_samples or N_SOBOL, (2 if inputs.second_order else 1) * len(read.names) + 2
        _check_samples(count, _FEWEST_SOBOL, each)
    else:
        count, each = inputs.n_samples or N_MORRIS, len(read.names) + 1
        _check_samples(count, 4, each)
        if inputs.levels % 2:
            text = f"{inputs.levels} levels"
            raise Problem("invalid_input", text, field="inputs.levels", hint="an even number: steps are half of them")

    made: Indices | Effects
    state: type[msgspec.Struct]
    if method == "sobol":
        points = Points("sobol", seed, 2 * len(read.names), count, replicates=1)
        made, state = Indices(read, points, inputs.confidence_level, inputs.second_order), SobolState
    else:
        made, state = Effects(read, count, inputs.levels, seed, inputs.confidence_level), MorrisState
    return divided.plan(
        KERNEL, count * each * read.cost + 1e6 * each, made.blocks, made.block, made.merge, state, compiled=COMPILED,
        state_bytes=made.state_bytes,
    )  # fmt: skip


def _check_samples(count: int, fewest: int, each: int) -> None:
    if count < fewest:
        raise Problem("invalid_input", f"n_samples is {count}", field="inputs.n_samples", hint=f"at least {fewest}")
    if count * each > model.SAMPLES_LIMIT:
        text = f"{count} samples of {each} evaluations each, the limit is {model.SAMPLES_LIMIT} in all"
        hint = f"at most {model.SAMPLES_LIMIT // each}"
        raise Problem("budget_exceeded", text, field="inputs.n_samples", hint=hint)


TASK = alone.task(
    agent="uq", name="sensitivity", summary="Say which inputs a model's variance comes from: Sobol' indices, Morris.",
    inputs=SensitivityInputs, options=SensitivityOptions, methods=("sobol", "morris"),
    example={
        "model": "sin(x1) + a*sin(x2)**2 + b*x3**4*sin(x1)", "parameters": {"a": 7, "b": 0.1}, "n_samples": 4096,
        "distributions": {
            name: {"distribution": "uniform", "loc": -3.141592653589793, "scale": 6.283185307179586}
            for name in ("x1", "x2", "x3")
        },
    },
    prepare=prepare,
)  # fmt: skip
