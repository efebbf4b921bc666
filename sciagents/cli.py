"""The command `sci-agents`."""

import typer

from sciagents.commands import processes

app = typer.Typer(
    name="sci-agents", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Scientific computing agents on Kafka. Exit codes: 0 ok, 1 failed, 2 degraded or wrong usage.",
)  # fmt: skip


@app.callback()
def _root() -> None:
    """Scientific computing agents on Kafka."""


for _kind in (processes,):
    app.add_typer(_kind.app)


def main() -> None:
    """Enter from the command line."""
    app()
