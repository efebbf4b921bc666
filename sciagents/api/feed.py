"""Follows the topics of results, progress and incidents, and starts again when that fails."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Literal, TypeVar, cast

import msgspec
import structlog
from confluent_kafka import Message

from sciagents import reach
from sciagents.api.board import Board
from sciagents.api.history import Entry, History
from sciagents.reading import Start
from sciagents.tail import Tail
from streams import declare
from streams.admit import carried
from streams.codec import MSGPACK
from streams.contracts import Incident, Progress, Status
from streams.emit import Headers
from streams.topics import names

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.2
_RETRY_S = (0.5, 1.0, 2.0, 5.0)

State = Literal["connecting", "catching_up", "following", "failed"]


class _Code(msgspec.Struct):
    code: str


class _Brief(msgspec.Struct):
    """What the index wants to know of a result: the outputs are skipped, not decoded."""

    id: str
    status: Status
    completed_at: str
    agent: str | None = None
    task: str | None = None
    error: _Code | None = None


_json_brief = msgspec.json.Decoder(_Brief)
_pack_brief = msgspec.msgpack.Decoder(_Brief)
_json_progress = msgspec.json.Decoder(Progress)
_json_incident = msgspec.json.Decoder(Incident)

T = TypeVar("T")


class Feed:
    """Fills a history and a board from the topics, in a thread of its own."""

    def __init__(self, bootstrap: str, prefix: str, history: History, board: Board, *, embedded: bool) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._topics = names(prefix)
        self._embedded = embedded
        self._history = history
        self._board = board
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self.state: State = "connecting"
        self.failure = ""

    def start(self) -> None:
        """Begin to follow; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following, within a few seconds at most."""
        self._stopping.set()
        self._thread.join(3.0)

    def _run(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            try:
                self._follow()
                attempt = 0
            except Exception as failure:
                self.state, self.failure = "failed", str(failure)
                _log.warning("feed_failed", error=self.failure)
                self._stopping.wait(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
                attempt += 1

    def _follow(self) -> None:
        embedded = self._embedded or reach.is_embedded(reach.metadata(self._bootstrap))
        declare.ensure(self._bootstrap, self._prefix, embedded=embedded)
        followed: list[tuple[str, Callable[[list[Message]], None], Start]] = [
            # progress first and from now on: an old one must not follow a result that is not kept any more
            ("compute.progress", self._progress, "end"),
            ("compute.results", self._results, "beginning"),
            # apart from results: a flood of them holds no incident up
            ("ops.incidents", self._incidents, "beginning"),
        ]
        with ExitStack() as stack:
            tails = [
                stack.enter_context(Tail(self._bootstrap, [self._topics[topic]], take, start=start))
                for topic, take, start in followed
            ]
            self.state, self.failure = "catching_up", ""
            while not self._stopping.wait(_LOOK_EVERY_S):
                for tail in tails:
                    if tail.failure is not None:
                        raise tail.failure
                if all(tail.caught_up.is_set() for tail in tails):
                    self.state = "following"

    def _results(self, records: list[Message]) -> None:
        entries = []
        for record in records:
            if record.value() is not None:
                entries.append(_entry(record))
            elif (key := record.key()) is not None:
                self._history.forget([key.decode("utf-8", "replace")])
        self._history.answered([entry for entry in entries if entry is not None])

    def _progress(self, records: list[Message]) -> None:
        found = [_read(_json_progress, record.value()) for record in records]
        self._history.progressed([progress for progress in found if progress is not None])

    def _incidents(self, records: list[Message]) -> None:
        found = [_read(_json_incident, record.value()) for record in records]
        self._board.take([incident for incident in found if incident is not None])


def _entry(record: Message) -> Entry | None:
    content_type, _ = carried(cast("Headers", record.headers() or []))
    value = record.value()
    brief = _read(_pack_brief if content_type == MSGPACK else _json_brief, value)
    if brief is None:
        return None
    return Entry(
        id=brief.id, status=brief.status, at=brief.completed_at, agent=brief.agent, task=brief.task,
        code=brief.error.code if brief.error else None, value=value, content_type=content_type,
    )  # fmt: skip


def _read(decoder: "msgspec.json.Decoder[T] | msgspec.msgpack.Decoder[T]", value: bytes | None) -> T | None:
    """Decode, or None for what another program wrote there."""
    try:
        return None if value is None else decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _log.warning("record_ignored", error=str(error)[:200])
        return None
