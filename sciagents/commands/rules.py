"""Commands about rules."""

from pathlib import Path
from typing import Annotated

import typer

from sciagents.commands.shared import AsJson

app = typer.Typer()
_group = typer.Typer(no_args_is_help=True, help="Look at alerting rules, and test them.")
app.add_typer(_group, name="rules")


@_group.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="An alerting.yaml; default config/alerting.yaml.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look whether an alerting configuration can be used. Exit codes: 0 it can, 2 it cannot: file, line, what to do."""
    from sciagents.console import rules  # noqa: PLC0415 - tables are slow to import

    rules.check(file, as_json=as_json)


@_group.command("test")
def try_out(
    files: Annotated[list[Path], typer.Argument(help="Files of tests, in promtool's shape.")],
    rules_file: Annotated[
        Path | None, typer.Option("--rules", help="An alerting.yaml for the tests that name none in rule_files.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write a JUnit report here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run unit tests of rules in virtual time. Exit codes: 0 all passed, 1 some failed, 2 wrong usage or files."""
    from sciagents.console import rules  # noqa: PLC0415 - as above

    if not rules.test(files, rules_file, junit, as_json=as_json):
        raise typer.Exit(1)
