"""All figures of the alerting stream together, and the table that people read."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from statistics import median

import msgspec

from sciagents.broker import EmbeddedBroker
from sciagents.volume import flow, passes
from sciagents.volume.flow import Flow
from sciagents.volume.passes import Passes

LABEL_SETS = (100_000, 300_000)


class Report(msgspec.Struct):
    """What was measured, and on what broker."""

    broker: str
    flows: list[Flow]
    passes: list[Passes]

    def rows(self) -> list[tuple[str, str]]:
        """What and how much, in words; of several rounds the median, with the range where there is one."""
        events = [one.events_per_s for one in self.flows]
        shares = [one.cpu_share for one in self.flows]
        first = self.flows[0]
        told = sum(one.faults for one in self.flows)
        found = [
            (f"events/s in one process, a burst of {first.events:,}", _of(events, "{:,.0f}")),
            (f"of one core at {first.rate:,} events/s", _of(shares, "{:.0%}")),
            ("memory then", f"{median(one.mib for one in self.flows):.0f} MiB"),
            (
                f"event to first notification, P0 with for: 0, {told} of them: p50",
                _of([one.p50_ms for one in self.flows], "{:.0f} ms"),
            ),
            ("p99", _of([one.p99_ms for one in self.flows], "{:.0f} ms")),
        ]
        for one in self.passes:
            found += [
                (
                    f"a pass over {one.label_sets:,} label sets, {one.samples:,} samples",
                    f"{one.pass_s:.3f} s ({one.pass_cpu_s:.3f} s of the processor)",
                ),
                (f"one in which {one.firing:,} begin to fire twice, as many incidents", f"{one.firing_pass_s:.2f} s"),
                ("memory", f"{one.mib:.0f} MiB"),
            ]
        return [*found, ("an event taken", f"{self.passes[0].ingest_us:.1f} µs")] if self.passes else found


def measure(
    kafka: str | None, say: Callable[[str], None], *, embedded: bool, rate: int = 10_000, seconds: float = 15.0,
    rounds: int = 3, label_sets: Sequence[int] = LABEL_SETS,
) -> Report:  # fmt: skip
    """Measure all of it; without `kafka` on an embedded broker.

    Raises:
        NoAnswerError: the alerting process ended, or told of a fault too late.

    """
    found: list[Passes] = []
    for number in label_sets:
        say(f"a pass over {number:,} label sets")
        found.append(passes.measure(number))
    flows: list[Flow] = []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}: {rate:,} events/s for {seconds:g} s, and a burst")
        # an embedded broker keeps 100,000 records of a partition: a new one each round
        with EmbeddedBroker() if kafka is None else nullcontext() as own:
            address = own.bootstrap if own is not None else str(kafka)
            small = embedded or own is not None
            burst = rate * (5 if small else 20)
            flows.append(flow.measure(address, rate=rate, seconds=seconds, burst=burst, embedded=small))
    return Report("embedded" if kafka is None or embedded else kafka, flows, found)


def _of(values: Sequence[float], form: str) -> str:
    middle = form.format(median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({form.format(min(values))} – {form.format(max(values))})"
