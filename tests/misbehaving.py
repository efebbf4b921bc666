"""Tasks that no catalogue should have, for tests: `trial.run` does what its inputs say, well or badly.

A worker that is started from Python takes this module as a plugin (`WorkerSettings.plugins`); no setting can.
`python -m misbehaving KAFKA PREFIX FOLDER [embedded]` is such a worker.
"""

import ctypes
import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from agents.alone import Alone
from agents.outcome import Outcome
from agents.task import Task, TaskOptions

_SOURCE = """
void out_of_bounds(double *values, long from) { for (long i = from;; i++) values[i] = 1.0; }
"""


class Trial(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What to do: `how`, for `seconds` where that takes time; `cost` and `group` are what the plan says of itself."""

    how: Literal["well", "segfault", "exit", "deaf", "watched", "hog", "raise", "needy"] = "well"
    seconds: float = 0.0
    cost: float = 1.0
    group: str = ""
    needs: tuple[str, ...] = ()


@functools.cache
def _library() -> ctypes.CDLL:
    """Compile the kernel that writes out of bounds."""
    folder = Path(tempfile.mkdtemp(prefix="misbehaving"))
    source, library = folder / "kernel.c", folder / "kernel.so"
    source.write_text(_SOURCE)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return ctypes.CDLL(str(library))


def _run(plan: Trial, watch) -> Outcome:
    until = time.monotonic() + plan.seconds
    match plan.how:
        case "segfault":
            # far out, so that it dies at once and writes over nothing of others
            _library().out_of_bounds((ctypes.c_double * 8)(), ctypes.c_long(1 << 40))
        case "exit":
            os._exit(9)
        case "deaf":
            ctypes.CDLL(None).usleep(int(plan.seconds * 1e6))  # one call of native code that cannot be interrupted
        case "watched":
            while (now := time.monotonic()) < until:
                watch(1 - (until - now) / plan.seconds, "waiting")
        case "hog":
            bytearray(1 << 36)
        case "raise":
            raise ZeroDivisionError
    return Outcome({"pid": os.getpid()}, "trial", compiled=False)


def _compute(plans: Sequence[Trial], watch) -> list[Outcome]:
    return [_run(plan, watch) for plan in plans]


def _prepare(inputs, options, seed) -> Trial | Alone:
    plan = msgspec.convert(inputs, Trial)
    if plan.how == "needy":
        return Alone(
            "trial", lambda _, kept: Outcome({"given": sorted(kept)}, "trial", compiled=False), 1.0, plan.needs
        )
    return plan


TASKS = (Task("trial", "run", "Misbehave as told.", Trial, TaskOptions, (), {"how": "well"}, _prepare, _compute),)


def request(request_id: str, how: str = "well", *, priority: str = "normal", timeout_s: float | None = None, **inputs):
    """Make the value of a request."""
    whole = {
        "id": request_id, "agent": "trial", "task": "run", "priority": priority, "timeout_s": timeout_s,
        "inputs": {"how": how, **inputs},
    }  # fmt: skip
    return msgspec.json.encode(whole)


def work(kafka: str, prefix: str, directory: str, *embedded: str) -> None:
    """Be a worker, with its supervisor, that has these tasks too."""
    from streams import worker

    worker.supervise(
        worker.WorkerSettings(
            kafka=kafka, prefix=prefix, directory=directory, embedded=bool(embedded), plugins=("misbehaving",),
            max_workers=1,
        )
    )  # fmt: skip


if __name__ == "__main__":
    work(*sys.argv[1:])
