"""How the commands show what they found: JSON for programs, tables and lines for people.

What came from outside is printed as plain text: no control character and no markup of its own is followed.
"""

import logging
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import structlog
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sciagents.commands.shared import printable

_PIPE_WIDTH = 1_000


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{printable(text)}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Print a line of what went wrong on standard error."""
    sys.stderr.write(f"error: {printable(text)}\n")


def print_json(value: Any) -> None:
    """Print a value, or JSON as bytes, on a line of its own."""
    text = value if isinstance(value, bytes) else msgspec.json.encode(value)
    sys.stdout.write(f"{text.decode()}\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print rows below the names of their columns; None is an empty cell."""
    style = box.SIMPLE_HEAD if sys.stdout.isatty() else None
    table = Table(*columns, title=title, title_justify="left", box=style, pad_edge=False)
    for row in rows:
        table.add_row(*("" if cell is None else Text(printable(str(cell))) for cell in row))
    _console().print(table)


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print names with their values beside them; those without a value are left out."""
    table = Table.grid(padding=(0, 2))
    for name, value in fields:
        if value is not None and value != "":
            table.add_row(Text(printable(name), style="bold"), Text(printable(str(value))))
    _console().print(table)


def quiet_logs() -> None:
    """Send what libraries log to standard error, warnings and worse alone: standard output is the answer's."""
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )


def _console() -> Console:
    """As wide as the terminal; in a pipe nothing is folded."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)
