"""Commands about silences."""

import getpass
from typing import Annotated

import typer

from sciagents.commands.shared import AsJson, Kafka, Prefix

app = typer.Typer()
_group = typer.Typer(no_args_is_help=True, help="Say what nobody wants to hear of for a while.")
app.add_typer(_group, name="silence")

By = Annotated[str, typer.Option("--by", "--author", default_factory=getpass.getuser, help="Who you are.",
                                 show_default="user name")]  # fmt: skip
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds to wait until it is in force.")]
Identifier = Annotated[str, typer.Argument(metavar="ID")]


@_group.command()
def add(
    matchers: Annotated[list[str], typer.Argument(metavar="MATCHER…", help='Such as alertname=Noise or agent=~"a|b".')],
    by: By,
    duration: Annotated[str, typer.Option("--for", "--duration", help="How long, such as 2h.")] = "1h",
    until: Annotated[str | None, typer.Option(help="Until when, as 2026-12-01T08:00:00Z; in place of --for.")] = None,
    start: Annotated[str | None, typer.Option(help="From when; now without.")] = None,
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    timeout: Timeout = 15.0,
    as_json: AsJson = False,
) -> None:
    """Silence the alerts that all matchers match; prints the silence's ID.

    Exit codes: 0 done, 1 failed or no answer, 2 wrong usage.
    """
    from sciagents.console import silences  # noqa: PLC0415 - Kafka's client is slow to import

    silences.add(kafka, prefix, matchers, duration, until, start, by, comment, timeout, as_json=as_json)


@_group.command()
def expire(
    silence_id: Identifier, by: By, kafka: Kafka = "127.0.0.1:9092", prefix: Prefix = "", timeout: Timeout = 15.0,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """End a silence now. Exit codes: 0 done, 1 none such, over already, or no answer, 2 wrong usage."""
    from sciagents.console import silences  # noqa: PLC0415 - as above

    silences.expire(kafka, prefix, silence_id, by, timeout, as_json=as_json)


@_group.command("list")
def show_all(
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    over: Annotated[bool, typer.Option("--all", help="The expired ones, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the silences, those that end first ahead. Exit codes: 0 ok, 1 failed, 2 wrong usage."""
    from sciagents.console import silences  # noqa: PLC0415 - as above

    silences.show_all(kafka, prefix, over=over, as_json=as_json)
