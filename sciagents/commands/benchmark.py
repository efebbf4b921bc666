"""Commands that measure."""

from pathlib import Path
from typing import Annotated

import typer

from sciagents.commands.shared import AsJson

app = typer.Typer()
benchmark = typer.Typer(no_args_is_help=True, help="Measure: how exact the answers are.")
app.add_typer(benchmark, name="benchmark")


@benchmark.command()
def accuracy(
    agents: Annotated[list[str] | None, typer.Argument(metavar="[AGENT]…", help="Some agents only.")] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table there, as Markdown.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compute what is known, and compare the error with the one claimed.

    Exit codes: 0 every claim holds, 1 one does not, 2 wrong usage.
    """
    from sciagents.console import accuracy as console  # noqa: PLC0415 - the kernels are slow to import

    if not console.show(agents or [], output, as_json=as_json):
        raise typer.Exit(1)
