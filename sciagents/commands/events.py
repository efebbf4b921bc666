"""Commands about ops events."""

from typing import Annotated

import typer

from sciagents.commands.shared import AsJson, Kafka, Prefix

app = typer.Typer()
_group = typer.Typer(no_args_is_help=True, help="Publish ops events.")
app.add_typer(_group, name="events")


@_group.callback()
def _events() -> None:
    """Publish ops events."""


@_group.command()
def publish(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="An event, a JSON list of them, or one a line.")],
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Publish ops events, once all are found to be right. Exit codes: 0 ok, 1 failed, 2 an event is wrong."""
    from sciagents.console import events  # noqa: PLC0415 - Kafka's client is slow to import

    events.publish(kafka, prefix, file, as_json=as_json)
