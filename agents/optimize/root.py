"""The task `optimize.root`: where formulas are zero together."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from scipy import optimize

from agents import alone, draws, formulas
from agents.arrays import Array
from agents.optimize import constraints, marquardt
from agents.optimize.functions import Functions
from agents.optimize.newton import Root, around, polish
from agents.optimize.residuals import Pace, constants_of, turned
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch
from native import newton
from native.formula import Program

VARIABLES_LIMIT = 700
KERNEL = "native.formula.evaluate + minpack"
_TRIES = 12
_REGULAR = [Check("newton_step_is_rounding", True), Check("jacobian_is_regular", True)]


class RootInputs(msgspec.Struct, forbid_unknown_fields=True):
    """A point near `initial` where all `equations` are zero: as many formulas as variables, "x**2 + y - 1".

    An equation may also be written "x**2 + y == 1". `parameters` are numbers with names. Outputs: `x`, `residuals` in
    the order of the equations, `residual_norm` (the largest) and `jacobian_condition`. `error_estimate` bounds the
    distance of `x` to the root, in the maximum norm; it is null, with a warning, where the Jacobian is singular at the
    root, which then may be one of many. Where there is none, `not_converged` tells the least residual that was found.
    """

    equations: list[str]
    initial: dict[str, Any]
    parameters: dict[str, Any] = {}


class RootOptions(TaskOptions, kw_only=True):
    """`auto` takes MINPACK's `hybr` (Powell's hybrid method), then `lm` (Levenberg, Marquardt), then other starts."""

    method: Literal["auto", "hybr", "lm"] = "auto"
    max_evaluations: Annotated[int, msgspec.Meta(ge=10, le=100_000)] = 1000


@dataclass(frozen=True, eq=False, slots=True)
class _System:
    """What does not change from one start and one set of parameters to another."""

    texts: dict[str, str]
    names: tuple[str, ...]
    parameters: tuple[str, ...]
    program: Program


def prepare(inputs: RootInputs, options: RootOptions, seed: int) -> alone.Alone:
    """Validate a system of equations; raises `Problem`."""
    system = _system(tuple(inputs.equations), tuple(inputs.initial), tuple(inputs.parameters))
    start = formulas.numbers(inputs.initial, "inputs.initial")
    parameters = formulas.numbers(inputs.parameters, "inputs.parameters") if inputs.parameters else {}
    n = len(start)
    x = np.array(list(start.values()))

    def work(watch: Watch, kept: object) -> Outcome:  # noqa: ARG001
        if options.method == "auto" and newton.fits(system.program, n):
            quick = _at_once(system, x, np.array(list(parameters.values())))
            if quick is not None:
                return quick
        functions = Functions(system.texts, system.names, parameters, np.ones(n))
        functions.begin(Pace(watch, 30 * options.max_evaluations, "root"))
        return _outcome(functions, _found(functions, x, options, seed))

    cost = 4.0 * options.max_evaluations * (4e4 + len(system.program.code) + 10.0 * n * n) + 100.0 * n**3
    return alone.Alone(KERNEL, work, cost)


@lru_cache(maxsize=64)
def _system(equations: tuple[str, ...], names: tuple[str, ...], parameters: tuple[str, ...]) -> _System:
    """Check names and compile the equations with their derivatives; the last are kept."""
    n = len(names)
    if not 0 < n <= VARIABLES_LIMIT:
        hint = f"1 to {VARIABLES_LIMIT} variables, each with a starting value"
        raise Problem("invalid_input", f"{n} variables", field="inputs.initial", hint=hint)
    formulas.check_names(names, "inputs.initial", taken={})
    formulas.check_names(parameters, "inputs.parameters", taken=dict.fromkeys(names, "a variable already"))
    if len(equations) != n:
        text = f"{len(equations)} equations for {n} variables"
        hint = "as many equations as variables; optimize.least_squares takes any number"
        raise Problem("invalid_input", text, field="inputs.equations", hint=hint)
    texts = {f"inputs.equations[{i}]": constraints.equation(text, f"inputs.equations[{i}]")
             for i, text in enumerate(equations)}  # fmt: skip
    program = formulas.compiled(texts, names, parameters, derivatives="gradient")
    return _System(texts, names, parameters, program)


def _at_once(system: _System, start: Array, parameters: Array) -> Outcome | None:
    """Newton's method from a near start; None where it does not end at a regular root near it."""
    changed = newton.TURNS - 1
    constants = constants_of(system.program, changed)
    found = newton.polish(system.program, constants, start, turned(parameters, changed), around(len(start)))
    if not found.settled:
        return None
    residual = max(map(abs, found.values.tolist()))
    outputs = {
        "x": dict(zip(system.names, found.x.tolist(), strict=True)), "residuals": found.values,
        "residual_norm": residual, "jacobian_condition": found.condition,
    }  # fmt: skip
    diagnostics = Diagnostics(
        converged=True,
        iterations=found.steps,
        evaluations=found.steps + newton.TURNS,
        error_estimate=max(found.error.tolist()),
        residual=residual,
        method="newton",
        checks=_REGULAR,
    )
    return Outcome(outputs, newton.KERNEL, newton.COMPILED, diagnostics)


