"""The client: submits requests, hands out futures of their results. One producer, one reader, no group.

A result is matched to its future by the record's key; one that nobody waits for, a repeat among them, is dropped
undecoded, so memory holds the waiting futures alone.
"""

import contextlib
import itertools
import queue
import sys
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from concurrent.futures import Future, InvalidStateError, wait
from typing import Any, Literal, Self, cast, overload

import msgspec
from confluent_kafka import Message

from sciagents import values
from sciagents.errors import BrokerError, ComputeError, UsageError
from sciagents.reach import answering
from sciagents.tail import Tail
from streams import spans
from streams.codec import JSON, MSGPACK, Refusal, decode_request
from streams.contracts import Control, Priority, Progress, Request, Result
from streams.emit import Emitter, Outgoing
from streams.topics import names

WINDOW = 5_000
"""Most requests of one `map` that are on their way at a time."""
_PROGRESS_KEPT = 64
_FLUSH_S = 10.0
_HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", JSON)]

_json_result = msgspec.json.Decoder(Result)
_pack_result = msgspec.msgpack.Decoder(Result)
_json_progress = msgspec.json.Decoder(Progress)
_pack_progress = msgspec.msgpack.Decoder(Progress)

Inputs = Mapping[str, Any]
Options = Mapping[str, Any]
Headers = Sequence[tuple[str, str | bytes | None]]


class ResultFuture(Future[Result]):
    """The result of the request `id`, to come; `result()` raises `ComputeError` when it has no outputs."""

    def __init__(self, request_id: str, cancel: Callable[["ResultFuture"], None]) -> None:
        super().__init__()
        self.id = request_id
        self._send_cancel = cancel

    def cancel(self) -> bool:
        """Ask the workers to stop, and wait no longer: `result()` raises `CancelledError`. False when it is done."""
        if not super().cancel():
            return False
        self.set_running_or_notify_cancel()  # who is in `concurrent.futures.wait` is to hear of it
        self._send_cancel(self)
        return True


