"""What divided work does next: which shards to send, and when to merge. A pure machine, whose state is a set of facts.

`advance(state, now, lanes)` says what is to be done; a state put together again from what was kept goes on where the
last one was. Shards are cut as they are sent, so that each takes about as long as `TARGET_S`: how they are cut changes
when the answer comes, and not a byte of it. So many a lane (a partition of `compute.heavy`) are on their way that its
worker does not wait for work, and no more, so that what else comes does not wait behind them. One that stays out, as
when its worker was killed, goes to an idle lane too (Dean & Ghemawat, MapReduce, 2004: backup tasks): whichever comes
first counts.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

TARGET_S = 2.0
"""How long a shard is to take."""
WINDOW = 4
"""Shards on their way to one lane."""
LATE = 4.0
"""How many times as long as it should take a shard is waited for, before an idle lane gets it too."""
_LATE_S = 5.0
_NAME = re.compile(r"(\d{1,9})-(\d{1,9})@(\d{1,9})")
MERGE = "merge"


class Send(NamedTuple):
    """Send the blocks from `low` to `high` as a shard to a lane."""

    low: int
    high: int
    lane: int

    @property
    def name(self) -> str:
        """How the journal has it."""
        return f"{self.low}-{self.high}@{self.lane}"


def sent_as(name: str) -> Send | None:
    """Read what the journal has."""
    found = _NAME.fullmatch(name)
    return Send(*map(int, found.groups())) if found else None


class Merge(NamedTuple):
    """All that is needed has come."""


Command = Send | Merge


class Sent(NamedTuple):
    """A shard on its way: to where, and since when (seconds)."""

    high: int
    lane: int
    at: float


class Answer(NamedTuple):
    """A shard that has come: how long it took, and whether one of its blocks had a problem."""

    high: int
    run_s: float
    failed: bool


@dataclass(frozen=True, slots=True)
class State:
    """The facts, by the first block of each shard.

    `most` blocks fit a message, `first` are likely to take as long as `TARGET_S`, before any was measured.
    """

    blocks: int
    most: int
    first: int
    sent: Mapping[int, Sent] = field(default_factory=dict)
    again: Mapping[int, Sent] = field(default_factory=dict)
    answers: Mapping[int, Answer] = field(default_factory=dict)
    merging: bool = False

    @property
    def wanted(self) -> int:
        """The end of the blocks that are needed: those up to the first shard with a problem."""
        return min((low for low, one in self.answers.items() if one.failed), default=self.blocks)

    @property
    def done(self) -> int:
        """How many blocks have come."""
        covered, end = 0, 0
        for low, one in sorted(self.answers.items()):
            covered += max(0, one.high - max(low, end))
            end = max(end, one.high)
        return covered

    @property
    def complete(self) -> bool:
        """Whether every block that is needed has come."""
        end, wanted = 0, self.wanted
        for low, one in sorted(self.answers.items()):
            if low > end or end >= wanted:
                break
            end = max(end, one.high)
        return end >= wanted

    @property
    def seconds_a_block(self) -> float | None:
        """How long a block took so far."""
        took = [(one.run_s, one.high - low) for low, one in self.answers.items() if not one.failed]
        return max(1e-6, sum(run_s for run_s, _ in took) / sum(count for _, count in took)) if took else None


def begin(blocks: int, seconds: float, state_bytes: int, message_bytes: int) -> State:
    """Return the state before anything has happened; `seconds` is what all of it is estimated to take at most."""
    most = max(1, message_bytes // state_bytes)
    return State(blocks, most, max(1, min(most, int(TARGET_S * blocks / max(seconds, TARGET_S)))))


def answered(state: State, low: int, answer: Answer) -> State:
    """Take note of a shard that has come; a repeat says nothing new, unless it reaches further."""
    known = state.answers.get(low)
    if low < 0 or not low < answer.high <= state.blocks or (known and known.high >= answer.high):
        return state
    return replace(state, answers={**state.answers, low: answer})


def noted(state: State, name: str, at: float) -> State:
    """Take note of what the journal says was sent."""
    if name == MERGE:
        return replace(state, merging=True)
    send = sent_as(name)
    if send is None:
        return state
    if send.low in state.sent:
        return replace(state, again={**state.again, send.low: Sent(send.high, send.lane, at)})
    return replace(state, sent={**state.sent, send.low: Sent(send.high, send.lane, at)})


def advance(state: State, now: float, lanes: int) -> tuple[State, list[Command]]:
    """Say what is to be done."""
    if state.merging:
        return state, []
    if state.complete:
        return replace(state, merging=True), [Merge()]
    busy = [0] * lanes
    for one in _out(state):
        if one.lane < lanes:
            busy[one.lane] += 1
    commands: list[Command] = []
    end, wanted = max((one.high for one in state.sent.values()), default=0), state.wanted
    while end < wanted and min(busy) < WINDOW:
        lane = busy.index(min(busy))
        send = Send(end, end + _size(state, wanted - end, lanes), lane)
        commands.append(send)
        state = noted(state, send.name, now)
        busy[lane] += 1
        end = send.high
    if end >= wanted:
        for send in _late(state, now, [lane for lane in range(lanes) if not busy[lane]]):
            commands.append(send)
            state = noted(state, send.name, now)
    return state, commands


def _out(state: State) -> list[Sent]:
    """What is on its way."""
    return [one for kept in (state.sent, state.again) for low, one in kept.items() if low not in state.answers]


def _size(state: State, left: int, lanes: int) -> int:
    """How many blocks the next shard has: fewer towards the end, so that all lanes end together."""
    each = state.seconds_a_block
    count = state.first if each is None else min(state.most, max(1, int(TARGET_S / each)))
    return max(1, min(count, math.ceil(left / (2 * lanes))))


def _late(state: State, now: float, idle: list[int]) -> list[Send]:
    """Shards that stay out, the longest ones first, each once more to a lane that has nothing to do."""
    each = state.seconds_a_block
    if each is None:
        return []
    out = [
        (one.at, low, one) for low, one in state.sent.items()
        if low not in state.answers and low not in state.again
        and now - one.at > _LATE_S + LATE * WINDOW * each * (one.high - low)
    ]  # fmt: skip
    places = [lane for lane in idle for _ in range(WINDOW)]
    return [Send(low, one.high, lane) for lane, (_, low, one) in zip(places, sorted(out), strict=False)]
