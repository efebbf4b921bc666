"""What a workflow does next: a pure machine. Its state is a set of facts, so their order and repeats change nothing.

`advance(state, event, now)` adds a fact and says what is to be done: steps to send, steps to cancel, or the end. A
state rebuilt from the facts that were kept (`begin`, then every answer) goes on where the last one was.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from agents.outcome import Problem
from agents.workflow import answers, references
from agents.workflow.answers import Answer
from agents.workflow.document import ITEMS_LIMIT, Node, Workflow

_ID_LIMIT = 128
UNITS_LIMIT = 5000
"""Most steps and items of one workflow."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A step, or one of its items, was answered; `id` is that of its request."""

    id: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Sent:
    """Requests of these ids are known to be on their way: they are not sent again."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The workflow is to stop."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = Answered | Sent | Cancelled | Tick


@dataclass(frozen=True, slots=True)
class Submit:
    """Send this request."""

    id: str
    step: str
    agent: str
    task: str
    inputs: Mapping[str, Any]
    options: Mapping[str, Any]
    seed: int
    timeout_s: float | None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel the requests of these ids."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """All is said: what became of each step, and the problem when not every step that had to has succeeded."""

    steps: Mapping[str, dict[str, Any]]
    problem: Problem | None
    ran: int
    converged: bool | None
    warnings: list[str]


Command = Submit | Cancel | Finish


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a step, for good."""

    answer: Answer
    items: tuple[Answer, ...] | None = None
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """The facts, and what follows from them for good (`settled`, `opened`: a cache, the facts say the same)."""

    id: str
    workflow: Workflow
    timed_out_at: float
    expires_at: float
    answers: Mapping[str, Answer]
    sent: frozenset[str]
    settled: Mapping[str, Settled]
    opened: Mapping[str, "Opened"]
    finished: Finish | None = None

    @property
    def fraction(self) -> float:
        """How much of it is done, 0 to 1: steps, those with items by their share."""
        done = float(len(self.settled))
        for name, opened in self.opened.items():
            if name not in self.settled and opened.ids:
                done += sum(one in self.answers for one in opened.ids) / len(opened.ids)
        return min(1.0, done / len(self.workflow.nodes))

    @property
    def running(self) -> list[str]:
        """The steps that have begun and are not done."""
        return [name for name in self.opened if name not in self.settled]


@dataclass(frozen=True, slots=True)
class Opened:
    """A step that may run: its items (one None without `foreach`), their first requests' ids, those not to run."""

    items: tuple[Any, ...]
    ids: tuple[str, ...]
    closed: Mapping[int, Answer]


def begin(workflow_id: str, workflow: Workflow, timed_out_at: float, expires_at: float) -> State:
    """Return the state before anything has happened."""
    return State(workflow_id, workflow, timed_out_at, expires_at, {}, frozenset(), {}, {})


def request_id(workflow_id: str, step: str, item: int | None, attempt: int) -> str:
    """Name a step's request `workflow/step[/item][~attempt]`; a digest stands in for what is too long."""
    place = step if item is None else f"{step}/{item}"
    again = "" if attempt == 1 else f"~{attempt}"
    plain = f"{workflow_id}/{place}{again}"
    if len(plain) <= _ID_LIMIT:
        return plain
    digest = hashlib.sha256(f"{workflow_id}/{place}".encode()).hexdigest()[:32]
    return f"{workflow_id[: _ID_LIMIT - 50]}/{digest}{again}"


def known(state: State, found: Mapping[str, Answer], sent: Iterable[str]) -> State:
    """Add facts that were kept, deciding nothing: how a state is put together again."""
    return replace(state, answers={**found, **state.answers}, sent=state.sent.union(sent))


def advance(state: State, event: Event, now: float) -> tuple[State, list[Command]]:
    """Take note of an event, and say what is to be done; after the end there is nothing."""
    if state.finished is not None:
        return state, []
    match event:
        case Answered(name, answer):
            if name not in state.answers:  # a repeat says the same
                state = replace(state, answers={**state.answers, name: answer})
        case Sent(ids):
            state = replace(state, sent=state.sent.union(ids))
        case Cancelled():
            return stop(state, Problem("cancelled", "the workflow was cancelled"))
        case Tick():
            pass
    if now >= state.expires_at:
        return stop(state, Problem("expired", "it was to be answered before expires_at", field="expires_at"))
    if now >= state.timed_out_at:
        text = f"not finished in time ({len(state.settled)} of {len(state.workflow.nodes)} steps are)"
        hint = "allow more time, fewer items, or timeout_s for single steps"
        return stop(state, Problem("timed_out", text, field="timeout_s", hint=hint))
    return _Round(state).decide()


