"""The table of all cases as Markdown: `docs/accuracy.md`."""

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec

from agents import catalogue
from sciagents.accuracy.case import Case, Row, run

AGENTS = tuple(agent for agent in catalogue.AGENTS if find_spec(f"sciagents.accuracy.{agent}"))
"""The agents that have cases, each a module beside this one."""

_HEAD = """# Accuracy

Written by `sci-agents benchmark accuracy --output docs/accuracy.md`: each row is a request whose answer is known, the
error that the answer has (absolute, the largest over the main output) and the error that the result claims in
`diagnostics.error_estimate`. The claim bounds the error in every row; where there is no answer, the right one is an
error code.
"""


def cases(agents: Sequence[str] = AGENTS) -> Iterable[Case]:
    """Iterate over the cases of some agents."""
    for agent in agents:
        yield from import_module(f"sciagents.accuracy.{agent}").cases()


def measure(agents: Sequence[str] = AGENTS, tell: Callable[[Row], None] = lambda _: None) -> list[Row]:
    """Run the cases, one after the other."""
    rows = []
    for case in cases(agents):
        row = run(case)
        tell(row)
        rows.append(row)
    return rows


def markdown(rows: Sequence[Row]) -> str:
    """Write the table, a section a task."""
    parts = [_HEAD]
    for task in dict.fromkeys(f"{row.case.agent}.{row.case.task}" for row in rows):
        parts.append(f"\n## `{task}`\n\n| problem | reference | error reached | error claimed |\n|---|---|---|---|\n")
        parts += [_line(row) for row in rows if f"{row.case.agent}.{row.case.task}" == task]
    return "".join(parts)


def _line(row: Row) -> str:
    if row.error is None:
        code = "none" if row.problem is None else f"`{row.problem.code}`"
        reached, claimed = "–", code
    else:
        reached = f"{row.error:.1e}"
        claimed = "none" if row.claimed is None else f"{row.claimed:.1e}"
    mark = "" if row.holds else " **(does not hold)**"
    return f"| {row.case.name} | {row.case.source} | {reached} | {claimed}{mark} |\n"
