"""Commands about the route tree."""

from pathlib import Path
from typing import Annotated

import typer

from sciagents.commands.shared import AsJson

app = typer.Typer()
_group = typer.Typer(no_args_is_help=True, help="See where alerts go.")
app.add_typer(_group, name="routes")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "--config.file", help="An alerting.yaml or alertmanager.yml; default config/alerting.yaml."
    ),
]


@_group.command("test")
def show(
    labels: Annotated[list[str] | None, typer.Argument(metavar="LABEL=VALUE", help="The labels of an alert.")] = None,
    config: Config = None,
    expected: Annotated[
        str | None, typer.Option("--verify.receivers", help="Fail unless it goes to these, comma separated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the receivers that an alert reaches, in order, comma separated, as `amtool config routes test` does.

    Exit codes: 0 ok, 1 other receivers than those to be verified, 2 wrong usage or configuration.
    """
    from sciagents.console import routes  # noqa: PLC0415 - tables are slow to import

    if not routes.test(config, labels or [], expected, as_json=as_json):
        raise typer.Exit(1)
