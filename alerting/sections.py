"""The sections of `config/alerting.yaml` as msgspec types: which keys there are, their types, Alertmanager's defaults.

What Alertmanager has besides is either passed over, and said so (`accepted`), or refused by name: never ignored in
silence.
"""

from datetime import date
from typing import Annotated, Any, Literal

import msgspec

from alerting import durations, expressions, instants, matchers, rotations
from alerting.documents import Document, Place, spell
from alerting.receivers import OWN_HEADERS
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


class Instant(float):
    """An instant with its offset from UTC, epoch seconds."""


class Day:
    """A date."""

    __slots__ = ("date",)

    def __init__(self, text: str) -> None:
        try:
            self.date = date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text!r} is no date: write it like 2026-01-05") from None


class Turn:
    """When a rotation's shifts change."""

    __slots__ = ("handover",)

    def __init__(self, text: str) -> None:
        self.handover = rotations.parse_handover(text)


def hook(kind: type, value: Any) -> Any:
    """Make what msgspec does not know; its `ValueError` says what is wrong with the value."""
    if not isinstance(value, str):
        raise ValueError(f"expected a text, got {value!r}")  # noqa: TRY004 - what msgspec turns into its own
    if kind is Seconds:
        return Seconds(durations.parse(value))
    if kind is Instant:
        return Instant(instants.parse(value))
    if kind not in {Selector, Formula, After, Template, Day, Turn}:
        raise NotImplementedError(kind)
    try:
        return kind(value)
    except ValueError as error:
        if kind in _SUCH_AS and "write it like" not in str(error):
            raise ValueError(f"{error} (such as {_SUCH_AS[kind]})") from error
        raise


_SUCH_AS = {
    Selector: 'severity="P1" or agent=~"ode|pde"',
    Formula: "error_rate > 0.05",
    Template: "{{ labels.instance }}: {{ value | percent }}",
}


class Section(msgspec.Struct, forbid_unknown_fields=True):
    """A mapping whose keys are known."""


Scalar = str | int | float | bool
"""What is a text, and may be written without quotes."""


class BasicAuthSection(Section):
    """`basic_auth` of an `http_config`."""

    username: str = ""
    username_file: str | None = None
    password: str | None = None
    password_file: str | None = None


class AuthorizationSection(Section):
    """`authorization` of an `http_config`."""

    type: str = "Bearer"
    credentials: str | None = None
    credentials_file: str | None = None


class TlsSection(Section):
    """`tls_config`: whom to trust, and as whom to come."""

    ca: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False
    min_version: Literal["TLS10", "TLS11", "TLS12", "TLS13"] | None = None
    max_version: Literal["TLS10", "TLS11", "TLS12", "TLS13"] | None = None


class HeaderSection(Section):
    """One of `http_headers`."""

    values: list[str] = []
    secrets: list[str] = []
    files: list[str] = []


class HttpSection(Section):
    """`http_config`: how to reach a receiver, and to log in there. HTTP/2 is never spoken, whatever is enabled."""

    basic_auth: BasicAuthSection | None = None
    authorization: AuthorizationSection | None = None
    bearer_token: str | None = None
    bearer_token_file: str | None = None
    tls_config: TlsSection | None = None
    proxy_url: str | None = None
    proxy_from_environment: bool = False
    http_headers: dict[str, HeaderSection] = {}
    follow_redirects: bool = True
    enable_http2: bool = True


class GlobalSection(Section):
    """`global`; ours alone: `pagerduty_routing_key`, `slack_signing_secret`, `evaluation_interval`, `external_url`."""

    smtp_smarthost: str = ""
    smtp_from: str = ""
    smtp_hello: str = "localhost"
    smtp_auth_username: str | None = None
    smtp_auth_password: str | None = None
    smtp_auth_password_file: str | None = None
    smtp_auth_secret: str | None = None
    smtp_auth_secret_file: str | None = None
    smtp_auth_identity: str | None = None
    smtp_require_tls: bool = True
    smtp_tls_config: TlsSection | None = None
    smtp_force_implicit_tls: bool | None = None
    slack_api_url: str | None = None
    slack_api_url_file: str | None = None
    slack_app_token: str | None = None
    slack_app_token_file: str | None = None
    slack_app_url: str = "https://slack.com/api/chat.postMessage"
    slack_signing_secret: str | None = None
    slack_signing_secret_file: str | None = None
    pagerduty_url: str = "https://events.pagerduty.com/v2/enqueue"
    pagerduty_routing_key: str | None = None
    pagerduty_routing_key_file: str | None = None
    http_config: HttpSection | None = None
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
    match: dict[str, Scalar] = {}
    match_re: dict[str, Scalar] = {}
    goes_on: bool = msgspec.field(default=False, name="continue")
    mute_time_intervals: list[str] = []
    active_time_intervals: list[str] = []
    routes: "list[RouteSection]" = []


