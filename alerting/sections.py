"""The sections of `config/alerting.yaml` as msgspec types: which keys there are, their types, Alertmanager's defaults.

What Alertmanager has and is not done here yet is refused by name (`refuse_later`), never ignored.
"""

from typing import Annotated, Any, Literal

import msgspec

from alerting import durations, expressions, matchers
from alerting.documents import Document, Place
from alerting.text import Template
from streams.contracts import Severity

ACK_DUE = "ack_due"


class Seconds(float):
    """A duration, written as Prometheus does."""


class Selector:
    """One text of `matchers`."""

    __slots__ = ("matchers",)

    def __init__(self, text: str) -> None:
        self.matchers = matchers.parse(text)


class Formula:
    """A rule's `expr` or `clear`."""

    __slots__ = ("expression",)

    def __init__(self, text: str) -> None:
        self.expression = expressions.parse(text)


class After:
    """A duration, or `ack_due`: None."""

    __slots__ = ("seconds",)

    def __init__(self, text: str) -> None:
        self.seconds = None if text == ACK_DUE else durations.parse(text)


def hook(kind: type, value: Any) -> Any:
    """Make what msgspec does not know; its `ValueError` says what is wrong with the value."""
    if not isinstance(value, str):
        raise ValueError(f"expected a text, got {value!r}")  # noqa: TRY004 - what msgspec turns into its own
    if kind is Seconds:
        return Seconds(durations.parse(value))
    if kind in {Selector, Formula, After, Template}:
        return kind(value)
    raise NotImplementedError(kind)


class Section(msgspec.Struct, forbid_unknown_fields=True):
    """A mapping whose keys are known."""


class GlobalSection(Section):
    """`global`; ours alone are `pagerduty_routing_key`, `evaluation_interval` and `external_url`."""

    smtp_smarthost: str = ""
    smtp_from: str = ""
    smtp_hello: str = "localhost"
    smtp_auth_username: str | None = None
    smtp_auth_password: str | None = None
    smtp_auth_password_file: str | None = None
    smtp_require_tls: bool = True
    slack_api_url: str | None = None
    slack_api_url_file: str | None = None
    pagerduty_url: str = "https://events.pagerduty.com/v2/enqueue"
    pagerduty_routing_key: str | None = None
    pagerduty_routing_key_file: str | None = None
    resolve_timeout: Seconds = Seconds(300)
    evaluation_interval: Seconds = Seconds(15)
    external_url: str = ""


class RouteSection(Section):
    """`route` and each of its `routes`."""

    receiver: str | None = None
    group_by: list[str] | None = None
    group_wait: Seconds | None = None
    group_interval: Seconds | None = None
    repeat_interval: Seconds | None = None
    matchers: list[Selector] = []
    match: dict[str, str] = {}
    match_re: dict[str, str] = {}
    goes_on: bool = msgspec.field(default=False, name="continue")
    routes: "list[RouteSection]" = []


class EmailSection(Section, kw_only=True):
    """One of `email_configs`."""

    to: Annotated[str, msgspec.Meta(min_length=3)]
    sender: str | None = msgspec.field(default=None, name="from")
    smarthost: str | None = None
    hello: str | None = None
    auth_username: str | None = None
    auth_password: str | None = None
    auth_password_file: str | None = None
    require_tls: bool | None = None
    headers: dict[str, str] = {}
    send_resolved: bool = False


class SlackSection(Section):
    """One of `slack_configs`."""

    api_url: str | None = None
    api_url_file: str | None = None
    channel: str | None = None
    username: str | None = None
    icon_emoji: str | None = None
    send_resolved: bool = False


class WebhookSection(Section):
    """One of `webhook_configs`."""

    url: str | None = None
    url_file: str | None = None
    max_alerts: Annotated[int, msgspec.Meta(ge=0)] = 0
    timeout: Seconds | None = None
    send_resolved: bool = True


