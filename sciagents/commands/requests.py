"""Commands about requests: submit them, read their results, watch and cancel them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from sciagents.commands.shared import AsJson, Directory, Kafka, Prefix, history_of

app = typer.Typer()

Identifier = Annotated[str, typer.Argument(metavar="ID", help="The request's id.")]


@app.command()
def submit(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A request, a JSON list of them, or one a line.")],
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    wait: Annotated[bool, typer.Option(help="Wait for the results and print them.")] = True,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the next result.")] = 600.0,
    as_json: AsJson = False,
) -> None:
    """Send requests, and print their results. Exit codes: 0 all succeeded, 1 some did not, 2 wrong usage."""
    from sciagents.console import requests  # noqa: PLC0415 - Kafka's client is slow to import

    if not requests.submit(kafka, prefix, file, wait=wait, timeout_s=timeout, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def result(
    context: typer.Context,
    request_id: Identifier,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for reading the results that are kept.")] = 60.0,
    directory: Directory = "var",
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw its picture: .png, .svg or .pdf.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the result of a request, as Kafka or the history keeps it.

    Exit codes: 0 succeeded, 1 not or none kept, 2 wrong usage.
    """
    from sciagents.console import requests  # noqa: PLC0415 - as above

    history = history_of(context.obj, directory)
    if not requests.result(kafka, prefix, request_id, timeout_s=timeout, plot=plot, as_json=as_json, history=history):
        raise typer.Exit(1)


@app.command()
def watch(
    request_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One request; without it, all.")] = None,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    as_json: AsJson = False,
) -> None:
    """Print progress and results as they come: of one request until its result, of all until stopped.

    Exit codes: 0 the request succeeded, 1 it did not, 2 wrong usage.
    """
    from sciagents.console import requests  # noqa: PLC0415 - as above

    if not requests.watch(kafka, prefix, request_id, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def cancel(request_id: Identifier, kafka: Kafka = "127.0.0.1:9092", prefix: Prefix = "") -> None:
    """Ask the workers to stop a request. Exit codes: 0 they are told, 1 Kafka did not take it, 2 wrong usage."""
    from sciagents.console import requests  # noqa: PLC0415 - as above

    requests.cancel(kafka, prefix, request_id)


@app.command()
def replay(
    source: Annotated[Literal["dlq", "requests"], typer.Option("--from", help="Dead letters, or requests as sent.")],
    code: Annotated[list[str], typer.Option(help="Only of this error's code; again for another.")] = [],  # noqa: B006
    id: Annotated[list[str], typer.Option(help="Only of this id; again for another.")] = [],  # noqa: A002, B006
    since: Annotated[str | None, typer.Option(metavar="INSTANT", help="Only from then on, as RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option(metavar="INSTANT", help="Only until then.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent; send nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also what was sent again before.")] = False,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for reading the topics.")] = 300.0,
    as_json: AsJson = False,
) -> None:
    """Send kept messages back to where they came from, unchanged and each once, however often this is called.

    What was sent before is known for as long as compute.requests keeps it (7 days). Exit codes: 0 all that were chosen
    are sent (or none was), 1 Kafka did not take them, 2 wrong usage.
    """
    from sciagents.console import replay as console  # noqa: PLC0415 - as above

    console.replay(
        kafka, prefix, source, codes=code, ids=id, since=since, until=until, dry_run=dry_run, again=again,
        timeout_s=timeout, as_json=as_json,
    )  # fmt: skip
