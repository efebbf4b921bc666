"""Systems of linear equations by iteration: which method, how it went, and what error is left."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from agents import matrices
from agents.alone import Alone
from agents.matrices import Matrix
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import Watch
from native import krylov
from native.judgement import UNIT
from native.structure import is_symmetric

_TOLD = 200
"""Most residuals of the history in a result."""
_TOLD_IN_WORDS = 6


def plan(a: Matrix, b: Any, method: str, preconditioner: str, rtol: float, most: int) -> Alone:
    """Validate what an iterative method needs; `a` is dense or sparse, `method` and `preconditioner` may be `auto`."""
    matrix = a if matrices.is_sparse(a) else csr_array(a)
    if preconditioner in {"jacobi", "ssor"} and not matrix.diagonal().all():
        place = int(np.flatnonzero(matrix.diagonal() == 0)[0])
        text, hint = f"{preconditioner} needs a diagonal without zeros: entry {place} is 0", "none or ilu"
        raise Problem("invalid_input", text, field="options.preconditioner", hint=hint)
    if method == "minres" and matrix.dtype.kind == "c":
        raise Problem("invalid_input", "minres takes real matrices", field="options.method", hint="cg or gmres")
    if method in krylov.SYMMETRIC and preconditioner == "ilu":
        text, hint = f"{method} needs a symmetric preconditioner", "jacobi or ssor"
        raise Problem("invalid_input", text, field="options.preconditioner", hint=hint)
    if preconditioner == "ssor" and not is_symmetric(matrix):
        text = "ssor needs a symmetric a"
        raise Problem("invalid_input", text, field="options.preconditioner", hint="jacobi or ilu")
    cost = max(1e4 * (matrix.nnz + matrix.shape[0]), 1e3 * most) * (b.size / matrix.shape[0])
    return Alone(
        "scipy.sparse.linalg", lambda watch, _: _work(matrix, b, method, preconditioner, rtol, most, watch), cost
    )


def _work(matrix: csr_array, b: Any, method: str, preconditioner: str, rtol: float, most: int, watch: Watch) -> Outcome:
    reached = 1.0

    def tell(iteration: int, residual: float) -> None:
        nonlocal reached
        reached = min(reached, max(residual, rtol))
        done = np.log(reached) / np.log(rtol)
        watch(min(0.9, max(0.8 * float(done), 0.8 * iteration / most)), "iterate")

    methods = (method,) if method != "auto" else _methods(matrix)
    rights = b if b.ndim == 2 else b[:, None]
    made: list[krylov.Iterated] = []
    used, by = methods[0], None
    for used in methods:
        by, named = _precondition(matrix, used, preconditioner)
        made = []
        for j in range(rights.shape[1]):
            right = np.ascontiguousarray(rights[:, j])
            made.append(krylov.iterate(matrix, right, used, by, rtol=rtol, max_iterations=most, tell=tell))
            if not made[-1].converged:
                break
        if made[-1].converged:
            break
    worst = max(made, key=lambda one: len(one.history))
    if not made[-1].converged:
        raise _not_converged(used, named, made[-1].history, rtol)
    x = np.stack([one.x for one in made], axis=1).reshape(b.shape)
    watch(0.9, "bound the error")
    return _outcome(matrix, b, x, used, by, named, worst, sum(len(one.history) for one in made), most, watch)


def _methods(matrix: csr_array) -> tuple[str, ...]:
    if not is_symmetric(matrix):
        return ("gmres", "bicgstab")
    if (matrix.diagonal().real > 0).all():
        return ("cg", "minres") if matrix.dtype.kind == "f" else ("cg", "gmres")
    return ("minres",) if matrix.dtype.kind == "f" else ("gmres",)


def _precondition(matrix: csr_array, method: str, name: str) -> tuple[krylov.Preconditioner | None, str]:
    wanted = (
        (name,) if name != "auto" else ("jacobi", "none") if method in krylov.SYMMETRIC else ("ilu", "jacobi", "none")
    )
    for one in wanted:
        try:
            return krylov.precondition(matrix, one), one
        except krylov.Unusable as error:
            problem = error
    text, hint = f"no {wanted[-1]} preconditioner: {problem}", "jacobi or none, or method lu"
    raise Problem("singular", text, field="options.preconditioner", hint=hint)


def _not_converged(method: str, preconditioner: str, history: list[float], rtol: float) -> Problem:
    shown = ", ".join(f"{history[i]:.1e}" for i in _spread(len(history), _TOLD_IN_WORDS))
    text = f"{method} with preconditioner {preconditioner} did not come below {rtol:.0e} in {len(history)} iterations"
    hint = "method lu, another preconditioner, more max_iterations, or a larger rtol; a may be singular"
    return Problem("not_converged", f"{text}; residuals: {shown}", field="options.method", hint=hint)


def _spread(count: int, most: int) -> list[int]:
    """Indices, the first and the last among them, of at most `most` of `count` things."""
    return sorted({int(i) for i in np.linspace(0, count - 1, min(count, most))}) if count else []


def _outcome(
    matrix: csr_array, b: Any, x: Any, method: str, by: krylov.Preconditioner | None, named: str,
    worst: krylov.Iterated, iterations: int, most: int, watch: Watch,
) -> Outcome:  # fmt: skip
    def tell(_: int, __: float) -> None:
        watch(0.9, "bound the error")

    remainder = np.abs(b - matrix @ x)
    entries = int(np.diff(matrix.indptr).max(initial=0)) + 2
    rounding = entries * 3 * UNIT * (abs(matrix) @ np.abs(x) + np.abs(b))
    inverse = krylov.inverse_norm(matrix, method, by, most, tell)
    residual = float(remainder.max())
    outputs: dict[str, Any] = {"x": x, "residual_norm": residual}
    bound, warnings = None, []
    if inverse is None:
        warnings = ["the error could not be bounded: a may be singular or nearly so"]
    else:
        outputs["condition_estimate"] = float(abs(matrix).sum(axis=1).max()) * inverse
        bound = inverse * float((remainder + rounding).max())
    outputs["structure"] = "sparse_symmetric" if method in krylov.SYMMETRIC else "sparse"
    outputs["residual_history"] = [worst.history[i] for i in _spread(len(worst.history), _TOLD)]
    told = Diagnostics(
        converged=True, iterations=iterations, error_estimate=bound, residual=residual,
        method=method if named == "none" else f"{method} with {named}", checks=[Check("residual", passed=True)],
    )  # fmt: skip
    return Outcome(outputs, "scipy.sparse.linalg", True, told, warnings)