class _Round:
    """One look at all steps."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.settled = dict(state.settled)
        self.opened = dict(state.opened)
        self.submits: list[Submit] = []
        on_their_way = sum(one not in state.answers for one in state.sent)
        self.room = state.workflow.parallel - on_their_way
        self.sources: dict[str, Any] = {name: _source(one.answer) for name, one in self.settled.items()}

    def decide(self) -> tuple[State, list[Command]]:
        for node in self.state.workflow.nodes:
            name = node.step.id
            if name in self.settled:
                continue
            found = self._look(node)
            if found is None:
                continue
            self.settled[name] = found
            self.sources[name] = _source(found.answer)
            if found.fatal:
                return stop(self._kept(), _problem(node, found))
        state = self._kept()
        state = replace(state, sent=state.sent.union(one.id for one in self.submits))
        if len(self.settled) == len(state.workflow.nodes):
            finish = _finish(state, None)
            return replace(state, finished=finish), [finish]
        return state, list(self.submits)

    def _kept(self) -> State:
        return replace(self.state, settled=self.settled, opened=self.opened)

    def _look(self, node: Node) -> Settled | None:
        """Say what became of a step; None while it waits or runs. What of it can be sent is added to `submits`."""
        step = node.step
        if not node.waits <= self.settled.keys():
            return None
        absent = sorted(name for name in node.needs if self.settled[name].answer.outputs is None)
        if absent:
            why = f"skipped: it needs the outputs of {absent[0]!r}, which has none"
            return Settled(answers.skipped(step.id, why))
        opened = self.opened.get(step.id)
        if opened is None:
            try:
                opened = self._open(node)
            except Problem as problem:
                refused = answers.refusal(step.id, problem)
                return Settled(refused, fatal=step.on_error != "skip")
            self.opened[step.id] = opened
        return self._units(node, opened)

    def _open(self, node: Node) -> Opened:
        step = node.step
        items: tuple[Any, ...] = (None,)
        if step.foreach is not None:
            listed = references.fill(step.foreach, node.foreach, self.sources)
            items = tuple(references.elements(listed, f"{node.field}.foreach", ITEMS_LIMIT))
        units = len(items) + sum(len(one.items) for one in self.opened.values())
        if units > UNITS_LIMIT:
            text, hint = f"{units} steps and items in one workflow", f"at most {UNITS_LIMIT}"
            raise Problem("budget_exceeded", text, field=f"{node.field}.foreach", hint=hint)
        many = step.foreach is not None
        ids = tuple(request_id(self.state.id, step.id, i if many else None, 1) for i in range(len(items)))
        closed = {}
        for i, item in enumerate(items):
            if node.when is not None and not node.when.holds(self._sources(item, i)):
                closed[i] = answers.skipped(ids[i], "skipped: its condition does not hold")
        return Opened(items, ids, closed)

    def _sources(self, item: Any, index: int) -> dict[str, Any]:
        return {**self.sources, references.ITEM: item, references.INDEX: index}

    def _units(self, node: Node, opened: Opened) -> Settled | None:
        step = node.step
        tries = [
            (opened.closed.get(i), 1) if i in opened.closed else self._unit(node, opened, i)
            for i in range(len(opened.items))
        ]
        fatal = step.on_error != "skip" and any(_failed(answer) for answer, _ in tries)
        if not fatal and any(answer is None for answer, _ in tries):
            return None
        stopped = Problem("cancelled", "stopped: another item failed")
        found = [
            answers.refusal(opened.ids[i], stopped) if answer is None else _numbered(answer, node, attempt)
            for i, (answer, attempt) in enumerate(tries)
        ]
        if step.foreach is None:
            return Settled(found[0], fatal=fatal)
        return Settled(answers.together(step, found, fatal=fatal), tuple(found), fatal=fatal)

    def _unit(self, node: Node, opened: Opened, i: int) -> tuple[Answer | None, int]:
        """Find the answer of an item, that of its last try; without one, send it if there is room."""
        step = node.step
        attempt, name = 1, opened.ids[i]
        while (answer := self.state.answers.get(name)) is not None:
            if answer.status != "failed" or step.on_error != "retry" or attempt > step.retries:
                return answer, attempt
            attempt += 1
            name = request_id(self.state.id, step.id, i if step.foreach is not None else None, attempt)
        if name in self.state.sent or self.room <= 0:
            return None, attempt
        sources = self._sources(opened.items[i], i)
        try:
            inputs = references.fill(step.inputs, node.inputs, sources)
            options = references.fill(step.options, node.options, sources)
        except Problem as problem:
            return answers.refusal(name, problem), attempt
        seed = step.seed if step.seed is not None else _seed(self.state.workflow.seed, step.id, i, attempt)
        self.submits.append(Submit(name, step.id, step.agent, step.task, inputs, options, seed, step.timeout_s))
        self.room -= 1
        return None, attempt


def _failed(answer: Answer | None) -> bool:
    return answer is not None and answer.status not in {"succeeded", "skipped"}


def _source(answer: Answer) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in references.READABLE}


def _numbered(answer: Answer, node: Node, attempt: int) -> Answer:
    provenance = {**answer.provenance, "attempt": attempt} if attempt > 1 else answer.provenance
    return msgspec.structs.replace(answer, agent=node.step.agent, task=node.step.task, provenance=provenance)


def _seed(seed: int, step: str, item: int, attempt: int) -> int:
    """A step's own seed: 53 bits, so that JSON keeps it exact."""
    digest = hashlib.sha256(f"{seed}/{step}/{item}/{attempt}".encode()).digest()
    return int.from_bytes(digest[:7], "big") >> 3


