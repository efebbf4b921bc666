"""What surrogates are fitted to: samples of inputs and outputs, and the points at which to predict."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from agents import arrays
from agents.arrays import Array
from agents.outcome import Problem

DIMENSIONS_LIMIT = 100
OUTPUTS_LIMIT = 1000
PREDICTIONS_LIMIT = 100_000
NUMBERS_LIMIT = 1_000_000
"""Most numbers in `mean`: 8 MB."""
_LARGEST = 1e100
"""Beyond it squares overflow."""


@dataclass(frozen=True, eq=False, slots=True)
class Samples:
    """`x` (n, d) and `y` (n, m); `flat`: y came as (n), and so do predictions."""

    x: Array
    y: Array
    flat: bool


def read(x: Any, y: Any, *, least: int, most: int) -> Samples:
    """Read samples: at `least` so many, at `most` so many; x (n) is one dimension."""
    found, flat = read_inputs(x), False
    values = read_scaled(y, "inputs.y", (1, 2))
    if values.ndim == 1:
        values, flat = values[:, None], True
    if len(values) != len(found):
        text = f"{len(found)} rows in x, {len(values)} in y"
        raise Problem("invalid_input", text, field="inputs.y", hint="a row for each row of x")
    if not 0 < values.shape[1] <= OUTPUTS_LIMIT:
        text = f"{values.shape[1]} outputs"
        raise Problem("invalid_input", text, field="inputs.y", hint=f"1 to {OUTPUTS_LIMIT}")
    check_count(len(found), least, most)
    return Samples(found, values, flat)


def read_inputs(x: Any) -> Array:
    """Read `x` (n, d), or (n) for one dimension."""
    found = read_scaled(x, "inputs.x", (1, 2))
    if found.ndim == 1:
        found = found[:, None]
    if not 0 < found.shape[1] <= DIMENSIONS_LIMIT:
        text = f"{found.shape[1]} dimensions"
        raise Problem("invalid_input", text, field="inputs.x", hint=f"1 to {DIMENSIONS_LIMIT} numbers a row")
    return found


def check_count(n: int, least: int, most: int) -> None:
    """Refuse too few and too many samples."""
    if n < least:
        raise Problem("invalid_input", f"{n} samples are too few", field="inputs.x", hint=f"at least {least}")
    if n > most:
        raise Problem("budget_exceeded", f"{n} samples", field="inputs.x", hint=f"at most {most}")


def read_scaled(value: Any, field: str, ndim: int | tuple[int, ...]) -> Array:
    """Read an array whose squares are finite."""
    found = arrays.gate(value, field, ndim=ndim)
    if found.size and float(np.abs(found).max()) > _LARGEST:
        text = f"a number beyond {_LARGEST:g}"
        raise Problem("invalid_input", text, field=field, hint="scale the numbers")
    return found


def read_points(value: Any, field: str, dimensions: int, outputs: int) -> Array:
    """Read points (k, d); one dimension may come as (k), and one point as (d)."""
    return shape_points(read_scaled(value, field, (1, 2)), field, dimensions, outputs)


def shape_points(found: Array, field: str, dimensions: int, outputs: int) -> Array:
    """Give points their shape (k, d), within what a result can hold."""
    if found.ndim == 1:
        found = found[:, None] if dimensions == 1 else found[None, :]
    if found.shape[1] != dimensions:
        text = f"{found.shape[1]} numbers a point, the samples have {dimensions}"
        raise Problem("invalid_input", text, field=field, hint=f"(k, {dimensions})")
    if len(found) > PREDICTIONS_LIMIT or len(found) * outputs > NUMBERS_LIMIT:
        text = f"{len(found)} points with {outputs} outputs each"
        hint = f"at most {PREDICTIONS_LIMIT} points and {NUMBERS_LIMIT} numbers"
        raise Problem("budget_exceeded", text, field=field, hint=hint)
    return found


def repeated(x: Array) -> tuple[int, int] | None:
    """Find two rows of x that are the same, the first such pair."""
    _, first, inverse = np.unique(x, axis=0, return_index=True, return_inverse=True)
    origin = first[inverse.reshape(-1)]
    again = np.flatnonzero(origin != np.arange(len(x)))
    return (int(origin[again[0]]), int(again[0])) if again.size else None


def check_varies(y: Array, field: str = "inputs.y") -> None:
    """Refuse outputs without any variation: nothing can be learnt of how they vary."""
    if float(np.ptp(y, axis=0).min()) < 1.0 / _LARGEST:
        raise Problem(
            "invalid_input", "y is constant: how it varies cannot be fitted", field=field,
            hint="samples that differ, or hyperparameters of your own",
        )  # fmt: skip
