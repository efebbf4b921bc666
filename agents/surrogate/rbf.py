"""The task `surrogate.rbf`: interpolation and smoothing by radial basis functions with a polynomial."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone
from agents.alone import Alone
from agents.outcome import Outcome, Problem
from agents.surrogate import kernel_surrogate, kernels, samples
from agents.surrogate.kernel_model import KernelModel, polynomial_terms
from agents.surrogate.kernel_surrogate import SAMPLES_LIMIT, TERMS_LIMIT, Fitting
from agents.task import TaskOptions, Watch

_SCALE_INVARIANT = frozenset({"linear", "thin_plate_spline", "cubic", "quintic"})


class RbfInputs(msgspec.Struct, forbid_unknown_fields=True):
    """Radial basis functions through `x` (n, d) or (n) and `y` (n) or (n, m), for at most 2,000 samples.

    `kernel` is of epsilon times the distance, as in `scipy.interpolate.RBFInterpolator`; `epsilon` is needed only by
    multiquadric, inverse_multiquadric, inverse_quadratic and gaussian, and is 1 over the mean distance of neighbours
    unless given. `smoothing` 0 interpolates. `degree` is that of the polynomial, the least that the kernel needs (or
    0) unless given, -1 for none. Outputs: with `predict_at` (k, d) `mean` and `std`, (k) or (k, m); `epsilon`,
    `degree`, `loo_error` (root mean square of the closed-form leave-one-out residuals), `loo_residuals`,
    `surrogate_id`.

    `std` is the power function times the native-space norm of the samples over the root of their number.
    `error_estimate` bounds the error of `mean` for functions like the samples: the largest `std` times
    `confidence_factor`, which is 4 or 1.5 times the largest standardised leave-one-out residual if that is more, but at
    least the largest such residual itself, plus the rounding error. It is null without `predict_at`.
    """

    x: Any
    y: Any
    kernel: Literal[
        "linear", "thin_plate_spline", "cubic", "quintic", "multiquadric", "inverse_multiquadric", "inverse_quadratic",
        "gaussian",
    ] = "thin_plate_spline"  # fmt: skip
    predict_at: Any = None
    epsilon: Annotated[float, msgspec.Meta(ge=1e-50, le=1e50)] | None = None
    smoothing: Annotated[float, msgspec.Meta(ge=0, le=1e50)] = 0.0
    degree: Annotated[int, msgspec.Meta(ge=-1, le=5)] | None = None


class RbfOptions(TaskOptions, kw_only=True):
    """`return_model` gives all of the surrogate."""

    return_model: bool = False


def prepare(inputs: RbfInputs, options: RbfOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate samples, points and degree; raises `Problem`."""
    found = samples.read(inputs.x, inputs.y, least=2, most=SAMPLES_LIMIT)
    n, d = found.x.shape
    least = kernels.LEAST_DEGREE.get(inputs.kernel, -1)
    degree = max(least, 0) if inputs.degree is None else inputs.degree
    if degree < least:
        text = f"{inputs.kernel} needs a polynomial"
        raise Problem("invalid_input", text, field="inputs.degree", hint=f"at least {least}")
    terms = polynomial_terms(d, degree)
    if terms > TERMS_LIMIT or n <= terms:
        text = f"a polynomial of degree {degree} has {terms} terms, there are {n} samples"
        hint = f"more than {terms} samples, or a smaller degree; at most {TERMS_LIMIT} terms"
        raise Problem("invalid_input", text, field="inputs.degree" if inputs.degree else "inputs.x", hint=hint)
    pair = samples.repeated(found.x)
    if pair is not None and inputs.smoothing == 0.0:
        text = f"x[{pair[1]}] is x[{pair[0]}] again"
        raise Problem("invalid_input", text, field=f"inputs.x[{pair[1]}]", hint="smoothing above 0, or one of them")
    points = None
    if inputs.predict_at is not None:
        points = samples.read_points(inputs.predict_at, "inputs.predict_at", d, found.y.shape[1])
    epsilon = inputs.epsilon
    if epsilon is None:
        volume = float(np.prod(np.maximum(np.ptp(found.x, axis=0), 1e-300) ** (1.0 / d)))
        epsilon = 1.0 if inputs.kernel in _SCALE_INVARIANT else n ** (1.0 / d) / max(volume, 1e-50)
    model = KernelModel(
        "rbf", inputs.kernel, found.x, found.y, found.flat, np.full(d, 1.0 / epsilon), 1.0, inputs.smoothing, 1.0,
        degree, np.zeros(found.y.shape[1]), np.ones(found.y.shape[1]), nugget=False,
    )  # fmt: skip

    def work(watch: Watch, _kept: Any) -> Outcome:
        chosen = {"epsilon": epsilon, "degree": degree, "kernel": inputs.kernel}
        how = Fitting("rbf", None)
        return kernel_surrogate.outcome(model, points, chosen, how, watch, return_model=options.return_model)

    many = 0 if points is None else len(points)
    return Alone("surrogate.rbf", work, kernel_surrogate.fit_cost(n) + many * (n * n + 50.0 * n), compiled=False)


TASK = alone.task(
    agent="surrogate", name="rbf", summary="Interpolate or smooth samples by radial basis functions.",
    inputs=RbfInputs, options=RbfOptions, methods=(),
    example={
        "x": [[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]], "y": [0, 1, 1, 2, 1.2], "kernel": "thin_plate_spline",
        "predict_at": [[0.25, 0.25]],
    },
    prepare=prepare,
)  # fmt: skip
