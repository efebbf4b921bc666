"""A workflow as it is written, read and checked: steps, what each needs, and an order in which they can run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import formulas
from agents.alone import Alone
from agents.outcome import Problem
from agents.task import TaskOptions
from agents.workflow import references
from agents.workflow.references import Holes, Reference
from native.formula import Program

STEPS_LIMIT = 256
ITEMS_LIMIT = 1000
"""Most items of one `foreach`."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_RESERVED = {references.ITEM, references.INDEX}
_PATH_IN_FORMULA = re.compile(r'(?<![\w.])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[-?\d+\]|\["[^"\]]+"\])+')


class Step(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One request of a workflow: `agent`, `task`, `inputs` and `options` as in a request of its own.

    It runs once every step of `depends_on`, and every step it takes something from, is done. Anywhere in `inputs` and
    `options`, `{"$from": "fit.outputs.parameters.k"}` stands for what an earlier step gave: the path begins with the
    step's id and goes through its result (`outputs`, `status`, `error`, `warnings`, `diagnostics`) with `.name`,
    `[0]`, `["any name"]`, and `[*]` for every element. `{"$from": …, "default": 0}` has an answer for a step without
    outputs.

    `foreach` is a list, or a `$from` of a list or an array: the step runs for each element, which `{"$item": ""}`
    stands for (`{"$item": "a.b"}` for a part of it, `{"$index": true}` for its place). Its outputs are `items`, a list
    with the outputs of each, null for one that has none.

    `when` is a condition: a formula such as `"coarse.outputs.value > 0.1"`, with paths as above, `item` and `index`; or
    `{"formula": "v > 0.1", "values": {"v": {"$from": …}}}`. Where it is 0 the step, or the item, is skipped, and so is
    each step that takes outputs of a skipped one without a default.

    `on_error`: `stop` ends the workflow as failed and cancels what runs; `skip` goes on without this step; `retry`
    tries again, up to `retries` times, when it failed while computing (with a seed of its own each time, unless `seed`
    is set), and then stops. `timeout_s` holds for each try. With `keep` false the step's outputs are left out of the
    workflow's result, as its request's own result has them.
    """

    id: str
    agent: str
    task: str
    inputs: dict[str, Any]
    options: dict[str, Any] = {}
    depends_on: list[str] = []
    foreach: Any = None
    when: Any = None
    on_error: Literal["stop", "skip", "retry"] = "stop"
    retries: Annotated[int, msgspec.Meta(ge=1, le=10)] = 2
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)] | None = None
    keep: bool = True


class WorkflowInputs(msgspec.Struct, forbid_unknown_fields=True):
    """Steps, each a request, that feed each other; their order in the list means nothing.

    Output: `steps` {id: the step's result}, of a `foreach` step with `items` (the result of each, its outputs aside).
    A step's status is that of a result, or `skipped`. The workflow succeeds only if every step that had to did;
    otherwise it is `failed`, `error` names the step, and `steps` still says what became of each. `error_estimate` is
    null: each step has its own. A workflow is no step of another.
    """

    steps: list[Step]


class WorkflowOptions(TaskOptions, kw_only=True):
    """`parallel` is how many steps and items are on their way at once."""

    parallel: Annotated[int, msgspec.Meta(ge=1, le=256)] = 32


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled `when`: the program's inputs are the references, in order."""

    program: Program
    inputs: tuple[Reference, ...]

    def holds(self, sources: Mapping[str, Any]) -> bool:
        """Whether it is true (neither 0 nor NaN); raises `Problem` where a path leads to no number."""
        values = np.array([[references.number(one, sources)] for one in self.inputs]).reshape(len(self.inputs), 1)
        value = float(self.program.evaluate(values)[0, 0])
        return value == value and value != 0.0  # noqa: PLR0124 - NaN is not itself


@dataclass(frozen=True, slots=True)
class Node:
    """A step, checked: where its references lie, its condition, what it waits for, and whose outputs it needs."""

    step: Step
    place: int
    inputs: Holes
    options: Holes
    foreach: Holes
    when: Condition | None
    waits: frozenset[str]
    needs: frozenset[str]

    @property
    def field(self) -> str:
        """Its path in the request."""
        return f"inputs.steps[{self.place}]"


@dataclass(frozen=True, eq=False, kw_only=True)
class Workflow(Alone):
    """A plan: its nodes in an order in which each comes after those it waits for."""

    nodes: tuple[Node, ...]
    parallel: int
    seed: int


def read(steps: list[Step]) -> tuple[Node, ...]:
    """Check the steps and order them; raises `Problem`."""
    if not 0 < len(steps) <= STEPS_LIMIT:
        raise Problem("invalid_input", f"{len(steps)} steps", field="inputs.steps", hint=f"1 to {STEPS_LIMIT}")
    places: dict[str, int] = {}
    for i, step in enumerate(steps):
        field = f"inputs.steps[{i}].id"
        if _NAME.fullmatch(step.id) is None or step.id in _RESERVED:
            hint = "a letter or _, then letters, digits, _ and -, at most 64; not item or index"
            raise Problem("invalid_input", f"{step.id[:80]!r} cannot be a step's id", field=field, hint=hint)
        if step.id in places:
            text, hint = f"step {places[step.id]} has the id {step.id!r} already", "give each step its own"
            raise Problem("invalid_input", text, field=field, hint=hint)
        places[step.id] = i
    return _ordered([_node(step, i, places) for i, step in enumerate(steps)])


def _node(step: Step, place: int, places: Mapping[str, int]) -> Node:
    field = f"inputs.steps[{place}]"
    if (step.agent, step.task) == ("workflow", "run"):
        hint = "put its steps here"
        raise Problem("invalid_input", "a workflow is no step of another", field=f"{field}.task", hint=hint)
    for i, name in enumerate(step.depends_on):
        _check_known(name, f"{field}.depends_on[{i}]", places)
    inputs, options, foreach = (
        references.find(getattr(step, name), f"{field}.{name}") for name in ("inputs", "options", "foreach")
    )
    when = None if step.when is None else _condition(step.when, f"{field}.when")
    if step.foreach is not None and not isinstance(foreach, Reference):
        if not isinstance(step.foreach, list):
            hint = 'a list, or {"$from": "step.outputs.x"}'
            raise Problem("invalid_input", "foreach runs over a list", field=f"{field}.foreach", hint=hint)
        references.elements(step.foreach, f"{field}.foreach", ITEMS_LIMIT)
    taken = [one for holes in (inputs, options, foreach) for one in references.references(holes)]
    taken += [] if when is None else when.inputs
    needs = set()
    for reference in taken:
        if not reference.source:  # a constant of a condition
            continue
        if reference.source in _RESERVED:
            if step.foreach is None or reference.field.startswith(f"{field}.foreach"):
                text = f"{reference.source} has a meaning only in a step with foreach"
                raise Problem("invalid_input", text, field=reference.field, hint="add foreach, or take $from a step")
            continue
        _check_known(reference.source, reference.field, places)
        if not reference.parts or reference.parts[0] not in references.READABLE:
            text = f"{reference.text!r} does not say what of {reference.source!r}"
            hint = f"such as {reference.source}.outputs.x; also {', '.join(references.READABLE[1:])}"
            raise Problem("invalid_input", text, field=reference.field, hint=hint)
        if reference.parts[0] == "outputs" and not reference.has_default:
            needs.add(reference.source)
    waits = {*step.depends_on, *(one.source for one in taken if one.source and one.source not in _RESERVED)}
    return Node(step, place, inputs, options, foreach, when, frozenset(waits), frozenset(needs))


def _check_known(name: Any, field: str, places: Mapping[str, int]) -> None:
    if name not in places:
        near = get_close_matches(str(name)[:100], places, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"steps: {', '.join(list(places)[:50])}"
        raise Problem("invalid_input", f"no step is called {str(name)[:80]!r}", field=field, hint=hint)


def _condition(when: Any, field: str) -> Condition:
    if isinstance(when, str):
        return _compiled(*_paths_named(when, field), field)
    keys = set(when) if isinstance(when, Mapping) else set()
    if not {"formula"} <= keys <= {"formula", "values"} or not isinstance(when["formula"], str):
        hint = 'a formula, or {"formula": "v > 1", "values": {"v": {"$from": "step.outputs.value"}}}'
        raise Problem("invalid_input", "not a condition", field=field, hint=hint)
    values = when.get("values", {})
    if not isinstance(values, Mapping):
        raise Problem("invalid_input", "not named values", field=f"{field}.values", hint='{"v": {"$from": …}}')
    formulas.check_names(values, f"{field}.values", taken={})
    found: dict[str, Reference] = {}
    for name, value in values.items():
        hole = references.find(value, f"{field}.values.{name}")
        if isinstance(hole, Reference):
            found[name] = hole
        else:
            constant = float(value) if isinstance(value, bool) else value
            found[name] = Reference("", (), f"{field}.values.{name}", constant, has_default=True)
            references.number(found[name], {})
    return _compiled(when["formula"], found, f"{field}.formula")


def _paths_named(text: str, field: str) -> tuple[str, dict[str, Reference]]:
    """Give each path in a formula a name."""
    named: dict[str, Reference] = {}

    def name_of(match: re.Match[str]) -> str:
        name = f"_path{len(named)}"
        named[name] = references.parse(match.group(), field)
        return name

    plain = _PATH_IN_FORMULA.sub(name_of, text)
    for name in _RESERVED:
        if re.search(rf"\b{name}\b", plain):
            named[name] = Reference(name, (), field)
    return plain, named


def _compiled(formula: str, named: Mapping[str, Reference], field: str) -> Condition:
    program = formulas.compiled({field: formula}, tuple(named), ())
    return Condition(program, tuple(named.values()))


def _ordered(nodes: list[Node]) -> tuple[Node, ...]:
    """Order by what waits for what (Kahn), ties as in the document; raises `Problem` that names a cycle."""
    left = {node.step.id: node for node in nodes}
    ordered: list[Node] = []
    while left:
        ready = [node for node in left.values() if not node.waits & left.keys()]
        if not ready:
            cycle = _cycle(left)
            text = f"the steps wait for each other: {' → '.join(cycle)}"
            field = f"inputs.steps[{left[cycle[0]].place}].depends_on"
            raise Problem("invalid_input", text, field=field, hint="take one of these dependencies away")
        for node in ready:
            del left[node.step.id]
        ordered += ready
    return tuple(ordered)


def _cycle(left: Mapping[str, Node]) -> list[str]:
    """Follow what waits until a step comes again: each in `left` waits for another there."""
    path = [min(left, key=lambda name: left[name].place)]
    while True:
        following = min(left[path[-1]].waits & left.keys(), key=lambda name: left[name].place)
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)
