"""Commands that run a process until it is stopped, and those that look at the whole of them."""

import os
from pathlib import Path
from typing import Annotated

import typer

from sciagents.commands.shared import (
    Directory,
    Embedded,
    GroupProtocol,
    Kafka,
    Listen,
    LogFile,
    LogFormat,
    LogLevel,
    MetricsListen,
    Prefix,
    history_of,
)
from sciagents.settings import Settings

app = typer.Typer()

Config = Annotated[Path | None, typer.Option(help="The alerting configuration; default config/alerting.yaml.")]


def _is_embedded(kafka: str, said: bool) -> bool:
    """Ask the broker what it is: one that does not answer is an error here, and not a process that tries for ever."""
    from sciagents import reach  # noqa: PLC0415 - Kafka's client is slow to import, as Faust is

    return reach.is_embedded(reach.metadata(kafka)) or said


@app.command()
def worker(
    context: typer.Context,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    embedded: Embedded = False,
    group: Annotated[str, typer.Option(help="Consumer group.")] = "sci-agents",
    group_protocol: GroupProtocol = "auto",
    instance_id: Annotated[str, typer.Option(envvar="SCI_AGENTS_INSTANCE_ID", help="Makes it a static member.")] = "",
    max_workers: Annotated[int, typer.Option(envvar="SCI_AGENTS_MAX_WORKERS", min=1)] = 2,
    timeout: Annotated[float, typer.Option(envvar="SCI_AGENTS_TIMEOUT", help="Seconds a request may run.")] = 3600.0,
    stuck_after: Annotated[
        float, typer.Option(envvar="SCI_AGENTS_STUCK_AFTER", help="Seconds without progress until it counts as dead.")
    ] = 60.0,
    metrics_listen: MetricsListen = None,
    log_level: LogLevel = "INFO",
    log_file: LogFile = None,
    log_format: LogFormat = "auto",
    directory: Directory = "var",
) -> None:
    """Run one worker until it is stopped; what is in flight is answered first.

    Its process is watched by another one, which starts it again when a request has killed it.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported, and so before the fork
    import msgspec  # noqa: PLC0415 - Faust and the kernels are slow to import

    from sciagents import defaults  # noqa: PLC0415
    from streams import worker as process  # noqa: PLC0415
    from streams.cache.results import CacheSettings  # noqa: PLC0415
    from streams.limits import Limits  # noqa: PLC0415

    settings: Settings = context.obj
    if settings.orchestration.parallel_mode == "serial":
        max_workers = 1
    kept = settings.performance
    cache = CacheSettings(
        redis_url=settings.redis_url or None, size=kept.cache_size, memory_bytes=kept.cache_bytes, ttl_s=kept.cache_ttl,
        value_bytes=kept.cache_value_bytes,
    )  # fmt: skip
    process.supervise(
        process.WorkerSettings(
            kafka=kafka, embedded=embedded, prefix=prefix, group_id=group,
            group_protocol=group_protocol, instance_id=instance_id or None, max_workers=max_workers, timeout_s=timeout,
            defaults=defaults.resolve(settings.agents), metrics_listen=metrics_listen, log_level=log_level,
            log_file=log_file, log_format=log_format, directory=directory, stuck_after_s=stuck_after,
            cache=cache if kept.cache_enabled else None,
            max_delay_ms=settings.lanes.fast.max_delay_ms, max_batch=settings.lanes.fast.max_batch,
            limits=Limits(
                flops=settings.budgets.flops, bytes=settings.budgets.bytes, seconds=settings.budgets.seconds,
                queue_s=settings.orchestration.queue_timeout,
            ),
        ),
        lambda found: msgspec.structs.replace(found, embedded=_is_embedded(found.kafka, found.embedded)),
    )  # fmt: skip


@app.command()
def alerting(
    context: typer.Context,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    embedded: Annotated[
        bool, typer.Option(help="The broker is the embedded one; without --kafka it is brought along.")
    ] = False,
    config: Config = None,
    alertmanager_config: Annotated[Path | None, typer.Option(help="An alertmanager.yml, as it is.")] = None,
    listen: Annotated[str | None, typer.Option(help="HOST:PORT of incidents and Alertmanager's API.")] = None,
    instance_id: Annotated[
        str, typer.Option(envvar="SCI_AGENTS_INSTANCE_ID", help="Among replicas, a name of its own; default HOST:PORT.")
    ] = "",
    advertise: Annotated[
        str,
        typer.Option(
            envvar="SCI_AGENTS_ADVERTISE",
            help="HOST:PORT by which other replicas reach it; default that of --listen, or this host's name.",
        ),
    ] = "",
    metrics_listen: MetricsListen = None,
    log_level: LogLevel = "INFO",
    log_file: LogFile = None,
    log_format: LogFormat = "auto",
    directory: Directory = "var",
) -> None:
    """Run the alerting stream until it is stopped: from events and results to incidents that reach people.

    With --embedded alone it needs no broker, and stands in the place of an Alertmanager. With --listen it prints its
    address, and `ready` when alerts are taken. Several may run on one Kafka: one of them writes and tells, the others
    stand by, print `standby`, and pass on what they are asked.
    """
    if config is not None and alertmanager_config is not None:
        raise typer.BadParameter("is one, --config another: give one of them", param_hint="--alertmanager-config")
    source = context.get_parameter_source("kafka")
    alone = embedded and (source is None or source.name in {"DEFAULT", "DEFAULT_MAP"})
    from sciagents import reach  # noqa: PLC0415 - as above
    from sciagents.ahead import Ahead  # noqa: PLC0415

    ahead = None if alone else Ahead(kafka, prefix)
    from sciagents import alerting as process  # noqa: PLC0415 - Kafka is asked meanwhile

    file = config or alertmanager_config or process.default_config()
    process.check(file)  # first: a mistake in it is told where no broker answers, too
    if ahead is not None:
        embedded = reach.is_embedded(ahead.cluster()) or embedded
    process.run(
        process.AlertingSettings(
            kafka=kafka, embedded=embedded, alone=alone, prefix=prefix, config=file, listen=listen,
            instance_id=instance_id or None, advertise=advertise or None, metrics_listen=metrics_listen,
            log_level=log_level, log_file=log_file, log_format=log_format, directory=directory,
        ),
        ahead,
    )  # fmt: skip


@app.command()
def api(
    context: typer.Context,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    embedded: Embedded = False,
    listen: Listen = "127.0.0.1:8000",
    alerting: Annotated[str | None, typer.Option(help="HOST:PORT where the alerting process listens.")] = None,
    log_level: LogLevel = "INFO",
    log_file: LogFile = None,
    log_format: LogFormat = "auto",
    directory: Directory = "var",
) -> None:
    """Serve the HTTP API until it is stopped; beyond this machine only with tokens (SCI_AGENTS_TOKENS, …_FILE)."""
    from sciagents.api import server as process  # noqa: PLC0415 - as above
    from sciagents.api.service import ApiSettings  # noqa: PLC0415

    process.run(
        ApiSettings(
            kafka=kafka, embedded=embedded, prefix=prefix, listen=listen, alerting=alerting,
            history=history_of(context.obj, directory), log_level=log_level, log_file=log_file, log_format=log_format,
            directory=directory,
        )
    )  # fmt: skip


@app.command()
def collect(
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    embedded: Embedded = False,
    group: Annotated[str, typer.Option(help="Consumer group of the workers.")] = "sci-agents",
    every: Annotated[str, typer.Option(help="How often, such as 5s or 1m.")] = "5s",
    source: Annotated[str, typer.Option(help="Name of this machine in the events; default its host name.")] = "",
    log_level: LogLevel = "INFO",
    log_file: LogFile = None,
    log_format: LogFormat = "auto",
    directory: Directory = "var",
) -> None:
    """Publish this machine's metrics, and what waits in Kafka, until it is stopped."""
    from alerting import durations  # noqa: PLC0415 - as above
    from sciagents import collect as process  # noqa: PLC0415

    try:
        every_s = durations.parse(every)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--every") from None
    if every_s <= 0:
        raise typer.BadParameter("must be more than nothing", param_hint="--every")
    embedded = _is_embedded(kafka, embedded)
    process.run(
        process.CollectSettings(
            kafka=kafka, embedded=embedded, prefix=prefix, group_id=group, every_s=every_s, source=source,
            log_level=log_level, log_file=log_file, log_format=log_format, directory=directory,
        )
    )  # fmt: skip


