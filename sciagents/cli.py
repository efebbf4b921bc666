"""The command `sci-agents`: settings and errors for all commands; the commands themselves are in `commands`.

A flag that takes its value from a variable of the settings (`envvar`) has the settings' value as its default.
"""

import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated, Any

import typer

from alerting.documents import SIZE_LIMIT, ConfigError
from sciagents import settings
from sciagents.commands import (
    benchmark,
    catalogue,
    configuration,
    events,
    incidents,
    processes,
    requests,
    routes,
    rules,
    silences,
    topics,
)
from sciagents.commands.shared import printable
from sciagents.errors import SciAgentsError, UsageError

app = typer.Typer(
    name="sci-agents", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Scientific computing agents on Kafka. Exit codes: 0 ok, 1 failed, 2 degraded or wrong usage.",
)  # fmt: skip


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sci-agents {version('sci-agents')}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    _version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_show_version)] = False,
) -> None:
    """Scientific computing agents on Kafka. Exit codes: 0 ok, 1 failed, 2 degraded or wrong usage."""
    _read_dotenv()
    found = settings.load(os.environ, settings.path_of(os.environ))
    values = {settings.variable(place): settings.value_at(found, place) for place, _ in settings.places()}
    context.obj = found
    context.default_map = _defaults(context.command, values)


def _read_dotenv() -> None:
    """Take what `.env` says into the environment, for child processes too; what is set already stays."""
    try:
        with settings.DOTENV.open(encoding="utf-8") as file:
            found = settings.read_dotenv(file.read(SIZE_LIMIT))
    except (FileNotFoundError, IsADirectoryError):
        return
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(settings.DOTENV), 1, "", f"cannot be read: {error}") from None
    for name, value in found.items():
        os.environ.setdefault(name, value)


def _defaults(command: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Give each command, below its group's name, the settings that its flags name."""
    inner = getattr(command, "commands", None)
    if inner is not None:
        return {name: _defaults(one, values) for name, one in inner.items()}
    return {flag.name: values[flag.envvar] for flag in command.params if flag.envvar in values}


for _kind in (
    processes, requests, catalogue, topics, events, incidents, silences, rules, routes, configuration, benchmark,
):  # fmt: skip
    app.add_typer(_kind.app)


def main() -> None:
    """Enter from the command line; what goes wrong is one line, and the exit code."""
    try:
        app()
    except (SciAgentsError, ConfigError) as error:
        typer.echo(f"error: {printable(str(error))}", err=True)
        sys.exit(2 if isinstance(error, UsageError | ConfigError) else 1)
