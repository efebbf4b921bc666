"""Commands about the settings."""

import os

import typer

from sciagents.commands.shared import AsJson

app = typer.Typer()
_group = typer.Typer(no_args_is_help=True, help="See the settings, and find mistakes in them.")
app.add_typer(_group, name="config")


@_group.command()
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Print the settings in force, and where each comes from. Exit codes: 0 ok, 2 a key or a value is wrong."""
    from sciagents.console import configuration  # noqa: PLC0415 - tables are slow to import

    configuration.show(context.obj, os.environ, as_json=as_json)


@_group.command()
def check() -> None:
    """Look for mistakes in the settings. Exit codes: 0 none, 1 a variable looks misspelt, 2 a key or value is wrong."""
    from sciagents.console import configuration  # noqa: PLC0415 - as above

    if not configuration.check(os.environ):
        raise typer.Exit(1)