@app.command()
def broker(listen: Listen = "127.0.0.1:9092") -> None:
    """Run the embedded broker by itself: for a first run and quick tests; nothing is kept on disk."""
    from sciagents import broker as process  # noqa: PLC0415 - as above

    process.run(listen)


@app.command()
def up(
    kafka: Annotated[str | None, typer.Option(help="A real broker, HOST:PORT, in the place of the embedded.")] = None,
    broker_listen: Annotated[str, typer.Option(help="HOST:PORT of the embedded broker.")] = "127.0.0.1:9092",
    listen: Listen = "127.0.0.1:8000",
    workers: Annotated[int, typer.Option(min=1, max=256, help="Worker processes.")] = 1,
    prefix: Prefix = "",
    config: Config = None,
    log_level: LogLevel = "INFO",
    directory: Directory = "var",
) -> None:
    """Run all of it on this machine until it is stopped; prints `ready` once requests are answered."""
    from sciagents import up as process  # noqa: PLC0415 - as above

    process.run(
        process.UpSettings(
            kafka=kafka, broker_listen=broker_listen, listen=listen, workers=workers, prefix=prefix,
            alerting_config=str(config) if config else None, log_level=log_level, directory=directory,
        ),
        typer.echo,
    )  # fmt: skip


@app.command()
def demo(directory: Directory = "var") -> None:
    """Live through a short real session that ends by itself: requests, results, and an incident until it is resolved.

    Everything is written below DIR/demo. Exit codes: 0 all of it happened, 1 something did not.
    """
    from sciagents.demo import session  # noqa: PLC0415 - as above

    session.run(directory)


@app.command()
def health(
    context: typer.Context,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    directory: Directory = "var",
    timeout: Annotated[float, typer.Option(min=0.1, max=60.0, help="Seconds that each check may take.")] = 5.0,
    url: Annotated[
        list[str], typer.Option(help="An address that must answer too, such as the API's /health/ready.")
    ] = [],  # noqa: B006 - typer's
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Look whether all works. Exit codes: 0 healthy, 1 unhealthy, 2 degraded."""
    import msgspec  # noqa: PLC0415 - as above

    from sciagents import health as checks  # noqa: PLC0415

    settings: Settings = context.obj
    report = checks.examine(
        kafka, prefix, directory, timeout, urls=url or (), redis_url=settings.redis_url,
        postgres_url=settings.postgres_url,
    )  # fmt: skip
    typer.echo(msgspec.json.encode(report).decode() if as_json else checks.as_text(report))
    raise typer.Exit(checks.EXIT_CODES[report.status])