class InhibitSection(Section):
    """One of `inhibit_rules`."""

    source_match: dict[str, Scalar] = {}
    source_match_re: dict[str, Scalar] = {}
    source_matchers: list[Selector] = []
    target_match: dict[str, Scalar] = {}
    target_match_re: dict[str, Scalar] = {}
    target_matchers: list[Selector] = []
    equal: list[str] = []


class TimesSection(Section, kw_only=True):
    """One of an interval's `times`."""

    start_time: str
    end_time: str


class IntervalSection(Section):
    """One of a time interval's `time_intervals`."""

    times: list[TimesSection] = []
    weekdays: list[str] = []
    days_of_month: list[str | int] = []
    months: list[str | int] = []
    years: list[str | int] = []
    location: str = "UTC"


class NamedIntervalSection(Section, kw_only=True):
    """One of `time_intervals`."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    time_intervals: list[IntervalSection] = []


class EmailSection(Section, kw_only=True):
    """One of `email_configs`."""

    to: Annotated[str, msgspec.Meta(min_length=3)]
    sender: str | None = msgspec.field(default=None, name="from")
    smarthost: str | None = None
    hello: str | None = None
    auth_username: str | None = None
    auth_password: str | None = None
    auth_password_file: str | None = None
    auth_secret: str | None = None
    auth_secret_file: str | None = None
    auth_identity: str | None = None
    require_tls: bool | None = None
    tls_config: TlsSection | None = None
    force_implicit_tls: bool | None = None
    timeout: Seconds | None = None
    headers: dict[str, str] = {}
    html: str | None = None
    text: str | None = None
    threading: dict[str, Any] = {}
    """Taken and not looked at: the mails of an incident are one thread here."""
    send_resolved: bool = False


class SlackFieldSection(Section, kw_only=True):
    """One of `fields`."""

    title: Annotated[str, msgspec.Meta(min_length=1)]
    value: Annotated[str, msgspec.Meta(min_length=1)]
    short: bool | None = None


class SlackConfirmSection(Section, kw_only=True):
    """`confirm` of an action."""

    text: Annotated[str, msgspec.Meta(min_length=1)]
    title: str | None = None
    ok_text: str | None = None
    dismiss_text: str | None = None


class SlackActionSection(Section, kw_only=True):
    """One of `actions`."""

    type: Annotated[str, msgspec.Meta(min_length=1)]
    text: Annotated[str, msgspec.Meta(min_length=1)]
    url: str | None = None
    style: str | None = None
    name: str | None = None
    value: str | None = None
    confirm: SlackConfirmSection | None = None


class SlackSection(Section):
    """One of `slack_configs`."""

    api_url: str | None = None
    api_url_file: str | None = None
    channel: str | None = None
    username: str | None = None
    icon_emoji: str | None = None
    app_token: str | None = None
    app_token_file: str | None = None
    app_url: str | None = None
    title: str | None = None
    title_link: str | None = None
    pretext: str | None = None
    text: str | None = None
    message_text: str | None = None
    fallback: str | None = None
    callback_id: str | None = None
    color: str | None = None
    footer: str | None = None
    icon_url: str | None = None
    image_url: str | None = None
    thumb_url: str | None = None
    fields: list[SlackFieldSection] = []
    short_fields: bool = False
    actions: list[SlackActionSection] = []
    link_names: bool = False
    mrkdwn_in: list[str] = []
    update_message: bool = False
    """Taken and not looked at: a bot's first message of an incident is always kept up to date."""
    timeout: Seconds | None = None
    http_config: HttpSection | None = None
    send_resolved: bool = False


class WebhookSection(Section):
    """One of `webhook_configs`."""

    url: str | None = None
    url_file: str | None = None
    max_alerts: Annotated[int, msgspec.Meta(ge=0)] = 0
    timeout: Seconds | None = None
    hmac_key: str | None = None
    hmac_key_file: str | None = None
    http_config: HttpSection | None = None
    send_resolved: bool = True


