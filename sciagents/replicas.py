"""Several alerting processes, of which one writes: the others stand by until Kafka elects one of them.

The election is the membership in a group (`streams.election`). What makes it safe is that whoever is elected begins by
taking the producer's name: nothing of an older writer is taken any more (`streams.fenced`). A process that is no more
elected, or shut out, ends at once: started again, it stands by.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, NoReturn

import msgspec
import structlog
from confluent_kafka import Message

from alerting import instants
from alerting.stream import Outgoing
from sciagents import addresses, ending
from sciagents.api.tokens import Tokens, is_loopback
from sciagents.errors import UsageError
from sciagents.tail import Tail
from sciagents.writing import FencedWriter
from streams.election import Candidate
from streams.fenced import FencedEmitter
from streams.topics import names

if TYPE_CHECKING:
    from sciagents.api.forward import Forward

_log = structlog.get_logger(__name__)

_KEY = b"writer"
_LOOK_EVERY_S = 0.02


class Office(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes (`ops.alerting`): the replica's name, where its HTTP is reached, since when, and on which host."""

    name: str
    http: str | None
    since: str
    host: str = ""

    def reached_from(self, host: str) -> str | None:
        """Where a host reaches its HTTP; None where it has none, or has it for its own host alone."""
        apart = bool(self.host) and self.host != host
        return None if self.http is None or (apart and is_loopback(addresses.parse(self.http)[0])) else self.http


_office = msgspec.json.Decoder(Office)


class Replica:
    """One of several; `name` is its own, `http` where the others reach it."""

    def __init__(self, kafka: str, prefix: str, name: str, http: str | None) -> None:
        self._kafka = kafka
        self._topic = names(prefix)["ops.alerting"]
        self._name = name
        self._http = http
        role = f"{prefix}sci-agents-alerting"
        self._candidate = Candidate(kafka, self._topic, role, name, leave)
        self._emitter = FencedEmitter(kafka, role)
        self.stood_by = False
        """Whether another one wrote when this one came."""

    def write(
        self, listener: socket.socket | None, tokens: Tokens, stack: ExitStack, now: float
    ) -> FencedWriter | None:
        """Wait for the election, serving as a standby meanwhile; None when the process is to stop before.

        What the last writer wrote is on the topics when this returns, and nothing of it comes any more.
        """
        stack.enter_context(self._candidate)
        loop = asyncio.new_event_loop()
        try:
            if not loop.run_until_complete(self._elected(listener, tokens)):
                return None
        finally:
            loop.close()
        _log.info("alerting_elected", replica=self._name)
        office = Office(name=self._name, http=self._http, since=instants.show(now), host=socket.gethostname())
        writer = FencedWriter(
            self._emitter, Outgoing(self._topic, _KEY, msgspec.json.encode(office)), leave, self._candidate.resign
        )
        writer.take()
        return writer

    async def _elected(self, listener: socket.socket | None, tokens: Tokens) -> bool:
        """Wait; False when the process is to stop."""
        stopping = asyncio.Event()
        with ending.heard(asyncio.get_running_loop(), stopping.set):
            await self._until(lambda: self._candidate.joined.is_set() or stopping.is_set())
            if not (self._candidate.elected.is_set() or stopping.is_set()):
                await self._stand_by(listener, tokens, stopping)
        return not stopping.is_set()

    async def _stand_by(self, listener: socket.socket | None, tokens: Tokens, stopping: asyncio.Event) -> None:
        import sciagents.opening  # noqa: F401, PLC0415 - once elected it is wanted at once
        from sciagents.api import standby  # noqa: PLC0415 - slow to import, and who is elected at once needs it later
        from sciagents.api.alerting import serve, server  # noqa: PLC0415

        self.stood_by = True
        _log.info("alerting_standby", replica=self._name)
        way = standby.forward()

        def decided() -> bool:
            return self._candidate.elected.is_set() or stopping.is_set()

        with Tail(
            self._kafka, [self._topic], lambda records: _follow(records, way), start="beginning", on_failure=_deaf
        ) as tail:
            await self._until(lambda: tail.caught_up.is_set() or decided())
            made = server(standby.make_app(way, tokens))
            # of its own: the server closes what it is given, and the address is to stay ours
            serving = None if listener is None else asyncio.create_task(serve(made, listener.dup()))
            print("standby", flush=True)  # noqa: T201 - its output
            await self._until(decided)
            made.end()
            if serving is not None:
                await serving

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():  # noqa: ASYNC110 - a thread makes it so
            await asyncio.sleep(_LOOK_EVERY_S)


def name(listener: socket.socket | None) -> str:
    """Name a replica by where it is: its host, and its port where it has one; the same after a restart."""
    return socket.gethostname() + (f":{listener.getsockname()[1]}" if listener is not None else "")


def reached(listener: socket.socket | None) -> str | None:
    """Where others reach a listener: by this host's name where it listens everywhere."""
    if listener is None:
        return None
    host, port = listener.getsockname()[:2]
    return f"{socket.gethostname()}:{port}" if host in {"0.0.0.0", "::"} else addresses.name(listener)  # noqa: S104


def leave(reason: str) -> NoReturn:
    """End the process at once: whatever it would still do, another one does by now."""
    _log.critical("alerting_not_the_writer", reason=reason, hint="started again, it stands by")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(1)


def _deaf(failure: Exception) -> NoReturn:
    leave(f"who writes cannot be followed: {failure}")


def _follow(records: list[Message], way: "Forward") -> None:
    from sciagents.api import standby  # noqa: PLC0415 - imported by now

    for record in records:
        try:
            office = _office.decode(record.value() or b"")
            way.address = office.reached_from(socket.gethostname())
        except (msgspec.DecodeError, UsageError) as error:
            _log.warning("record_ignored", topic=record.topic(), error=str(error)[:200])
            continue
        way.absent = standby.NOBODY if office.http is None else standby.out_of_reach(office.name)
