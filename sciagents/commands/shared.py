"""Options that many commands take."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sciagents.settings import Settings

if TYPE_CHECKING:
    from streams.store.opening import HistorySettings

Kafka = Annotated[str, typer.Option(envvar="SCI_AGENTS_KAFKA", help="Bootstrap address, HOST:PORT.")]
Prefix = Annotated[str, typer.Option("--topic-prefix", envvar="SCI_AGENTS_TOPIC_PREFIX", help="Before every topic.")]
Listen = Annotated[str, typer.Option(help="HOST:PORT to listen on.")]
Embedded = Annotated[bool, typer.Option(help="The broker is the embedded one.")]
Directory = Annotated[str, typer.Option("--dir", help="Where it writes.")]
GroupProtocol = Annotated[
    Literal["auto", "consumer", "classic"], typer.Option(envvar="SCI_AGENTS_GROUP_PROTOCOL", help="Of rebalances.")
]
LogLevel = Annotated[str, typer.Option(envvar="SCI_AGENTS_LOG_LEVEL")]
LogFile = Annotated[str | None, typer.Option(envvar="SCI_AGENTS_LOG_FILE")]
LogFormat = Annotated[str, typer.Option(envvar="SCI_AGENTS_LOG_FORMAT", help="text, json, or auto.")]
MetricsListen = Annotated[str | None, typer.Option(help="HOST:PORT of /metrics, and of a worker /health too.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs, one value a line.")]


def history_of(settings: Settings, directory: str) -> "HistorySettings | None":
    """Return where the history is kept; None when none is."""
    from streams.store.opening import HistorySettings  # noqa: PLC0415 - Kafka's client is slow to import

    if not settings.history.enabled:
        return None
    return HistorySettings(
        postgres_url=settings.postgres_url or None, directory=directory,
        retention_days=settings.history.retention_days, body_bytes=settings.history.body_bytes,
    )  # fmt: skip


def printable(text: str, limit: int = 2_000) -> str:
    """One line without control characters, so that what came from outside cannot steer a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text[:limit])
