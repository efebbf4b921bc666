"""References: `{"$from": "step.outputs.path"}` and `{"$item": "path"}` in a step's inputs, found once, filled often."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from agents import arrays
from agents.outcome import Problem

ITEM = "item"
"""The source of `{"$item": …}`; no step may be called so."""
INDEX = "index"
"""The source of `{"$index": true}`: the place of the item, from 0."""
REFERENCES_LIMIT = 1000
"""Most references in one step."""
READABLE = ("outputs", "status", "error", "warnings", "diagnostics")
"""What of a step's result others may take: the rest differs from run to run."""
_DEPTH = 64
_PATH_LIMIT = 500
_PART = re.compile(r'\.([A-Za-z_][\w-]*)|\[(-?\d{1,9})\]|\[(\*)\]|\["([^"\]]{1,200})"\]')
_HEAD = re.compile(r"[A-Za-z_][\w-]*")
_SYNTAX = 'such as "fit.outputs.x[0]", \'uq.outputs.quantiles["0.5"]\', "sweep.outputs.items[*].value"'

Part = str | int
EVERY: Part = "*"
"""The part `[*]`: what follows is taken of every element."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What to take: from a step (or the item), along `parts`; `default` stands in for a step that has no outputs."""

    source: str
    parts: tuple[Part, ...]
    field: str
    default: Any = None
    has_default: bool = False

    @property
    def text(self) -> str:
        """As it was written."""
        return self.source + "".join(f"[{p}]" if isinstance(p, int) or p == EVERY else f".{p}" for p in self.parts)


Holes = Reference | Mapping[Any, "Holes"] | None
"""Where references lie in a value: a reference in its place, or the places below; None where there is none."""


def parse(text: Any, field: str) -> Reference:
    """Read a path such as `step.outputs.x[0]`; raises `Problem`."""
    if not isinstance(text, str) or not 0 < len(text) <= _PATH_LIMIT or (head := _HEAD.match(text)) is None:
        raise Problem("invalid_input", "not a path", field=field, hint=_SYNTAX)
    place, parts = head.end(), list[Part]()
    while place < len(text):
        part = _PART.match(text, place)
        if part is None:
            raise Problem(
                "invalid_input", f"not a path: column {place + 1} of {text[:80]!r}", field=field, hint=_SYNTAX
            )
        name, number, every, quoted = part.groups()
        parts.append(int(number) if number is not None else name or every or quoted)
        place = part.end()
    return Reference(head.group(), tuple(parts), field)


def find(value: Any, field: str) -> Holes:
    """Find the references in a value; raises `Problem` for one that cannot be read."""
    found = _find(value, field, 0)
    if sum(1 for _ in references(found)) > REFERENCES_LIMIT:
        hint = f"at most {REFERENCES_LIMIT}; [*] takes many at once"
        raise Problem("budget_exceeded", "too many references in one step", field=field, hint=hint)
    return found


def references(holes: Holes) -> Iterator[Reference]:
    """Iterate over the references among holes."""
    if isinstance(holes, Reference):
        yield holes
    elif holes is not None:
        for below in holes.values():
            yield from references(below)


def _find(value: Any, field: str, depth: int) -> Holes:
    if depth > _DEPTH:
        text = f"nested more than {_DEPTH} levels deep"
        raise Problem("invalid_input", text, field=field, hint="fewer levels")
    if isinstance(value, Mapping):
        special = value.keys() & {"$from", "$item", "$index"}
        if special:
            return _reference(value, field, special)
        below = {
            name: found for name, item in value.items() if (found := _find(item, f"{field}.{name}"[:200], depth + 1))
        }
    elif isinstance(value, list):
        if set(map(type, value)) <= {int, float, str}:
            return None
        below = {i: found for i, item in enumerate(value) if (found := _find(item, f"{field}[{i}]"[:200], depth + 1))}
    else:
        return None
    return below or None


