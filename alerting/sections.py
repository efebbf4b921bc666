"""The sections of `config/alerting.yaml` as msgspec types: which keys there are, their types, Alertmanager's defaults.

Those of channels are in `channel_sections`. What Alertmanager has besides is either passed over, and said so
(`accepted`), or refused by name: never ignored in silence.
"""

from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec

from alerting.channel_sections import HttpSection, PersonSection, ReceiverSection, TlsSection
from alerting.documents import Document, Place, spell
from alerting.receivers import OWN_HEADERS
from alerting.text import Template
from alerting.values import After, Day, Formula, Instant, Seconds, Section, Selector, Turn
from streams.contracts import Severity


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
    match: dict[str, str] = {}
    match_re: dict[str, str] = {}
    goes_on: bool = msgspec.field(default=False, name="continue")
    mute_time_intervals: list[str] = []
    active_time_intervals: list[str] = []
    routes: "list[RouteSection]" = []


class InhibitSection(Section):
    """One of `inhibit_rules`."""

    source_match: dict[str, str] = {}
    source_match_re: dict[str, str] = {}
    source_matchers: list[Selector] = []
    target_match: dict[str, str] = {}
    target_match_re: dict[str, str] = {}
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
    days_of_month: list[str] = []
    months: list[str] = []
    years: list[str] = []
    location: str = "UTC"


class NamedIntervalSection(Section, kw_only=True):
    """One of `time_intervals`."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    time_intervals: list[IntervalSection] = []


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


ALERTMANAGERS = frozenset({
    "global", "inhibit_rules", "mute_time_intervals", "people", "receivers", "route", "templates", "time_intervals",
})  # fmt: skip
"""Sections that are as in an alertmanager.yml, and read as leniently."""

_LATER = frozenset({
    "silences", "discord_configs", "incidentio_configs", "jira_configs", "mattermost_configs", "msteams_configs",
    "msteamsv2_configs", "opsgenie_configs", "pushover_configs", "rocketchat_configs", "sns_configs",
    "telegram_configs", "victorops_configs", "webex_configs", "wechat_configs",
})  # fmt: skip
_VENDORS = (
    "jira_", "mattermost_", "opsgenie_", "rocketchat_", "sns_", "telegram_", "victorops_", "webex_", "wechat_",
)  # fmt: skip
"""Keys of `global` that begin so are the defaults of channels that are refused where somebody uses them."""
_SECTIONS = frozenset({"global", "route", "receivers", "people"})


_MOOT = {
    "threading": "the mails of an incident are one thread",
    "update_message": "a bot's first message of an incident is kept up to date",
    "enable_http2": "receivers are spoken to in HTTP/1.1",
}
"""Keys of a channel that change nothing, and why."""


def accepted(document: Document) -> tuple[Document, list[str]]:
    """Leave out what is passed over; returns the rest, and what to say of it.

    Raises:
        ConfigError: Alertmanager has it, or it is planned, and it is not done yet.

    """
    notices: list[str] = []
    value = _kept(document, document.value, (), notices)
    return replace(document, value=value), notices


def _kept(document: Document, value: Any, path: Place, notices: list[str]) -> Any:
    if isinstance(value, list):
        return [_kept(document, item, (*path, index), notices) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    made = {}
    passed_over = []
    of_channel = bool(path) and (path[-1] == "http_config" or isinstance(path[-1], int))
    for key, item in value.items():
        here = (*path, key)
        if of_channel and key in _MOOT:
            notices.append(f"{spell(here)} changes nothing: {_MOOT[key]}")
        if key in _LATER and (path[:1] or ("",))[0] in {*_SECTIONS, ""} and path[-1:] != ("details",):
            raise document.error(here, "not supported yet", "leave it out")
        if here == ("groups",):
            raise document.error(
                here, "rules of Prometheus, in PromQL",
                "let it send its alerts to /api/v2/alerts, or leave it out and write `rules` over signals",
            )  # fmt: skip
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
