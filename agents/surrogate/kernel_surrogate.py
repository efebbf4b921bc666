"""Surrogates of `kernel_model` as plain data, and the outcome of fitting one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agents.arrays import Array
from agents.outcome import Check, Diagnostics, Outcome
from agents.surrogate import kernels, model, samples
from agents.surrogate.kernel_model import Fit, KernelModel, fit, polynomial_terms
from agents.surrogate.model import Fields, Prediction, Reader
from agents.task import Watch

SAMPLES_LIMIT = 2000
TERMS_LIMIT = 500
_NAMES = (
    "kernel", "x", "y", "flat", "length_scales", "amplitude", "noise", "alpha", "degree", "offset", "scale", "nugget",
)  # fmt: skip
_TABLES = {"gaussian_process": kernels.GAUSSIAN_PROCESS, "kriging": kernels.VARIOGRAM, "rbf": kernels.RADIAL}


@dataclass(eq=False, slots=True)
class KernelSurrogate:
    """A model that is fitted when it is first needed."""

    model: KernelModel
    fitted: Fit | None = field(default=None)

    @property
    def dimensions(self) -> int:
        """Numbers a point has."""
        return int(self.model.x.shape[1])

    @property
    def outputs(self) -> int:
        """Numbers that are predicted at a point."""
        return int(self.model.y.shape[1])

    @property
    def cost(self) -> float:
        """Operations of the factors and of a thousand predictions."""
        return fit_cost(len(self.model.x)) + 1000.0 * len(self.model.x) ** 2

    def plain(self) -> dict[str, Any]:
        """Give the data."""
        return {name: getattr(self.model, name) for name in _NAMES}

    def predict(self, points: Array, watch: Watch) -> Prediction:
        """Predict mean and standard deviation."""
        if self.fitted is None:
            self.fitted = fit(self.model, watch)
        mean, std = self.fitted.predict(points, watch)
        bound = self.fitted.bound(std)
        if self.model.flat:
            mean, std = mean[:, 0], std[:, 0]
        return Prediction(mean, std, bound, self.fitted.warnings)


def fit_cost(n: int) -> float:
    """Operations of the factors of n samples, with what Python takes around them."""
    return 1e6 + 6.0 * n**3


def read_kind(kind: str) -> Reader:
    """Give the reader of surrogates of one kind."""

    def read(values: Mapping[str, Any], where: str) -> KernelSurrogate:
        return KernelSurrogate(_read(kind, Fields(values, _NAMES, where)))

    return read


def _read(kind: str, fields: Fields) -> KernelModel:
    x, y = fields.array("x", 2), fields.array("y", 2)
    n, d = x.shape
    m = y.shape[1]
    degree = fields.whole("degree", -1, 5)
    if not 0 < d <= samples.DIMENSIONS_LIMIT or not 0 < m <= samples.OUTPUTS_LIMIT or n > SAMPLES_LIMIT:
        raise fields.wrong("x", "too large or empty")
    if len(y) != n:
        raise fields.wrong("y", f"{n} rows expected")
    terms = polynomial_terms(d, degree)
    if terms > TERMS_LIMIT or n <= terms:
        raise fields.wrong("degree", "too many terms for the samples")
    length_scales, offset, scale = (fields.array(name, 1) for name in ("length_scales", "offset", "scale"))
    if length_scales.shape != (d,) or not (length_scales > 1e-100).all():
        raise fields.wrong("length_scales", f"{d} positive numbers expected")
    if offset.shape != (m,):
        raise fields.wrong("offset", f"{m} numbers expected")
    if scale.shape != (m,) or not (scale > 1e-100).all():
        raise fields.wrong("scale", f"{m} positive numbers expected")
    kernel = fields.choice("kernel", tuple(_TABLES[kind]))
    if kind == "rbf" and degree < kernels.LEAST_DEGREE.get(kernel, -1):
        raise fields.wrong("degree", "too small for this kernel")
    flat = fields.flag("flat")
    if flat and m != 1:
        raise fields.wrong("flat", "true only for one output")
    return KernelModel(
        kind, kernel, x, y, flat, length_scales, fields.number("amplitude", 1e-50, 1e50),
        fields.number("noise", 0.0, 1e50), fields.number("alpha", 1e-6, 1e6), degree, offset, scale,
        fields.flag("nugget"),
    )  # fmt: skip


@dataclass(frozen=True)
class Fitting:
    """What a task knows about how it chose the hyperparameters."""

    method: str
    converged: bool | None
    iterations: int | None = None
    evaluations: int | None = None
    warnings: tuple[str, ...] = ()


def outcome(
    found: KernelModel, points: Array | None, hyperparameters: Mapping[str, Any], how: Fitting, watch: Watch, *,
    return_model: bool,
) -> Outcome:  # fmt: skip
    """Fit, predict where asked, and give what every one of these tasks gives; the surrogate is kept by its id."""
    fitted = fit(found, watch)
    surrogate = KernelSurrogate(found, fitted)
    kind = found.kind
    name, data = model.pack(kind, surrogate)
    outputs: dict[str, Any] = dict(hyperparameters)
    bound, checks = None, []
    if points is not None:
        made = surrogate.predict(points, watch)
        outputs |= {"mean": made.mean, "std": made.std, "predict_at": points}
        bound = made.bound
    again, _ = fitted.predict(found.x[:50], watch)
    if found.nugget or found.noise == 0.0:
        miss = float(np.abs(again - found.y[:50]).max(initial=0.0))
        tolerance = 1e-6 * float(np.abs(found.y).max(initial=0.0)) + fitted.rounding
        checks.append(Check("interpolates_the_samples", passed=miss <= tolerance))
    outputs |= {
        "loo_error": fitted.loo_error, "loo_residuals": fitted.residuals[:, 0] if found.flat else fitted.residuals,
        "jitter": fitted.jitter, "confidence_factor": fitted.factor_of_confidence, "surrogate_id": name,
    }  # fmt: skip
    if return_model:
        outputs["surrogate"] = model.plain(kind, surrogate)
    diagnostics = Diagnostics(
        converged=how.converged, iterations=how.iterations, evaluations=how.evaluations, error_estimate=bound,
        method=how.method, checks=checks,
    )  # fmt: skip
    warnings = [*how.warnings, *fitted.warnings]
    return Outcome(outputs, f"surrogate.{kind}", False, diagnostics, warnings, keep={name: data})