def _found(functions: Functions, start: Array, options: RootOptions, seed: int) -> Root:
    values, slopes = functions.at(start)
    bad = ~(np.isfinite(values) & np.isfinite(slopes).all(axis=1))
    if bad.any():
        text = f"equation {int(np.argmax(bad))} or its derivative is not finite at the start"
        raise Problem("non_finite", text, field="inputs.initial", hint="another start")
    if options.method == "auto":
        root = polish(functions, start)
        if root.settled and not root.singular and np.abs(root.x - start).max() <= max(1.0, np.abs(start).max()):
            return root  # Newton's method from a near start
    best: Root | None = None
    for x in _ends(functions, start, options, seed):
        root = polish(functions, x)
        if root.settled and not (root.singular and _faded(functions, start, root.x)):
            return root
        if best is None or root.residual < best.residual:
            best = root
    assert best is not None
    text = f"no root was found; the least residual is {best.residual:.3g}, near " + ", ".join(
        f"{name} = {value:.6g}" for name, value in zip(functions.names[:4], best.x, strict=False)
    )
    if best.residual == 0.0:
        text = "no root was found: the formulas only fade towards 0"
    hint = "another start; optimize.least_squares finds the point of the least residuals"
    raise Problem("not_converged", text, field="inputs.equations", hint=hint)


def _faded(functions: Functions, start: Array, x: Array) -> bool:
    """Whether a formula without slope at x has only underflowed there, as exp(-x) does, and is no root."""
    level = ~functions.at(x)[1].any(axis=1) & (functions.at(start)[0] != 0)
    around = np.concatenate([x + np.diag(0.01 * np.abs(x) + 1e-3), x - np.diag(0.01 * np.abs(x) + 1e-3)])
    most = np.nanmax(np.abs(functions.many(around)[0]), axis=0, initial=0.0)
    return bool((level & (most <= 1e-100 * np.abs(functions.at(start)[0]))).any())


def _ends(functions: Functions, start: Array, options: RootOptions, seed: int) -> Iterator[Array]:
    """Where the iterations from the start and from other points end."""
    methods = ("hybr", "lm") if options.method == "auto" else (options.method,)
    for method in methods:
        yield _solve(functions, start, method, options.max_evaluations)
    if options.method != "auto":
        return
    size = np.maximum(np.abs(start), 1.0)
    for i, u in enumerate(draws.uniforms(seed, 0, _TRIES, len(start))):
        other = start + size * 2.0 ** (i - 2) * (2.0 * u - 1.0) / 4.0
        if np.isfinite(functions.at(other)[0]).all():
            yield _solve(functions, other, "hybr", options.max_evaluations // 8)


def _solve(functions: Functions, start: Array, method: str, limit: int) -> Array:
    if method == "lm":
        return marquardt.search(functions, start, limit)

    def value(x: Array) -> Array:
        found = functions.at(np.asarray(x, dtype=np.float64))[0]
        return np.where(np.isfinite(found), found, 1e150)

    def slope(x: Array) -> Array:
        found = functions.at(np.asarray(x, dtype=np.float64))[1]
        return np.where(np.isfinite(found), found, 0.0)

    options: Any = {"xtol": 1e-14, "maxfev": limit}
    x = np.asarray(optimize.root(value, start, jac=slope, method="hybr", options=options).x, dtype=np.float64)
    return x if np.isfinite(x).all() else start


def _outcome(functions: Functions, root: Root) -> Outcome:
    outputs = {
        "x": dict(zip(functions.names, root.x.tolist(), strict=True)), "residuals": root.values,
        "residual_norm": root.residual,
        "jacobian_condition": root.condition if np.isfinite(root.condition) else None,
    }  # fmt: skip
    pace = functions.pace
    diagnostics = Diagnostics(
        converged=True, iterations=root.steps, evaluations=pace.evaluations if pace else 0,
        error_estimate=None if root.singular else float(root.error.max()), residual=root.residual, method="newton",
        checks=[Check("newton_step_is_rounding", root.settled), Check("jacobian_is_regular", not root.singular)],
    )  # fmt: skip
    text = "the Jacobian is singular at the root: it may be one of many, and how exact it is cannot be told"
    return Outcome(outputs, KERNEL, True, diagnostics, [text] if root.singular else [])


TASK = alone.task(
    agent="optimize", name="root", summary="Find where formulas are zero together.",
    inputs=RootInputs, options=RootOptions, methods=("hybr", "lm"),
    example={"equations": ["x**2 + y**2 - 4", "x*y - 1"], "initial": {"x": 2, "y": 0.5}}, prepare=prepare,
)  # fmt: skip
