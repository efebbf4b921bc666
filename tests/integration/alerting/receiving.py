"""Where people are told: a mail server and endpoints for Slack, PagerDuty and webhooks, which write down what comes.

Each channel can be held: what arrives there is written down, and not answered until the channel is released.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec
from listening import listening
from mailing import mailing

CHANNELS = ("email", "slack", "pagerduty", "webhook")
_HELD_S = 60.0


@dataclass(frozen=True)
class Arrival:
    """What came: when (epoch seconds), over which channel, under which `Message-ID` or `dedup_key`, and what it was."""

    at: float
    channel: str
    key: str | None
    status: str
    body: dict


@dataclass
class Inbox:
    """Everything that arrived, in order."""

    host: str = "127.0.0.1"
    smtp: int = 0
    http: str = ""
    _arrived: list[Arrival] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _released: dict[str, threading.Event] = field(default_factory=dict)
    slow: Callable[[], float] | None = None
    """How many seconds an answer takes."""
    _ended: threading.Event = field(default_factory=threading.Event)

    def receivers(self) -> str:
        """The channels of one receiver, as `receivers` of a configuration has them."""
        return f"""
    email_configs: [{{to: ops-team@example.com, send_resolved: true}}]
    slack_configs: [{{api_url: "{self.http}/slack", send_resolved: true}}]
    pagerduty_configs: [{{routing_key: key, url: "{self.http}/pagerduty", send_resolved: true}}]
    webhook_configs: [{{url: "{self.http}/webhook", send_resolved: true}}]
"""

    def globals(self) -> str:
        """The section `global` without which mails do not leave."""
        return (
            f'{{smtp_smarthost: "{self.host}:{self.smtp}", smtp_from: sci-agents@example.com, smtp_require_tls: false, '
            "resolve_timeout: 1h, evaluation_interval: 0.2s}"
        )

    def take(self, channel: str, key: str | None, status: str, body: dict) -> None:
        """Write down what came, and wait while the channel is held."""
        with self._news:
            self._arrived.append(Arrival(time.time(), channel, key, status, body))
            self._news.notify_all()
        if (released := self._released.get(channel)) is not None:
            released.wait(_HELD_S)
        if self.slow is not None:
            self._ended.wait(self.slow())

    def hold(self, *channels: str) -> None:
        """Answer nothing on these channels until `release`."""
        for channel in channels:
            self._released[channel] = threading.Event()

    def end(self) -> None:
        """Keep nobody waiting any more."""
        self._ended.set()
        self.release()

    def release(self) -> None:
        """Answer what waits, and what comes from now on."""
        for released in self._released.values():
            released.set()

    def all(self) -> list[Arrival]:
        """Everything so far."""
        with self._news:
            return list(self._arrived)

    def next(self, known: int, within_s: float) -> None:
        """Wait until more than what is known has arrived, or the time is over."""
        with self._news:
            self._news.wait_for(lambda: len(self._arrived) > known, within_s)

    def until(self, holds: Callable[[list[Arrival]], bool], within_s: float = 60.0) -> list[Arrival]:
        """Wait until something holds of everything that arrived."""
        with self._news:
            assert self._news.wait_for(lambda: holds(self._arrived), within_s), self._arrived
            return list(self._arrived)


@contextlib.contextmanager
def inbox(host: str = "127.0.0.1") -> Iterator[Inbox]:
    """Take what is sent to an address of this machine until the end of the block."""
    state = Inbox(host)

    def take(mail):
        message = mail.message
        status = "resolved" if "RESOLVED" in message.get_body(("plain",)).get_content() else "firing"
        state.take("email", message["Message-ID"], status, {"subject": message["Subject"]})

    def answer(path, _, raw):
        try:
            body, channel = msgspec.json.decode(raw), path.strip("/").partition("/")[0]
        except msgspec.DecodeError:  # cut off: who sent it was killed, and nobody has read it
            return 400, {}, b""
        match channel:
            case "pagerduty":
                status = {"trigger": "firing", "resolve": "resolved"}.get(body["event_action"], body["event_action"])
                state.take(channel, body["dedup_key"], status, body)
                return 202, {}, b"{}"
            case "slack":
                said = msgspec.json.encode(body["blocks"]).decode()
                state.take(channel, None, "resolved" if "*Status:* RESOLVED" in said else "firing", body)
                return 200, {}, b"ok"
        state.take(path.strip("/"), None, body["status"], body)
        return 200, {}, b""

    with mailing(taken=take, host=host) as mail, listening(answer, host=host) as state.http:
        state.smtp = mail.port
        try:
            yield state
        finally:
            state.end()
