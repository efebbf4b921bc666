"""From a request's plain mapping to a task's struct: unknown keys name the nearest valid one."""

import math
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec

from agents.outcome import Problem

T = TypeVar("T", bound=msgspec.Struct)


def chosen(in_inputs: str | None, in_options: str, default: str, name: str) -> str:
    """Decide what was chosen: in `inputs.<name>`, in `options.method`, where "auto" is no choice, or nowhere."""
    if in_inputs is not None and in_options not in {"auto", in_inputs}:
        text = f"inputs.{name} is {in_inputs!r}, options.method is {in_options!r}"
        raise Problem("invalid_input", text, field="options.method", hint=f"choose once: leave out inputs.{name}")
    if in_inputs is not None:
        return in_inputs
    return default if in_options == "auto" else in_options


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
        found = msgspec.convert(values, shape)
    except msgspec.ValidationError as error:
        message, path = _parted(error)
        if _SOME_KEY in path:
            path = _named(values, shape, path)
        field, (inner, few) = where + path, _within(shape, path)
        hint = f"keys: {', '.join(sorted(_names(inner)))}"
        if "missing required field" in message:
            name = message.split("`")[1]
            field = f"{field}.{name}"
            message = f"{name!r} is missing"
        elif "unknown field" in message:
            name = message.split("`")[1][:80]
            field = f"{field}.{name}"
            message = f"unknown key {name!r}"
            hint = _nearest(name, inner)
        elif few:
            hint = f"one of {', '.join(map(str, few))}"
        raise Problem("invalid_input", message, field=field, hint=hint) from None
    for name in shape.__struct_fields__:  # msgpack has them; in JSON they are strings
        value = getattr(found, name)
        if type(value) is float and not math.isfinite(value):
            raise Problem("invalid_input", "not a finite number", field=f"{where}.{name}", hint="a finite number")
    return found


_SOME_KEY = "[...]"
"""What msgspec writes for the key of a mapping."""
_KEYS_TRIED = 1000
_LONGEST = 200


def _parted(error: msgspec.ValidationError) -> tuple[str, str]:
    message, _, path = str(error).rpartition(" - at `$") if " - at `$" in str(error) else (str(error), "", "")
    if len(message) > _LONGEST:  # it repeats what was given
        message = f"{message[:_LONGEST]}…"
    return message, path.rstrip("`")


def _named(values: Mapping[str, Any], shape: type[msgspec.Struct], path: str) -> str:
    """Say which key of a mapping is wrong, by reading the mapping one key at a time."""
    before, _, after = path.partition(_SOME_KEY)
    name = before.lstrip(".")
    inner = values.get(name)
    if not isinstance(inner, Mapping):
        return path
    for key in list(inner)[:_KEYS_TRIED]:
        try:
            msgspec.convert({**values, name: {key: inner[key]}}, shape)
        except msgspec.ValidationError as error:
            _, again = _parted(error)
            return f"{before}.{str(key)[:80]}{again.removeprefix(before).removeprefix(_SOME_KEY)}"
    return before + after


_STEP = re.compile(r"\.([^.\[]+)|\[\d+\]")


def _within(shape: type[msgspec.Struct], path: str) -> tuple[type[msgspec.Struct], Sequence[Any]]:
    """Return the struct at a path below `shape`, or the last one on the way; and the values there, where few may be."""
    found: Any = msgspec.inspect.type_info(shape)
    for step in _STEP.finditer(path):
        inner: Any = None
        for one in found.types if isinstance(found, msgspec.inspect.UnionType) else (found,):
            if isinstance(one, msgspec.inspect.StructType):
                shape = one.cls
                inner = next((each.type for each in one.fields if each.encode_name == step[1]), inner)
            elif isinstance(one, msgspec.inspect.DictType):
                inner = one.value_type
            elif isinstance(one, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
                inner = one.item_type
        found = inner
    ends = found.types if isinstance(found, msgspec.inspect.UnionType) else (found,)
    few = next((one.values for one in ends if isinstance(one, msgspec.inspect.LiteralType)), ())
    return next((one.cls for one in ends if isinstance(one, msgspec.inspect.StructType)), shape), few


_NAMES: dict[type[msgspec.Struct], frozenset[str]] = {}


def _names(shape: type[msgspec.Struct]) -> frozenset[str]:
    found = _NAMES.get(shape)
    if found is None:
        found = _NAMES[shape] = frozenset(shape.__struct_encode_fields__)
    return found


def _nearest(name: str, shape: type[msgspec.Struct]) -> str:
    near = get_close_matches(name, _names(shape), n=1)
    return f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(sorted(_names(shape)))}"
