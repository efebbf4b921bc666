"""Values between a program and the topics: NumPy arrays to the contract's forms, and back (contracts, section 1).

Out: an array is `{"dtype", "shape", "base64"}`, a complex one `{"re", "im"}` of two, a number not finite a string.
In: lists of numbers and array objects become arrays, the three strings floats again.
"""

import base64
import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_REAL = "fiu"
_KINDS = "fiub"
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_OBJECT_KEYS = ({"dtype", "shape", "base64"}, {"dtype", "shape", "data"})


def encode(value: Any) -> bytes:
    """Write a request as JSON.

    Raises:
        TypeError: something in it is neither plain data nor an array of numbers.
        ValueError: a text in it is no Unicode, or an integer has more than 64 bits (`OverflowError`).
        RecursionError: it is nested without end.

    """
    encoded = _encoder.encode(value)
    if b"null" in encoded:  # as the encoder writes a number that is not finite, too
        encoded = _encoder.encode(_spell_out(value))
    return encoded


def _convert(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _array_object(value)
    if isinstance(value, np.generic):
        return _spell_out(value.item())
    if isinstance(value, complex):
        return {"re": _spell_out(value.real), "im": _spell_out(value.imag)}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is neither plain data nor an array of numbers")


_encoder = msgspec.json.Encoder(enc_hook=_convert)


def _spell_out(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, msgspec.Struct):
        return {name: _spell_out(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {name: _spell_out(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_spell_out(item) for item in value]
    return value


def _array_object(value: Array) -> dict[str, Any]:
    if value.dtype.kind == "c":
        return {"re": _array_object(value.real), "im": _array_object(value.imag)}
    if value.dtype.kind not in _REAL:
        raise TypeError(f"an array of {value.dtype} is no array of numbers")
    little = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
    text = base64.b64encode(little.tobytes()).decode("ascii")
    return {"dtype": little.dtype.str, "shape": list(value.shape), "base64": text}


def decode(value: Any) -> Any:
    """Turn an answer's plain data into arrays, floats and complex numbers; arrays are fresh and writable.

    A list of numbers is an array, a rectangular list of lists one of more dimensions, a ragged one a list of arrays.

    Raises:
        ValueError: an array object's bytes do not fill its shape, or its type is none of numbers.

    """
    if type(value) is str:
        return _NON_FINITE.get(value, value)
    if type(value) is dict:
        if value.keys() in _OBJECT_KEYS:
            return _from_object(value)
        decoded = {name: decode(item) for name, item in value.items()}
        return _complex(decoded) if value.keys() == {"re", "im"} else decoded
    return _from_list(value) if type(value) is list else value


def _from_list(value: list[Any]) -> Any:
    kinds = set(map(type, value))
    if kinds <= {int, float}:
        return _numbers(value)
    if kinds == {bool}:
        return np.array(value)
    items = [decode(item) for item in value]
    if kinds == {list}:
        return _stack(items)
    if kinds <= {int, float, str} and all(type(item) in {int, float} for item in items):
        return _numbers(items)
    return items


def _numbers(value: list[Any]) -> Any:
    if not value:
        return np.empty(0)
    try:
        return np.array(value, dtype=np.int64 if all(type(item) is int for item in value) else np.float64)
    except OverflowError:
        return np.array(value, dtype=object)  # integers of more than 64 bits, which nobody may round


def _stack(items: list[Any]) -> Any:
    first = items[0]
    if all(isinstance(item, np.ndarray) and item.dtype != object and item.shape == first.shape for item in items):
        return np.array(items)
    return items


def _complex(value: dict[str, Any]) -> Any:
    real, imaginary = value["re"], value["im"]
    if isinstance(real, np.ndarray) and isinstance(imaginary, np.ndarray) and real.shape == imaginary.shape:
        found = np.empty(real.shape, dtype=np.complex128)
        found.real, found.imag = real, imaginary  # a product with 1j would make NaN of an infinite part
        return found
    if isinstance(real, int | float) and isinstance(imaginary, int | float):
        return complex(real, imaginary)
    return value


def _from_object(value: Mapping[str, Any]) -> Array:
    dtype = np.dtype(str(value["dtype"]))
    if dtype.kind not in _KINDS:
        raise ValueError(f"{value['dtype']!r} is no type of numbers")
    shape = value["shape"]
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"{shape!r} is no shape")
    raw = value["data"] if "data" in value else base64.b64decode(value["base64"], validate=True)
    if len(raw) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(raw)} bytes do not fill shape {shape} of {dtype.str}")
    return np.frombuffer(raw, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="))
