"""`python -m kills`: 300 kills of the alerting process along escalations; 1 when a promise was broken.

Each option has its environment variable, `KILLS` for `--kills`, `KILLS_SEED` for `--seed`.
"""

import logging
import os
import signal
import statistics
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from containers.kafka import KafkaContainer

from kills.run import Done, run

_SHOWN = 40


def main() -> int:
    """Run what the command line asks for."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is removed then too
    parser = ArgumentParser(prog="kills")
    parser.add_argument("--kills", type=int, default=int(os.environ.get("KILLS", "300")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("KILLS_SEED", "1")))
    parser.add_argument("--within", type=float, default=5.0, help="seconds in which what is due has to be told")
    parser.add_argument("--logs", type=Path, default=Path("var/kills"))
    asked = parser.parse_args()
    asked.logs.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=asked.logs / "clients.log")
    with KafkaContainer() as kafka:
        done = run(kafka.bootstrap, asked.logs, kills=asked.kills, seed=asked.seed, within_s=asked.within, say=_say)
    _print(done)
    return 1 if done.report.violations else 0


def _say(line: str) -> None:
    print(line, flush=True)


def _print(done: Done) -> None:
    report = done.report
    starts = sorted(life.live_at - life.started for life in done.lives if life.live_at is not None)
    print(f"kills: {len(done.lives) - 1}, {len(done.lives) - 1 - len(starts)} of them within the start")
    print(f"incidents: {done.incidents}")
    print(f"told: {report.tellings}, {report.repeats} of them repeats under the same key")
    print(f"late since a start, s: {_shown(report.late)}")
    print(f"late since a process was live, s: {_shown(report.late_live)}")
    print(f"from start to live, s: median {statistics.median(starts):.2f}, longest {starts[-1]:.2f}")
    kinds = Counter(violation.promise for violation in report.violations)
    print(f"violations: {len(report.violations)} {dict(kinds) or ''}")
    for violation in report.violations[:_SHOWN]:
        print(f"  {violation}")


def _shown(late: Sequence[float]) -> str:
    found = sorted(late)
    return f"median {statistics.median(found):.2f}, p99 {found[int(len(found) * 0.99)]:.2f}, longest {found[-1]:.2f}"


if __name__ == "__main__":
    sys.exit(main())
