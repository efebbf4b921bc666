"""Fitted surrogates as plain data: bytes that are kept by their content's hash, and read back as hostile input.

A surrogate is a mapping with `kind` and `version`; arrays are the contract's array objects. What is stored are samples
or coefficients with hyperparameters, never factors: a surrogate that can be read is a surrogate that makes sense.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec
import numpy as np

from agents import arrays
from agents.arrays import Array
from agents.outcome import Problem
from agents.task import Watch

VERSION = 1
BYTES_LIMIT = 64 * 2**20


class Prediction(msgspec.Struct, frozen=True):
    """`mean` (k, m) or (k) at k points, `std` alike where the surrogate knows it, and a bound of the mean's error."""

    mean: Array
    std: Array | None
    bound: float | None
    warnings: list[str] = []


class Surrogate(Protocol):
    """A fitted surrogate."""

    @property
    def dimensions(self) -> int:
        """Numbers a point has."""

    @property
    def outputs(self) -> int:
        """Numbers that are predicted at a point."""

    @property
    def cost(self) -> float:
        """Operations a point, and what is needed before the first, together for a thousand points."""

    def plain(self) -> dict[str, Any]:
        """Give the data, arrays as arrays, without kind and version."""

    def predict(self, points: Array, watch: Watch) -> Prediction:
        """Predict at points (k, d)."""


Reader = Callable[[Mapping[str, Any], str], Surrogate]


def plain(kind: str, surrogate: Surrogate) -> dict[str, Any]:
    """Give a surrogate as a result shows it."""
    return {"kind": kind, "version": VERSION, **surrogate.plain()}


def pack(kind: str, surrogate: Surrogate) -> tuple[str, bytes]:
    """Give a surrogate's id and bytes; the same content gives the same of both."""
    data = msgspec.msgpack.encode(plain(kind, surrogate), enc_hook=_array)
    return f"sur-{hashlib.sha256(data).hexdigest()[:32]}", data


def unpack(data: bytes, field: str) -> Any:
    """Decode a surrogate's bytes; what they hold is yet to be validated."""
    if len(data) > BYTES_LIMIT:
        raise Problem("budget_exceeded", f"{len(data)} bytes", field=field, hint=f"at most {BYTES_LIMIT}")
    try:
        return msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem("invalid_input", "not a surrogate", field=field, hint="fit it again") from None


def read(value: Any, field: str, readers: Mapping[str, Reader]) -> Surrogate:
    """Validate a surrogate, from outside or from bytes."""
    hint = "the whole surrogate as return_model gave it"
    if not isinstance(value, Mapping):
        raise Problem("invalid_input", "not a surrogate", field=field, hint=hint)
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in readers:
        raise Problem("invalid_input", "no such kind", field=f"{field}.kind", hint=f"known: {', '.join(readers)}")
    version = value.get("version")
    if type(version) is not int or version != VERSION:
        text = f"version {str(version)[:20]}, expected {VERSION}"
        raise Problem("invalid_input", text, field=f"{field}.version", hint="fit it again")
    return readers[kind]({key: one for key, one in value.items() if key not in {"kind", "version"}}, field)


class Fields:
    """The fields of a surrogate that is read: each is asked for by its type."""

    def __init__(self, values: Mapping[str, Any], names: tuple[str, ...], field: str) -> None:
        for name in values:
            if name not in names:
                where = f"{field}.{str(name)[:80]}"
                raise Problem("invalid_input", "unknown key", field=where, hint=f"known: {', '.join(names)}")
        for name in names:
            if name not in values:
                raise Problem("invalid_input", "missing", field=f"{field}.{name}", hint="the whole surrogate")
        self._values = values
        self._field = field

    def array(self, name: str, ndim: int | tuple[int, ...]) -> Array:
        """Read an array, of magnitudes whose squares are finite."""
        found = arrays.gate(self._values[name], self.where(name), ndim=ndim)
        if found.size and float(np.abs(found).max()) > 1e100:
            raise self.wrong(name, "beyond 1e100")
        return found

    def number(self, name: str, low: float, high: float) -> float:
        """Read a number within bounds."""
        found = arrays.number(self._values[name], self.where(name))
        if not low <= found <= high:
            raise self.wrong(name, f"not within {low:g} to {high:g}")
        return found

    def whole(self, name: str, low: int, high: int) -> int:
        """Read an integer within bounds."""
        found = self._values[name]
        if type(found) is not int or not low <= found <= high:
            raise self.wrong(name, f"not an integer of {low} to {high}")
        return found

    def choice(self, name: str, known: tuple[str, ...]) -> str:
        """Read one of several words."""
        found = self._values[name]
        if not isinstance(found, str) or found not in known:
            raise self.wrong(name, f"not one of {', '.join(known)}")
        return found

    def flag(self, name: str) -> bool:
        """Read true or false."""
        found = self._values[name]
        if not isinstance(found, bool):
            raise self.wrong(name, "not true or false")
        return found

    def where(self, name: str) -> str:
        """Path of a field."""
        return f"{self._field}.{name}"

    def wrong(self, name: str, text: str) -> Problem:
        """Say that a field is wrong."""
        return Problem("invalid_input", text, field=self.where(name), hint="the whole surrogate as it was given")


def _array(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.str, "shape": list(value.shape), "data": value.tobytes()}
    raise TypeError(type(value))
