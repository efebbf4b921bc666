"""Work that falls apart: blocks that are computed anywhere, in any order, and merged in their order to one answer.

What a block computes depends on its number alone, and merging looks at the blocks one after the other: so the answer
is the same bytes however many *shards* (runs of blocks) were made of it, whoever computed them, and how often. Computed
in one piece it is the merge of all blocks too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from agents.alone import Alone
from agents.outcome import Code, Outcome, Problem
from agents.task import Part, Watch

STATE_LIMIT = 4 * 1024 * 1024
"""Most bytes of what one block leaves, so that several fit a message."""
_STOPPED = {"timed_out", "cancelled"}
_MERGE_FROM = 0.95
"""Where merging begins, of the whole's progress."""
_ARRAY = 1
"""Code of an array among msgpack's extensions: its dtype and shape, then its bytes."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Divided(Alone):
    """A plan of `blocks` blocks, made by `plan`.

    `block(number, watch)` computes one and gives what it leaves, a `state` (a struct of numbers, texts and arrays);
    `merge(states, watch)` takes those of all blocks, in order. `state_bytes` is about how large one is.
    """

    blocks: int
    block: Callable[[int, Watch], Any]
    merge: Callable[[Sequence[Any], Watch], Outcome]
    state: type[msgspec.Struct]
    state_bytes: int

    @property
    def divisible(self) -> bool:
        """Whether shards can be made of it."""
        return self.blocks > 1 and self.state_bytes <= STATE_LIMIT


def plan(
    kernel: str, cost: float, blocks: int, block: Callable[[int, Watch], Any],
    merge: Callable[[Sequence[Any], Watch], Outcome], state: type[msgspec.Struct], *, state_bytes: int,
    compiled: bool = True, finite: bool = True,
) -> Divided:  # fmt: skip
    """Make a plan that can be computed in one piece as well."""

    def work(watch: Watch, _: Mapping[str, bytes]) -> Outcome:
        states = [block(number, Part(watch, *_range(number, blocks))) for number in range(blocks)]
        return merge(states, Part(watch, _MERGE_FROM, 1.0))

    return Divided(
        kernel, work, cost, compiled=compiled, finite=finite, blocks=blocks, block=block, merge=merge, state=state,
        state_bytes=state_bytes,
    )  # fmt: skip


def _range(number: int, blocks: int) -> tuple[float, float]:
    return _MERGE_FROM * number / blocks, _MERGE_FROM * (number + 1) / blocks


class Trouble(msgspec.Struct, frozen=True):
    """A problem as it is kept."""

    code: Code
    message: str
    field: str | None = None
    hint: str | None = None

    def problem(self) -> Problem:
        """Make a problem of it again."""
        return Problem(self.code, self.message, field=self.field, hint=self.hint)


def trouble(problem: Problem) -> Trouble:
    """Keep a problem."""
    return Trouble(problem.code, problem.message, problem.field, problem.hint)


class Shard(msgspec.Struct, frozen=True):
    """What the blocks from `low` to `high` left; with `trouble`, of the block behind the last state."""

    low: int
    high: int
    states: list[bytes]
    trouble: Trouble | None = None


def compute(plan: Divided, low: int, high: int, watch: Watch) -> bytes:
    """Compute a shard; raises what the watch raises to stop it."""
    states: list[bytes] = []
    with np.errstate(all="ignore"):
        for number in range(low, high):
            here, after = ((number + i - low) / (high - low) for i in (0, 1))
            try:
                states.append(_encode(plan.block(number, Part(watch, here, after))))
            except Problem as problem:
                if problem.code in _STOPPED:
                    raise
                return msgspec.msgpack.encode(Shard(low, high, states, trouble(problem)))
            except MemoryError:
                hint = "a smaller problem"
                lack = Trouble("budget_exceeded", "not enough memory", field="inputs", hint=hint)
                return msgspec.msgpack.encode(Shard(low, high, states, lack))
    return msgspec.msgpack.encode(Shard(low, high, states))


def merged(plan: Divided, shards: Sequence[bytes]) -> Alone:
    """Make of all shards' bytes, up to the first with a trouble, the plan that answers; raises `ValueError` for holes.

    Shards may come in any order and more than once.
    """
    found = sorted((_shard(value) for value in shards), key=lambda one: (one.low, one.trouble is not None))
    states: list[bytes] = []
    stopped: Trouble | None = None
    for one in found:
        if one.low > len(states) or stopped is not None:
            break
        if one.high > len(states) and one.low + len(one.states) >= len(states):
            states += one.states[len(states) - one.low :]
            stopped = one.trouble
    if stopped is None and len(states) != plan.blocks:
        raise ValueError(f"{len(states)} of {plan.blocks} blocks")
    decoder = msgspec.msgpack.Decoder(plan.state, dec_hook=_as_array, ext_hook=_array)

    def work(watch: Watch, _: Mapping[str, bytes]) -> Outcome:
        if stopped is not None:
            raise stopped.problem()
        return plan.merge([decoder.decode(state) for state in states], Part(watch, _MERGE_FROM, 1.0))

    return Alone(plan.kernel, work, plan.cost / plan.blocks, compiled=plan.compiled, finite=plan.finite)


def _shard(value: bytes) -> Shard:
    return msgspec.msgpack.decode(value, type=Shard)


def failed(value: bytes) -> bool:
    """Whether a shard's block had a problem."""
    return _shard(value).trouble is not None


def _encode(state: Any) -> bytes:
    return msgspec.msgpack.encode(state, enc_hook=_as_extension)


def _as_extension(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        head = msgspec.msgpack.encode((value.dtype.str, value.shape))
        return msgspec.msgpack.Ext(_ARRAY, len(head).to_bytes(2, "big") + head + value.tobytes())
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(type(value).__name__)


def _array(code: int, data: memoryview) -> Any:
    if code != _ARRAY:
        raise ValueError(f"extension {code}")
    size = 2 + int.from_bytes(data[:2], "big")
    dtype, shape = msgspec.msgpack.decode(data[2:size], type=tuple[str, tuple[int, ...]])
    return np.frombuffer(data[size:], dtype=np.dtype(dtype)).reshape(shape)


def _as_array(_: type, value: Any) -> Any:
    return value
