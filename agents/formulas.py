"""From names, numbers and formulas of a request to a compiled program; what is wrong becomes a `Problem`."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from agents import arrays
from agents.outcome import Problem
from native.formula import Derivatives, FormulaError, Program, compile_program, is_name

_NAME = "a letter or _, then letters, digits and _; no function, constant or word of the grammar"

_GRAMMAR = "numbers, names, + - * / ** %, comparisons, and, or, not, where(c, a, b), and functions such as sin(x)"


def numbers(values: Mapping[str, Any], field: str) -> dict[str, float]:
    """Read named finite numbers."""
    return {name: arrays.number(value, f"{field}.{name[:80]}") for name, value in values.items()}


def check_variable(name: str, field: str) -> None:
    """Refuse what cannot be a variable's name."""
    if not is_name(name):
        raise Problem("invalid_input", f"{name[:80]!r} cannot be a name here", field=field, hint=_NAME)


def check_names(names: Collection[str], field: str, *, taken: Mapping[str, str]) -> None:
    """Refuse names that no variable can have, and those that are `taken`: name → what it is already."""
    for name in names:
        where = f"{field}.{name[:80]}"
        if name in taken:
            raise Problem("invalid_input", f"{name!r} is {taken[name]}", field=where, hint="choose another name")
        check_variable(name, where)


def check_same(names: Collection[str], wanted: Collection[str], field: str) -> None:
    """Refuse unknown names, and those that are missing."""
    for name in names:
        if name not in wanted:
            near = get_close_matches(name[:100], list(wanted)[:500], n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(list(wanted)[:50])}"
            raise Problem(
                "invalid_input", f"no variable is called {name[:80]!r}", field=f"{field}.{name[:80]}", hint=hint
            )
    for name in wanted:
        if name not in names:
            raise Problem("invalid_input", f"{name!r} is missing", field=f"{field}.{name}", hint="a number for each")


def compiled(
    formulas: Mapping[str, str], variables: Collection[str], parameters: Collection[str], *,
    derivatives: Derivatives | None = None, jacobian: bool = False,
) -> Program:  # fmt: skip
    """Compile formulas, named by their fields; a program compiled lately is not compiled again.

    `derivatives` are added as the table in `native.formula.program` says; `jacobian` is the same as "gradient".
    """
    try:
        return compile_program(
            tuple(formulas.values()), tuple(variables), tuple(parameters), derivatives=derivatives, jacobian=jacobian,
            names=tuple(formulas),
        )  # fmt: skip
    except FormulaError as error:
        raise problem_of(error) from None


def problem_of(error: FormulaError) -> Problem:
    """A formula's error as a problem: `invalid_formula`, with the column in its message."""
    return Problem("invalid_formula", str(error), field=error.name or None, hint=error.hint or _GRAMMAR)