class Client:
    """A connection to Kafka; a context manager. Safe to use from several threads.

    Leaving the context sends what is queued; futures still waiting then raise `BrokerError`.
    """

    def __init__(self, bootstrap: str, *, topic_prefix: str = "", connect_timeout_s: float | None = None) -> None:
        self._topics = names(topic_prefix)
        self._name = uuid.uuid4().hex[:16]
        self._numbers = itertools.count(1)
        self._waiting: dict[bytes, ResultFuture] = {}
        self._listeners: dict[bytes, list[queue.Queue[Progress | None]]] = {}
        self._results = self._topics["compute.results"]
        with answering(bootstrap, topic_prefix, connect_timeout_s):
            self._tail = Tail(
                bootstrap, [self._results, self._topics["compute.progress"]], self._on_records, start="end",
                on_failure=self._give_up,
            ).__enter__()  # fmt: skip
        self._emitter = Emitter(bootstrap)
        self._spans = spans.from_environment("sci-agents-client")
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> int:
        """Send what is queued and let go; futures still waiting raise `BrokerError`.

        Returns how many requests Kafka has not confirmed: none, unless it was away.
        """
        if self._closed:
            return 0
        self._closed = True
        left = self._emitter.close(_FLUSH_S)
        self._tail.__exit__()
        self._give_up(None)
        if self._spans is not None:
            self._spans.close()
        return left

    def submit(
        self, agent: str, task: str, inputs: Inputs, *, options: Options | None = None,
        timeout_s: float | None = None, id: str | None = None, seed: int | None = None,  # noqa: A002 - the contract's
        priority: Priority = "normal", expires_at: str | None = None, labels: Mapping[str, str] | None = None,
    ) -> ResultFuture:  # fmt: skip
        """Send a request; `inputs` may hold NumPy arrays. What cannot be sent is the future's `ComputeError`.

        Raises:
            UsageError: a request of this id is waiting already, or the client is closed.

        """
        request_id = f"{self._name}-{next(self._numbers)}" if id is None else id
        request = Request(
            id=request_id, agent=agent, task=task, inputs=inputs, options=cast("dict[str, Any]", options or {}),
            timeout_s=timeout_s, seed=seed, priority=priority, expires_at=expires_at,
            labels=cast("dict[str, str]", labels or {}),
        )  # fmt: skip
        try:
            value = values.encode(request)
            decode_request(value)  # what no worker could answer by its id is refused here
        except Refusal as refusal:
            return self._refused(request_id, ComputeError.of(refusal.problem))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            return self._refused(request_id, ComputeError("invalid_input", str(error), field="inputs"))
        return self._send(request_id, value)

    def submit_json(self, value: bytes) -> ResultFuture:
        """Send a request that is JSON already, as it is: what is wrong with it, a worker says.

        Raises:
            ComputeError: its id cannot be read, so no result could come back.
            UsageError: a request of this id is waiting already, or the client is closed.

        """
        try:
            request_id = decode_request(value).id
        except Refusal as refusal:
            if refusal.id is None or refusal.problem.code == "too_large":  # the broker would not take it either
                raise ComputeError.of(refusal.problem) from None
            request_id = refusal.id
        return self._send(request_id, value)

    @overload
    def map(
        self, agent: str, task: str, many_inputs: Iterable[Inputs], *, unordered: bool = ..., progress: bool = ...,
        return_errors: Literal[False] = ..., options: Options | None = ..., timeout_s: float | None = ...,
        labels: Mapping[str, str] | None = ...,
    ) -> Iterator[Result]: ...  # fmt: skip

    @overload
    def map(
        self, agent: str, task: str, many_inputs: Iterable[Inputs], *, unordered: bool = ..., progress: bool = ...,
        return_errors: bool, options: Options | None = ..., timeout_s: float | None = ...,
        labels: Mapping[str, str] | None = ...,
    ) -> Iterator[Result | ComputeError]: ...  # fmt: skip

    def map(
        self, agent: str, task: str, many_inputs: Iterable[Inputs], *, unordered: bool = False, progress: bool = False,
        return_errors: bool = False, options: Options | None = None, timeout_s: float | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Iterator[Result | ComputeError]:  # fmt: skip
        """Yield a result for each of `many_inputs`, in their order or, `unordered`, as they come.

        At most `WINDOW` are on their way at a time, so `many_inputs` may be endless. `progress` shows a bar on a
        terminal. With `return_errors` a failed request yields its `ComputeError`; otherwise the first one is raised,
        and what is still on its way is cancelled.
        """
        many = _shown(many_inputs) if progress else contextlib.nullcontext(lambda: None)

        def send(inputs: Inputs) -> ResultFuture:
            return self.submit(agent, task, inputs, options=options, timeout_s=timeout_s, labels=labels)

        sent = map(send, many_inputs)
        with many as advance:
            for future in (_as_they_come if unordered else _in_order)(sent):
                advance()
                try:
                    yield future.result()
                except ComputeError as error:
                    if not return_errors:
                        raise
                    yield error

    def progress(self, future: ResultFuture) -> Iterator[Progress]:
        """Iterate over what is told of a request's progress from now on, until its result is there."""
        heard: queue.Queue[Progress | None] = queue.Queue(_PROGRESS_KEPT)
        key = future.id.encode()
        self._listeners.setdefault(key, []).append(heard)

        def end(_: object) -> None:
            self._listeners.pop(key, None)
            _put(heard, None)

        future.add_done_callback(end)
        return iter(heard.get, None)

    def cancel(self, request_id: str) -> None:
        """Ask the workers to stop a request of this id, whoever sent it."""
        value = msgspec.json.encode(Control(id=request_id, action="cancel"))
        message = Outgoing(self._topics["compute.control"], request_id.encode(), value, [])
        self._emitter.send([message], lambda _: None)

    def _send(self, request_id: str, value: bytes) -> ResultFuture:
        if self._closed:
            raise UsageError("the client is closed")
        if self._tail.failure is not None:
            raise BrokerError(f"reading the results failed: {self._tail.failure}", hint="connect again")
        key = request_id.encode()
        future = ResultFuture(request_id, self._forget)
        if self._waiting.setdefault(key, future) is not future:
            raise UsageError(f"a request of the id {request_id!r} is waiting already", field="id")

        def confirmed(refusal: Exception | None) -> None:
            if refusal is not None:
                self._waiting.pop(key, None)
                _fail(future, BrokerError(f"Kafka did not take the request: {refusal}"))

        topic, headers = self._topics["compute.requests"], _HEADERS
        if self._spans is not None:
            headers, ended = self._spans.publish(topic, headers)
            future.add_done_callback(lambda _: ended())
        self._emitter.send([Outgoing(topic, key, value, headers)], confirmed)
        return future

    def _refused(self, request_id: str, error: ComputeError) -> ResultFuture:
        future = ResultFuture(request_id, self._forget)
        future.set_exception(error)
        return future

    def _forget(self, future: ResultFuture) -> None:
        self._waiting.pop(future.id.encode(), None)
        if not self._closed:
            self.cancel(future.id)

    def _on_records(self, records: list[Message]) -> None:
        """Called from the tail's thread; never raises."""
        for record in records:
            key = record.key()
            if key is None:
                continue
            if record.topic() != self._results:
                if key in self._listeners:
                    self._tell(key, record)
            elif (future := self._waiting.pop(key, None)) is not None:
                _settle(future, record)

    def _tell(self, key: bytes, record: Message) -> None:
        try:
            update = decode_progress(record)
        except ValueError:
            return  # nothing of ours
        for heard in self._listeners.get(key, ()):
            _put(heard, update)

    def _give_up(self, failure: Exception | None) -> None:
        why = "the client was closed" if failure is None else f"reading the results failed: {failure}"
        while self._waiting:
            with contextlib.suppress(KeyError):
                _, future = self._waiting.popitem()
                hint = f"`sci-agents result {future.id}` shows it once it is there"
                _fail(future, BrokerError(f"{why} before the result of {future.id} came", hint=hint))


def connect(bootstrap: str, *, topic_prefix: str = "", connect_timeout_s: float | None = None) -> Client:
    """Connect to Kafka at `HOST:PORT` (several with commas).

    Raises:
        UsageError: that is no address.
        BrokerError: nothing answers there in time, or it has not the topics.

    """
    return Client(bootstrap, topic_prefix=topic_prefix, connect_timeout_s=connect_timeout_s)


def decode_result(record: Message) -> Result:
    """Read a record of `compute.results`, its outputs' arrays as NumPy's.

    Raises:
        ValueError: it is no result (`msgspec.DecodeError` is one).

    """
    return read_result(record.value() or b"", packed=_is_packed(record))


def read_result(value: bytes, *, packed: bool) -> Result:
    """Read a result's bytes, its outputs' arrays as NumPy's; raises `ValueError`."""
    try:
        result = (_pack_result if packed else _json_result).decode(value)
        result.outputs = values.decode(result.outputs)
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"no result: {error}") from error
    return result


