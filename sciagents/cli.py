"""The command `sci-agents`."""

from typing import Annotated

import typer

app = typer.Typer(
    name="sci-agents", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Scientific computing agents on Kafka. Exit codes: 0 ok, 1 failed, 2 degraded or wrong usage.",
)  # fmt: skip

Kafka = Annotated[str, typer.Option(envvar="SCI_AGENTS_KAFKA", help="Bootstrap address, HOST:PORT.")]
Prefix = Annotated[str, typer.Option("--topic-prefix", envvar="SCI_AGENTS_TOPIC_PREFIX", help="Before every topic.")]
Listen = Annotated[str, typer.Option(help="HOST:PORT to listen on.")]


@app.callback()
def _root() -> None:
    """Scientific computing agents on Kafka."""


@app.command()
def worker(
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    embedded: Annotated[bool, typer.Option(help="The broker is the embedded one.")] = False,
    group: Annotated[str, typer.Option(help="Consumer group.")] = "sci-agents",
    max_workers: Annotated[int, typer.Option(envvar="SCI_AGENTS_MAX_WORKERS", min=1)] = 2,
    timeout: Annotated[float, typer.Option(envvar="SCI_AGENTS_TIMEOUT", help="Seconds a request may run.")] = 3600.0,
    metrics_listen: Annotated[str | None, typer.Option(help="HOST:PORT of Prometheus metrics.")] = None,
    log_level: Annotated[str, typer.Option(envvar="SCI_AGENTS_LOG_LEVEL")] = "INFO",
    log_file: Annotated[str | None, typer.Option(envvar="SCI_AGENTS_LOG_FILE")] = None,
    directory: Annotated[str, typer.Option("--dir", help="Where it writes.")] = "var",
) -> None:
    """Run one worker process until it is stopped; what is in flight is answered first."""
    from streams import worker as process  # noqa: PLC0415 - Faust is slow to import

    process.run(
        process.WorkerSettings(
            kafka=kafka, embedded=embedded, prefix=prefix, group_id=group, max_workers=max_workers, timeout_s=timeout,
            metrics_listen=metrics_listen, log_level=log_level, log_file=log_file, directory=directory,
        )
    )  # fmt: skip


@app.command()
def broker(listen: Listen = "127.0.0.1:9092") -> None:
    """Run the embedded broker by itself: for a first run and quick tests; nothing is kept on disk."""
    from sciagents import broker as process  # noqa: PLC0415

    process.run(listen)


def main() -> None:
    """Enter from the command line."""
    app()
