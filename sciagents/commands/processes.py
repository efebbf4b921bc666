"""Commands that run a process until it is stopped."""

from typing import Annotated

import typer

from sciagents.commands.shared import Directory, Embedded, Kafka, Listen, LogFile, LogLevel, MetricsListen, Prefix

app = typer.Typer()


@app.command()
def worker(
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    embedded: Embedded = False,
    group: Annotated[str, typer.Option(help="Consumer group.")] = "sci-agents",
    max_workers: Annotated[int, typer.Option(envvar="SCI_AGENTS_MAX_WORKERS", min=1)] = 2,
    timeout: Annotated[float, typer.Option(envvar="SCI_AGENTS_TIMEOUT", help="Seconds a request may run.")] = 3600.0,
    metrics_listen: MetricsListen = None,
    log_level: LogLevel = "INFO",
    log_file: LogFile = None,
    directory: Directory = "var",
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
    from sciagents import broker as process  # noqa: PLC0415 - as above

    process.run(listen)
