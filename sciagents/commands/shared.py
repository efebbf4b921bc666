"""Options that many commands take, and how they show what they found: JSON for programs, tables for people."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

Kafka = Annotated[str, typer.Option(envvar="SCI_AGENTS_KAFKA", help="Bootstrap address, HOST:PORT.")]
Prefix = Annotated[str, typer.Option("--topic-prefix", envvar="SCI_AGENTS_TOPIC_PREFIX", help="Before every topic.")]
Listen = Annotated[str, typer.Option(help="HOST:PORT to listen on.")]
Embedded = Annotated[bool, typer.Option(help="The broker is the embedded one.")]
Directory = Annotated[str, typer.Option("--dir", help="Where it writes.")]
LogLevel = Annotated[str, typer.Option(envvar="SCI_AGENTS_LOG_LEVEL")]
LogFile = Annotated[str | None, typer.Option(envvar="SCI_AGENTS_LOG_FILE")]
MetricsListen = Annotated[str | None, typer.Option(help="HOST:PORT of Prometheus metrics.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs, one value a line.")]

_PIPE_WIDTH = 1_000


def printable(text: str, limit: int = 2_000) -> str:
    """One line without control characters, so that what came from outside cannot steer a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text[:limit])


def print_json(value: Any) -> None:
    """Print a value, or JSON as bytes, on a line of its own."""
    import msgspec  # noqa: PLC0415 - `--help` is not to wait for it

    typer.echo(value if isinstance(value, bytes) else msgspec.json.encode(value))


def console() -> "Console":
    """Where tables go: as wide as the terminal, and never folded in a pipe."""
    from rich.console import Console  # noqa: PLC0415 - as above

    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print rows below the names of their columns; None is an empty cell."""
    from rich import box  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(
        *columns,
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD if sys.stdout.isatty() else None,
        pad_edge=False,
    )
    for row in rows:
        table.add_row(*(Text("" if cell is None else printable(str(cell))) for cell in row))
    console().print(table)


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print names with their values beside them; those without a value are left out."""
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415

    table = Table.grid(padding=(0, 2))
    for name, value in fields:
        if value is not None and value != "":
            table.add_row(Text(name, style="bold"), Text(printable(str(value))))
    console().print(table)


def quiet_logs() -> None:
    """Send what libraries log to standard error, warnings and worse alone: standard output is the answer's."""
    import logging  # noqa: PLC0415 - as above

    import structlog  # noqa: PLC0415

    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
