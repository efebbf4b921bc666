"""The task `special.evaluate`: special functions of real arguments, by SciPy."""

from difflib import get_close_matches
from typing import Any

import msgspec
import numpy as np

from agents import alone, arrays
from agents.alone import Alone
from agents.arrays import Array
from agents.outcome import Diagnostics, Outcome, Problem
from agents.special import bounds
from agents.special.functions import SMALLEST, Function, functions
from agents.task import TaskOptions, Watch

VALUES_LIMIT = 1_000_000
_DIMENSIONS = tuple(range(1, 9))
_CHUNK = 4e6
"""Operations between two looks at the watch: about a millisecond."""
_NUDGE = 2.0**-20


class EvaluateInputs(msgspec.Struct, forbid_unknown_fields=True):
    """Values of `function`, any of `scipy.special` that takes real arguments and broadcasts, at `arguments`.

    `arguments` are numbers or arrays, in SciPy's order; arrays broadcast. Orders that SciPy takes as integers must be
    whole numbers. Output: `values`, a number when all arguments are numbers, an array otherwise, and a list of them in
    SciPy's order for a function of several outputs (airy, ellipj); complex values are {"re", "im"}. A value that is
    not finite (a pole, an overflow, outside of the domain) is no value: `non_finite`, with its place. The error
    estimate bounds the error of every value, for functions and ranges that have been compared with mpmath; it is null
    for others.
    """

    function: str
    arguments: list[Any]


class EvaluateOptions(TaskOptions, kw_only=True):
    """Nothing but the form of arrays."""


def prepare(inputs: EvaluateInputs, _options: EvaluateOptions, _seed: int) -> Alone:
    """Validate; raises `Problem`."""
    function = _find(inputs.function)
    if len(inputs.arguments) != function.n_arguments:
        text = f"{function.name} takes {function.n_arguments} arguments, not {len(inputs.arguments)}"
        raise Problem("invalid_input", text, field="inputs.arguments", hint=f"{function.n_arguments} numbers or arrays")
    given = [_argument(value, f"inputs.arguments[{i}]") for i, value in enumerate(inputs.arguments)]
    for i, argument in enumerate(given):
        _check(function, i, argument)
    try:
        shape = np.broadcast_shapes(*(argument.shape for argument in given))
    except ValueError:
        text = f"shapes {', '.join(str(list(argument.shape)) for argument in given)} do not broadcast"
        raise Problem(
            "invalid_input", text, field="inputs.arguments", hint="equal shapes, or 1 where they differ"
        ) from None
    size = int(np.prod(shape))
    if size * function.n_outputs > VALUES_LIMIT:
        text = f"{size * function.n_outputs} values, the limit is {VALUES_LIMIT}"
        raise Problem("budget_exceeded", text, field="inputs.arguments", hint="split the request")
    flat = [np.ascontiguousarray(np.broadcast_to(argument, shape)).reshape(-1) for argument in given]
    orders = function.integers | function.orders
    each = function.cost * max([1.0, *(float(np.abs(flat[i]).max(initial=0.0)) for i in orders)])
    cost = each * size * (2 + 4 * function.n_arguments)

    def work(watch: Watch, _kept: object) -> Outcome:
        return _evaluate(function, flat, shape, each, watch)

    return Alone(f"scipy.special.{function.name}", work, cost)


