"""`sci-agents benchmark alerting`: what the alerting stream carries."""

import sys
from collections.abc import Sequence

from sciagents import reach
from sciagents.console import tables
from sciagents.volume import report


def show(
    kafka: str | None, *, rate: int, seconds: float, rounds: int, label_sets: Sequence[int], as_json: bool
) -> None:  # fmt: skip
    """Measure and print the figures, as JSON or as a table; how far it is goes to a terminal's standard error."""
    tables.quiet_logs()
    embedded = kafka is None or reach.is_embedded(reach.metadata(kafka))
    found = report.measure(
        kafka, _tell, embedded=embedded, rate=rate, seconds=seconds, rounds=rounds, label_sets=label_sets
    )
    if as_json:
        tables.print_json(found)
    else:
        tables.print_table(("what", f"on the broker {found.broker}"), found.rows())


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"{text}\n")
