"""Outputs as flat lists of numbers and words, whatever form they came in, and how far two of them are apart."""

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.outcome import Problem

Numbers = np.ndarray[Any, np.dtype[Any]]
_DEPTH = 64
_LEAVES = 200_000
_SIZE = 20_000_000
_NONFINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True, slots=True)
class Leaves:
    """What a value holds: arrays of numbers and single words (strings, booleans, null), by their paths."""

    numbers: dict[str, Numbers]
    words: dict[str, Any]


def leaves(value: Any, path: str, field: str) -> Leaves:
    """Flatten a value; raises `Problem` for what no result holds."""
    found = Leaves({}, {})
    _walk(value, path, found, field, 0)
    return found


def _walk(value: Any, path: str, found: Leaves, field: str, depth: int) -> None:
    if depth > _DEPTH or len(found.numbers) + len(found.words) > _LEAVES:
        raise Problem("budget_exceeded", "too deep or too many values", field=field, hint="a result as it was answered")
    if isinstance(value, Mapping):
        _walk_object(value, path, found, field, depth)
    elif isinstance(value, np.ndarray) and value.dtype.kind in "fiuc":
        found.numbers[path] = value
    elif isinstance(value, list | tuple | np.ndarray):
        items = value.tolist() if isinstance(value, np.ndarray) else value
        array = _stacked(items, field) if items and _is_array(items[0]) else _as_array(items)
        if array is not None:
            found.numbers[path] = array
        else:
            for i, item in enumerate(items):
                _walk(item, f"{path}[{i}]", found, field, depth + 1)
    elif isinstance(value, bool | np.bool_) or value is None:
        found.words[path] = None if value is None else bool(value)
    elif isinstance(value, str) and value not in _NONFINITE:
        found.words[path] = value
    else:
        found.numbers[path] = _number(value, f"{field}.{path}"[:200])


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or (isinstance(value, Mapping) and {"dtype", "shape"} <= value.keys())


def _stacked(items: Any, field: str) -> Numbers | None:
    """A list of real arrays of one shape as one array: in other forms it is nested lists; None for any other."""
    if not all(map(_is_array, items)) or len(items) > _LEAVES:
        return None
    found = [one if isinstance(one, np.ndarray) else _unpacked(one, field) for one in items]
    alike = all(one.dtype.kind in "fiu" and one.shape == found[0].shape for one in found)
    return np.stack(found).astype(float) if alike else None


def _walk_object(value: Mapping[str, Any], path: str, found: Leaves, field: str, depth: int) -> None:
    if {"dtype", "shape"} <= value.keys():
        found.numbers[path] = _unpacked(value, f"{field}.{path}"[:200])
    elif value.keys() == {"re", "im"}:
        parts = [leaves(value[name], "", field).numbers.get("") for name in ("re", "im")]
        if parts[0] is None or parts[1] is None or parts[0].shape != parts[1].shape:
            raise Problem("invalid_input", "not a complex number", field=f"{field}.{path}"[:200], hint="re and im")
        found.numbers[path] = parts[0] + 1j * parts[1]
    else:
        for name, item in value.items():
            _walk(item, f"{path}.{name}" if path else str(name), found, field, depth + 1)


def _number(value: Any, field: str) -> Numbers:
    if isinstance(value, complex | np.complexfloating):
        return np.array(complex(value))
    try:
        return np.array(float(_NONFINITE.get(value, value) if isinstance(value, str) else value))
    except (TypeError, ValueError, OverflowError):
        kind = type(value).__name__
        raise Problem("invalid_input", f"no result holds {kind}", field=field, hint="a result as answered") from None


def _as_array(value: list[Any] | tuple[Any, ...]) -> Numbers | None:
    """Nested lists of numbers as an array; None for anything else."""
    first: Any = value
    for _ in range(8):
        if not isinstance(first, list | tuple):
            break
        if not first:
            return np.array(value, dtype=float) if _only_lists(value) else None
        first = first[0]
    if isinstance(first, bool) or not isinstance(first, int | float | str | np.floating | np.integer):
        return None
    if isinstance(first, str) and first not in _NONFINITE:
        return None
    plain = _with_nonfinite(value, 0)
    try:
        array = np.array(plain)
    except (ValueError, OverflowError):
        return None
    return array.astype(float) if array.dtype.kind in "fiu" else None


def _only_lists(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, list | tuple) and not item for item in value)


def _with_nonfinite(value: Any, depth: int) -> Any:
    if depth > 8:
        return None
    if isinstance(value, list | tuple):
        if set(map(type, value)) <= {int, float}:
            return value
        return [_with_nonfinite(item, depth + 1) for item in value]
    return _NONFINITE.get(value, value) if isinstance(value, str) else value


def _unpacked(value: Mapping[str, Any], field: str) -> Numbers:
    try:
        dtype, shape = np.dtype(str(value["dtype"])), tuple(int(n) for n in value["shape"])
        raw = value.get("data")
        if raw is None:
            raw = base64.b64decode(value["base64"], validate=True)
        if dtype.kind not in "fiu" or math.prod(shape) > _SIZE or any(n < 0 for n in shape):
            raise ValueError
        return np.frombuffer(raw, dtype).reshape(shape).astype(float)
    except (KeyError, TypeError, ValueError, binascii.Error, OverflowError):
        hint = "keys dtype, shape and base64 (or data)"
        raise Problem("invalid_input", "not an array", field=field, hint=hint) from None


def apart(a: Numbers, b: Numbers) -> float:
    """The largest difference; infinite where shapes differ, or one is finite and the other is not."""
    if a.shape != b.shape:
        return math.inf
    if not a.size:
        return 0.0
    with np.errstate(all="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        difference = np.where(same, 0.0, np.abs(a - b))
    return math.inf if np.isnan(difference).any() else float(difference.max())


def size_of(a: Numbers) -> float:
    """The largest finite absolute value."""
    with np.errstate(all="ignore"):
        finite = np.abs(a[np.isfinite(a)]) if a.ndim else (np.abs(a) if np.isfinite(a) else np.zeros(()))
    return float(np.max(finite, initial=0.0))
