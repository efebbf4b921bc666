"""The task `special.transform`: discrete Fourier, cosine, sine and Hilbert transforms, by SciPy's pocketfft."""

import math
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import numpy as np
import scipy
from scipy import fft

from agents import alone, arrays
from agents.alone import Alone
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch

LENGTH_LIMIT = 500_000
"""Most values, in or out: a result of about 8 MB as complex numbers."""
_DIMENSIONS = (1, 2, 3, 4)
_UNIT = 2.0**-53
_FACTOR = 8.0
"""Rounding errors a butterfly, with those of the twiddle factors (Higham, Accuracy and Stability, theorem 24.2)."""

Kind = Literal[
    "fft", "ifft", "rfft", "irfft", "fft2", "ifft2", "fftn", "ifftn", "dct", "idct", "dst", "idst", "hilbert",
]  # fmt: skip
_WAVES = {"dct": fft.dct, "idct": fft.idct, "dst": fft.dst, "idst": fft.idst}
_ONE: dict[str, Callable[..., Any]] = {"fft": fft.fft, "ifft": fft.ifft, "rfft": fft.rfft, "irfft": fft.irfft}
_MANY: dict[str, Callable[..., Any]] = {"fft2": fft.fft2, "ifft2": fft.ifft2, "fftn": fft.fftn, "ifftn": fft.ifftn}
_REAL = {"rfft", "dct", "idct", "dst", "idst", "hilbert"}
_INVERSE = {"ifft", "irfft", "ifft2", "ifftn", "idct", "idst"}


class TransformInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The `transform` of `x`, an array of one to four dimensions, real or {"re", "im"}.

    It goes along `axis` (fft2 and ifft2: the last two, fftn and ifftn: all). `n` is the length along the axis, by
    cutting or filling with zeros; of irfft it is the length of the result. `spacing` is the distance of the samples.
    Outputs: `values`, complex as {"re", "im"}; for fft and rfft `frequencies` in cycles per unit of the spacing.
    hilbert gives the analytic signal. The error estimate is 8 u (log₂ N + 3) ‖T‖ ‖x‖, in the 2-norm.
    """

    x: Any
    transform: Kind = "fft"
    axis: int = -1
    n: int | None = None
    spacing: float = 1.0


class TransformOptions(TaskOptions, kw_only=True):
    """`norm` is where the scaling goes, as in `scipy.fft`; `type` is that of a cosine or sine transform."""

    method: Literal["auto", "pocketfft"] = "auto"
    norm: Literal["backward", "ortho", "forward"] = "backward"
    type: Literal[1, 2, 3, 4] = 2


def prepare(inputs: TransformInputs, options: TransformOptions, _seed: int) -> Alone:
    """Validate; raises `Problem`."""
    kind = inputs.transform
    x = _read(inputs.x)
    if np.iscomplexobj(x) and kind in _REAL:
        text = f"{kind} takes real numbers"
        raise Problem("invalid_input", text, field="inputs.x", hint="fft takes complex ones")
    if not -x.ndim <= inputs.axis < x.ndim:
        text, hint = f"there is no axis {inputs.axis}", f"{-x.ndim} to {x.ndim - 1}"
        raise Problem("invalid_input", text, field="inputs.axis", hint=hint)
    if not (0 < inputs.spacing < math.inf and math.isfinite(1.0 / inputs.spacing)):
        raise Problem("invalid_input", "not a distance", field="inputs.spacing", hint="a number above 0")
    if kind in _MANY:
        if inputs.n is not None or inputs.axis != -1:
            field = "inputs.n" if inputs.n is not None else "inputs.axis"
            raise Problem("invalid_input", f"{kind} has no such choice", field=field, hint="leave it out")
        if x.ndim < 2 and kind.endswith("2"):
            raise Problem("invalid_input", f"{kind} takes two dimensions or more", field="inputs.x", hint="use fft")
    length = _length(inputs, options, x)
    size = x.size // max(x.shape[inputs.axis], 1) * length if kind not in _MANY else x.size
    if max(size, x.size) > LENGTH_LIMIT:
        text, hint = f"{max(size, x.size)} values", f"at most {LENGTH_LIMIT}"
        raise Problem("budget_exceeded", text, field="inputs.x" if inputs.n is None else "inputs.n", hint=hint)

    def work(_watch: Watch, _kept: object) -> Outcome:
        return _transform(inputs, options, x, length)

    return Alone(f"scipy.fft.{kind}", work, 40.0 * size * (math.log2(max(size, 2)) + 3), memory=64 * size)


def _read(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"re", "im"}:
        re, im = (arrays.gate(value[part], f"inputs.x.{part}", ndim=_DIMENSIONS) for part in ("re", "im"))
        if re.shape != im.shape:
            text = f"re has shape {list(re.shape)}, im {list(im.shape)}"
            raise Problem("invalid_input", text, field="inputs.x.im", hint="the same shape")
        x = re + 1j * im
    else:
        x = arrays.gate(value, "inputs.x", ndim=_DIMENSIONS)
    if not x.size:
        raise Problem("invalid_input", "no values", field="inputs.x", hint="one at least")
    return x


def _length(inputs: TransformInputs, options: TransformOptions, x: Any) -> int:
    """The length of the transform along its axis."""
    kind = inputs.transform
    if kind in _MANY:
        axes = x.shape[-2:] if kind.endswith("2") else x.shape
        return math.prod(axes)
    least = 2 if kind in {"dct", "idct"} and options.type == 1 else 1
    here = x.shape[inputs.axis]
    length = inputs.n if inputs.n is not None else (2 * (here - 1) if kind == "irfft" else here)
    if length < least:
        field, hint = "inputs.x" if inputs.n is None else "inputs.n", f"{least} at least"
        raise Problem("invalid_input", f"the transform has length {length}", field=field, hint=hint)
    return length


def _transform(inputs: TransformInputs, options: TransformOptions, x: Any, length: int) -> Outcome:
    kind, axis, n = inputs.transform, inputs.axis, inputs.n
    if kind == "hilbert":
        made = scipy.signal.hilbert(x, N=n, axis=axis)
    elif kind in _WAVES:
        made = _WAVES[kind](x, type=options.type, n=n, axis=axis, norm=options.norm)
    elif kind in _MANY:
        made = _MANY[kind](x, norm=options.norm)
    else:
        made = _ONE[kind](x, n=n, axis=axis, norm=options.norm)
    outputs: dict[str, Any] = {"values": made}
    if kind in {"fft", "rfft"}:
        outputs["frequencies"] = (fft.fftfreq if kind == "fft" else fft.rfftfreq)(length, inputs.spacing)
    checks = _checks(inputs, options, x, made, length)
    diagnostics = Diagnostics(error_estimate=_error(inputs, options, x, length), method="pocketfft", checks=checks)
    return Outcome(outputs, f"scipy.fft.{kind}", compiled=True, diagnostics=diagnostics)


def _logical(kind: str, of: int, length: int) -> int:
    """The length of the Fourier transform that a cosine or sine transform of type `of` is a part of."""
    return 2 * (length + {("dct", 1): -1, ("dst", 1): 1}.get((kind[-3:], of), 0))


def _error(inputs: TransformInputs, options: TransformOptions, x: Any, length: int) -> float:
    kind = inputs.transform
    axes = (inputs.axis,) if kind not in _MANY else tuple(range(x.ndim))[-2 if kind.endswith("2") else 0 :]
    with np.errstate(over="ignore", under="ignore"):
        largest = float(np.abs(x).max(initial=0.0))
        norm = 0.0
        if largest > 0:  # scaled, so that no square overflows
            norm = largest * float(np.sqrt((np.abs(x / largest) ** 2).sum(axis=axes)).max())
    if kind == "hilbert":
        return 2 * _FACTOR * _UNIT * (math.log2(length) + 3) * 2.0 * norm
    whole = _logical(kind, options.type, length) if kind in _WAVES else length
    peak = math.sqrt(2 * whole) if kind in _WAVES or kind == "irfft" else math.sqrt(whole)
    if options.norm == "ortho":
        peak = math.sqrt(2.0)
    elif (options.norm == "backward") == (kind in _INVERSE):
        peak /= whole
    return _FACTOR * _UNIT * (math.log2(whole) + 3) * peak * norm + 5e-324 * whole


def _checks(inputs: TransformInputs, options: TransformOptions, x: Any, made: Any, length: int) -> list[Check]:
    """Parseval's identity, where the transform keeps the norm up to a known factor."""
    if inputs.transform not in {"fft", "ifft", "fft2", "ifft2", "fftn", "ifftn"} or inputs.n is not None:
        return []
    scale = {"ortho": 1.0, "backward": math.sqrt(length), "forward": 1.0 / math.sqrt(length)}[options.norm]
    if options.norm == "backward" and inputs.transform in _INVERSE:
        scale = 1.0 / scale
    elif options.norm == "forward" and inputs.transform in _INVERSE:
        scale = math.sqrt(length)
    before, after = _size(x), _size(made)
    return [Check("parseval", passed=bool(abs(after - scale * before) <= 1e-12 * scale * before))]


def _size(values: Any) -> float:
    largest = float(np.abs(values).max())
    return largest * float(np.linalg.norm((values / largest).ravel())) if largest else 0.0


TASK = alone.task(
    agent="special", name="transform", summary="Fourier, cosine, sine and Hilbert transforms of arrays.",
    inputs=TransformInputs, options=TransformOptions, methods=("pocketfft",),
    example={"x": [1.0, 2.0, 3.0, 4.0], "transform": "fft"}, prepare=prepare,
    repeats="inputs",
)  # fmt: skip
