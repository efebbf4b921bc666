"""The task `ode.stability`: equilibria of a system, their eigenvalues, and what they say of its stability."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import scipy

from agents import alone, arrays, formulas
from agents.alone import Alone
from agents.arrays import Array
from agents.ode.equilibria import Equilibrium, Field, judge, search
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch
from native.formula import Program

_EQUATIONS_LIMIT = 100
_STARTS_LIMIT = 10_000
_NUMBERS_LIMIT = 5_000_000
_MOST = 1000
"""Most equilibria: a line of them has no end."""
_APART = 1e-7
_TIME = "t"


class StabilityInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The equilibria of dx/dt = formula of the variables and the parameters, without the time.

    `guess` says where to search: a number for each variable, a list of such points, or [low, high] for each variable:
    a box, searched from `n_starts` points of a Halton sequence and its middle; equilibria outside are left out. Some
    may stay undiscovered: raise `n_starts`.
    Outputs, sorted by the variables: `equilibria` [{name: value}], `eigenvalues` of the Jacobian [[{re, im}]],
    `classification`: stable_node, unstable_node, saddle, stable_focus, unstable_focus, center (all imaginary: the
    linearised system turns, the system itself may spiral), degenerate (an eigenvalue is zero, or some are imaginary).

    `error_estimate` bounds the error of every value in `equilibria`: Kantorovich's theorem, with the rounding errors of
    the equations. At a degenerate equilibrium it comes from the size of the right-hand side and the curvature, and at
    one of a line of equilibria from nothing but rounding.
    """

    equations: dict[str, str]
    guess: Any
    parameters: dict[str, Any] = {}
    n_starts: Annotated[int, msgspec.Meta(ge=1, le=_STARTS_LIMIT)] = 256


class StabilityOptions(TaskOptions, kw_only=True):
    """`newton`: Newton's method with the exact Jacobian and halved steps."""

    method: Literal["auto", "newton"] = "auto"