def _reference(value: Mapping[str, Any], field: str, special: set[str]) -> Reference:
    if len(special) > 1 or not value.keys() <= special | {"default"}:
        text = f"keys {', '.join(map(str, list(value)[:5]))} beside a reference"
        raise Problem("invalid_input", text, field=field, hint='{"$from": "step.outputs.x"}, and "default" if any')
    kind = next(iter(special))
    if kind == "$index":
        return Reference(INDEX, (), field)
    text = value[kind]
    if kind == "$item":
        if not isinstance(text, str):
            raise Problem(
                "invalid_input", "not a path", field=field, hint='{"$item": ""} is the item, "a.b" a part of it'
            )
        reference = parse(ITEM + (text if text[:1] in {"", "["} else f".{text}"), field)
    else:
        reference = parse(text, field)
    if "default" not in value:
        return reference
    return Reference(reference.source, reference.parts, field, value["default"], has_default=True)


def fill(value: Any, holes: Holes, sources: Mapping[str, Any]) -> Any:
    """Put what the references say in their places; nothing of `value` is changed. Raises `Problem`."""
    if holes is None:
        return value
    if isinstance(holes, Reference):
        return take(holes, sources)
    copied = dict(value) if isinstance(value, Mapping) else list(value)
    for place, below in holes.items():
        copied[place] = fill(value[place], below, sources)
    return copied


def take(reference: Reference, sources: Mapping[str, Any]) -> Any:
    """Follow a reference; raises `Problem` (`invalid_input`) where it leads nowhere."""
    source = sources.get(reference.source)
    if reference.has_default and (source is None or (isinstance(source, Mapping) and source.get("outputs") is None)):
        return reference.default
    return _along(source, reference.parts, reference)


def _along(value: Any, parts: tuple[Part, ...], reference: Reference) -> Any:
    for place, part in enumerate(parts):
        if isinstance(value, np.ndarray):
            value = value.tolist()
        elif not isinstance(part, str) or part == EVERY:
            value = _unpacked(value, reference.field)
        if part == EVERY:
            if not isinstance(value, list):
                raise _nowhere(reference, f"[*] of {_kind(value)}", "a list")
            return [_along(item, parts[place + 1 :], reference) for item in value]
        if isinstance(part, int):
            if not isinstance(value, list):
                raise _nowhere(reference, f"[{part}] of {_kind(value)}", "a list or an array")
            if not -len(value) <= part < len(value):
                raise _nowhere(reference, f"no element [{part}]", f"there are {len(value)}")
            value = value[part]
        else:
            if not isinstance(value, Mapping):
                raise _nowhere(reference, f"{part!r} of {_kind(value)}", "an object")
            if part not in value:
                near = get_close_matches(part, [str(key) for key in list(value)[:500]], n=1)
                known = ", ".join(str(key) for key in list(value)[:20])
                raise _nowhere(
                    reference, f"there is no {part!r}", f"did you mean {near[0]!r}?" if near else f"there are: {known}"
                )
            value = value[part]
    return value


def _unpacked(value: Any, field: str) -> Any:
    """An array object as nested lists; raises `Problem` for one that is none, as an item may have it."""
    if not isinstance(value, Mapping) or "dtype" not in value or "shape" not in value:
        return value
    return arrays.from_object(value, field, kinds="fiub").tolist()


def elements(value: Any, field: str, limit: int) -> list[Any]:
    """Read what `foreach` runs over: a list, or an array along its first axis; raises `Problem`."""
    found = value.tolist() if isinstance(value, np.ndarray) else _unpacked(value, field)
    if not isinstance(found, list):
        raise Problem("invalid_input", f"foreach over {_kind(found)}", field=field, hint="a list or an array")
    if len(found) > limit:
        raise Problem("budget_exceeded", f"foreach over {len(found)} items", field=field, hint=f"at most {limit}")
    return found


def number(reference: Reference, sources: Mapping[str, Any]) -> float:
    """Follow a reference to a number; true and false count as 1 and 0."""
    value = take(reference, sources)
    return float(value) if isinstance(value, bool) else arrays.number(value, reference.field, infinite=True)


def _nowhere(reference: Reference, what: str, hint: str) -> Problem:
    return Problem("invalid_input", f"{reference.text!r} leads nowhere: {what}", field=reference.field, hint=hint)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)
