"""The demo's story, step by step; whatever does not come in its time ends it with a message. Start reading here."""

import asyncio
import contextlib
import json
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
from confluent_kafka import Message

from sciagents import shipped
from sciagents.demo.receivers import mail_server, mail_text, slack_endpoint, slack_text
from sciagents.demo.screen import Screen
from sciagents.demo.seen import Seen
from sciagents.errors import BrokerError, NoAnswerError, SciAgentsError
from sciagents.tail import Tail
from sciagents.up import System, UpSettings
from streams.contracts import Incident, OpsEvent, Result
from streams.emit import Emitter, Outgoing
from streams.topics import names

STEPS = 10
_RESULTS_WITHIN_S = 30.0
_TOLD_WITHIN_S = 20.0
_FAILING, _RIGHT = 40, 2_000
"""So many failing requests are far above the threshold; so many right ones bring the rate under it again."""
_REFUSED = {"malformed", "unsafe_formula"}
"""Examples that are to be rejected; all others are to succeed."""
_CONFIG = Path(__file__).parent / "alerting.yaml"
_TOPICS = names()

T = TypeVar("T")


@dataclass
class Session:
    """What the steps work with."""

    screen: Screen
    system: System
    results: Seen[Result]
    metrics: Seen[OpsEvent]
    incidents: Seen[Incident]
    mails: Seen[EmailMessage]
    messages: Seen[dict[str, Any]]

    async def run(self) -> None:
        """Live through the whole story; raises `SciAgentsError` when something does not come."""
        screen = self.screen
        await self._examples()
        with screen.step("the metrics of this machine are on ops.events"):
            for name in ("cpu_percent", "memory_percent", "disk_percent"):
                event = await self.metrics.first(name, partial(_is_named, name), _TOLD_WITHIN_S)
                screen.say(f"        {name} {event.value:.1f} ({event.source})")
        with screen.step(f"{_FAILING} requests that must fail are answered as failed"):
            await self._publish([_system(f"singular-{n}", [[1, 2], [2, 4]]) for n in range(_FAILING)])
            await self._answered([f"singular-{n}" for n in range(_FAILING)], "failed")
        with screen.step("the error rate is over its threshold: an incident opens"):
            incident = await self._incident("triggered")
        screen.say(f"        {incident.id} {incident.severity} {incident.title}: {incident.impact}")
        with screen.step("the email and the Slack message are delivered"):
            await self._told(incident, "firing")
        with screen.step("ada acknowledges over HTTP"):
            await self._acknowledge(incident)
            await self._incident("acknowledged", incident.id)
        with screen.step(f"{_RIGHT} requests succeed: the incident resolves"):
            await self._publish([_system(f"regular-{n}", [[2, 1], [1, 2]]) for n in range(_RIGHT)])
            await self._incident("resolved", incident.id)
        with screen.step("the email and the Slack message of the resolution are delivered"):
            await self._told(incident, "resolved")

    async def _examples(self) -> None:
        paths = sorted(shipped.folder("examples/requests").glob("*.json"))
        values = [path.read_bytes() for path in paths]
        ids = [str(json.loads(value)["id"]) for value in values]
        with self.screen.step(f"{len(ids)} example requests are answered"):
            await self._publish(list(zip(ids, values, strict=True)))
            results = await self._answered(ids)
        self.screen.results(results)
        for path, result in zip(paths, results, strict=True):
            _check(result, "rejected" if path.stem in _REFUSED else "succeeded")

    async def _publish(self, requests: Sequence[tuple[str, bytes]]) -> None:
        loop = asyncio.get_running_loop()
        confirmed: asyncio.Future[Exception | None] = loop.create_future()

        def report(failure: Exception | None) -> None:
            loop.call_soon_threadsafe(confirmed.set_result, failure)

        topic = _TOPICS["compute.requests"]
        emitter = Emitter(self.system.kafka)
        emitter.send([Outgoing(topic, key.encode(), value, []) for key, value in requests], report)
        try:
            # not `wait_for`: before Python 3.12 it swallows an interrupt that comes together with what it waits for
            async with asyncio.timeout(_RESULTS_WITHIN_S):
                failure = await confirmed
        except TimeoutError:
            raise NoAnswerError(f"requests are not confirmed within {_RESULTS_WITHIN_S:g} s") from None
        if failure is not None:
            raise BrokerError(f"the broker refuses requests: {failure}")
        emitter.close(1.0)

    async def _answered(self, ids: Sequence[str], status: str | None = None) -> list[Result]:
        found = []
        for request_id in ids:
            result = await self.results.first(
                f"the result of {request_id}", partial(_is_of, request_id), _RESULTS_WITHIN_S
            )
            if status is not None:
                _check(result, status)
            found.append(result)
        return found

    async def _incident(self, status: str, incident_id: str | None = None) -> Incident:
        return await self.incidents.first(
            f"an incident that is {status}",
            lambda one: one.status == status and incident_id in {None, one.id},
            _TOLD_WITHIN_S,
        )

    async def _told(self, incident: Incident, status: str) -> None:
        mail = await self.mails.first(
            f"an email of {incident.id}, {status}",
            lambda mail: _is_about(mail_text(mail), incident, status),
            _TOLD_WITHIN_S,
        )
        message = await self.messages.first(
            f"a Slack message of {incident.id}, {status}",
            lambda message: _is_about(slack_text(message), incident, status),
            _TOLD_WITHIN_S,
        )
        self.screen.panel("email", mail_text(mail))
        self.screen.panel("Slack", slack_text(message))

    async def _acknowledge(self, incident: Incident) -> None:
        async with httpx.AsyncClient(base_url=self.system.http, timeout=_TOLD_WITHIN_S) as client:
            command = {"action": "acknowledge", "by": "ada", "text": "a demo's doing: it will pass"}
            answer = await client.post(f"/v1/incidents/{incident.id}/commands", json=command)
            if answer.status_code != 202:
                raise SciAgentsError(f"the API does not take the acknowledgement: {answer.text}")


