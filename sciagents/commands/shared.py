"""Options that many commands take."""

from typing import Annotated, Literal

import typer

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


def printable(text: str, limit: int = 2_000) -> str:
    """One line without control characters, so that what came from outside cannot steer a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text[:limit])
