"""The alerting process as people start it in the place of an Alertmanager, and endpoints that take what it sends."""

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec
from listening import listening

from sciagents.journal import read

WITHIN_S = 60.0


@dataclass
class Process:
    """A running alerting process."""

    url: str
    config: object
    child: subprocess.Popen

    def recorded(self, **wanted):
        """Wait until the journal has a notification with these fields: what is on record outlives the process."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            for entry in read(self.config.parent / "alerting.journal"):
                if entry.topic == "ops.notifications":
                    found = msgspec.json.decode(entry.value)
                    if all(found[name] == value for name, value in wanted.items()):
                        return found
            threading.Event().wait(0.05)
        raise AssertionError(wanted)


@contextlib.contextmanager
def alerting(folder, text, *arguments, flag="--config", environment=(), meanwhile=None) -> Iterator[Process]:
    """Run `sci-agents alerting --embedded` with a configuration until the end of the block.

    `meanwhile` is called with the child once it has its address, long before it is ready.
    """
    file = folder / "alerting.yml"
    file.write_text(text)
    command = [sys.executable, "-m", "sciagents", "alerting", "--embedded", flag, str(file)]
    command += ["--listen", "127.0.0.1:0", "--dir", str(folder), *arguments]
    with (folder / "log").open("wb") as log:
        own = {"OPENBLAS_NUM_THREADS": "1", **dict(environment)}
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **own})
    try:
        said = [child.stdout.readline().strip()]
        if meanwhile is not None:
            meanwhile(child)
        said.append(child.stdout.readline().strip())
        assert said[1:] == ["ready"], (said, (folder / "log").read_text()[-2000:])
        yield Process(said[0].removeprefix("http "), file, child)
    finally:
        child.terminate()
        child.wait(WITHIN_S)
        child.stdout.close()


@dataclass
class Webhooks:
    """An HTTP server: each path is a receiver; `hangs` says for how long one does not answer, by path and time."""

    url: str = ""
    hangs: dict = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    """By which it is written down when something came."""
    seen: list = field(default_factory=list)
    _got: queue.Queue = field(default_factory=queue.Queue)

    def put(self, path, body):
        self._got.put((self.clock(), path, body))

    def first(self, wanted):
        """The body of the first delivery that is wanted, waited for."""
        for _, path, body in self.seen:
            if wanted(path, body):
                return body
        deadline = time.monotonic() + WITHIN_S
        while True:
            found = self._got.get(timeout=max(0.01, deadline - time.monotonic()))
            self.seen.append(found)
            if wanted(*found[1:]):
                return found[2]

    def all(self):
        """Everything that has come so far: when, where, what."""
        while True:
            try:
                self.seen.append(self._got.get_nowait())
            except queue.Empty:
                return self.seen


@contextlib.contextmanager
def webhooks() -> Iterator[Webhooks]:
    """Take webhooks on a free port until the end of the block."""
    state = Webhooks()
    done = threading.Event()

    def answer(path, _, body):
        path = path.strip("/")
        if hang_for := state.hangs.get(path, lambda _: 0.0)(time.time()):
            done.wait(hang_for)
        else:
            state.put(path, msgspec.json.decode(body))
        return 200, {}, b""

    with listening(answer) as state.url:
        try:
            yield state
        finally:
            done.set()
