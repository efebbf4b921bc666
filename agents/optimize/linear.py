"""Linear programs: read from linear formulas or from matrices in SciPy's form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from agents import arrays, formulas
from agents.arrays import Array
from agents.optimize import boxes, constraints
from agents.optimize.structure import dependencies, is_smooth
from agents.outcome import Problem
from native.formula import FUNCTIONS, Program

VARIABLES_LIMIT = 20_000
ENTRIES_LIMIT = 5_000_000
_DENSE_LIMIT = 10_000
_WORD = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?P<name>[^\W\d]\w*)")
_NO_NAMES = {"pi", "e", "and", "or", "not"}
MATRICES = ("c", "a_ub", "b_ub", "a_eq", "b_eq")

Indices = np.ndarray[Any, np.dtype[np.integer[Any]]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, eq=False)
class LinearProgram:
    """minimise sign·(c·x) + offset so that rows·x <= right, or = where `equality`; low <= x <= high.

    `c` has the sign of a minimisation already. Rows are in the order in which they were given, those of >= turned round
    (`turned`); few entries are kept dense, as sparse ones cost more to begin with. `names` is None for matrices.
    """

    names: tuple[str, ...] | None
    c: Array
    rows: csr_array | Array
    right: Array
    equality: Mask
    turned: Mask
    low: Array
    high: Array
    integers: Mask
    offset: float
    sign: float

    @property
    def n(self) -> int:
        """How many variables there are."""
        return len(self.c)

    @property
    def entries(self) -> int:
        """How many coefficients there are."""
        return self.rows.size if isinstance(self.rows, np.ndarray) else int(self.rows.nnz)

    def dense(self, chosen: Indices) -> Array:
        """Return some of the rows."""
        part = self.rows[chosen]
        return part if isinstance(part, np.ndarray) else np.asarray(part.todense())

    def slack(self, x: Array) -> Array:
        """Right minus left of each row."""
        return np.asarray(self.right - self.rows @ x)

    def scales(self, x: Array) -> Array:
        """How large the terms of each row are."""
        return np.asarray(abs(self.rows) @ np.abs(x) + np.abs(self.right))


def read(inputs: Any, *, integers: bool) -> LinearProgram:
    """Read the one form or the other; raises `Problem`."""
    given = [name for name in MATRICES if getattr(inputs, name) is not None]
    if inputs.objective is not None and given:
        text = f"both formulas and {given[0]}"
        raise Problem("invalid_input", text, field=f"inputs.{given[0]}", hint="objective and constraints, or matrices")
    if inputs.objective is None:
        if inputs.c is None:
            hint = 'objective ("3*x + 2*y") and constraints, or c, a_ub, b_ub, a_eq, b_eq'
            raise Problem("invalid_input", "there is no objective", field="inputs.objective", hint=hint)
        return _of_matrices(inputs, integers=integers)
    return _of_formulas(inputs, integers=integers)


def _of_formulas(inputs: Any, *, integers: bool) -> LinearProgram:
    if integers and inputs.integrality is not None:
        hint = "integers: [names]"
        raise Problem("invalid_input", "integrality goes with matrices", field="inputs.integrality", hint=hint)
    limits = constraints.read(inputs.constraints, "inputs.constraints")
    formulas.check_names(inputs.parameters, "inputs.parameters", taken={})
    parameters = formulas.numbers(inputs.parameters, "inputs.parameters")
    texts = {"inputs.objective": inputs.objective}
    texts |= {f"inputs.constraints[{i}]": one.formula for i, one in enumerate(limits)}
    names = _names_in(texts.values(), parameters)
    if not isinstance(inputs.bounds, Mapping):
        raise Problem("invalid_input", "not bounds by name", field="inputs.bounds", hint='{"x": [0, null]}')
    if not 0 < len(names) <= VARIABLES_LIMIT:
        hint = f"1 to {VARIABLES_LIMIT} names in the formulas that are no parameters"
        raise Problem("invalid_input", f"{len(names)} variables", field="inputs.objective", hint=hint)
    low, high = boxes.read(inputs.bounds, names, "inputs.bounds")
    whole = _named(inputs.integers, names) if integers else np.zeros(len(names), dtype=np.bool_)
    program = formulas.compiled(texts, names, tuple(parameters), derivatives="jacobian")
    _check_linear(program, texts, names, tuple(parameters))
    values = np.array([*np.zeros(len(names)), *parameters.values()])[:, None]
    constants, entries = (part[:, 0] for part in program.evaluate_parts(values))
    if not (np.isfinite(constants).all() and np.isfinite(entries).all()):
        raise Problem("invalid_formula", "a coefficient is not finite", field="inputs.objective", hint="finite numbers")
    assert program.pattern is not None
    matrix = program.pattern.matrix(entries)
    # what is not to be negative is turned round
    signs = np.array([1.0 if one.equality else -one.sign for one in limits])
    sign = -1.0 if inputs.maximize else 1.0
    rows = csr_array(matrix[1:].multiply(signs[:, None])) if limits else csr_array((0, len(names)))
    c = sign * np.asarray(matrix[[0]].todense())[0]
    return LinearProgram(
        names, c, _kept(csr_array(rows)), -constants[1:] * signs,
        np.array([one.equality for one in limits], dtype=np.bool_), signs < 0, low, high, whole,
        float(constants[0]), sign,
    )  # fmt: skip


def _kept(rows: csr_array | Array) -> csr_array | Array:
    """Dense where there are few entries, else sparse."""
    if rows.shape[0] * rows.shape[1] <= _DENSE_LIMIT:
        return rows if isinstance(rows, np.ndarray) else np.asarray(rows.todense())
    return csr_array(rows)


def _names_in(texts: Any, parameters: Mapping[str, float]) -> tuple[str, ...]:
    """Names in the order in which they appear, functions and parameters left out."""
    found: dict[str, None] = {}
    for text in texts:
        for word in _WORD.finditer(text):
            name = word["name"]
            if name is not None and name not in FUNCTIONS and name not in _NO_NAMES and name not in parameters:
                found[name] = None
    for name in found:
        formulas.check_variable(name, "inputs.objective")
    return tuple(found)


def _named(integers: list[str], names: tuple[str, ...]) -> Mask:
    places = {name: i for i, name in enumerate(names)}
    whole = np.zeros(len(names), dtype=np.bool_)
    for i, name in enumerate(integers):
        if name not in places:
            hint = f"variables: {', '.join(names[:50])}"
            raise Problem(
                "invalid_input", f"no variable is called {name[:80]!r}", field=f"inputs.integers[{i}]", hint=hint
            )
        whole[places[name]] = True
    return whole


def _check_linear(
    program: Program, texts: Mapping[str, str], names: tuple[str, ...], parameters: tuple[str, ...]
) -> None:
    mask = (1 << len(names)) - 1
    m = len(texts)
    if is_smooth(program, len(names)) and not any(bits & mask for bits in dependencies(program)[m:]):
        return
    for field, text in texts.items():  # which one it is
        one = formulas.compiled({field: text}, names, parameters, derivatives="jacobian")
        bits = [bits & mask for bits in dependencies(one)[1:]]
        if any(bits) or not is_smooth(one, len(names)):
            named = [name for i, name in enumerate(names) if any(found >> i & 1 for found in bits)]
            what = f"not linear in {', '.join(named[:5])}" if named else "not linear"
            hint = "sums of numbers times variables; optimize.minimize takes any formula"
            raise Problem("invalid_formula", what, field=field, hint=hint)


def _of_matrices(inputs: Any, *, integers: bool) -> LinearProgram:
    for name in ("constraints", "parameters", "integers") if integers else ("constraints", "parameters"):
        if getattr(inputs, name):
            hint = "formulas in objective and constraints, or c, a_ub, b_ub, a_eq, b_eq"
            raise Problem("invalid_input", f"{name} with matrices", field=f"inputs.{name}", hint=hint)
    c = arrays.gate(inputs.c, "inputs.c", ndim=1)
    n = len(c)
    if not 0 < n <= VARIABLES_LIMIT:
        raise Problem("invalid_input", f"{n} variables", field="inputs.c", hint=f"1 to {VARIABLES_LIMIT}")
    above, upper = _part(inputs.a_ub, inputs.b_ub, "ub", n)
    equal, value = _part(inputs.a_eq, inputs.b_eq, "eq", n)
    low, high = np.zeros(n), np.full(n, np.inf)
    if inputs.bounds:
        low, high = _pairs(inputs.bounds, n)
    whole = np.zeros(n, dtype=np.bool_)
    if integers:
        whole = _integrality(inputs.integrality, n)
    sign = -1.0 if inputs.maximize else 1.0
    m = len(upper) + len(value)
    return LinearProgram(
        None, sign * c, _kept(np.concatenate([above, equal])), np.concatenate([upper, value]),
        np.arange(m) >= len(upper), np.zeros(m, dtype=np.bool_), low, high, whole, 0.0, sign,
    )  # fmt: skip


def _part(matrix: Any, right: Any, kind: str, n: int) -> tuple[Array, Array]:
    if matrix is None and right is None:
        return np.zeros((0, n)), np.zeros(0)
    for value, name in ((matrix, f"a_{kind}"), (right, f"b_{kind}")):
        if value is None:
            raise Problem("invalid_input", f"{name} is missing", field=f"inputs.{name}", hint=f"a_{kind} and b_{kind}")
    a = arrays.gate(matrix, f"inputs.a_{kind}", ndim=2)
    b = arrays.gate(right, f"inputs.b_{kind}", ndim=1)
    if a.shape[1] != n:
        text = f"{a.shape[1]} columns for {n} variables"
        raise Problem("invalid_input", text, field=f"inputs.a_{kind}", hint=f"{n} columns, as c has numbers")
    if len(b) != a.shape[0]:
        text = f"{len(b)} numbers for {a.shape[0]} rows"
        raise Problem("invalid_input", text, field=f"inputs.b_{kind}", hint=f"{a.shape[0]} numbers")
    if a.size > ENTRIES_LIMIT:
        text = f"{a.size} coefficients"
        raise Problem("budget_exceeded", text, field=f"inputs.a_{kind}", hint=f"at most {ENTRIES_LIMIT}")
    return a, b


def _pairs(bounds: Any, n: int) -> tuple[Array, Array]:
    if not isinstance(bounds, list):
        raise Problem("invalid_input", "not bounds", field="inputs.bounds", hint="[low, high] for all, or one for each")
    if len(bounds) == 2 and not any(isinstance(end, list) for end in bounds):
        low, high = boxes.read_pair(bounds, "inputs.bounds")
        return np.full(n, low), np.full(n, high)
    if len(bounds) != n:
        text = f"{len(bounds)} bounds for {n} variables"
        raise Problem("invalid_input", text, field="inputs.bounds", hint="[low, high] for all, or one for each")
    pairs = np.array([boxes.read_pair(pair, f"inputs.bounds[{i}]") for i, pair in enumerate(bounds)])
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def _integrality(given: Any, n: int) -> Mask:
    if given is None:
        return np.ones(n, dtype=np.bool_)
    if type(given) is int:
        given = [given] * n
    found = arrays.gate(given, "inputs.integrality", ndim=1)
    if len(found) != n or not np.isin(found, (0.0, 1.0)).all():
        hint = "1 where it is to be an integer, else 0: one number, or one for each"
        raise Problem("invalid_input", f"not {n} times 0 or 1", field="inputs.integrality", hint=hint)
    return np.asarray(found == 1.0)
