"""`python -m chaos`: rounds of faults under load; a line for each, a table at the end, 1 when a promise was broken.

Each option has its environment variable, `CHAOS_ROUNDS` for `--rounds`. One seed draws the same requests and faults.
"""

import logging
import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import structlog

from chaos.cluster import Cluster
from chaos.faults import OF_ALERTING, OF_API, OF_BROKERS, OF_STORES, OF_WORKERS
from chaos.rounds import Round, Scale, run
from chaos.stores import Stores

_SHOWN = 20


def main() -> int:
    """Run the rounds that the command line asks for."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is removed then too
    asked = _arguments()
    asked.logs.mkdir(parents=True, exist_ok=True)
    notes = asked.logs / "suite.log"  # what the clients in this process say of the trouble that is made
    logging.basicConfig(filename=notes)
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(notes.open("a")))
    every = (*OF_WORKERS, *OF_BROKERS, *OF_STORES, *OF_API, *OF_ALERTING)
    kinds = [kind for kind in every if any(word in kind for word in asked.only.split(","))]
    scale = Scale(asked.requests // asked.rounds, asked.seconds, asked.workers, asked.settle, asked.within)
    rounds = []
    with Cluster() as cluster, Stores(cluster) as stores:
        for number in range(asked.rounds):
            done = run(asked.seed + number, cluster, stores, kinds, scale, asked.logs)
            rounds.append(done)
            _print_round(number + 1, asked.rounds, done)
        _print_summary(rounds)  # before what was started is removed, which may fail
    return 1 if any(one.report.violations for one in rounds) else 0


def _print_round(number: int, of: int, done: Round) -> None:
    report = done.report
    print(
        f"round {number}/{of} seed {done.seed}: {report.requests} requests, {report.results} results "
        f"({report.repeats} repeats), {report.dead} dead letters, {done.restarts} restarts, "
        f"{len(report.violations)} violations; settled {_seconds(done.settled)}, "
        f"took {done.took_s:.0f} s\n"
        f"    {done.told.incidents} incidents, {done.told.tellings} tellings ({done.told.repeats} repeats), "
        f"{done.terms} writers, longest {max(done.told.late, default=0.0):.1f} s late\n"
        f"    {'; '.join(map(str, done.faults))}",
        flush=True,
    )
    for promise, count in Counter(one.promise for one in report.violations).items():
        print(f"    BROKEN {promise}: {count}")
    for violation in report.violations[:_SHOWN]:
        print(f"      {violation}", flush=True)


def _seconds(settled: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in settled.items())


def _print_summary(rounds: list[Round]) -> None:
    faults = Counter(fault.kind for one in rounds for fault in one.faults)
    statuses = sum((one.report.statuses for one in rounds), Counter[str]())
    settled = sorted(max(one.settled.values(), default=0.0) for one in rounds)
    broken = Counter(violation.promise for one in rounds for violation in one.report.violations)
    rows = [
        ("rounds", len(rounds)),
        ("requests", sum(one.report.requests for one in rounds)),
        ("results", sum(one.report.results for one in rounds)),
        *((f"  {status}", count) for status, count in statuses.most_common()),
        ("repeats", sum(one.report.repeats for one in rounds)),
        ("dead letters", sum(one.report.dead for one in rounds)),
        ("faults", sum(faults.values())),
        *((f"  {kind}", count) for kind, count in faults.most_common()),
        ("workers that ended by themselves", sum(one.restarts for one in rounds)),
        ("incidents", sum(one.told.incidents for one in rounds)),
        ("  tellings", sum(one.told.tellings for one in rounds)),
        ("  repeats under the same key", sum(one.told.repeats for one in rounds)),
        ("  alerting processes that wrote", sum(one.terms for one in rounds)),
        *((f"  late, {name} s", round(value, 1)) for name, value in _late(rounds)),
        ("settled after, median s", round(settled[len(settled) // 2], 1)),
        ("settled after, longest s", round(settled[-1], 1)),
        ("violations", sum(broken.values())),
        *((f"  {promise}", count) for promise, count in broken.most_common()),
    ]
    print()
    for name, value in rows:
        print(f"{name:40} {value:>10}")


def _late(rounds: list[Round]) -> Iterator[tuple[str, float]]:
    """How long a writer knew what was due before it was told."""
    late = sorted(seconds for one in rounds for seconds in one.told.late)
    if late:
        yield from (("median", late[len(late) // 2]), ("p99", late[int(len(late) * 0.99)]), ("longest", late[-1]))


def _arguments() -> Namespace:
    parser = ArgumentParser("chaos", description=__doc__)

    def option(name: str, default: object, text: str) -> None:
        value = os.environ.get(f"CHAOS_{name.upper()}", default)
        parser.add_argument(f"--{name}", type=type(default), default=type(default)(value), help=text)

    option("rounds", 50, "how many rounds")
    option("requests", 200_000, "how many requests, in all rounds together")
    option("seed", 1, "seed of the first round; the next ones count up")
    option("seconds", 20.0, "how long the load of a round takes")
    option("settle", 180.0, "seconds that a round may take to answer everything after its last fault")
    option("workers", 3, "how many worker processes")
    option("within", 5.0, "seconds in which an alerting process has to tell what is due")
    option("only", "", "only faults whose name has this in it, or one of several with commas between")
    option("logs", Path("var/chaos"), "where the logs of a round that broke a promise are kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
