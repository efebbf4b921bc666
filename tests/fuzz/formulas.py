"""Random formulas: some from the grammar, some of those mutated, some of loose tokens; and what holds for each.

What comes out is a `FormulaError` with a column in the text, or a program that has only known operations, in registers
that exist, made from known names, and whose outputs have their shape. Nothing takes longer than a bounded time.
"""

import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from native.formula import FUNCTIONS, FormulaError, Program, compile_program
from native.formula.graph import OPCODES

VARIABLES, PARAMETERS = ("x", "y", "größe"), ("k",)
SLOWEST_S = 2.0
"""Processor time that no input may take; the largest texts take about half a second."""
_ONE = [name for name, count in FUNCTIONS.items() if count == 1]
_SIGNS = ["+", "-", "*", "/", "%", "**", "<", "<=", ">", ">=", "==", "!=", " and ", " or "]
_LEAVES = ["x", "y", "größe", "k", "pi", "e", "0", "1", "2", "0.5", "3.25e-2", "1e308", "1e-320", "1e999", ".5", "7."]
_NOISE = [
    *"()+-*/%<>=!,.^&|~@#$?:;[]{}'\"\\`_ \t\n\r\x00\x7f²٣é中🙂\ud800\u200b\u0301", "**", "//", "==", "!=", "<=", ">=",
    "<>", ":=", "->", "...", "if", " else ", "lambda", "for", "in", "is", "not ", "None", "True", "__import__", "eval",
    "exec", "open", "os", ".real", "[0]", "x.y", "0x10", "1_0", "1j", "00", "1e", "1e+", "9" * 400, "((((", "))))",
    "where(", "min(", "sin", "gamma(", "%s", "{x}", "f'", "b'", "# ", "--", "xx", "X", "sin(", ",,",
]  # fmt: skip
_NAMES = {*VARIABLES, *PARAMETERS, *FUNCTIONS, "pi", "e", "and", "or", "not"}
_NUMBER = re.compile(r"(?<!\w)(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[^\W\d]\w*")
_POINTS = np.array([
    [0.0, -0.0, 1.0, -1.0, 0.5, np.inf, np.nan, 1e300],
    [2.0, -3.5, 1e-310, 7.0, -0.5, -np.inf, 1.0, -1e300],
    [-1.5, 0.25, 3.0, 100.0, -1e-5, 2.0, 170.5, 1.0],
    [1.0, 2.0, -2.0, 0.0, 1e10, -1.0, 0.3, 1.0],
])  # fmt: skip
_KINDS = (None, None, None, None, None, None, "gradient", "jacobian", "hessian_vector", "hessian")


def well_formed(rng: random.Random, depth: int) -> str:
    """A formula of the grammar."""
    pick = rng.random()
    if depth <= 0 or pick < 0.15:
        return rng.choice(_LEAVES)
    if pick < 0.55:
        return well_formed(rng, depth - 1) + rng.choice(_SIGNS) + well_formed(rng, depth - 1)
    if pick < 0.7:
        return f"({well_formed(rng, depth - 1)})"
    if pick < 0.85:
        return f"{rng.choice(_ONE)}({well_formed(rng, depth - 1)})"
    if pick < 0.9:
        return rng.choice(["-", "not "]) + well_formed(rng, depth - 1)
    name = rng.choice(["where", "min", "max", "atan2"])
    count = {"where": 3, "atan2": 2}.get(name) or rng.randint(2, 4)
    return f"{name}({','.join(well_formed(rng, depth - 1) for _ in range(count))})"


def mutated(rng: random.Random, text: str) -> str:
    """A text with a few places changed: cut out, put in, doubled, exchanged."""
    for _ in range(rng.randint(1, 3)):
        i = rng.randint(0, len(text))
        j = min(len(text), i + rng.randint(0, 6))
        pick = rng.random()
        if pick < 0.3:
            text = text[:i] + text[j:]
        elif pick < 0.75:
            text = text[:i] + rng.choice(_NOISE) + text[j:]
        elif pick < 0.85:
            text = text[:j] + text[i:]
        elif pick < 0.999:
            text = text[:i] + chr(rng.choice((rng.randint(0, 127), rng.randint(0, 0x10FFFF)))) + text[j:]
        else:
            text = text[:i] + text[i:j] * rng.randint(2, 3000) + text[j:]
    return text


def text(rng: random.Random) -> str:
    """One input."""
    pick = rng.random()
    if pick < 0.1:
        return "".join(
            rng.choice(_NOISE if rng.random() < 0.3 else _LEAVES + _SIGNS) for _ in range(rng.randint(0, 12))
        )
    made = well_formed(rng, rng.randint(1, 4))
    return made if pick < 0.5 else mutated(rng, made)


def violation(given: str, derivatives: str | None) -> tuple[str, str | None]:
    """Take the worker's road; gives what became of it, and what does not hold."""
    try:
        program = compile_program([given], VARIABLES, PARAMETERS, derivatives=derivatives)
        wrong = _wrong_names(given) or _wrong_code(program)
        return "accepted", wrong or _wrong_values(program)
    except FormulaError as error:
        fine = 1 <= error.column <= len(given) + 1 and len(str(error)) < 1000
        return "refused", None if fine else f"column {error.column} of {len(given)}: {str(error)[:200]}"
    except Exception as error:
        return "failed", repr(error)


def _wrong_names(given: str) -> str | None:
    unknown = set(_WORD.findall(_NUMBER.sub(" ", given))) - _NAMES
    return f"unknown names: {unknown}" if unknown else None


def _wrong_code(program: Program) -> str | None:
    code, last = program.code, program.n_registers
    if code.size and (code.min() < 0 or code[:, 0].max() >= len(OPCODES) or code[:, 1:].max() >= last):
        return "unknown operations or registers"
    if program.outputs.max(initial=0) >= last or program.outputs.size != sum(program.parts):
        return "unknown outputs"
    return None


def _wrong_values(program: Program) -> str | None:
    width = _POINTS.shape[1]
    made = program.evaluate(np.concatenate([_POINTS, np.ones((program.n_inputs - len(_POINTS), width))]))
    return None if made.shape == (sum(program.parts), width) and made.dtype == np.float64 else f"shape {made.shape}"


@dataclass
class Found:
    """How many inputs were accepted and refused, the slowest, and what did not hold."""

    counts: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    slowest: str = ""
    violations: list[tuple[str, str]] = field(default_factory=list)


def run(count: int, seed: int, found: Found | None = None) -> Found:
    """Try `count` inputs."""
    found = found or Found()
    rng = random.Random(seed)
    for _ in range(count):
        given, kind = text(rng), rng.choice(_KINDS)
        started = time.process_time()
        outcome, wrong = violation(given, kind)
        spent = time.process_time() - started
        found.counts[outcome] += 1
        if kind and outcome == "accepted":
            found.counts[kind] += 1
        if spent > found.slowest_s:
            found.slowest_s, found.slowest = spent, given
        if wrong is None and spent > SLOWEST_S:
            wrong = f"took {spent:.2f} s"
        if wrong is not None:
            found.violations.append((given[:1000], f"{wrong} ({kind})"))
    return found
