"""Programs: what a graph becomes for the kernel – instructions over registers, each a row of `LANES` numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from native import is_compiled
from native.formula.derive import derivatives
from native.formula.graph import OPCODES, Graph, TooLargeError
from native.formula.syntax import FormulaError, parse
from native.kernels import formula as kernel

LANES = 128
"""Points that one instruction works on: registers of 1 KiB, so that a program's stay in the first-level cache."""
PACK = 8
"""A block is filled up to a multiple of this: no remainder loop, so a result does not depend on its neighbours."""
TEXT_LIMIT = 200_000
"""Most characters in all formulas of a program: half a second of compilation."""
COMPILED = is_compiled(kernel)

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class Program:
    """Registers: the constants, then the inputs, then what is computed.

    `code` (k, 5) holds opcode, target and operands; `outputs` the registers of the results.
    """

    code: np.ndarray[Any, np.dtype[np.int32]]
    constants: Array
    n_inputs: int
    n_registers: int
    outputs: np.ndarray[Any, np.dtype[np.int64]]

    def evaluate(self, inputs: Array) -> Array:
        """Evaluate at k points: `inputs` (n_inputs, k) to (n_outputs, k)."""
        points = inputs.shape[1]
        padded = -(-max(points, 1) // PACK) * PACK
        full = np.zeros((self.n_inputs, padded))
        full[:, :points] = inputs
        with np.errstate(all="ignore"):
            made = kernel.evaluate(self.code, self.constants, self.n_registers, self.outputs, full, LANES)  # type: ignore[no-untyped-call]
        return np.ascontiguousarray(made[:, :points])


def compile_program(
    formulas: Sequence[str],
    variables: Sequence[str],
    parameters: Sequence[str] = (),
    *,
    jacobian: bool = False,
    names: Sequence[str] = (),
) -> Program:
    """Compile formulas to one program whose inputs are `variables`, then `parameters`; the last 256 are kept.

    With `jacobian` the outputs are the n formulas, then their n × len(variables) derivatives, row by row. `names` are
    what the formulas are called in an error. Constants are folded and common subexpressions shared between formulas.

    Raises:
        FormulaError: a formula cannot be read; its `name` says which.

    """
    if sum(map(len, formulas)) > TEXT_LIMIT:
        error = FormulaError(f"the formulas have more than {TEXT_LIMIT} characters together", 1)
        error.name = names[0] if names else ""
        raise error
    return _compile(tuple(formulas), tuple(variables), tuple(parameters), jacobian, tuple(names))


@lru_cache(maxsize=256)
def _compile(
    formulas: tuple[str, ...], variables: tuple[str, ...], parameters: tuple[str, ...], jacobian: bool,
    names: tuple[str, ...],
) -> Program:  # fmt: skip
    graph = Graph()
    places = {name: index for index, name in enumerate((*variables, *parameters))}
    roots: list[int] = []
    for index, text in enumerate(formulas):
        try:
            roots.append(parse(text, places, graph))
        except TooLargeError as error:
            raise FormulaError(str(error), 1, "split the formula") from error
        except FormulaError as error:
            error.name = names[index] if names else str(index)
            raise
    if jacobian:
        try:
            rows = derivatives(graph, roots, len(variables))
        except TooLargeError as error:
            raise FormulaError(str(error), 1, "fewer or simpler equations") from error
        zero = graph.constant(0.0)
        roots += [row.get(place, zero) for row in rows for place in range(len(variables))]
    return _allot(graph, roots, len(places))


def _allot(graph: Graph, roots: list[int], n_inputs: int) -> Program:
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
    )
