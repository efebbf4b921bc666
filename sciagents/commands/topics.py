"""Commands about topics."""

import typer

from sciagents.commands.shared import AsJson, Kafka, Prefix

app = typer.Typer()
_group = typer.Typer(no_args_is_help=True, help="Make the topics, and see whether they are as they should be.")
app.add_typer(_group, name="topics")


@_group.command()
def create(kafka: Kafka = "127.0.0.1:9092", prefix: Prefix = "", as_json: AsJson = False) -> None:
    """Make the topics that are missing. Exit codes: 0 all are there, 1 failed, 2 wrong usage."""
    from sciagents.console import topics  # noqa: PLC0415 - Kafka's client is slow to import

    topics.create(kafka, prefix, as_json=as_json)


@_group.command()
def describe(kafka: Kafka = "127.0.0.1:9092", prefix: Prefix = "", as_json: AsJson = False) -> None:
    """Print the topics, and what each is to be. Exit codes: 0 ok, 1 failed, 2 wrong usage."""
    from sciagents.console import topics  # noqa: PLC0415 - as above

    topics.describe(kafka, prefix, as_json=as_json)


@_group.command()
def check(kafka: Kafka = "127.0.0.1:9092", prefix: Prefix = "", as_json: AsJson = False) -> None:
    """Print how the topics differ from what they are to be. Exit codes: 0 they do not, 1 they do, 2 wrong usage."""
    from sciagents.console import topics  # noqa: PLC0415 - as above

    if not topics.check(kafka, prefix, as_json=as_json):
        raise typer.Exit(1)