def prepare_stability(inputs: StabilityInputs, options: StabilityOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate a system and where to search; raises `Problem`."""
    names, n = tuple(inputs.equations), len(inputs.equations)
    if not 0 < n <= _EQUATIONS_LIMIT:
        hint = f'1 to {_EQUATIONS_LIMIT}, such as {{"x": "x*(1 - x)"}}'
        raise Problem("invalid_input", f"{n} equations", field="inputs.equations", hint=hint)
    taken = {_TIME: "the independent variable"}
    formulas.check_names(names, "inputs.equations", taken=taken)
    formulas.check_names(inputs.parameters, "inputs.parameters", taken={**taken, **dict.fromkeys(names, "a variable")})
    fixed = formulas.numbers(inputs.parameters, "inputs.parameters")
    texts = {f"inputs.equations.{name}": text for name, text in inputs.equations.items()}
    program = _autonomous(texts, names, tuple(fixed))
    starts, box = _read_guess(inputs.guess, names, inputs.n_starts)
    if starts.shape[1] * n * (n + 1) > _NUMBERS_LIMIT:
        text = f"{starts.shape[1]} starts of {n} equations"
        raise Problem(
            "budget_exceeded", text, field="inputs.n_starts", hint=f"{_NUMBERS_LIMIT // (n * (n + 1))} or fewer"
        )
    field = Field(program, formulas.compiled(texts, names, tuple(fixed), jacobian=True), np.array(list(fixed.values())))

    def work(watch: Watch, kept: Mapping[str, bytes]) -> Outcome:  # noqa: ARG001
        return _compute(field, names, starts, box, watch)

    cost = 40.0 * starts.shape[1] * (len(field.jacobian.code) + n**3 + 100.0 * n) + 1e6
    return Alone("native.formula", work, cost)


def _autonomous(texts: Mapping[str, str], names: tuple[str, ...], fixed: tuple[str, ...]) -> Program:
    try:
        return formulas.compiled(texts, names, fixed)
    except Problem as problem:
        try:
            formulas.compiled({str(problem.field): texts[str(problem.field)]}, (_TIME, *names), fixed)
        except (Problem, KeyError):
            raise problem from None
        text, hint = "the equation depends on the time", "a system that does has no equilibria: leave out t"
        raise Problem("invalid_input", text, field=problem.field, hint=hint) from None


def _read_guess(guess: Any, names: tuple[str, ...], count: int) -> tuple[Array, Array | None]:
    """Read the starts (n, k), and the box (n, 2) where there is one."""
    if isinstance(guess, list):
        if not 0 < len(guess) <= _STARTS_LIMIT:
            hint = f"1 to {_STARTS_LIMIT} points"
            raise Problem("invalid_input", f"{len(guess)} points", field="inputs.guess", hint=hint)
        points = [_read_point(point, names, f"inputs.guess[{i}]") for i, point in enumerate(guess)]
        return np.array(points).T, None
    if not isinstance(guess, Mapping) or not any(isinstance(value, list) for value in guess.values()):
        return np.array([_read_point(guess, names, "inputs.guess")]).T, None
    formulas.check_same(guess, names, "inputs.guess")
    box = np.array([_read_range(guess[name], f"inputs.guess.{name}") for name in names])
    shares = np.full((1, len(names)), 0.5)
    if count > 1:
        shares = np.concatenate([shares, scipy.stats.qmc.Halton(len(names), scramble=False).random(count)[1:]])
    return (box[:, :1] + shares.T * (box[:, 1:] - box[:, :1])), box


def _read_point(point: Any, names: tuple[str, ...], where: str) -> list[float]:
    if not isinstance(point, Mapping):
        hint = '{"x": 1}, a list of such points, or {"x": [0, 2]}'
        raise Problem("invalid_input", "not a point", field=where, hint=hint)
    formulas.check_same(point, names, where)
    return [arrays.number(point[name], f"{where}.{name}") for name in names]


def _read_range(value: Any, where: str) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise Problem("invalid_input", "not a range", field=where, hint="[low, high] for each variable")
    low, high = (arrays.number(one, f"{where}[{i}]") for i, one in enumerate(value))
    if not low <= high or not np.isfinite(high - low):
        raise Problem("invalid_input", f"from {low:g} to {high:g}", field=where, hint="[low, high], low <= high")
    return low, high


def _compute(field: Field, names: tuple[str, ...], starts: Array, box: Array | None, watch: Watch) -> Outcome:
    points, iterations = search(field, starts, watch)
    if box is not None:
        room = 1e-9 * (1.0 + np.abs(box))
        points = points[:, ((points >= box[:, :1] - room[:, :1]) & (points <= box[:, 1:] + room[:, 1:])).all(axis=0)]
    found = _distinct(field, points, watch)
    if not found:
        text = f"no equilibrium found from {starts.shape[1]} starts"
        hint = "another guess, or [low, high] for each variable; there may be none"
        raise Problem("not_converged", text, field="inputs.guess", hint=hint)
    outputs = {
        "equilibria": [dict(zip(names, one.point.tolist(), strict=True)) for one in found],
        "eigenvalues": [_pairs(one.eigenvalues) for one in found],
        "classification": [one.classification for one in found],
    }
    warnings = []
    if len(found) > 1 and all(one.classification == "degenerate" for one in found):
        warnings = ["all equilibria found are degenerate: they may be some of a line of them"]
    if len(found) == _MOST:
        warnings = [f"there are more than {_MOST} equilibria: the first found are given"]
    residual = max(one.residual for one in found)
    diagnostics = Diagnostics(
        converged=True, iterations=iterations, evaluations=iterations * starts.shape[1], residual=residual,
        error_estimate=max(one.bound for one in found), method="newton",
        checks=[Check("an equilibrium is within each bound", passed=True)],
    )  # fmt: skip
    return Outcome(outputs, "native.formula", compiled=True, diagnostics=diagnostics, warnings=warnings)


def _distinct(field: Field, points: Array, watch: Watch) -> list[Equilibrium]:
    """Judge the points that are not the same within their bounds, in the order of their values."""
    found: list[Equilibrium] = []
    places = np.empty((points.shape[0], 0))
    order = np.lexsort(np.round(points, 6)[::-1])
    for i, place in enumerate(order.tolist()):
        if i % 20 == 0:
            watch(0.9 + 0.1 * i / order.size, "error bounds")
        point = points[:, place] + 0.0  # no negative zero
        if places.size:
            room = np.array([max(_APART * (1.0 + np.abs(one.point).max()), 4.0 * one.bound) for one in found])
            if (np.abs(places - point[:, None]).max(axis=0) <= room).any():
                continue
        one = judge(field, point)
        if one is not None:
            found.append(one)
            places = np.concatenate([places, point[:, None]], axis=1)
            if len(found) == _MOST:
                break
    return found


def _pairs(values: Sequence[complex]) -> list[dict[str, float]]:
    return [{"re": float(value.real), "im": float(value.imag)} for value in values]


TASK = alone.task(
    agent="ode", name="stability", summary="Find the equilibria of a system and classify their stability.",
    inputs=StabilityInputs, options=StabilityOptions, methods=("newton",),
    example={
        "equations": {"x": "a*x - x*y", "y": "x*y - y"}, "parameters": {"a": 2}, "guess": {"x": [-1, 3], "y": [-1, 3]},
        "n_starts": 64,
    },
    prepare=prepare_stability,
    repeats="inputs",
)  # fmt: skip
