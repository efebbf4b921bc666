"""All of it on one machine: broker, workers, alerting, API and node metrics as child processes."""

import asyncio
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import httpx
import msgspec
from confluent_kafka import KafkaException

from sciagents import addresses, health, reach
from sciagents.errors import SciAgentsError
from sciagents.supervise import Child, Command
from streams import declare

_START_S = 60.0
_PATIENCE = 3
"""Deaths of one child before it is said that it does not start."""
_WORKER_GRACE_S = 15.0


class UpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is started, and where it listens and writes; without `kafka` the embedded broker on `broker_listen`."""

    kafka: str | None = None
    broker_listen: str = "127.0.0.1:9092"
    listen: str = "127.0.0.1:8000"
    workers: int = 1
    directory: str = "var"
    prefix: str = ""
    alerting_config: str | None = None
    collect_every: str = "5s"
    log_level: str = "INFO"
    environment: Mapping[str, str] = {}


class System:
    """The processes, as an asynchronous context manager: requests are answered once it is entered."""

    def __init__(self, settings: UpSettings, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say
        self._directory = Path(settings.directory).absolute()
        self._logs = self._directory / "logs"
        self._ours = settings.kafka is None
        self.embedded = self._ours
        self.kafka = settings.kafka or ""
        self.http = ""
        self.children: list[Child] = []
        """In the order in which they were started."""

    async def __aenter__(self) -> Self:
        """Start all.

        Raises:
            SciAgentsError: an address is taken, a process does not stay, or a request is not answered in time.

        """
        self._logs.mkdir(parents=True, exist_ok=True)
        listen = addresses.free(self._settings.listen)
        self.http = f"http://{listen}"
        try:
            if self._ours:
                self.kafka = addresses.free(self._settings.broker_listen)
                await self._start(Command("broker", ["broker", "--listen", self.kafka]), self._renew)
            await self._until("broker", self._broker_answers)
            self.embedded = reach.is_embedded(await asyncio.to_thread(reach.metadata, self.kafka))
            await asyncio.to_thread(declare.ensure, self.kafka, self._settings.prefix, embedded=self.embedded)
            for command in self._commands(listen):
                await self._start(command)
            await self._until("worker", self._requests_are_answered)
            with httpx.Client(base_url=self.http, timeout=2.0) as client:
                await self._until("api", lambda: _is_ready(client))
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop those that send, then the workers, which answer what is in flight, then the broker."""
        workers = [child for child in self.children if child.command.name.startswith("worker")]
        brokers = [child for child in self.children if child.command.name == "broker"]
        others = [child for child in self.children if child not in workers and child not in brokers]
        for stage in (others, workers, brokers):
            await asyncio.gather(*(child.stop() for child in stage))

    def _commands(self, listen: str) -> list[Command]:
        settings = self._settings
        common = ["--kafka", self.kafka, "--topic-prefix", settings.prefix, "--dir", str(self._directory)]
        common += ["--log-level", settings.log_level, *(["--embedded"] if self.embedded else [])]
        config = ["--config", settings.alerting_config] if settings.alerting_config else []
        alerting = addresses.free("127.0.0.1:0")
        workers = [f"worker-{number}" for number in range(1, settings.workers + 1)]
        return [
            *(self._command(name, ["worker", *common], _WORKER_GRACE_S) for name in workers),
            self._command("alerting", ["alerting", *common, *config, "--listen", alerting]),
            self._command("api", ["api", *common, "--listen", listen, "--alerting", alerting]),
            self._command("collect", ["collect", *common, "--every", settings.collect_every]),
        ]

    def _command(self, name: str, arguments: list[str], grace_s: float = 5.0) -> Command:
        return Command(name, arguments, self._settings.environment, grace_s)

    async def _start(self, command: Command, again: Callable[[], None] | None = None) -> None:
        child = Child(command, self._logs, self._say)
        self.children.append(child)
        await child.start(again)

    def _renew(self) -> None:
        """After the embedded broker has died: its records are gone with it, and its cluster is at another port."""
        if len(self.children) == 1:
            return
        self._say("the embedded broker keeps nothing: the other processes start anew")
        for child in self.children:
            if child.command.name != "broker":
                child.kill()

    async def _until(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait until something holds; raises `SciAgentsError` when a process keeps dying, or after a minute."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _START_S
        while not await asyncio.to_thread(holds):
            dying = next((child for child in self.children if child.deaths >= _PATIENCE), None)
            if dying is not None:
                self._say(dying.last_words())
                raise SciAgentsError(f"{dying.command.name} does not start", hint=f"its log is {dying.log}")
            if loop.time() > deadline:
                raise SciAgentsError(f"{what}: not ready within {_START_S:g} s", hint=f"logs are in {self._logs}")
            await asyncio.sleep(0.05)

    def _broker_answers(self) -> bool:
        return health.broker(self.kafka, 1.0).verdict == "passed"

    def _requests_are_answered(self) -> bool:
        try:
            health.probe(self.kafka, self._settings.prefix, 2.0)
        except (TimeoutError, KafkaException):
            return False
        return True


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.HTTPError:
        return False


def run(settings: UpSettings, say: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT, then stop all; raises `SciAgentsError`."""
    asyncio.run(_run(settings, say))


async def _run(settings: UpSettings, say: Callable[[str], None]) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    system = System(settings, say)
    starting = asyncio.create_task(system.__aenter__())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return
    starting.result()
    say(f"kafka {system.kafka}{' (embedded)' if system.embedded else ''}")
    say(f"http {system.http}")
    say("ready")
    await stopping
    say("stopping")
    await system.stop()