def _find(name: str) -> Function:
    found = functions().get(name)
    if found is None:
        near = get_close_matches(name[:100], list(functions()), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "the functions of scipy.special that take real arguments"
        text = f"no function is called {name[:80]!r}"
        raise Problem("invalid_input", text, field="inputs.function", hint=hint)
    return found


def _argument(value: Any, field: str) -> Array:
    if isinstance(value, list | dict):
        return arrays.gate(value, field, ndim=_DIMENSIONS)
    return np.array(arrays.number(value, field))


def _check(function: Function, i: int, argument: Array) -> None:
    """Refuse fractions for orders, and what the function does not bear."""
    size = np.abs(argument)
    largest = function.largest.get(i, np.inf)
    rules = [(size > largest, f"is too large for {function.name}", f"at most {largest:g} in size")]
    if i in function.integers:
        rules.append((argument != np.floor(argument), "is not a whole number", "this argument is an order: 0, 1, 2, …"))
    elif i in function.largest:
        small = (size < SMALLEST) & (size > 0)
        rules.append((small, f"is too small for {function.name}", f"0, or at least {SMALLEST:g} in size"))
    for wrong, text, hint in rules:
        if wrong.any():
            place = tuple(int(k) for k in np.argwhere(wrong)[0])
            field = f"inputs.arguments[{i}]" + "".join(f"[{k}]" for k in place)
            raise Problem("invalid_input", f"{float(argument[place]):g} {text}", field=field, hint=hint)


def call(function: Function, arguments: list[Array]) -> list[Array]:
    """Evaluate at flat arguments; a list of the outputs."""
    whole = function.integers | {i for i in function.orders if (arguments[i] == np.floor(arguments[i])).all()}
    typed = [a.astype(np.int64) if i in whole else a for i, a in enumerate(arguments)]
    made = function.call(*typed)
    return list(made) if isinstance(made, tuple) else [np.asarray(made)]


def _evaluate(function: Function, flat: list[Array], shape: tuple[int, ...], each: float, watch: Watch) -> Outcome:
    size = flat[0].size
    step = max(1, int(_CHUNK / each / (2 + 4 * function.n_arguments)))
    parts: list[list[Array]] = []
    error: float | None = 0.0
    for start in range(0, size, step):
        watch(start / size, "evaluate")
        some = [argument[start : start + step] for argument in flat]
        made = call(function, some)
        _check_finite(function, some, made, start, shape)
        bound = bounds.estimate(function, some, made, call)
        error = None if error is None or bound is None else max(error, bound)
        parts.append(made)
    outputs = (
        [np.concatenate(one).reshape(shape) for one in zip(*parts, strict=True)]
        if parts
        else [np.zeros(shape)] * function.n_outputs
    )
    given = [_plain(one) for one in outputs]
    diagnostics = Diagnostics(evaluations=size, error_estimate=error, method=function.name, checks=[])
    kernel = f"scipy.special.{function.name}"
    return Outcome(
        {"values": given if function.n_outputs > 1 else given[0]}, kernel, compiled=True, diagnostics=diagnostics
    )


def _plain(values: Array) -> Any:
    """An array, or the number of an array without dimensions."""
    if values.ndim:
        return values
    one = values.item()
    return {"re": one.real, "im": one.imag} if isinstance(one, complex) else float(one)


def _check_finite(function: Function, some: list[Array], made: list[Array], start: int, shape: tuple[int, ...]) -> None:
    wrong = ~np.logical_and.reduce([np.isfinite(one) for one in made])
    if not wrong.any():
        return
    k = int(wrong.argmax())
    point = [argument[k : k + 1] for argument in some]
    infinite = any(np.isinf(one[k]) for one in made)
    called = f"{function.name}({', '.join(f'{a[0]:g}' for a in point)})"
    why = "is infinite: a pole or an overflow" if infinite else "is not defined"
    place = "".join(f"[{i}]" for i in np.unravel_index(start + k, shape)) if shape else ""
    field = f"inputs.arguments[{_culprit(function, point)}]"
    at = f" at {place}" if place else ""
    raise Problem("non_finite", f"{called}{at} {why}", field=field, hint="leave this point out, or stay in the domain")


def _culprit(function: Function, point: list[Array]) -> int:
    """The argument that, moved a little, gives a finite value; the last one if none does."""
    for i in range(len(point) - 1, -1, -1):
        if i in function.integers:
            continue
        for move in (-_NUDGE, _NUDGE):
            moved = [*point[:i], point[i] + move * np.maximum(1.0, np.abs(point[i])), *point[i + 1 :]]
            if all(np.isfinite(one).all() for one in call(function, moved)):
                return i
    return len(point) - 1


TASK = alone.task(
    agent="special", name="evaluate", summary="Evaluate a special function of SciPy at numbers or arrays.",
    inputs=EvaluateInputs, options=EvaluateOptions, methods=(),
    example={"function": "jv", "arguments": [0, [0.5, 1.0, 2.0]]}, prepare=prepare,
    repeats="inputs",
)  # fmt: skip
