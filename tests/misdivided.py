"""Divided work for tests, `trial.divided`: its blocks are numbered, and one of them may do badly.

`python -m misdivided KAFKA PREFIX FOLDER` is a worker with this task.
"""

import os
import signal
import sys
from typing import Literal

import msgspec

from agents import alone, divided
from agents.divided import Divided
from agents.outcome import Outcome, Problem
from agents.task import TaskOptions


class Inputs(msgspec.Struct, forbid_unknown_fields=True):
    """Of `blocks`, the one at `place` does as `how` says."""

    blocks: int = 8
    place: int = -1
    how: Literal["well", "kill", "problem", "raise"] = "well"


class Numbered(msgspec.Struct, frozen=True):
    """What a block leaves."""

    number: int


def _prepare(inputs: Inputs, options: TaskOptions, seed: int) -> Divided:
    def block(number, watch):
        if number >= inputs.place >= 0:
            if inputs.how == "kill" and number == inputs.place:
                os.kill(os.getpid(), signal.SIGKILL)
            elif inputs.how == "problem":
                raise Problem("singular", f"block {number}", field="inputs.place", hint="another")
            elif inputs.how == "raise" and number == inputs.place:
                raise ZeroDivisionError
        return Numbered(number)

    def merge(states, watch):
        return Outcome({"numbers": [state.number for state in states]}, "trial", compiled=False)

    return divided.plan("trial", 1e12, inputs.blocks, block, merge, Numbered, state_bytes=100, compiled=False)


TASK = alone.task(
    agent="trial", name="divided", summary="Blocks.", inputs=Inputs, options=TaskOptions, methods=(),
    example={}, prepare=_prepare,
)  # fmt: skip

TASKS = (TASK,)


def request(request_id: str, **inputs):
    """Make the value of a request."""
    return msgspec.json.encode({"id": request_id, "agent": "trial", "task": "divided", "inputs": inputs})


if __name__ == "__main__":
    from streams import worker

    kafka, prefix, directory = sys.argv[1:]
    worker.run(worker.WorkerSettings(kafka=kafka, prefix=prefix, directory=directory, plugins=("misdivided",)))
