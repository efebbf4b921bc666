"""Replays history through two sets of rules: from the topics or from a file, batch by batch, in the order of time.

Nothing is published and nobody is told. What is held does not grow with the history: a slice of virtual time, and the
engines' own windows.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
from confluent_kafka import KafkaException

from alerting import answers, backtest, events, instants
from alerting.answers import Answer
from alerting.backtest import Difference
from alerting.config import Config
from alerting.rehearsal import Opened, Rehearsal
from sciagents import reach, stretch
from sciagents.errors import BrokerError, UsageError
from streams.contracts import OpsEvent
from streams.topics import names

SLICE_S = 1.0
"""Virtual seconds that are taken at once: rules with `for: 0` are looked at no more often."""
LONGEST_S = 40 * 86_400.0
"""So long a time without a record is not gone through: topics keep less."""
_SLICE_RECORDS = 20_000


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """A topic that does not reach back as far as was asked: it is whole from `since` on."""

    topic: str
    since: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What was replayed, and how many incidents came of it; `dropped` are samples that came too late, or were none."""

    begin: str
    end: str
    events: int
    results: int
    unreadable: int
    dropped: dict[str, int]
    lost: list[Lost]
    in_force: int
    changed: int
    same: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Where the two sets of rules differ."""

    differences: list[Difference]
    summary: Summary


class Item(NamedTuple):
    """Something that came, and when: an event, a result, or what can be read as neither."""

    at: float
    what: OpsEvent | Answer | None


def of_topics(bootstrap: str, prefix: str, in_force: Config, changed: Config, begin: float, end: float) -> Verdict:
    """Replay `ops.events` and `compute.results`.

    Raises:
        BrokerError: Kafka does not answer, or cannot be read on.
        TooManyError: more incidents than are kept.

    """
    places = names(prefix)
    topics = [places["ops.events"], places["compute.results"]]
    start = _start(in_force, changed, begin)
    with reach.answering(bootstrap, prefix) as cluster:
        found = stretch.find(bootstrap, topics, start, end, embedded=reach.is_embedded(cluster))
        lost = [
            Lost(topic=topic, since=instants.show(since))
            for topic in ("ops.events", "compute.results")
            if (since := found.lost(places[topic])) is not None and since > begin
        ]
        try:
            with found.records() as records:
                items = (_item(at, one.value(), one.topic() == topics[0]) for at, one in records)
                return _replayed(items, in_force, changed, (start, begin, end), lost, Counter())
        except (KafkaException, TimeoutError) as error:
            raise BrokerError(f"the topics cannot be read on: {error}") from None


def of_file(file: Path, in_force: Config, changed: Config, begin: float | None, end: float) -> Verdict:
    """Replay a file of events, one a line as JSON, in the order of their times; without `begin`, from the first on.

    Raises:
        UsageError: it cannot be read, has no event, or its events are years apart.
        TooManyError: more incidents than are kept.

    """
    try:
        with file.open("rb") as lines:
            items = _of_lines(lines, end)
            unreadable = 0
            for first in items:
                if first.what is not None:
                    break
                unreadable += 1
            else:
                raise UsageError(f"{file} has no event before now", field="--events", hint="one a line, as JSON")
            begin = first.at if begin is None else begin
            start = _start(in_force, changed, begin)
            within = (item for item in chain([first], items) if item.at >= start)
            return _replayed(within, in_force, changed, (start, begin, end), [], Counter(unreadable=unreadable))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", field="--events") from None


def _start(in_force: Config, changed: Config, begin: float) -> float:
    """From when on records are read: as far before the beginning as they settle the state of the rules."""
    return begin - max(in_force.retention, changed.retention)


def _of_lines(lines: BinaryIO, end: float) -> Iterator[Item]:
    """Read events line by line, those before `end`; each comes when the latest before it came, at the earliest."""
    at = float("-inf")
    for line in _bounded(lines):
        if not line.strip():
            continue
        try:
            event = events.decode(line.strip())
            when = instants.parse(event.time)
        except ValueError:
            yield Item(at, None)
            continue
        if when < end:
            at = max(at, when)
            yield Item(at, event)


def _bounded(lines: BinaryIO) -> Iterator[bytes]:
    """Lines of a file; of one that is longer than an event may be, no more than shows that it is none."""
    limit = events.SIZE_LIMIT + 2
    while line := lines.readline(limit):
        yield line
        while not line.endswith(b"\n") and len(line) == limit:
            line = lines.readline(limit)


def _item(at: float, value: bytes | None, of_events: bool) -> Item:
    try:
        return Item(at, events.decode(value or b"") if of_events else answers.decode(value or b""))
    except ValueError:
        return Item(at, None)


def _replayed(
    items: Iterator[Item],
    in_force: Config,
    changed: Config,
    times: tuple[float, float, float],
    lost: list[Lost],
    counted: Counter[str],
) -> Verdict:
    start, begin, end = times
    first = next(items, Item(end, None))
    start = max(start, first.at)  # before there is anything, nothing happens
    rehearsals = Rehearsal(in_force, start), Rehearsal(changed, start)
    items = chain([first] if first.at < end else [], items)
    with _shown(begin, end) as show:
        for number, (at, happened, results) in enumerate(_slices(items, start, counted)):
            if at > start + LONGEST_S:
                raise UsageError("the events are years apart", hint="--from and --to say which are meant")
            for one in rehearsals:
                one.take(happened, results, at)
            start = at
            if number % 10 == 0:
                show(at)
        until = min(end, start + max(map(_settles, (in_force, changed))))
        for one in rehearsals:
            one.go(until)
    ours, theirs = (_within(one.opened, begin, end) for one in rehearsals)
    differences, same = backtest.compare(ours, theirs)
    return Verdict(
        differences=differences,
        summary=Summary(
            begin=instants.show(begin), end=instants.show(until), events=counted["events"],
            results=counted["results"], unreadable=counted["unreadable"], dropped=rehearsals[0].dropped, lost=lost,
            in_force=len(ours), changed=len(theirs), same=same,
        ),
    )  # fmt: skip


def _settles(config: Config) -> float:
    """Seconds after the last record by which everything that is pending has come to something."""
    return max((rule.lookback + rule.no_data_for for rule in config.rules), default=0.0) + config.evaluation_interval


def _within(found: Iterable[Opened], begin: float, end: float) -> list[Opened]:
    """Those that were opened in the time that was asked about: before it, the engines only warm up."""
    return [one for one in found if begin <= one.opened_at <= end]


def _slices(
    items: Iterable[Item], start: float, counted: Counter[str]
) -> Iterator[tuple[float, list[OpsEvent], list[Answer]]]:
    """Put together what came within a second, with the time of the last; time never goes back."""
    happened: list[OpsEvent] = []
    results: list[Answer] = []
    opened, now = start, start
    for at, what in items:
        if (happened or results) and (at >= opened + SLICE_S or len(happened) + len(results) >= _SLICE_RECORDS):
            yield now, happened, results
            happened, results = [], []
        if not happened and not results:
            opened = max(now, at)
        now = max(now, at)
        if isinstance(what, OpsEvent):
            happened.append(what)
        elif isinstance(what, Answer):
            results.append(what)
        counted["unreadable" if what is None else "events" if isinstance(what, OpsEvent) else "results"] += 1
    if happened or results:
        yield now, happened, results


@contextmanager
def _shown(begin: float, end: float) -> Iterator[Callable[[float], None]]:
    """A bar on standard error when that is a terminal: how far virtual time has come."""
    from rich.console import Console  # noqa: PLC0415 - only who wants a bar pays for it
    from rich.progress import Progress as Bar  # noqa: PLC0415

    with Bar(console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty()) as bar:
        row = bar.add_task("replayed", total=end - begin)
        yield lambda now: bar.update(row, completed=max(0.0, now - begin), description=instants.show(now)[:16])
