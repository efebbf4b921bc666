"""The edge of the alerting stream: Faust agents and a timer drive the engine; its effects go to Kafka and to people.

record batches (events, results) → agent `observe` ┐
`ops.commands`                  → agent `command` ├→ engine → effects: publish, then notify → outcome → engine
the time (`engine.due`)         → `keep_time`     ┘

The timers need none of the agents: they run from `start` on, while Faust is still being imported.

How records come in and go out is the caller's (`batches`, `send`): nothing here knows Kafka.
"""

import asyncio
import contextlib
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec
import structlog

from alerting import answers, audit, changes, instants
from alerting.alerts import Alert
from alerting.config import Config
from alerting.documents import ConfigError
from alerting.effects import Effect, Publish
from alerting.engine import Engine
from alerting.events import decode as decode_event
from alerting.messages import Message
from alerting.notify.connections import trusted
from alerting.notify.sendings import Sendings
from alerting.outbox import Outcome
from alerting.text import one_line
from alerting.troubles import RELOAD_FAILED
from streams.contracts import Command, Incident, OpsEvent, Silence

if TYPE_CHECKING:
    import faust

_log = structlog.get_logger(__name__)

_SMALL = 64 * 1024
"""Bytes of a command; one that is larger is none."""
_LONGEST_SLEEP_S = 1.0
"""A sleep goes by a clock that nobody sets, and that stands while the machine is asleep: the wall's may be ahead."""
_BACK_S = 5.0
"""A wall clock that is set back by more ends the process: what it has put off would rest for as long."""
_AUDIT_EVERY_S = 15.0
_MAX_TEXT = 2_000
_SLICE = 100
"""So many groups or incidents are dealt with in one go, and so many outcomes: between them the loop is others'."""
_TAKEN = 500
"""So many alerts from outside are taken in one go."""

_command_json, _command_msgpack = msgspec.json.Decoder(Command), msgspec.msgpack.Decoder(Command)


class ClockError(Exception):
    """The wall clock was set back while the process ran; the next one begins anew from what is on record."""


class Record(Protocol):
    """A record as librdkafka gives it."""

    def topic(self) -> str | None:
        """Name of its topic on the broker."""

    def value(self) -> bytes | None:
        """What it holds."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of `ops.events` and `compute.results`; `taken` is called when they are."""

    records: Sequence[Record]
    taken: Callable[[], object] = lambda: None
    positions: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """By topic and partition, the offset after the last record that was read of it by then."""


class CaughtUp:
    """Comes on the channel once everything that was there at the start has come: from here on it is live."""


class Outgoing(NamedTuple):
    """A record to be written."""

    topic: str
    key: bytes
    value: bytes | None


Send = Callable[[Sequence[Outgoing]], Awaitable[None]]
"""Writes records, in order; returns when the broker has confirmed all of them."""


