"""Boundary conditions as texts: `y(0) - 1`, where `y(0)` stands for y at an end of the range."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import product
from string import ascii_lowercase, digits

from agents import formulas
from agents.outcome import Problem
from native.formula import Program

_VALUE = re.compile(r"(?<!\w)(?P<name>[^\W\d]\w*+)\s*+\((?P<place>[^()]*+)\)")
"""Possessive, and from a word's first letter alone: no text, however long, is gone through again and again."""
_NUMBER = re.compile(r"(?P<sign>[-+]?)\s*(?P<size>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)")
_CLOSE = 1e-9
"""Of the range: how near an end a place is that means this end."""


def compile_conditions(
    texts: Sequence[str],
    names: Sequence[str],
    unknown: Sequence[str],
    fixed: Collection[str],
    ends: tuple[float, float],
) -> Program:
    """Compile conditions, each to be zero, with their derivatives; raises `Problem`.

    The inputs are the values at the first end, at the second, the unknown parameters, then the fixed ones; the outputs
    are the conditions, then their derivatives by the values and the unknown parameters, row by row. `a == b` is a - b.
    """
    first, second = _endings(names, {*names, *unknown, *fixed})
    written: dict[str, str] = {}
    for i, text in enumerate(texts):
        field = f"inputs.boundary[{i}]"
        written[field] = _balanced(_with_names(text, field, names, (first, second), ends))
    variables = (*(f"{name}{first}" for name in names), *(f"{name}{second}" for name in names), *unknown)
    try:
        return formulas.compiled(written, variables, tuple(fixed), jacobian=True)
    except Problem as problem:
        problem.hint = f"such as {names[0]}({ends[0]:g}) - 1: {names[0]} at x = {ends[0]:g}, an end of x_span"
        raise


def _with_names(
    text: str, field: str, names: Collection[str], endings: tuple[str, str], ends: tuple[float, float]
) -> str:
    """Write a name, as long as what it replaces, for each value at an end: the columns in errors stay right."""

    def name_of(found: re.Match[str]) -> str:
        if found["name"] not in names:
            return found[0]
        place = _number(found["place"])
        near = [abs(place - end) <= _CLOSE * abs(ends[1] - ends[0]) for end in ends]
        if not any(near):
            text = f"{found[0][:80]!r} is at neither end of x_span"
            hint = f"{found['name']}({ends[0]:.17g}) or {found['name']}({ends[1]:.17g})"
            raise Problem("invalid_input", text, field=field, hint=hint)
        return f"{found['name']}{endings[near.index(True)]}".ljust(len(found[0]))

    return _VALUE.sub(name_of, text)


def _number(text: str) -> float:
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return float("nan")
    return -float(found["size"]) if found["sign"] == "-" else float(found["size"])


def _balanced(text: str) -> str:
    left, equal, right = text.partition("==")
    return f"{left}-({right})" if equal and "==" not in right else text


def _endings(names: Sequence[str], taken: Collection[str]) -> tuple[str, str]:
    """Two endings of two characters that make new names of all `names`."""
    free = (ending for ending in _candidates() if not any(f"{name}{ending}" in taken for name in names))
    return next(free), next(free)


def _candidates() -> Iterator[str]:
    return (f"_{one}" if not two else f"{one}{two}" for two, one in product(("", *digits), digits + ascii_lowercase))