def _problem(node: Node, settled: Settled) -> Problem:
    """Say which step failed, and of what, with its field below the step's."""
    error = settled.answer.error or {}
    below = error.get("field")
    field = node.field if not below else below if below.startswith(node.field) else f"{node.field}.{below}"
    item = ""
    if settled.items is not None:
        first = next(i for i, one in enumerate(settled.items) if _failed(one) and one.error == error)
        item = f" at item {first}"
    text = f"step {node.step.id!r} {settled.answer.status}{item}: {error.get('message', 'no reason was given')}"
    return Problem(error.get("code", "internal"), text, field=field, hint=error.get("hint"))


def stop(state: State, problem: Problem) -> tuple[State, list[Command]]:
    """End now: what runs is cancelled, what has not begun never will."""
    running = tuple(sorted(one for one in state.sent if one not in state.answers))
    settled = dict(state.settled)
    for node in state.workflow.nodes:
        name = node.step.id
        if name in settled:
            continue
        how = "stopped" if name in state.opened else "not begun"
        why = Problem("cancelled", f"{how}: {problem.message}"[:500])
        settled[name] = Settled(
            Answer(id=name, agent=node.step.agent, task=node.step.task, status="cancelled", error=answers.error_of(why))
        )
    finish = _finish(replace(state, settled=settled), problem)
    ended = replace(state, finished=finish)
    return ended, [*([Cancel(running)] if running else []), finish]


def _finish(state: State, problem: Problem | None) -> Finish:
    steps, ran, warnings = {}, 0, []
    flags: list[bool] = []
    for node in sorted(state.workflow.nodes, key=lambda node: node.place):
        settled = state.settled[node.step.id]
        steps[node.step.id] = answers.written(settled.answer, settled.items, keep=node.step.keep)
        ran += sum(one.status not in {"skipped", "cancelled"} for one in settled.items or (settled.answer,))
        if settled.answer.status not in {"succeeded", "skipped"} and problem is None:
            message = (settled.answer.error or {}).get("message", "")
            warnings.append(f"step {node.step.id!r} {settled.answer.status} and was skipped: {message}")
        warnings += [f"step {node.step.id!r}: {text}" for text in settled.answer.warnings[:5]]
        flag = settled.answer.diagnostics.get("converged")
        if flag is not None:
            flags.append(bool(flag))
    converged = all(flags) if flags and problem is None else False if flags else None
    return Finish(steps, problem, ran, converged, warnings[:100])