def decode_progress(record: Message) -> Progress:
    """Read a record of `compute.progress`; raises `ValueError` when it is none."""
    try:
        return (_pack_progress if _is_packed(record) else _json_progress).decode(record.value() or b"")
    except RecursionError as error:
        raise ValueError(f"no progress: {error}") from error


def _is_packed(record: Message) -> bool:
    headers = cast("Headers", record.headers() or ())
    return any(name.lower() == "content-type" and value == MSGPACK.encode() for name, value in headers)


def _settle(future: ResultFuture, record: Message) -> None:
    try:
        result = decode_result(record)
    except ValueError as error:
        _fail(future, ComputeError("internal", f"the result cannot be read: {error}"))
        return
    if result.status == "succeeded":
        with contextlib.suppress(InvalidStateError):  # cancelled a moment ago
            future.set_result(result)
    else:
        _fail(future, ComputeError.of_result(result))


def _fail(future: ResultFuture, error: Exception) -> None:
    with contextlib.suppress(InvalidStateError):
        future.set_exception(error)


def _put(heard: "queue.Queue[Progress | None]", update: Progress | None) -> None:
    """Add the latest; the oldest goes when nobody takes them."""
    while True:
        try:
            heard.put_nowait(update)
        except queue.Full:
            with contextlib.suppress(queue.Empty):
                heard.get_nowait()
        else:
            return


def _in_order(sent: Iterator[ResultFuture]) -> Iterator[ResultFuture]:
    ahead = deque(itertools.islice(sent, WINDOW))
    try:
        while ahead:
            future = ahead[0]
            wait([future])
            ahead.popleft()
            ahead.extend(itertools.islice(sent, 1))
            yield future
    finally:
        _cancel(ahead)


def _as_they_come(sent: Iterator[ResultFuture]) -> Iterator[ResultFuture]:
    arrived: queue.SimpleQueue[ResultFuture] = queue.SimpleQueue()
    ahead: set[ResultFuture] = set()

    def follow(future: ResultFuture) -> None:
        ahead.add(future)
        future.add_done_callback(cast("Callable[[Future[Result]], object]", arrived.put))

    try:
        for future in itertools.islice(sent, WINDOW):
            follow(future)
        while ahead:
            done = arrived.get()
            ahead.discard(done)
            for future in itertools.islice(sent, 1):
                follow(future)
            yield done
    finally:
        _cancel(ahead)


def _cancel(futures: Iterable[ResultFuture]) -> None:
    for future in futures:
        future.cancel()


@contextlib.contextmanager
def _shown(many: Iterable[Any]) -> Iterator[Callable[[], None]]:
    """A bar on standard error when that is a terminal."""
    from rich.console import Console  # noqa: PLC0415 - only who wants a bar pays for it
    from rich.progress import Progress as Bar  # noqa: PLC0415

    with Bar(console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty()) as bar:
        row = bar.add_task("requests", total=len(many) if isinstance(many, Sized) else None)
        yield lambda: bar.advance(row)
