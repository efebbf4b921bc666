"""Sensitivity equations: a system of differential equations together with the derivatives of its solution.

With dy/dt = f(t, y, p) the derivatives S = dy/dq by chosen parameters and initial values solve
dS/dt = (df/dy) S + df/dq (Hairer, Nørsett & Wanner, Solving ODEs I, section I.14).
"""

from collections.abc import Sequence
from functools import lru_cache

from native.formula.derive import Row, forward, jacobian
from native.formula.graph import Graph, TooLargeError
from native.formula.program import Program, allot
from native.formula.syntax import FormulaError, parse


@lru_cache(maxsize=64)
def compile_sensitivity(
    formulas: tuple[str, ...], variables: tuple[str, ...], parameters: tuple[str, ...], chosen: tuple[str, ...]
) -> tuple[Program, Program]:
    """Compile the system of n + n q equations, and its derivatives by t and the n + n q variables, row by row.

    Inputs: t, the n variables, S variable by variable (n q), the parameters. `chosen` names q parameters or variables;
    of a variable it is the initial value, where S begins with 1.

    Raises:
        FormulaError: a formula cannot be read, or the system is too large.

    """
    n, q = len(variables), len(chosen)
    size = n + n * q
    graph = Graph()
    places = {"t": 0, **{name: 1 + i for i, name in enumerate(variables)}}
    places |= {name: 1 + size + i for i, name in enumerate(parameters)}
    roots = [parse(text, places, graph) for text in formulas]
    seeds: dict[int, Row] = {
        1 + i: {k: graph.place(1 + n + i * q + k) for k in range(q)} for i in range(n)
    }  # fmt: skip
    for k, name in enumerate(chosen):
        if name in parameters:
            seeds[places[name]] = {k: graph.constant(1.0)}
    zero = graph.constant(0.0)
    try:
        rows = forward(graph, roots, seeds)
        whole = [*roots, *(row.get(k, zero) for row in rows for k in range(q))]
        program = allot(graph, whole, 1 + size + len(parameters), (n, n * q), None)
        slopes = jacobian(graph, whole, 1 + size)
        entries = [row.get(j, zero) for row in slopes for j in range(1 + size)]
        return program, allot(graph, entries, 1 + size + len(parameters), (len(entries),), None)
    except TooLargeError as error:
        raise FormulaError(str(error), 1, "fewer or simpler equations") from error


def initial_sensitivity(variables: Sequence[str], chosen: Sequence[str]) -> list[float]:
    """S at the start, variable by variable."""
    return [1.0 if name == other else 0.0 for name in variables for other in chosen]
