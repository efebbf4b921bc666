"""A pass of the engine over many label sets: seconds, and the memory of a process that keeps them.

Each measurement is a process of its own, `python -m sciagents.volume.passes LABEL_SETS`, so that nothing else is in its
memory.
"""

import subprocess
import sys
import time
from statistics import median

import msgspec
import psutil

from alerting import config, documents, instants
from alerting.engine import Engine
from streams.contracts import OpsEvent

EVERY_S = 15.0
SAMPLES = 20
"""Samples of each label set in the window of five minutes."""
ROUNDS = 7
AT_ONCE = 1_000
_MANY_TIMES = 10_000.0
_RULES = """
global: {evaluation_interval: 15s}
route: {receiver: nobody, group_by: [alertname, instance], group_wait: 0s}
receivers: [{name: nobody, webhook_configs: [{url: "http://127.0.0.1:1/"}]}]
rules:
  - {name: CpuHigh, expr: cpu_percent > 80, clear: cpu_percent < 75, window: 5m, by: [instance], for: 15s, severity: P3}
  - {name: CpuCritical, expr: cpu_percent > 95, window: 5m, by: [instance], for: 15s, severity: P2}
"""


class Passes(msgspec.Struct):
    """What was measured; seconds are medians, those of the processor beside those of the clock."""

    label_sets: int
    samples: int
    pass_s: float
    pass_cpu_s: float
    firing: int
    firing_pass_s: float
    ingest_us: float
    mib: float


def measure(label_sets: int) -> Passes:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", __name__, str(label_sets)]
    done = subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - this module
    return msgspec.json.decode(done.stdout, type=Passes)


def run(label_sets: int, began: float = 1_790_000_000.0) -> Passes:
    """Fill a window, then let few change in each pass, and at last a thousand begin to fire; in virtual time."""
    engine = Engine(config.read(documents.parse(_RULES), {}))
    engine.tick(began)
    now, spent = began, 0.0
    hosts = [f"host-{number}.example.com" for number in range(label_sets)]
    troubled = 0
    passes: list[tuple[float, float]] = []
    for number in range(SAMPLES + ROUNDS):
        now += EVERY_S
        filling = number < SAMPLES
        troubled = 0 if filling else troubled + 10
        spent += feed(engine, hosts, now, troubled)
        took = _tick(engine, now)
        if not filling:
            passes.append(took)
    firing = min(AT_ONCE, label_sets)
    spent += feed(engine, hosts, now + EVERY_S, firing)
    _tick(engine, now + EVERY_S)
    spent += feed(engine, hosts, now + 2 * EVERY_S, firing)
    together = _tick(engine, now + 2 * EVERY_S)
    return Passes(
        label_sets=label_sets, samples=SAMPLES * label_sets, pass_s=median(one for one, _ in passes),
        pass_cpu_s=median(one for _, one in passes), firing=firing, firing_pass_s=together[0],
        ingest_us=spent / (SAMPLES + ROUNDS + 2) / label_sets * 1e6,
        mib=psutil.Process().memory_info().rss / (1 << 20),
    )  # fmt: skip


def feed(engine: Engine, hosts: list[str], now: float, troubled: int) -> float:
    """One sample of each label set; gives the processor's seconds that taking them took."""
    text, spent = instants.show(now), 0.0
    for first in range(0, len(hosts), 1_000):
        events = [
            OpsEvent(
                id="e", time=text, source=host, kind="metric", name="cpu_percent", labels={"rack": f"r{number % 100}"},
                value=_MANY_TIMES if number < troubled else 50.0,
            )
            for number, host in enumerate(hosts[first : first + 1_000], first)
        ]  # fmt: skip
        began = time.process_time()
        engine.on_events(events, now)
        spent += time.process_time() - began
    return spent


def _tick(engine: Engine, now: float) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    engine.tick(now)
    return time.perf_counter() - wall, time.process_time() - processor


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(run(int(sys.argv[1]))))
