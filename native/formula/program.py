"""Programs: what a graph becomes for the kernel – instructions over registers, each a row of `LANES` numbers.

`compile_program` takes formulas f (m) of variables x (n) and parameters to a program whose first m outputs are the
values; `derivatives` says which outputs follow, all exact, and which inputs follow the parameters:

| derivatives | further inputs | further outputs |
|---|---|---|
| `"gradient"` | – | the m × n derivatives, row by row, zeros included |
| `"jacobian"` | – | those that are not 0 by structure; `pattern` says which (CSR) |
| `"hessian_vector"` | weights w (m), direction v (n) | gradient g (n) of Σ wᵢ fᵢ, then its Hessian times v (n) |
| `"hessian"` | weights w (m) | g (n), then the Hessian's entries that are not 0 by structure; `pattern` |

First derivatives are made by reverse or forward mode, whichever costs less: a gradient costs a few times its formula,
however many variables there are. The Hessian times a vector is forward over reverse, about twice the gradient; the
Hessian itself costs up to n times that and is meant for small n, or for sparse ones.
`Program.evaluate_parts` gives the parts separately, `Pattern.dense` and `Pattern.matrix` fill the matrix.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_array

from native import is_compiled
from native.formula.derive import Row, check_work, forward, jacobian, reverse
from native.formula.graph import OPCODES, Graph, TooLargeError
from native.formula.rules import NoDerivativeError
from native.formula.syntax import FormulaError, parse
from native.kernels import formula as kernel

LANES = 128
"""Points that one instruction works on: registers of 1 KiB, so that a program's stay in the first-level cache."""
PACK = 8
"""The kernels fill a block up to a multiple of this: no remainder loop, so neighbours do not change a result."""
TEXT_LIMIT = 200_000
"""Most characters in all formulas of a program: half a second of compilation."""
COMPILED = is_compiled(kernel)

Array = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Derivatives = Literal["gradient", "jacobian", "hessian_vector", "hessian"]


