"""A flood of labels from outside, with the limits as they are, in a process of its own."""

import resource
import subprocess
import sys

import pytest

from alerting import config, instants
from alerting.effects import Notify
from alerting.engine import Engine
from alerting.outbox import DELIVERED
from sciagents.alerting import default_config
from streams.contracts import OpsEvent

NOW = 1_790_000_000.0
NAMES = ("cpu_percent", "memory_percent", "disk_percent", "noise")
STEP = 5_000


def flood(count, value, text, times):
    """Send so many label sets of each name to the default rules; memory's peak in MiB, what was dropped, what fires."""
    engine = Engine(config.load(default_config()))
    for again in range(times):
        for first in range(0, count, STEP):
            now = NOW + 200.0 * again + first / STEP
            for name in NAMES:
                engine.on_events(list(events(name, range(first, first + STEP), value, text, instants.show(now))), now)
            tick(engine, now)
    for later in (60.0, 120.0):
        tick(engine, now + later)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return peak, engine.signals.dropped["too_many"], len(engine.store)


def events(name, numbers, value, text, time):
    for number in numbers:
        labels = {"pod": f"pod-{number}", "text": f"{number}{text}"}
        yield OpsEvent(
            id="e", time=time, source=f"host-{number}", kind="metric", name=name, value=value, labels=labels
        )  # fmt: skip


def tick(engine, now):
    for effect in engine.tick(now):
        if isinstance(effect, Notify):
            engine.on_delivery(effect.message.id, DELIVERED, now)


@pytest.mark.parametrize(
    ("count", "value", "text", "times"),
    [
        pytest.param(200_000, 50, "", 1, id="many label sets"),
        pytest.param(60_000, 50, "x" * 8_000, 1, id="long labels"),
        pytest.param(20_000, 100, "", 3, id="all of them over every threshold"),
    ],
)
def test_a_flood_takes_less_than_a_gibibyte(count, value, text, times):
    """Label sets that do not fit are dropped and counted, and a rule fires for so many of them and no more."""
    command = [sys.executable, __file__, *map(str, (count, value, text, times))]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    peak, dropped, firing = map(float, done.stdout.split())
    assert peak < 1024
    if value == 50:
        assert dropped > 0
    else:
        assert 40_000 <= firing < 61_000


if __name__ == "__main__":
    print(*flood(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], int(sys.argv[4])))  # noqa: T201 - its answer