class Stream:
    """Drives one engine."""

    def __init__(
        self, engine: Engine, send: Send, topics: Mapping[str, str], *, clock: Callable[[], float] = time.time,
        steady: Callable[[], float] | None = None, confirm: Callable[[], Awaitable[None]] | None = None,
    ) -> None:  # fmt: skip
        """`topics` maps each topic's own name to its name on the broker, `steady` is a clock that nobody sets.

        `confirm` is waited for before anything is sent to people: it returns where nobody else does that.
        """
        self._engine = engine
        engine.at_once = _SLICE
        self._send = send
        self._topics = topics
        self._clock = clock
        self._steady = steady
        self._ahead = float("-inf")
        self._turn = asyncio.Lock()  # what the engine wants is done before it is asked again
        self.hearing = asyncio.Lock()
        """Who gives to the signals, or takes from them or the rules, has it: rules are looked at in another thread."""
        self._begun = asyncio.Event()
        self._live = asyncio.Event()
        self._changed = asyncio.Event()
        self._wakes_at = 0.0
        self._sendings = Sendings(self._settled, lambda failure: self.fail(failure), confirm)  # noqa: PLW0108 - set later
        self._outcomes: list[tuple[str, Outcome]] = []
        self._timers: list[asyncio.Task[None]] = []
        self.fail: Callable[[BaseException], object] = lambda _: None
        """What is called when the stream cannot go on: the process has to end, the next one takes up."""
        self._published = {one.id: one for one in engine.register if one.status != "resolved"}
        self.positions: dict[tuple[str, int], int] = {}
        """By topic and partition, how far records have been taken."""
        self.ignored: Counter[str] = Counter()
        """Records that could not be read, by topic."""

    async def observe(self, batches: Any) -> None:
        """Take batches from the channel."""
        async for batch in batches:
            if isinstance(batch, CaughtUp):
                self._engine.reading = False
                self._begun.set()
                self._live.set()
                self._changed.set()
                _log.info("alerting_live")
            else:
                try:
                    async with self.hearing:
                        self._take(batch.records)
                        self.positions.update(batch.positions)
                finally:
                    batch.taken()

    async def command(self, values: Any) -> None:
        """Take commands; those that were there before are known by the incidents' timelines."""
        async for value in values:
            command = self.read_command(value)
            if command is not None:
                await self.do(command)

    async def do(self, command: Command) -> None:
        """Do what somebody commands; one that cannot be recorded is logged."""
        async with self._turn:
            try:
                effects = self._engine.on_command(command, self._clock())
            except ValueError as error:
                _log.warning("command_ignored", incident=command.incident[:100], error=str(error))
                return
            await self._perform(effects)

    @property
    def engine(self) -> Engine:
        """What decides; to be looked at, not to be driven by others."""
        return self._engine

    @property
    def told(self) -> Counter[tuple[str, str]]:
        """Sendings that came to an end, by kind of channel and outcome."""
        return self._sendings.told

    @property
    def live(self) -> bool:
        """Whether everything that was there at the start has been read."""
        return self._live.is_set()

    def start(self) -> None:
        """Run the timers in this loop, until `stop`; they wait for `begin`."""
        self._timers = [asyncio.create_task(self.or_fail(work)) for work in (self.keep_time(), self.audit())]

    def begin(self) -> None:
        """Let timers run and take alerts: what was decided before is known; rules wait for what they read to come."""
        self._engine.reading = True
        self._begun.set()

    async def tell_due(self, within_s: float) -> None:
        """Do what is due, and wait for so long at most until it has been sent."""
        async with self._turn:
            await self._perform(self._engine.tick(await self._look()))
        await self._sendings.wait(within_s)

    async def until_live(self) -> None:
        """Wait until everything that was there at the start has been read."""
        await self._live.wait()

    async def alert(self, alerts: Sequence[Alert]) -> None:
        """Take alerts from outside; returns when what they change is on the broker."""
        await self._begun.wait()
        async with self._turn:
            now = self._clock()
            for part in (alerts[start : start + _TAKEN] for start in range(0, len(alerts), _TAKEN)):
                await self._perform(self._engine.take_alerts(part, now))
                await asyncio.sleep(0)
            await self._perform(self._engine.tick(await self._look()))

    async def set_silence(self, silence: Silence) -> str:
        """Make a silence, or change the one that its id names; returns its name. Raises `SilenceError`."""
        async with self._turn:
            name, effects = self._engine.set_silence(silence, str(uuid.uuid4()), self._clock())
            await self._perform(effects)
            return name

    async def expire_silence(self, name: str) -> None:
        """End a silence; raises `SilenceError`."""
        async with self._turn:
            await self._perform(self._engine.expire_silence(name, self._clock()))

    async def reload(self, load: Callable[[], Config], by: str) -> None:
        """Go on with the configuration as it is now; one that is wrong is an incident, and raises `ConfigError`.

        Who wanted it, and what has changed, is recorded among the commands.
        """
        await self._begun.wait()
        async with self._turn:
            try:
                config = load()
            except ConfigError as error:
                _log.error("config_reload_failed", error=str(error))
                summary = f"The configuration cannot be loaded again, the old one is in force: {error}"
                record = self._reloaded(by, f"refused: {error}")
                await self._perform([record, *self._engine.trouble(RELOAD_FAILED, summary, await self._look())])
                raise
            _log.info("config_reloaded", rules=len(config.rules), receivers=len(config.receivers))
            record = self._reloaded(by, changes.between(self._engine.config, config))
            await self._perform([record, *self._engine.reconfigure(config, self._clock())])

    def _reloaded(self, by: str, text: str) -> Publish:
        command = Command(
            incident=changes.CONFIGURATION, action="reload", by=one_line(by, 100), at=instants.show(self._clock()),
            id=uuid.uuid4().hex, text=one_line(text, _MAX_TEXT),
        )  # fmt: skip
        return Publish("ops.commands", changes.CONFIGURATION, command)

    async def keep_time(self) -> None:
        """Tick whenever something is due, once it is known what was decided before."""
        asyncio.get_running_loop().run_in_executor(None, trusted)
        await self._begun.wait()
        while True:
            self._changed.clear()
            now = self._clock()
            self._look_at_clock(now)
            self._wakes_at = self._engine.due(now)
            wait = self._wakes_at - now
            if wait > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(wait, _LONGEST_SLEEP_S)):
                        await self._changed.wait()
                continue
            async with self._turn:
                await self._perform(self._engine.tick(await self._look()))
            await asyncio.sleep(0)

    def _look_at_clock(self, now: float) -> None:
        """Raise `ClockError` where the wall clock was set back since the last look; ahead it may be set."""
        if self._steady is None:
            return
        ahead, self._ahead = self._ahead, now - self._steady()
        if self._ahead < ahead - _BACK_S:
            raise ClockError(f"the wall clock was set back by {ahead - self._ahead:.1f} s")

    async def audit(self) -> None:
        """Look at what was published for steps that are overdue, beside the engine's own timers.

        Twice in a row, so that what a stalled process has just caught up with is no trouble.
        """
        await self._begun.wait()
        late: set[str] = set()
        while True:
            await asyncio.sleep(_AUDIT_EVERY_S)
            async with self._turn:
                now = await self._look()
                seen = set(audit.overdue(self._published.values(), now))
                if seen & late:
                    _log.critical("escalation_overdue", incidents=sorted(seen & late))
                await self._perform(self._engine.audit(sorted(seen & late), now))
                late = seen

    async def stop(self) -> None:
        """Let what is being sent finish, for a moment; the rest is sent again by the next process."""
        for timer in self._timers:
            timer.cancel()
        await asyncio.gather(*self._timers, return_exceptions=True)
        await self._sendings.aclose()

    async def or_fail(self, work: Awaitable[None]) -> None:
        """Do work that the stream cannot be without: whoever started it would only start it again, or not notice."""
        try:
            await work
        except Exception as failure:
            _log.critical("alerting_failed", error=str(failure), exc_info=failure)
            self.fail(failure)

    def read_command(self, value: bytes | None) -> Command | None:
        """Read a command; None, and counted, when it is none."""
        try:
            return _decode(value)
        except (ValueError, RecursionError) as error:
            self.ignored["ops.commands"] += 1
            _log.warning("command_ignored", error=str(error))
            return None

    async def _look(self) -> float:
        """Look at the rules where that is due, while the loop is others'; returns the instant of that."""
        now = self._clock()
        if self._engine.looks_at(now) <= now:
            async with self.hearing:
                looking = asyncio.create_task(asyncio.to_thread(self._engine.look, now))
                try:
                    await asyncio.shield(looking)
                except asyncio.CancelledError:
                    await looking  # nobody else may touch what it does
                    raise
        return now

    def _take(self, records: Sequence[Record]) -> None:
        now = self._clock()
        of_results, of_events = self._topics["compute.results"], self._topics["ops.events"]
        results: list[answers.Answer] = []
        events: list[OpsEvent] = []
        ignored: Counter[str] = Counter()
        last: Exception | None = None
        for record in records:
            topic, value = record.topic(), record.value()
            if value is None:
                continue
            try:
                if topic == of_results:
                    results.append(answers.decode(value))
                elif topic == of_events:
                    events.append(decode_event(value))
            except ValueError as error:
                ignored[topic or ""] += 1
                last = error
        self._engine.on_events(events, now)
        self._engine.on_results(results, now)
        if self._engine.due(now) < self._wakes_at:  # a rule with `for: 0` has news
            self._changed.set()
        if ignored:  # once a batch: whoever floods us with nonsense does not flood the log
            self.ignored += ignored
            _log.warning("records_ignored", count=dict(ignored), error=str(last))

    async def _perform(self, effects: Sequence[Effect]) -> None:
        """Do effects: all that is to be written is on the broker before anything is sent to people."""
        records: list[Outgoing] = []
        messages: list[Message] = []
        for effect in effects:
            if not isinstance(effect, Publish):
                messages.append(effect.message)
                continue
            value = None if effect.value is None else msgspec.json.encode(effect.value)
            if isinstance(effect.value, Incident):
                self._keep(effect.value)
            records.append(Outgoing(self._topics[effect.topic], effect.key.encode(), value))
        if records:
            await self._send(records)
        for message in messages:
            self._sendings.send(message)
        self._changed.set()

    def _keep(self, incident: Incident) -> None:
        if incident.status == "resolved":
            self._published.pop(incident.id, None)
        else:
            self._published[incident.id] = incident

    async def _settled(self, message: str, outcome: Outcome) -> None:
        self._outcomes.append((message, outcome))
        async with self._turn:  # whoever has it tells the engine what the others wait to tell, too
            told, self._outcomes = self._outcomes[:_SLICE], self._outcomes[_SLICE:]
            now = self._clock()
            if told:
                await self._perform([effect for one in told for effect in self._engine.on_delivery(*one, now)])


def attach(app: "faust.App", batches: "faust.ChannelT[Any]", stream: Stream, commands: str) -> None:
    """Add the agents to a Faust app; `commands` is the topic's name on the broker."""

    async def observe(values: Any) -> None:
        await stream.or_fail(stream.observe(values))

    async def command(values: Any) -> None:
        await stream.or_fail(stream.command(values))

    app.agent(batches, name="observe")(observe)
    app.agent(app.topic(commands, value_serializer="raw", key_serializer="raw"), name="command")(command)


def _decode(value: bytes | None) -> Command:
    if value is None or len(value) > _SMALL:
        raise ValueError(f"empty, or larger than {_SMALL:,} bytes")
    return _command_json.decode(value) if value.lstrip()[:1] == b"{" else _command_msgpack.decode(value)
