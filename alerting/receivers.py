"""Receivers: names with the channels behind them. Defaults are Alertmanager's; secrets show in no repr.

`words` are what a channel says in words of its own (`wording`); None says it in those of the runbook.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is never shown."""

    _value: str

    def reveal(self) -> str:
        """The value itself, for the one place that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


OWN_HEADERS = frozenset({
    "auto-submitted", "bcc", "cc", "content-transfer-encoding", "content-type", "date", "from", "in-reply-to",
    "message-id", "mime-version", "references", "sender", "subject", "to",
})  # fmt: skip
"""Headers of a mail that are the program's, in small letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Whom to trust and as whom to come, by texts or files; `server_name` is the name that a certificate is to have."""

    ca: str | None = None
    ca_file: str | None = None
    cert: str | None = None
    cert_file: str | None = None
    key: Secret | None = None
    key_file: str | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False
    min_version: str | None = None
    max_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy on the way; without a URL, which may hold a password, the environment names it.

    `no_proxy` lists whom to reach without it; `connect_header` is sent to the proxy when it is asked for a tunnel.
    """

    url: Secret | None = None
    no_proxy: str = ""
    connect_header: tuple[tuple[str, Secret], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2:
    """A client that gets tokens by its credentials (RFC 6749, 4.4); `params` are asked with besides."""

    client_id: str
    client_secret: Secret
    token_url: Secret
    scopes: tuple[str, ...] = ()
    params: tuple[tuple[str, Secret], ...] = ()
    tls: Tls | None = None
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """How to reach a receiver over HTTP; `authorization`, or a token by `oauth2`, and `headers` are sent along."""

    authorization: Secret | None = None
    oauth2: OAuth2 | None = None
    headers: tuple[tuple[str, Secret], ...] = ()
    tls: Tls | None = None
    proxy: Proxy | None = None
    follow_redirects: bool = True


PLAIN = Http()
"""Nothing special."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """One mail a notification; `headers` are added to the message's own; `timeout` is that of all of it."""

    kind: ClassVar[str] = "email"
    to: str
    sender: str
    smarthost: str
    hello: str = "localhost"
    username: str | None = None
    password: Secret | None = None
    require_tls: bool = True
    implicit_tls: bool = False
    tls: Tls | None = None
    timeout: float = 20.0
    headers: tuple[tuple[str, Any], ...] = ()
    words: Mapping[str, Any] | None = field(default=None, repr=False)
    send_resolved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """An incoming webhook of Slack, or `chat.postMessage` with a bot's token; `buttons` acknowledge and resolve."""

    kind: ClassVar[str] = "slack"
    every: ClassVar[float] = 1.0
    """Seconds between two messages in one channel (Slack: "no more than one message per second per channel")."""
    api_url: Secret
    channel: str | None = None
    username: str | None = None
    icon_emoji: str | None = None
    buttons: bool = False
    words: Mapping[str, Any] | None = field(default=None, repr=False)
    timeout: float = 10.0
    http: Http = PLAIN
    send_resolved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An endpoint that takes Alertmanager's payload; `max_alerts` 0 sends all; `key` signs what is sent."""

    kind: ClassVar[str] = "webhook"
    url: Secret
    max_alerts: int = 0
    timeout: float = 10.0
    key: Secret | None = None
    http: Http = PLAIN
    send_resolved: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDuty:
    """A PagerDuty service, by the routing key of Events v2 or, with `generic`, the service key of Events v1."""

    kind: ClassVar[str] = "pagerduty"
    routing_key: Secret
    url: str = "https://events.pagerduty.com/v2/enqueue"
    generic: bool = False
    words: Mapping[str, Any] | None = field(default=None, repr=False)
    timeout: float = 10.0
    http: Http = PLAIN
    send_resolved: bool = True


Integration = Email | Slack | Webhook | PagerDuty


@dataclass(frozen=True, slots=True)
class Receiver:
    """A team or a person: all the channels are used. A channel's name is `email`, a second one's `email/1`.

    `off` says of each channel that is configured and cannot be used what it lacks. With no channel at all, used or
    not, it is a drain: its alerts open no incident.
    """

    name: str
    channels: tuple[tuple[str, Integration], ...] = ()
    off: tuple[str, ...] = ()

    @property
    def drain(self) -> bool:
        """Whether what goes here is dropped on purpose."""
        return not self.channels and not self.off

    def channel(self, name: str) -> Integration | None:
        """A channel by its name."""
        return dict(self.channels).get(name)


def receiver(name: str, *integrations: Integration, off: tuple[str, ...] = ()) -> Receiver:
    """Name the channels of a receiver."""
    counts: dict[str, int] = {}
    channels = []
    for integration in integrations:
        count = counts.get(integration.kind, 0)
        counts[integration.kind] = count + 1
        channels.append((f"{integration.kind}/{count}" if count else integration.kind, integration))
    return Receiver(name, tuple(channels), off)