class PagerDutyImageSection(Section, kw_only=True):
    """One of `images`."""

    src: str
    alt: str = ""
    href: str = ""


class PagerDutyLinkSection(Section, kw_only=True):
    """One of `links`."""

    href: str
    text: str = ""


class PagerDutySection(Section):
    """One of `pagerduty_configs`."""

    routing_key: str | None = None
    routing_key_file: str | None = None
    service_key: str | None = None
    service_key_file: str | None = None
    url: str | None = None
    client: str | None = None
    client_url: str | None = None
    description: str | None = None
    details: dict[str, Any] = {}
    images: list[PagerDutyImageSection] = []
    links: list[PagerDutyLinkSection] = []
    source: str | None = None
    severity: str | None = None
    kind: str | None = msgspec.field(default=None, name="class")
    component: str | None = None
    group: str | None = None
    timeout: Seconds | None = None
    http_config: HttpSection | None = None
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


class OverrideSection(Section, kw_only=True):
    """One of a rotation's `overrides`; without a person nobody is on call."""

    person: str | None
    begins: Instant = msgspec.field(name="from")
    ends: Instant = msgspec.field(name="to")


class RotationSection(Section, kw_only=True):
    """One of `rotations`."""

    members: Annotated[list[str], msgspec.Meta(min_length=1)]
    start: Day
    length: Seconds = Seconds(604_800)
    handover: Turn = Turn("00:00")
    time_zone: str = "UTC"
    overrides: list[OverrideSection] = []


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
    templates: list[str] = []
    inhibit_rules: list[InhibitSection] = []
    time_intervals: list[NamedIntervalSection] = []
    mute_time_intervals: list[NamedIntervalSection] = []
    people: dict[str, PersonSection] = {}
    rotations: dict[str, RotationSection] = {}
    escalation: list[ChainSection] = []
    severities: dict[Severity, SeveritySection] = {}
    incidents: IncidentsSection = msgspec.field(default_factory=IncidentsSection)
    rules: list[RuleSection] = []


_LATER = frozenset({
    "silences", "oauth2", "no_proxy", "proxy_connect_header",
    "discord_configs", "incidentio_configs", "jira_configs", "mattermost_configs", "msteams_configs",
    "msteamsv2_configs", "opsgenie_configs", "pushover_configs", "rocketchat_configs", "sns_configs",
    "telegram_configs", "victorops_configs", "webex_configs", "wechat_configs",
})  # fmt: skip
_VENDORS = (
    "jira_", "mattermost_", "opsgenie_", "rocketchat_", "sns_", "telegram_", "victorops_", "webex_", "wechat_",
)  # fmt: skip
"""Keys of `global` that begin so are the defaults of channels that are refused where somebody uses them."""
_SECTIONS = frozenset({"global", "route", "receivers", "people"})


def accepted(document: Document) -> tuple[Document, list[str]]:
    """Leave out what is passed over; returns the rest, and what to say of it.

    Raises:
        ConfigError: Alertmanager has it, or it is planned, and it is not done yet.

    """
    notices: list[str] = []
    value = _kept(document, document.value, (), notices)
    return Document(document.file, value, document.lines), notices


def _kept(document: Document, value: Any, path: Place, notices: list[str]) -> Any:
    if isinstance(value, list):
        return [_kept(document, item, (*path, index), notices) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    made = {}
    passed_over = []
    for key, item in value.items():
        here = (*path, key)
        if key in _LATER and (path[:1] or ("",))[0] in {*_SECTIONS, ""} and path[-1:] != ("details",):
            raise document.error(here, "not supported yet", "leave it out")
        if here == ("tracing",):
            notices.append("tracing is not used: spans go where OTEL_EXPORTER_OTLP_ENDPOINT says")
        elif path[-1:] == ("headers",) and key.lower() in OWN_HEADERS - {"subject"}:
            passed_over.append(key)
        elif not (path == ("global",) and key.startswith(_VENDORS)):
            known = path or key in _SECTIONS
            made[key] = _kept(document, item, here, notices) if known else item
    if passed_over:
        notices.append(f"{spell(path)}: {', '.join(passed_over)} not used: the program writes these itself")
    return made