def _system(request_id: str, matrix: list[list[int]]) -> tuple[str, bytes]:
    request = {"id": request_id, "agent": "linalg", "task": "solve", "inputs": {"a": matrix, "b": [1, 1]}}
    return request_id, msgspec.json.encode(request)


def _check(result: Result, status: str) -> None:
    if result.status != status:
        why = result.error.message if result.error else None
        raise SciAgentsError(f"{result.id} is {result.status}, not {status}", hint=why)


def _is_named(name: str, event: OpsEvent) -> bool:
    return event.name == name


def _is_of(request_id: str, result: Result) -> bool:
    return result.id == request_id


def _is_about(text: str, incident: Incident, status: str) -> bool:
    return incident.id in text and ("RESOLVED" in text.upper()) == (status == "resolved")


@contextlib.asynccontextmanager
async def _session(screen: Screen, folder: Path) -> AsyncIterator[Session]:
    mails, messages = Seen[EmailMessage](), Seen[dict[str, Any]]()
    results, metrics, incidents = Seen[Result](), Seen[OpsEvent](), Seen[Incident]()
    async with contextlib.AsyncExitStack() as stack:
        smtp = await stack.enter_async_context(mail_server(mails))
        slack = stack.enter_context(slack_endpoint(messages))
        settings = UpSettings(
            broker_listen="127.0.0.1:0", listen="127.0.0.1:0", directory=str(folder), alerting_config=str(_CONFIG),
            collect_every="1s",
            environment={
                "SCI_AGENTS_SMTP_SMARTHOST": f"127.0.0.1:{smtp}",
                "SCI_AGENTS_SLACK_API_URL": f"http://127.0.0.1:{slack}/",
            },
        )  # fmt: skip
        with screen.step("broker, worker, alerting, API and node metrics run"):
            system = await stack.enter_async_context(System(settings, screen.say))
        screen.say(f"        kafka {system.kafka} (embedded), http {system.http}, logs in {folder / 'logs'}")
        takes: dict[str, Callable[[bytes], None]] = {
            _TOPICS["compute.results"]: _putting(results, Result),
            _TOPICS["ops.events"]: _putting(metrics, OpsEvent),
            _TOPICS["ops.incidents"]: _putting(incidents, Incident),
        }

        def hand_out(records: list[Message]) -> None:
            for record in records:
                if (value := record.value()) is not None:
                    takes[record.topic() or ""](value)

        tail = Tail(system.kafka, list(takes), hand_out, start="beginning")
        await asyncio.to_thread(tail.__enter__)
        stack.push(tail)
        yield Session(screen, system, results, metrics, incidents, mails, messages)


def _putting(seen: Seen[T], kind: type[T]) -> Callable[[bytes], None]:
    decoder = msgspec.json.Decoder(kind)
    return lambda value: seen.put(decoder.decode(value))


def run(directory: str) -> None:
    """Live through a whole session below `directory`; raises `SciAgentsError` when a step is missing."""
    folder = Path(directory) / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        asyncio.run(_run(folder))
    except asyncio.CancelledError:
        raise SciAgentsError("interrupted: everything is stopped") from None


async def _run(folder: Path) -> None:
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell's `&` has had SIGINT ignored
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with Screen(STEPS) as screen:
        async with contextlib.AsyncExitStack() as stack:
            session = await stack.enter_async_context(_session(screen, folder))
            await session.run()
            with screen.step("all processes are stopped"):
                await stack.aclose()
