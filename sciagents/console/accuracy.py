"""`sci-agents benchmark accuracy`: the table of errors, reached and claimed."""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import typer

from sciagents.accuracy import table
from sciagents.accuracy.case import Row
from sciagents.errors import UsageError


def show(agents: Sequence[str], output: Path | None, *, as_json: bool) -> bool:
    """Run the cases of some agents, or of all, and print or write the table; gives whether every claim holds."""
    for agent in agents:
        if agent not in table.AGENTS:
            raise UsageError(f"no cases for {agent!r}; there are {', '.join(table.AGENTS)}")
    told = sys.stderr.isatty()

    def tell(row: Row) -> None:
        if told:
            typer.echo(row.case.id, err=True)

    rows = table.measure(agents or table.AGENTS, tell)
    if output is not None:
        output.write_text(table.markdown(rows), encoding="utf-8")
    if as_json:
        typer.echo(msgspec.json.encode([_plain(row) for row in rows]))
    elif output is None:
        typer.echo(table.markdown(rows), nl=False)
    broken = [row.case.id for row in rows if not row.holds]
    for name in broken:
        typer.echo(f"does not hold: {name}", err=True)
    return not broken


def _plain(row: Row) -> dict[str, object]:
    case = row.case
    return {
        "agent": case.agent, "task": case.task, "name": case.name, "source": case.source, "error": row.error,
        "claimed": row.claimed, "problem": None if row.problem is None else row.problem.code, "holds": row.holds,
    }  # fmt: skip
