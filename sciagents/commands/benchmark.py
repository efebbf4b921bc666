"""Commands that measure."""

from pathlib import Path
from typing import Annotated

import typer

from sciagents.commands.shared import AsJson

app = typer.Typer()
benchmark = typer.Typer(no_args_is_help=True, help="Measure: how exact the answers are, what alerting carries.")
app.add_typer(benchmark, name="benchmark")


@benchmark.command()
def accuracy(
    agents: Annotated[list[str] | None, typer.Argument(metavar="[AGENT]…", help="Some agents only.")] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table there, as Markdown.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compute what is known, and compare the error with the one claimed.

    Exit codes: 0 every claim holds, 1 one does not, 2 wrong usage.
    """
    from sciagents.console import accuracy as console  # noqa: PLC0415 - the kernels are slow to import

    if not console.show(agents or [], output, as_json=as_json):
        raise typer.Exit(1)


@benchmark.command()
def alerting(
    context: typer.Context,
    kafka: Annotated[
        str, typer.Option(envvar="SCI_AGENTS_KAFKA", help="HOST:PORT; without it an embedded broker is brought along.")
    ] = "127.0.0.1:9092",
    rate: Annotated[int, typer.Option(min=10, max=1_000_000, help="Events a second beside the faults.")] = 10_000,
    seconds: Annotated[float, typer.Option(min=1.0, max=3600.0, help="How long a round keeps that rate.")] = 15.0,
    rounds: Annotated[int, typer.Option(min=1, max=100)] = 3,
    label_sets: Annotated[
        list[int], typer.Option(min=1, max=500_000, help="How many a pass looks at; several times for several.")
    ] = [100_000, 300_000],  # noqa: B006 - typer's way
    as_json: AsJson = False,
) -> None:
    """Measure what the alerting stream carries: events, the time until a P0 is told, label sets in a pass, memory.

    It runs the alerting process on topics of its own and takes its webhook; it asserts nothing. Exit codes: 0 measured,
    1 the process ended or told of a fault too late, 2 wrong usage.
    """
    from sciagents.console import volume as console  # noqa: PLC0415 - Kafka's client is slow to import

    source = context.get_parameter_source("kafka")
    alone = source is None or source.name in {"DEFAULT", "DEFAULT_MAP"}
    console.show(
        None if alone else kafka, rate=rate, seconds=seconds, rounds=rounds, label_sets=label_sets, as_json=as_json
    )
