"""From a request's plain mapping to a task's struct: unknown keys name the nearest valid one."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec

from agents.outcome import Problem

T = TypeVar("T", bound=msgspec.Struct)


def read(values: Mapping[str, Any], shape: type[T], where: str) -> T:
    """Read `values` as `shape`; raises `Problem` (`invalid_input`) with the path below `where`."""
    if not values.keys() <= _names(shape):
        unknown = str(next(key for key in values if key not in _names(shape)))[:80]
        raise Problem(
            "invalid_input",
            f"unknown key {str(unknown)[:80]!r}",
            field=f"{where}.{str(unknown)[:80]}",
            hint=_nearest(unknown, shape),
        )
    try:
        return msgspec.convert(values, shape)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        field = where + path.rstrip("`")
        if "missing required field" in message:
            name = message.split("`")[1]
            field = f"{where}{path.rstrip('`')}.{name}"
            message = f"{name!r} is missing"
        raise Problem("invalid_input", message, field=field, hint=f"keys: {', '.join(sorted(_names(shape)))}") from None


_NAMES: dict[type[msgspec.Struct], frozenset[str]] = {}


def _names(shape: type[msgspec.Struct]) -> frozenset[str]:
    found = _NAMES.get(shape)
    if found is None:
        found = _NAMES[shape] = frozenset(shape.__struct_encode_fields__)
    return found


def _nearest(name: str, shape: type[msgspec.Struct]) -> str:
    near = get_close_matches(name, _names(shape), n=1)
    return f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(sorted(_names(shape)))}"
