"""How much a run was: operations by counts that do not depend on the machine, so that the choice does not either."""

from collections.abc import Mapping

import numpy as np

from agents.analyze.measured import Measured
from agents.inner import Inner
from agents.ode.system import read_system
from agents.outcome import Diagnostics, Problem

_IMPLICIT = {"rodas4": 2 / 3, "radau": 10 / 3}
"""Operations of the factorisations of a step, in n³ (one real; one real and one complex)."""


def of_run(asked: Inner, method: str, how: Diagnostics, measured: Measured) -> float | None:
    """Return the operations, or evaluations, of a run; None where nothing was counted."""
    if asked.task.agent == "linalg":
        return _of_matrix(method, how, measured)
    if how.evaluations is None:
        return None
    if asked.task.agent == "ode" and "equations" in asked.inputs and method in {*_IMPLICIT, "dopri5", "dop853"}:
        return _of_steps(asked, method, how)
    return float(how.evaluations)


def _of_steps(asked: Inner, method: str, how: Diagnostics) -> float:
    given = asked.inputs
    try:
        program = read_system(
            given["equations"], given.get("parameters", {}), given["initial"], given["t_span"], given.get("samples", {})
        ).program
    except (KeyError, Problem):
        return float(how.evaluations or 0)
    n = len(given["equations"])
    operations = len(program.code) + 10.0 * n  # a step combines stages too
    factors = _IMPLICIT.get(method, 0.0) * n**3 + (n * operations + 6.0 * n * n if method in _IMPLICIT else 0.0)
    return float(how.evaluations or 0) * operations + float(how.iterations or 0) * factors


def _of_matrix(method: str, how: Diagnostics, measured: Measured) -> float | None:
    n, sparsity = measured.unknowns, measured.sparsity
    if n is None or sparsity is None:
        return None
    band = sparsity["lower_bandwidth"] + sparsity["upper_bandwidth"] + 1
    counts: Mapping[str, float] = {
        "lu": 2 / 3 * n**3, "cholesky": n**3 / 3, "ldl": n**3 / 3,
        "banded": 2.0 * n * band * (1 + sparsity["lower_bandwidth"]),
        "diagonal": float(n), "triangular": float(n) ** 2,
    }  # fmt: skip
    if how.iterations is not None and method not in counts:
        nonzeros = float(sparsity["nonzeros"])
        products = {"bicgstab": 2.0}.get(method, 1.0)
        applied = nonzeros if "ilu" in (how.method or "") or "ssor" in (how.method or "") else 0.0
        factors = n * (nonzeros / n) ** 2 if "ilu" in (how.method or "") else 0.0
        return float(how.iterations * (2.0 * products * (nonzeros + applied) + 10.0 * n) + factors)
    return counts.get(method)


def finite(value: float | None) -> float:
    """A number to compare with: what was not counted, or claimed, comes last."""
    return np.inf if value is None else value
