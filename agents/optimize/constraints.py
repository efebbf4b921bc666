"""Constraints as text: one comparison each, `"x*y >= 25"`, `"x + y == 1"`, also `<=`."""

import re
from dataclasses import dataclass

from agents.outcome import Problem

_SIGN = re.compile(r"<=|>=|==|!=|<|>|[()]|\band\b|\bor\b|\bnot\b")
_HINT = 'one comparison, such as "x*y >= 25", "x + y <= 1" or "x == 2*y"'
_LIMIT = 5000


@dataclass(frozen=True)
class Constraint:
    """`formula` is left minus right; times `sign` it is to be 0 (`equality`) or not negative."""

    formula: str
    equality: bool
    sign: float


def read(texts: list[str], field: str) -> list[Constraint]:
    """Read constraints; raises `Problem`."""
    if len(texts) > _LIMIT:
        raise Problem("budget_exceeded", f"{len(texts)} constraints", field=field, hint=f"at most {_LIMIT}")
    return [_read(text, f"{field}[{i}]") for i, text in enumerate(texts)]


def equation(text: str, field: str) -> str:
    """Read what is to be zero: a formula, or two with == between them; raises `Problem`."""
    if not _signs(text):
        return text
    one = _read(text, field)
    if not one.equality:
        raise Problem("invalid_formula", "an inequality is no equation", field=field, hint='"x**2 + y - 1", or with ==')
    return one.formula


def _signs(text: str) -> list[re.Match[str]]:
    """Comparisons and logical words outside parentheses."""
    depth = 0
    found: list[re.Match[str]] = []
    for sign in _SIGN.finditer(text):
        if sign[0] in "()":
            depth += 1 if sign[0] == "(" else -1
        elif depth == 0:
            found.append(sign)
    return found


def _read(text: str, field: str) -> Constraint:
    found = _signs(text)
    if len(found) != 1 or found[0][0] in {"and", "or", "not", "!="}:
        what = "no comparison" if not found else "not one comparison"
        raise Problem("invalid_formula", what, field=field, hint=_HINT)
    sign = found[0]
    if sign[0] in {"<", ">"}:
        text = f"column {sign.start() + 1}: {sign[0]} leaves the border out"
        raise Problem("invalid_formula", text, field=field, hint=f"write {sign[0]}=")
    left, right = text[: sign.start()], text[sign.end() :]
    if not left.strip() or not right.strip():
        raise Problem("invalid_formula", f"column {sign.start() + 1}: a side is missing", field=field, hint=_HINT)
    # two characters for two: columns in errors stay those of the text
    return Constraint(f"{left}-({right})", sign[0] == "==", -1.0 if sign[0] == "<=" else 1.0)