@dataclass(frozen=True, eq=False)
class Pattern:
    """Where a matrix is not 0 by structure, compressed by rows: columns `indices[indptr[i]:indptr[i + 1]]` in row i."""

    indptr: Integers
    indices: Integers
    shape: tuple[int, int]

    @property
    def rows(self) -> Integers:
        """The row of each entry."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))

    def dense(self, entries: Array) -> Array:
        """Fill matrices (k, rows, columns) with entries (n_entries, k)."""
        whole = np.zeros((entries.shape[1], *self.shape))
        whole[:, self.rows, self.indices] = entries.T
        return whole

    def matrix(self, entries: Array) -> csr_array:
        """Make a sparse matrix of the entries (n_entries,) at one point."""
        return csr_array((entries, self.indices, self.indptr), shape=self.shape)


@dataclass(frozen=True, eq=False)
class Program:
    """Registers: the constants, then the inputs, then what is computed.

    `code` (k, 5) holds opcode, target and operands; `outputs` the registers of the results, `parts` how many of them
    are values, derivatives and so on. `pattern` is where the entries of a Jacobian or a Hessian, the last part, belong.
    """

    code: np.ndarray[Any, np.dtype[np.int32]]
    constants: Array
    n_inputs: int
    n_registers: int
    outputs: Integers
    parts: tuple[int, ...] = ()
    pattern: Pattern | None = None

    def evaluate_parts(self, inputs: Array) -> list[Array]:
        """Evaluate at k points; gives the values (m, k), then what the table above names, each (its size, k)."""
        return np.split(self.evaluate(inputs), np.cumsum(self.parts)[:-1])

    def evaluate(self, inputs: Array) -> Array:
        """Evaluate at k points: `inputs` (n_inputs, k) to (n_outputs, k)."""
        if inputs.shape[0] != self.n_inputs:
            raise ValueError(f"{inputs.shape[0]} inputs, the program takes {self.n_inputs}")
        given = np.ascontiguousarray(inputs, dtype=np.float64)
        with np.errstate(all="ignore"):
            made: Array = kernel.evaluate(self.code, self.constants, self.n_registers, self.outputs, given, LANES)  # type: ignore[no-untyped-call]
        return made


def compile_program(
    formulas: Sequence[str],
    variables: Sequence[str],
    parameters: Sequence[str] = (),
    *,
    derivatives: Derivatives | None = None,
    jacobian: bool = False,
    names: Sequence[str] = (),
) -> Program:
    """Compile formulas to one program whose inputs are `variables`, then `parameters`; the last 256 are kept.

    `derivatives` by the variables are added as the table above says; `jacobian` is the same as "gradient". `names` are
    what the formulas are called in an error. Constants are folded and common subexpressions shared between formulas.

    Raises:
        FormulaError: a formula cannot be read, or has no such derivative; its `name` says which.

    """
    if sum(map(len, formulas)) > TEXT_LIMIT:
        text = f"the formulas have more than {TEXT_LIMIT} characters together"
        raise FormulaError(text, 1, "split the formulas", _called(names, 0))
    kind = "gradient" if jacobian else derivatives
    return _compile(tuple(formulas), tuple(variables), tuple(parameters), kind, tuple(names))


@lru_cache(maxsize=256)
def _compile(
    formulas: tuple[str, ...], variables: tuple[str, ...], parameters: tuple[str, ...], kind: Derivatives | None,
    names: tuple[str, ...],
) -> Program:  # fmt: skip
    graph = Graph()
    places = {name: index for index, name in enumerate((*variables, *parameters))}
    roots: list[int] = []
    try:
        for text in formulas:
            roots.append(parse(text, places, graph))  # noqa: PERF401 - their number says which one is wrong
        parts, pattern, extra = _derive(graph, roots, kind, len(variables), len(places))
    except FormulaError as error:
        error.name = _called(names, len(roots))
        raise
    except (TooLargeError, NoDerivativeError) as error:
        raise FormulaError(str(error), 1, "fewer or simpler formulas", _called(names, len(roots))) from error
    outputs = [root for part in parts for root in part]
    return allot(graph, outputs, len(places) + extra, tuple(map(len, parts)), pattern)


def _called(names: Sequence[str], index: int) -> str:
    return names[min(index, len(names) - 1)] if names else str(index)


def _derive(
    graph: Graph, roots: list[int], kind: Derivatives | None, n: int, first: int
) -> tuple[list[list[int]], Pattern | None, int]:
    """Add derivatives by the first n of `first` inputs; gives the parts of the outputs and how many inputs follow."""
    if kind is None:
        return [roots], None, 0
    zero, m = graph.constant(0.0), len(roots)
    if kind == "gradient":
        check_work(m * n)
    if kind in {"gradient", "jacobian"}:
        rows = jacobian(graph, roots, n)
        if kind == "gradient":
            return [roots, [row.get(j, zero) for row in rows for j in range(n)]], None, 0
        return [roots, _entries(rows)], _pattern(rows, n), 0
    row = reverse(graph, [(root, graph.place(first + i)) for i, root in enumerate(roots)], n)
    slopes = [row.get(j, zero) for j in range(n)]
    if kind == "hessian_vector":
        direction = {j: {0: graph.place(first + m + j)} for j in range(n)}
        along = forward(graph, slopes, direction)
        return [roots, slopes, [one.get(0, zero) for one in along]], None, m + n
    rows = jacobian(graph, slopes, n)
    return [roots, slopes, _entries(rows)], _pattern(rows, n), m


def _entries(rows: list[Row]) -> list[int]:
    return [row[j] for row in rows for j in sorted(row)]


def _pattern(rows: list[Row], n: int) -> Pattern:
    indptr = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return Pattern(indptr, np.array([j for row in rows for j in sorted(row)], dtype=np.int64), (len(rows), n))


def allot(graph: Graph, roots: list[int], n_inputs: int, parts: tuple[int, ...], pattern: Pattern | None) -> Program:
    """Give each live node a register; one is free again after its last use, but never for the same instruction."""
    last_use = dict.fromkeys(roots, len(graph.nodes))
    for index in range(len(graph.nodes) - 1, -1, -1):
        if index in last_use:
            for operand in graph.nodes[index].operands:
                last_use.setdefault(operand, index)
    live = sorted(last_use)
    constants = [index for index in live if graph.nodes[index].op == "const"]
    register = {index: place for place, index in enumerate(constants)}
    first = len(constants) + n_inputs
    free: list[int] = []
    used = first
    code: list[tuple[int, ...]] = []
    for index in live:
        op, operands, value = graph.nodes[index]
        if op == "const":
            continue
        if op == "input":
            register[index] = len(constants) + int(value)
            continue
        if free:
            target = free.pop()
        else:
            target, used = used, used + 1
        register[index] = target
        code.append((OPCODES[op], target, *(register[o] for o in operands), *(0,) * (3 - len(operands))))
        free += [register[o] for o in set(operands) if last_use[o] == index and register[o] >= first]
    return Program(
        np.array(code, dtype=np.int32).reshape(-1, 5),
        np.array([graph.nodes[index].value for index in constants], dtype=np.float64),
        n_inputs,
        used,
        np.array([register[root] for root in roots], dtype=np.int64),
        parts,
        pattern,
    )
