"""Equations and factors put together again, in extended precision where that is more than double."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from agents import arrays
from agents.task import Watch
from agents.validate.findings import Claim, Road

_SMALL = 500
_LARGE = 1500
"""Largest side of a matrix that is multiplied in extended precision."""
_EPS = float(np.finfo(float).eps)


def matrix(value: Any, field: str) -> Any:
    """Read a matrix, dense or coo or csr, in the wide type."""
    if isinstance(value, Mapping) and "format" in value:
        data = arrays.gate(value["data"], f"{field}.data", ndim=1)
        parts = {
            n: arrays.gate(value[n], f"{field}.{n}", ndim=1).astype(int)
            for n in value
            if n not in {"format", "data", "shape"}
        }
        rows, columns = (int(n) for n in value["shape"])
        if value["format"] == "coo":
            return sparse.coo_matrix((data, (parts["row"], parts["col"])), shape=(rows, columns)).toarray()
        return sparse.csr_matrix((data, parts["indices"], parts["indptr"]), shape=(rows, columns)).toarray()
    return arrays.gate(value, field, ndim=2)


def _wide(a: Any) -> Any:
    return a.astype(np.clongdouble if np.iscomplexobj(a) else np.longdouble)


def _norm(a: Any) -> float:
    return float(np.abs(a).sum(axis=-1).max()) if a.ndim == 2 else float(np.abs(a).max(initial=0))


def solve(claim: Claim, watch: Watch) -> None:  # noqa: ARG001
    """B − a x, which an error of x makes no larger than ‖a‖ times it."""
    a = matrix(claim.inner.inputs["a"], "inputs.a")
    if max(a.shape) > _LARGE:
        return
    b = arrays.gate(claim.inner.inputs["b"], "inputs.b", ndim=(1, 2))
    x = claim.numbers("x")
    residual = float(np.abs(_wide(b) - _wide(a) @ _wide(x)).max(initial=0))
    allowed = _norm(a) * (claim.error or 0.0) + 4 * _EPS * (_norm(a) * _norm(x[..., None]) + _norm(b[..., None]))
    how = "largest component of b - a x in extended precision"
    claim.add("x", residual, allowed, how)
    rounding = 8 * _EPS * len(a) * (_norm(a) * _norm(x[..., None]) + _norm(b[..., None]))
    claim.agree("residual_norm", residual, rounding, how)
    if len(a) <= _SMALL and "residual_history" not in claim.outputs.numbers:
        condition = float(np.linalg.cond(a, 1))
        estimate = float(claim.numbers("condition_estimate"))
        off = max(estimate / condition, 0.1 * condition / estimate) if condition < 1e12 else 1.0
        text = "not above the condition by the inverse, and not below a tenth of it: their ratio"
        claim.add("condition_estimate", off, 1.0 + 1e-3, text)


def least_squares(claim: Claim, watch: Watch) -> None:  # noqa: ARG001
    """The residual is orthogonal to the columns of a."""
    a = matrix(claim.inner.inputs["a"], "inputs.a")
    if max(a.shape) > _LARGE or claim.inner.options.keys() & {"bounds", "alpha"}:
        return
    b = arrays.gate(claim.inner.inputs["b"], "inputs.b", ndim=(1, 2))
    x = claim.numbers("x")
    gradient = np.abs(_wide(a).T @ (_wide(a) @ _wide(x) - _wide(b))).max(initial=0)
    wide = _norm(a) * _norm(a.T)
    allowed = wide * (claim.error or 0.0) + 1e-11 * (wide * _norm(x[..., None]) + _norm(a.T) * _norm(b[..., None]))
    claim.add("x", float(gradient), allowed, "largest component of aᵀ(a x - b) in extended precision")
    rest = np.sqrt((np.abs(_wide(a) @ _wide(x) - _wide(b)) ** 2).sum(axis=0)).astype(float)
    rounding = 8 * _EPS * sum(a.shape) * (_norm(a) * _norm(x[..., None]) + _norm(b[..., None]))
    claim.agree("residual_norm", rest, rounding, "a x - b in extended precision")
    if "singular_values" in claim.outputs.numbers:
        squares = np.linalg.eigvalsh(a.conj().T @ a if a.shape[0] >= a.shape[1] else a @ a.conj().T)[::-1]
        s = claim.numbers("singular_values")
        off = float(np.abs(s**2 - np.maximum(squares, 0.0)).max())
        claim.add("singular_values", off, 1e-12 * len(squares) * float(squares[0]), "their squares by the Gram matrix")
        rank = int(claim.numbers("rank"))
        if 0 < rank <= s.size and "condition_estimate" in claim.outputs.numbers:
            ratio = float(s[0] / s[rank - 1])
            claim.agree("condition_estimate", ratio, 1e-9 * ratio, "the ratio of the extremes that count")
        level = max(a.shape) * 2.0 * _EPS * float(s[0])
        sure, possible = int((s > 1e3 * level).sum()), int((s > 1e-3 * level).sum())
        whole = float(claim.numbers("rank"))
        claim.add("rank", max(sure - whole, whole - possible, abs(whole - rank)), 0.0, "the singular values that count")


def eigen(claim: Claim, watch: Watch) -> None:  # noqa: ARG001
    """A v = λ v (with b, a v = λ b v), and the sum of the eigenvalues is the trace."""
    if "b" in claim.inner.inputs or "eigenvectors" not in claim.outputs.numbers:
        return
    a, values = matrix(claim.inner.inputs["a"], "inputs.a"), claim.numbers("eigenvalues")
    if max(a.shape) > _LARGE:
        return
    vectors = claim.numbers("eigenvectors")
    residual = np.abs(_wide(a) @ _wide(vectors) - _wide(vectors) * _wide(values)).max(initial=0)
    tolerance = 1e3 * _EPS * len(a) * max(_norm(a), 1e-300) * float(np.abs(vectors).max(initial=0))
    claim.add("eigenvectors", float(residual), tolerance, "largest component of a v - λ v in extended precision")
    if "residual_norm" in claim.outputs.numbers:
        claim.agree("residual_norm", float(residual), tolerance, "largest component of a v - λ v in extended precision")
    if values.size == len(a):
        off = float(abs(_wide(values).sum() - np.trace(_wide(a))))
        claim.add("eigenvalues", off, 1e3 * _EPS * len(a) * _norm(a), "the sum of the eigenvalues less the trace of a")


def svd(claim: Claim, watch: Watch) -> None:  # noqa: ARG001
    """U s vt is a."""
    if not {"u", "vt"} <= claim.outputs.numbers.keys():
        return
    a, s = matrix(claim.inner.inputs["a"], "inputs.a"), claim.numbers("s")
    if max(a.shape) > _LARGE or s.size < min(a.shape):
        return
    u, vt, k = claim.numbers("u"), claim.numbers("vt"), s.size
    product = (_wide(u[:, :k]) * _wide(s)) @ _wide(vt[:k])
    tolerance = 1e3 * _EPS * max(a.shape) * _norm(a)
    if "residual_norm" in claim.outputs.numbers:
        claim.agree("residual_norm", float(np.abs(product - a).max(initial=0)), tolerance, "u s vt - a, extended")
    claim.add("u, s, vt", float(np.abs(product - a).max(initial=0)), tolerance, "largest component of u s vt - a")


def factorize(claim: Claim, watch: Watch) -> None:  # noqa: ARG001
    """The factors multiplied give a."""
    a = matrix(claim.inner.inputs["a"], "inputs.a")
    if max(a.shape) > _LARGE:
        return
    have = claim.outputs.numbers
    made = None
    if {"q", "r"} <= have.keys():
        made = _wide(have["q"]) @ _wide(have["r"])
    elif {"p", "l", "u"} <= have.keys() and have["p"].ndim == 2:
        made = _wide(have["p"]) @ _wide(have["l"]) @ _wide(have["u"])
    elif {"t", "z"} <= have.keys():
        made = _wide(have["z"]) @ _wide(have["t"]) @ _wide(have["z"]).conj().T
    elif have.keys() >= {"l"} and "d" not in have and "u" not in have:
        made = _wide(have["l"]) @ _wide(have["l"]).T
    if made is not None and made.shape == a.shape:
        tolerance = 1e3 * _EPS * max(a.shape) * _norm(a)
        claim.agree(
            "residual_norm", float(np.abs(made - a).max(initial=0)), tolerance, "the factors multiplied, less a"
        )
        claim.add("factors", float(np.abs(made - a).max(initial=0)), tolerance, "the factors multiplied, less a")


def expm(claim: Claim, watch: Watch) -> None:  # noqa: ARG001
    """The Taylor series of a scaled matrix in extended precision, squared."""
    given, found = claim.inner.inputs, claim.numbers("expm")
    a = matrix(given["a"], "inputs.a") * arrays.number(given.get("t", 1), "inputs.t")
    norm = _norm(a)
    if len(a) > 200 or norm > 30 or found.shape != a.shape:
        return
    halvings = max(0, int(np.ceil(np.log2(max(norm, 1e-300)))) + 3)
    small = _wide(a) / np.longdouble(2) ** halvings
    term = total = np.eye(len(a), dtype=small.dtype)
    for k in range(1, 24):
        term = term @ small / k
        total = total + term
    for _ in range(halvings):
        total = total @ total
    tolerance = (claim.error or 0.0) + 1e-13 * _norm(total)
    claim.add("expm", float(np.abs(total - found).max(initial=0)), tolerance, "the Taylor series in extended precision")


ROADS: Mapping[tuple[str, str], Road] = {
    ("linalg", "solve"): solve, ("linalg", "least_squares"): least_squares, ("linalg", "eigen"): eigen,
    ("linalg", "svd"): svd, ("linalg", "factorize"): factorize, ("linalg", "expm"): expm,
}  # fmt: skip
