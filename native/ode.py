"""Initial value problems: many members of one system of equations, integrated in blocks of lanes by the kernels."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from native.formula import Program
from native.formula.program import LANES, PACK, Array
from native.ode_events import Crossings, EventLog
from native.ode_kernels import (
    COMPILED,
    IMPLICIT,
    METHODS,
    RADAU_LIMIT,
    Indices,
    Kernel,
    Method,
    begin,
    kernel_of,
    resolve,
)

__all__ = [
    "COMPILED",
    "METHODS",
    "RADAU_LIMIT",
    "Members",
    "Method",
    "Trajectories",
    "integrate",
    "output_bytes",
    "resolve",
]

Watch = Callable[[float, str], None]

RUNNING, DONE, TOO_SMALL, TOO_MANY, STIFF, NOT_FINITE, STOPPED, CALM = range(8)
"""Statuses of a member; `STOPPED`: by a terminal event. `STIFF` and `CALM` ask for the other kind of method."""

_TIME, _STEP, _ERROR, _END, _LARGEST, _RTOL, _ATOL = range(7)
_STATUS, _ACCEPTED, _REJECTED, _PLACE, _STIFF, _CALM, _MOST, _ROW, _GRID, _EVALUATIONS = range(10)
_CHUNK_OPERATIONS = 4_000_000
"""About 5 ms of work between two looks at the watch."""


@dataclass(eq=False)
class Members:
    """m members of a system of n equations with p parameters, each with its own range, tolerances and grid.

    `initial` (n, m), `parameters` (p, m), `start`, `end`, `rtol`, `atol`, `max_step`, `max_steps` (m);
    `grids` (g, q) holds points from start to end in the direction of integration, `grid` (m) which of them is whose.
    """

    initial: Array
    parameters: Array
    start: Array
    end: Array
    rtol: Array
    atol: Array
    max_step: Array
    max_steps: Indices
    grids: Array
    grid: Indices


@dataclass(eq=False)
class Trajectories:
    """What became of the members: `points` (m, n, q) on the grids, `reached` (m) of them; `state` (n, m) at `time` (m).

    `status` (m) as above; `stiff` (m): whether the member went on with rodas4.
    """

    points: Array
    reached: Indices
    state: Array
    time: Array
    status: Indices
    accepted: Indices
    rejected: Indices
    evaluations: Indices
    stiff: np.ndarray[Any, np.dtype[np.bool_]]
    crossings: list[Crossings] = field(default_factory=list)


def output_bytes(members: int, equations: int, points: int) -> int:
    """Memory that the points of the trajectories take."""
    return 8 * members * equations * points


def integrate(
    program: Program, jacobian: Callable[[], Program], members: Members, methods: Sequence[str], watch: Watch,
    events: EventLog | None = None,
) -> Trajectories:  # fmt: skip
    """Integrate members of one system; a member's result does not depend on the others, nor on how many they are.

    `program` takes t, the n variables and the p parameters; `jacobian` gives the program of the n × (n + 1)
    derivatives by t and the variables, asked for only when an implicit method runs. `methods` are those of `resolve`:
    of two, a member begins with the first, goes on with the second from where its steps are limited by stability, and
    back once they no longer would be. `watch` is called every few milliseconds and may raise.
    """
    run = _Run(program, members, watch, events)
    kernels: list[Kernel] = []
    stiff = np.zeros(members.start.size, dtype=np.bool_)
    turn = 0
    while True:
        if turn == len(kernels):
            kernels.append(kernel_of(methods[turn], program, jacobian, detect=len(methods) > 1))
            if turn == 0:
                run.begin(kernels[0].order)
        kernel = kernels[turn]
        if kernel.name in IMPLICIT:
            stiff |= run.counts[_STATUS] == RUNNING
        run.advance(kernel, "integrate, stiff" if kernel.name in IMPLICIT else "integrate")
        turn = 1 - turn
        if not run.turn_over():
            break
    return Trajectories(
        run.found, run.counts[_PLACE], run.state, run.lanes[_TIME], run.counts[_STATUS], run.counts[_ACCEPTED],
        run.counts[_REJECTED], run.counts[_EVALUATIONS], stiff, events.crossings if events else [],
    )  # fmt: skip


@dataclass(eq=False)
class _Block:
    """Lanes that a kernel works on: `who` are the members; lanes beyond them only fill the block up."""

    who: Indices
    parameters: Array
    lanes: Array
    counts: Indices
    state: Array
    slope: Array
    log: Array
    logged: Indices


class _Run:
    """The state of all members; blocks are taken out of it and put back."""

    def __init__(self, program: Program, members: Members, watch: Watch, events: EventLog | None) -> None:
        n, m = members.initial.shape
        self._program = program
        self._members = members
        self._watch = watch
        self._events = events
        self.state = members.initial.copy()
        self._slope = np.zeros((n, m))
        nothing = np.zeros(m)
        self.lanes = np.stack([
            members.start, nothing, nothing, members.end, members.max_step, members.rtol, members.atol
        ])  # fmt: skip
        self.counts = np.zeros((10, m), dtype=np.int64)
        self.counts[_MOST] = members.max_steps
        self.counts[_ROW] = np.arange(m)
        self.counts[_GRID] = members.grid
        self.found = np.full((m, n, members.grids.shape[1]), np.nan)

    def begin(self, order: float) -> None:
        """Compute each member's slope at the start and first step."""
        for who in _pieces(self.state.shape[1]):
            block = self._take(who, 0, 0)
            begin(self._program, block, order)
            self._put(block)
        self.counts[_EVALUATIONS] += 2

    def turn_over(self) -> bool:
        """Make the members run again that ask for the other kind of method; gives whether there are any."""
        calm = np.flatnonzero(self.counts[_STATUS] == CALM)
        if calm.size:  # the explicit kernels begin with the slope
            inputs = [self.lanes[_TIME : _TIME + 1, calm], self.state[:, calm], self._members.parameters[:, calm]]
            self._slope[:, calm] = self._program.evaluate(np.concatenate(inputs))
            self.lanes[_ERROR, calm] = np.log(1e-4)
        asking = (self.counts[_STATUS] == CALM) | (self.counts[_STATUS] == STIFF)
        self.counts[_STATUS, asking] = RUNNING
        self.counts[_STIFF, asking] = self.counts[_CALM, asking] = 0
        return bool(asking.any())

    def advance(self, kernel: Kernel, stage: str) -> None:
        """Advance all running members to their ends; blocks are filled up again as members finish."""
        before = self.counts[_ACCEPTED] + self.counts[_REJECTED]
        waiting = np.flatnonzero(self.counts[_STATUS] == RUNNING)
        rest = waiting.size
        who = waiting[: kernel.width]
        waiting = waiting[kernel.width :]
        while who.size:
            iterations = max(1, min(500, _CHUNK_OPERATIONS // (kernel.cost * (who.size + PACK))))
            block = self._take(who, iterations if self._events else 0, kernel.parts)
            # when this few lanes run, the others are worth being exchanged, or the block being made narrower
            enough = max(1, who.size * 7 // 8 if waiting.size else who.size // 2)
            running = who.size
            while running >= enough:
                running = kernel(block, self._members.grids, self.found, iterations, enough)
                if self._events:
                    running = self._look_for_events(block)
                self._watch(self._fraction(block, rest - waiting.size - running, rest), stage)
            self._put(block)
            who = who[self.counts[_STATUS, who] == RUNNING]
            room = kernel.width - who.size
            who, waiting = np.concatenate([who, waiting[:room]]), waiting[room:]
        steps = self.counts[_ACCEPTED] + self.counts[_REJECTED] - before
        self.counts[_EVALUATIONS] += kernel.stages * steps

    def _fraction(self, block: _Block, finished: int, whole: int) -> float:
        past, end = block.lanes[_TIME], block.lanes[_END]
        start = self._members.start[block.who]
        on = block.counts[_STATUS, : block.who.size] == RUNNING
        share = (past[: block.who.size] - start) / (end[: block.who.size] - start)
        return float((finished + share[on].sum()) / whole)

    def _look_for_events(self, block: _Block) -> int:
        assert self._events is not None
        for lane, member in enumerate(block.who.tolist()):
            steps = block.log[: block.logged[lane], lane]
            stop = self._events.look(member, steps, block.parameters[:, lane]) if len(steps) else None
            if stop is not None:
                block.counts[_STATUS, lane] = STOPPED
                block.lanes[_TIME, lane], block.state[:, lane] = stop
        block.logged[:] = 0
        return int((block.counts[_STATUS] == RUNNING).sum())

    def _take(self, who: Indices, capacity: int, parts: int) -> _Block:
        width = -(-who.size // PACK) * PACK
        lanes = np.concatenate([who, np.full(width - who.size, who[0])])
        n = self.state.shape[0]
        block = _Block(
            who, np.ascontiguousarray(self._members.parameters[:, lanes]), np.ascontiguousarray(self.lanes[:, lanes]),
            np.ascontiguousarray(self.counts[:, lanes]), np.ascontiguousarray(self.state[:, lanes]),
            np.ascontiguousarray(self._slope[:, lanes]), np.zeros((capacity, width, 2 + parts * n)),
            np.zeros(width, dtype=np.int64),
        )  # fmt: skip
        block.counts[_STATUS, who.size :] = DONE
        return block

    def _put(self, block: _Block) -> None:
        size = block.who.size
        self.lanes[:, block.who] = block.lanes[:, :size]
        self.counts[:, block.who] = block.counts[:, :size]
        self.state[:, block.who] = block.state[:, :size]
        self._slope[:, block.who] = block.slope[:, :size]


def _pieces(m: int) -> Iterator[Indices]:
    for first in range(0, m, LANES):
        yield np.arange(first, min(first + LANES, m))
