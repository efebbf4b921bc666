"""Commands about rules."""

from pathlib import Path
from typing import Annotated

import typer

from sciagents.commands.shared import AsJson, Kafka, Prefix

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


@_group.command()
def backtest(
    since: Annotated[str, typer.Option("--from", help="From when on: RFC 3339, or how long ago, such as 24h.")] = "",
    until: Annotated[str, typer.Option("--to", help="Until when, likewise; default now.")] = "",
    rules_file: Annotated[
        Path | None, typer.Option("--rules", help="The changed rules: rules alone, or a whole file.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="What is in force; default config/alerting.yaml.")] = None,
    events: Annotated[
        Path | None, typer.Option(help="A file of events, one a line, in the place of the topics.")
    ] = None,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Replay history through the rules in force and through changed ones, and print which incidents would differ.

    Nothing is published, and nobody is told. Read are ops.events and compute.results; alerts from outside, commands
    and silences are not replayed. Incidents are the same when their alerts share labels and their times overlap.

    Exit codes: 0 replayed, whether they differ or not; 1 failed; 2 wrong usage or files.
    """
    from sciagents.console import rules  # noqa: PLC0415 - as above

    rules.backtest(kafka, prefix, since, until, rules_file, config, events, as_json=as_json)


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
