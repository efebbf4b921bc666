"""What `submit`, `result`, `watch` and `cancel` do; each says whether all succeeded."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sciagents import lookup
from sciagents.client import WINDOW, Client, ResultFuture, connect
from sciagents.console.items import read
from sciagents.console.tables import complain, print_fields, print_json, print_table, say
from sciagents.errors import BrokerError, ComputeError, NoAnswerError, NotFoundError, UsageError
from sciagents.publish import publish
from streams.codec import encode_result, readable_id
from streams.contracts import Control, Progress, Result
from streams.store.opening import HistorySettings

_ROWS_LIMIT = 1_000
"""Most results that a table shows; those beyond it are counted."""


def submit(kafka: str, prefix: str, file: str, *, wait: bool, timeout_s: float, as_json: bool) -> bool:
    """Send the requests of a file, and print their results or, without waiting, their ids."""
    with connect(kafka, topic_prefix=prefix) as client:
        sending = _Sending(client, file)
        if wait:
            succeeded = _print_results(_results(sending.futures(), timeout_s), as_json=as_json)
            return succeeded and sending.all_sent
        for future in sending.futures():
            if as_json:
                print_json({"id": future.id})
            else:
                say(future.id)
        if left := client.close():
            raise BrokerError(f"Kafka has not confirmed {left} requests")
        return sending.all_sent


class _Sending:
    """Sends one request after the other; one that cannot be sent is told, and stops no other."""

    def __init__(self, client: Client, file: str) -> None:
        self._client = client
        self._file = file
        self.all_sent = True

    def futures(self) -> Iterator[ResultFuture]:
        for place, value in read(self._file):
            try:
                future = self._client.submit_json(value)
            except (ComputeError, UsageError) as error:
                complain(f"{place}: {error}")
                self.all_sent = False
            else:
                yield future


def _results(futures: Iterator[ResultFuture], timeout_s: float) -> Iterator[Result]:
    """Yield results in the order of their requests, with a window of them on their way."""
    ahead = deque(islice(futures, WINDOW))
    while ahead:
        yield _result(ahead.popleft(), timeout_s)
        ahead.extend(islice(futures, 1))


def _result(future: ResultFuture, timeout_s: float) -> Result:
    try:
        return future.result(timeout_s)
    except ComputeError as error:
        if error.result is None:
            raise
        return error.result
    except TimeoutError:
        raise NoAnswerError(
            f"no result of {future.id} within {timeout_s:g} s",
            hint=f"is a worker running? `sci-agents result {future.id}` shows it once it is there",
        ) from None


def result(
    kafka: str, prefix: str, request_id: str, *, timeout_s: float, plot: Path | None, as_json: bool,
    history: HistorySettings | None = None,
) -> bool:  # fmt: skip
    """Print the last result that is kept of a request, and draw its picture when it has one to be drawn."""
    found = lookup.last_result(kafka, prefix, _checked(request_id), timeout_s)
    if found is None and history is not None:
        found = lookup.recorded_result(history, request_id)
    if found is None:
        raise NotFoundError(f"no result of {request_id!r} is kept", hint="if it is on its way: `sci-agents watch ID`")
    succeeded = _print_results(iter([found]), as_json=as_json)
    if plot is not None:
        _draw(found, plot)
    return succeeded


def _draw(found: Result, path: Path) -> None:
    try:
        from sciagents.plot.draw import draw  # noqa: PLC0415 - slow to import, and optional
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("matplotlib"):
            raise
        raise UsageError("matplotlib is not installed", field="--plot", hint="pip install 'sci-agents[plot]'") from None
    draw(found, path)


def watch(kafka: str, prefix: str, request_id: str | None, *, as_json: bool) -> bool:
    """Print progress and results as they come; of one request until its result."""
    for update in lookup.follow(kafka, prefix, None if request_id is None else _checked(request_id)):
        if isinstance(update, Result) and request_id is not None:
            return _print_results(iter([update]), as_json=as_json)
        if as_json:
            print_json(encode_result(update) if isinstance(update, Result) else update)
        elif isinstance(update, Result):
            say("  ".join(str(cell) for cell in _row(update) if cell is not None))
        else:
            say(_progress_line(update))
    return True


def cancel(kafka: str, prefix: str, request_id: str) -> None:
    """Tell the workers to stop a request."""
    control = Control(id=_checked(request_id), action="cancel")
    publish(kafka, prefix, "compute.control", [(request_id, control)])
    say(f"the workers are told to stop {request_id}")


def _checked(request_id: str) -> str:
    if not readable_id(request_id):
        raise UsageError("an id has 1 to 128 printable characters", field="ID")
    return request_id


def _print_results(results: Iterator[Result], *, as_json: bool) -> bool:
    shown: list[Result] = []
    counts: dict[str, int] = {}
    try:
        for found in results:
            counts[found.status] = counts.get(found.status, 0) + 1
            if as_json:
                print_json(encode_result(found))
            elif len(shown) < _ROWS_LIMIT:
                shown.append(found)
    finally:  # what has come is shown, also when the rest does not come
        if len(shown) == 1:
            _print_one(shown[0])
        elif shown:
            print_table(("id", "task", "status", "method", "run", "error"), map(_row, shown))
    if not as_json and sum(counts.values()) > 1:
        say(", ".join(f"{count} {status}" for status, count in counts.items()))
    return set(counts) <= {"succeeded"}


def _row(found: Result) -> Sequence[object]:
    error = found.error
    return (
        found.id, _task(found), found.status, found.diagnostics.method, _run(found),
        f"{error.code}: {error.message}" if error else None,
    )  # fmt: skip


def _print_one(found: Result) -> None:
    error, diagnostics = found.error, found.diagnostics
    fields: list[tuple[str, Any]] = [("id", found.id), ("task", _task(found)), ("status", found.status)]
    if error is not None:
        fields += [("error", error.code), ("message", error.message), ("field", error.field), ("hint", error.hint)]
    fields += [(name, _brief(value)) for name, value in (found.outputs or {}).items()]
    fields += [("warning", text) for text in found.warnings]
    fields += [("method", diagnostics.method), ("error estimate", diagnostics.error_estimate)]
    fields += [("run", _run(found)), ("completed", found.completed_at)]
    print_fields(fields)


def _task(found: Result) -> str:
    return f"{found.agent or '?'}.{found.task or '?'}"


def _run(found: Result) -> str:
    return f"{found.provenance.run_s * 1000:.3g} ms"


def _brief(value: Any) -> str:
    """A value on one line: of an array its ends and its shape."""
    if isinstance(value, dict):
        return "  ".join(f"{name}: {_brief(item)}" for name, item in value.items())
    if isinstance(value, np.ndarray) and value.size > 6:
        with np.printoptions(precision=6, threshold=6, edgeitems=2):
            return f"{' '.join(str(value).split())} {value.shape}"
    return str(value)


def _progress_line(update: Progress) -> str:
    left = f", {update.eta_s:.0f} s left" if update.eta_s is not None else ""
    return f"{update.id}  {update.fraction:.0%}  {update.stage}{left}"
