"""What the demo shows: a progress bar on a terminal, plain lines in a pipe."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Self

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from streams.contracts import Result

_PIPE_WIDTH = 110


class Screen:
    """Shows the steps of a session as they pass; a context manager."""

    def __init__(self, steps: int) -> None:
        found = Console(highlight=False)
        self._console = found if found.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)
        self._steps = steps
        self._passed = 0
        self._bar = Progress(
            BarColumn(), TextColumn("{task.completed}/{task.total} {task.description}"), TimeElapsedColumn(),
            console=self._console, transient=True, disable=not found.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("", total=steps)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Pass one step, and say how long it took."""
        started = time.monotonic()
        self._bar.update(self._task, description=what)
        yield
        self._passed += 1
        self._bar.update(self._task, completed=self._passed)
        self.say(f"[{self._passed:2}/{self._steps}] {what}  {time.monotonic() - started:.1f} s")

    def say(self, text: str) -> None:
        """Show a line."""
        self._console.print(Text(text))

    def panel(self, title: str, text: str) -> None:
        """Show a message as it was delivered."""
        self._console.print(Panel(Text(text), title=Text(title), title_align="left", expand=False))

    def results(self, results: Sequence[Result]) -> None:
        """Show results in a table: times in milliseconds."""
        table = Table(
            *(Column(name, no_wrap=True) for name in ("request", "task", "status")), "method", "queued", "run"
        )
        table.add_column("what was found", min_width=20)
        for result in results:
            provenance = result.provenance
            table.add_row(
                Text(result.id), f"{result.agent}.{result.task}", result.status, result.diagnostics.method or "–",
                f"{provenance.queued_s * 1000:.1f} ms", f"{provenance.run_s * 1000:.2f} ms", Text(_found(result)),
            )  # fmt: skip
        self._console.print(table)


def _found(result: Result) -> str:
    if result.error is not None:
        return f"{result.error.code}: {result.error.message}"
    estimate = result.diagnostics.error_estimate
    return "–" if estimate is None else f"error ≤ {estimate:.1e}"