class PagerDutySection(Section):
    """One of `pagerduty_configs`."""

    routing_key: str | None = None
    routing_key_file: str | None = None
    url: str | None = None
    send_resolved: bool = True


class PersonSection(Section):
    """The channels of somebody: one of `people`."""

    email_configs: list[EmailSection] = []
    slack_configs: list[SlackSection] = []
    webhook_configs: list[WebhookSection] = []
    pagerduty_configs: list[PagerDutySection] = []


class ReceiverSection(PersonSection, kw_only=True):
    """One of `receivers`."""

    name: Annotated[str, msgspec.Meta(min_length=1)]


class StepSection(Section, kw_only=True):
    """One of a chain's `steps`."""

    after: After
    notify: list[str]


class ChainSection(Section, kw_only=True):
    """One of `escalation`."""

    steps: Annotated[list[StepSection], msgspec.Meta(min_length=1)]
    matchers: list[Selector] = []
    data_loss: StepSection | None = None
    ack_expires: dict[Severity, Seconds] = {}


class SeveritySection(Section, kw_only=True):
    """One of `severities`."""

    ack_within: Seconds
    update_every: Seconds | None = None


class IncidentsSection(Section):
    """`incidents`."""

    reopen_window: Seconds = Seconds(1800)


class RuleSection(Section, kw_only=True):
    """One of `rules`."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    expr: Formula
    severity: Severity
    clear: Formula | None = None
    window: Seconds = Seconds(300)
    by: list[str] | None = None
    wait: Seconds = msgspec.field(default=Seconds(0), name="for")
    keep_firing_for: Seconds = Seconds(0)
    no_data: Literal["keep", "ok", "alert"] = "keep"
    no_data_for: Seconds = Seconds(300)
    min_count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    labels: dict[str, Template] = {}
    annotations: dict[str, Template] = {}


class ConfigSection(Section, kw_only=True):
    """The whole file."""

    route: RouteSection
    receivers: list[ReceiverSection]
    globals: GlobalSection = msgspec.field(default_factory=GlobalSection, name="global")
    people: dict[str, PersonSection] = {}
    escalation: list[ChainSection] = []
    severities: dict[Severity, SeveritySection] = {}
    incidents: IncidentsSection = msgspec.field(default_factory=IncidentsSection)
    rules: list[RuleSection] = []


_LATER = frozenset({
    "inhibit_rules", "time_intervals", "mute_time_intervals", "active_time_intervals", "templates", "rotations",
    "silences", "http_config", "tls_config", "smtp_tls_config", "smtp_auth_secret", "smtp_auth_identity",
    "discord_configs", "jira_configs", "msteams_configs", "msteamsv2_configs", "opsgenie_configs", "pushover_configs",
    "rocketchat_configs", "sns_configs", "telegram_configs", "victorops_configs", "webex_configs", "wechat_configs",
})  # fmt: skip
_LATER_IN_CHANNELS = frozenset({
    "actions", "auth_identity", "auth_secret", "blocks", "callback_id", "class", "client", "client_url", "color",
    "component", "description", "details", "fallback", "fields", "footer", "group", "html", "icon_url", "image_url",
    "images", "link_names", "links", "message", "pretext", "service_key", "service_key_file", "severity",
    "short_fields", "source", "text", "thumb_url", "title", "title_link",
})  # fmt: skip
_SECTIONS = frozenset({"global", "route", "receivers", "people"})


def refuse_later(document: Document) -> None:
    """Refuse what Alertmanager has, or is planned, and is not done yet; raises `ConfigError`."""
    _refuse(document, document.value, ())


def _refuse(document: Document, value: Any, path: Place) -> None:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    in_channel = any(str(step).endswith("_configs") for step in path)
    for key, item in items:
        here = (*path, key)
        if key in _LATER or (in_channel and key in _LATER_IN_CHANNELS):
            raise document.error(here, "not supported yet", "leave it out")
        if key != "headers" and (path or key in _SECTIONS):
            _refuse(document, item, here)
