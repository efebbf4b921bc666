"""The command that prints the catalogue."""

from pathlib import Path
from typing import Annotated

import typer

from sciagents.commands.shared import AsJson

app = typer.Typer()


@app.command()
def agents(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One agent, in detail.")] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all of it there, as Markdown.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print what can be computed. Exit codes: 0 ok, 2 no such agent."""
    from sciagents.console import catalogue, reference  # noqa: PLC0415 - the kernels are slow to import

    if output is not None:
        output.write_text(reference.markdown(), encoding="utf-8")
    else:
        catalogue.show(name, as_json=as_json)
