"""The command that prints the catalogue."""

from typing import Annotated

import typer

from sciagents.commands.shared import AsJson

app = typer.Typer()


@app.command()
def agents(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One agent, in detail.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print what can be computed. Exit codes: 0 ok, 2 no such agent."""
    from sciagents.console import catalogue  # noqa: PLC0415 - the kernels are slow to import

    catalogue.show(name, as_json=as_json)
