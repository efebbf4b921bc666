"""Transforms by their definition, summed directly for some of the numbers, and by going back for all of them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import fft

from agents import arrays
from agents.task import Watch
from agents.validate.findings import Claim, Road
from agents.validate.values import Numbers

_DIMENSIONS = (1, 2, 3, 4)
_SUMMED = 32
"""Numbers of the transform, along its axis, that are summed directly."""
_TERMS = 2_000_000
_LINES = 16
_UNIT = 2.0**-52


def transform(claim: Claim, watch: Watch) -> None:
    """Some values by the sum that defines them, and from all of them back to the input."""
    given, how = claim.inner.inputs, claim.inner.options
    kind, norm, of = given.get("transform", "fft"), how.get("norm", "backward"), int(how.get("type", 2))
    x, found = _read(given["x"]), claim.numbers("values")
    axis, n = int(given.get("axis", -1)), given.get("n")
    size = float(np.abs(x).max(initial=0.0))
    watch(0.3, "direct sums")
    if kind in {"fft2", "ifft2", "fftn", "ifftn"}:
        axes = tuple(range(x.ndim))[-2 if kind.endswith("2") else 0 :]
        _many(claim, x, found, axes, norm, inverse=kind.startswith("i"))
        return
    lines, values = np.moveaxis(x, axis, -1), np.moveaxis(found, axis, -1)
    lines, values = lines.reshape(-1, lines.shape[-1]), values.reshape(-1, values.shape[-1])
    length = int(n) if n is not None else (2 * (lines.shape[-1] - 1) if kind == "irfft" else lines.shape[-1])
    if kind != "irfft":
        lines = _fitted(lines, length)
    some = np.unique(np.linspace(0, len(lines) - 1, min(_LINES, len(lines))).astype(int))
    many = min(_SUMMED, max(2, _TERMS // length), values.shape[-1])
    places = np.unique(np.linspace(0, values.shape[-1] - 1, many).astype(int))
    made = _direct(kind, of, norm, lines[some], length, places)
    allowed = (claim.error or 0.0) + 8 * _UNIT * length * size
    how_far = float(np.abs(values[np.ix_(some, places)] - made).max(initial=0.0))
    claim.add("values", how_far, allowed, f"{len(some)} × {len(places)} numbers by the sum that defines them")
    watch(0.7, "back")
    _back(claim, kind, of, norm, lines, values, length)
    if "frequencies" in claim.outputs.numbers:
        step = 1.0 / (length * float(given.get("spacing", 1.0)))
        count = claim.numbers("frequencies").size
        places = np.arange(count)
        signed = places if kind == "rfft" else np.where(places < (length + 1) // 2, places, places - length)
        claim.agree("frequencies", signed * step, 4 * _UNIT * step * length, "whole numbers over the whole time")


def _read(value: Any) -> Numbers:
    if isinstance(value, Mapping) and set(value) == {"re", "im"}:
        return arrays.gate(value["re"], "inputs.x", ndim=_DIMENSIONS) + 1j * arrays.gate(
            value["im"], "inputs.x", ndim=_DIMENSIONS
        )
    return arrays.gate(value, "inputs.x", ndim=_DIMENSIONS)


def _fitted(lines: Numbers, length: int) -> Numbers:
    """Cut, or fill with zeros."""
    if lines.shape[-1] >= length:
        return lines[:, :length]
    return np.concatenate([lines, np.zeros((len(lines), length - lines.shape[-1]))], axis=1)


def _turns(products: Any, over: int) -> Numbers:
    """exp(-2πi p / over), with the whole turns taken out of the integers p first."""
    made: Numbers = np.exp(-2j * np.pi * ((products % over) / over))
    return made


def _direct(kind: str, of: int, norm: str, lines: Numbers, length: int, places: Any) -> Numbers:
    """The numbers at `places` of the transform of each line, by definition: (lines, places)."""
    j = np.arange(lines.shape[-1])
    if kind in {"fft", "rfft", "ifft"}:
        rows = _turns(np.outer(j, places), length)
        made = lines @ (rows.conj() if kind == "ifft" else rows)
        return made * _scale(norm, length, inverse=kind == "ifft")
    if kind == "irfft":
        half = _fitted(lines, length // 2 + 1)
        k = np.arange(half.shape[-1])
        twice = np.where((k == 0) | ((length % 2 == 0) & (k == length // 2)), 1.0, 2.0)
        made = ((half * twice) @ _turns(np.outer(k, places), length).conj()).real
        return made * _scale(norm, length, inverse=True)
    if kind == "hilbert":
        k = np.arange(length)
        twice = np.where((k == 0) | ((length % 2 == 0) & (k == length // 2)), 1.0, np.where(2 * k < length, 2.0, 0.0))
        kernel = fft.ifft(twice)  # the analytic signal is a convolution with it
        return np.stack([lines @ kernel[(place - j) % length] for place in places], axis=1)
    return lines @ _waves(kind, of, norm, length, places)


def _scale(norm: str, length: int, *, inverse: bool) -> float:
    if norm == "ortho":
        return float(length**-0.5)
    return 1.0 / length if (norm == "backward") == inverse else 1.0


_PARTNER = {1: 1, 2: 3, 3: 2, 4: 4}


def _waves(kind: str, of: int, norm: str, length: int, places: Any) -> Numbers:
    """Columns (length, places) of the matrix of a cosine or sine transform, as SciPy defines them."""
    inverse, sine = kind.startswith("i"), kind.endswith("dst")
    of = _PARTNER[of] if inverse else of
    n = np.arange(length)[:, None]
    k = np.asarray(places)[None, :]
    last = length - 1
    weight_in, weight_out = np.full(n.shape, 2.0), np.ones(k.shape)
    if sine:
        angle = {
            1: (n + 1) * (k + 1) / (length + 1), 2: (2 * n + 1) * (k + 1) / (2 * length),
            3: (2 * k + 1) * (n + 1) / (2 * length), 4: (2 * k + 1) * (2 * n + 1) / (4 * length),
        }[of]  # fmt: skip
        if of == 3:
            weight_in = np.where(n == last, 1.0, 2.0)
        whole = 2 * (length + 1) if of == 1 else 2 * length
        made = np.sin(np.pi * angle)
    else:
        angle = {
            1: n * k / max(last, 1), 2: (2 * n + 1) * k / (2 * length), 3: (2 * k + 1) * n / (2 * length),
            4: (2 * k + 1) * (2 * n + 1) / (4 * length),
        }[of]  # fmt: skip
        if of == 1:
            weight_in = np.where((n == 0) | (n == last), 1.0, 2.0)
        elif of == 3:
            weight_in = np.where(n == 0, 1.0, 2.0)
        whole = 2 * last if of == 1 else 2 * length
        made = np.cos(np.pi * angle)
    if norm == "ortho":
        half = math.sqrt(0.5)
        edge_in, edge_out = (n == (last if sine else 0)), (k == (last if sine else 0))
        if of == 1 and not sine:
            weight_in = np.where((n == 0) | (n == last), 2.0 * half, 2.0)
            weight_out = np.where((k == 0) | (k == last), half, 1.0)
        elif of == 2:
            weight_out = np.where(edge_out, half, 1.0)
        elif of == 3:
            weight_in = np.where(edge_in, 2.0 * half, 2.0)
        factor = whole**-0.5
    else:
        factor = 1.0 / whole if (norm == "backward") == inverse else 1.0
    table: Numbers = made * weight_in * weight_out * factor
    return table


def _back(claim: Claim, kind: str, of: int, norm: str, lines: Numbers, values: Numbers, length: int) -> None:
    """The inverse transform of the values is the input."""
    if kind == "irfft":
        half: Any = fft.rfft
        made, target = half(values, axis=-1, norm=norm), _fitted(lines, length // 2 + 1)
        target = np.where(_single(length), target.real, target)  # an imaginary part there has no effect
        back_scale = _scale(norm, length, inverse=False)
    elif kind == "hilbert":
        made, target, back_scale = values.real, lines, 1.0
        spectrum = np.abs(fft.fft(values, axis=-1))
        beyond = spectrum[:, (length // 2 + 1) :]
        rest = float(beyond.max(initial=0.0)) / max(float(spectrum.max(initial=0.0)), 1e-300)
        claim.add("values", rest, 1e-12 * length**0.5, "an analytic signal has no negative frequencies")
    elif kind in {"dct", "idct", "dst", "idst"}:
        back: Any = {"dct": fft.idct, "idct": fft.dct, "dst": fft.idst, "idst": fft.dst}[kind]
        made, target = back(values, type=of, axis=-1, norm=norm), lines
        back_scale = _scale(norm, 2 * length, inverse=not kind.startswith("i"))
    else:
        back = {"fft": fft.ifft, "ifft": fft.fft, "rfft": fft.irfft}[kind]
        made = back(values, n=length, axis=-1, norm=norm)
        target, back_scale = lines, _scale(norm, length, inverse=kind != "ifft")
    off = float(np.abs(made - target).max(initial=0.0))
    allowed = 64 * _UNIT * (math.log2(max(length, 2)) + 3) * float(np.linalg.norm(target, axis=-1).max(initial=0.0))
    allowed += length**0.5 * back_scale * (claim.error or 0.0) + 1e-300
    claim.add("values", off, allowed, "transformed back, beside the input")


def _single(length: int) -> Any:
    k = np.arange(length // 2 + 1)
    return (k == 0) | ((length % 2 == 0) & (k == length // 2))


def _many(claim: Claim, x: Numbers, found: Numbers, axes: tuple[int, ...], norm: str, *, inverse: bool) -> None:
    """Several axes: some numbers by the whole sum, and all of them back."""
    lengths = [x.shape[axis] for axis in axes]
    total = math.prod(lengths)
    blocks, values = x.reshape(-1, *lengths), found.reshape(-1, *lengths)
    some = np.unique(np.linspace(0, total - 1, min(_SUMMED, total)).astype(int))
    worst = 0.0
    for place in some:
        index = np.unravel_index(place, lengths)
        made: Any = blocks
        for length, k in zip(reversed(lengths), reversed(index), strict=True):
            turn = _turns(np.arange(length) * int(k), length)
            made = made @ (turn.conj() if inverse else turn)
        made = made * _scale(norm, total, inverse=inverse)
        worst = max(worst, float(np.abs(values[(slice(None), *index)] - made).max(initial=0.0)))
    size = float(np.abs(x).max(initial=0.0))
    claim.add("values", worst, (claim.error or 0.0) + 8 * _UNIT * total * size, f"{len(some)} numbers by the whole sum")
    other: Any = fft.fftn if inverse else fft.ifftn
    back = other(found, axes=axes, norm=norm)
    allowed = 64 * _UNIT * (math.log2(max(total, 2)) + 3) * float(np.linalg.norm(blocks.reshape(len(blocks), -1)))
    allowed += total**0.5 * _scale(norm, total, inverse=not inverse) * (claim.error or 0.0) + 1e-300
    claim.add("values", float(np.abs(back - x).max(initial=0.0)), allowed, "transformed back, beside the input")


ROADS: Mapping[tuple[str, str], Road] = {("special", "transform"): transform}
