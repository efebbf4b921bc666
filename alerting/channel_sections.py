"""The sections of channels as msgspec types: Alertmanager's keys and defaults of email, Slack, PagerDuty, webhooks."""

from typing import Annotated, Any, Literal

import msgspec

from alerting.values import Seconds, Section


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
    cert: str | None = None
    cert_file: str | None = None
    key: str | None = None
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


class ProxySection(Section):
    """The keys of an `http_config`, or of its `oauth2`, that say through which proxy."""

    proxy_url: str | None = None
    no_proxy: str = ""
    proxy_from_environment: bool = False
    proxy_connect_header: dict[str, list[str]] = {}


class OAuth2Section(ProxySection, kw_only=True):
    """`oauth2` of an `http_config`: where to ask for tokens, and as whom."""

    client_id: Annotated[str, msgspec.Meta(min_length=1)]
    token_url: str
    client_secret: str | None = None
    client_secret_file: str | None = None
    grant_type: Literal["client_credentials"] = "client_credentials"
    scopes: list[str] = []
    endpoint_params: dict[str, str] = {}
    tls_config: TlsSection | None = None


class HttpSection(ProxySection):
    """`http_config`: how to reach a receiver, and to log in there. HTTP/2 is never spoken, whatever is enabled."""

    basic_auth: BasicAuthSection | None = None
    authorization: AuthorizationSection | None = None
    oauth2: OAuth2Section | None = None
    bearer_token: str | None = None
    bearer_token_file: str | None = None
    tls_config: TlsSection | None = None
    http_headers: dict[str, HeaderSection] = {}
    follow_redirects: bool = True
    enable_http2: bool = True


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
