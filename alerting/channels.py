"""Makes receivers of their sections: defaults from `global`, secrets from where they are kept.

A channel that lacks its secret is left out, and a notice says so; one that is written wrong is an error.
"""

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from email.utils import getaddresses

import msgspec

from alerting import documents
from alerting.channel_sections import (
    EmailSection,
    HttpSection,
    PagerDutySection,
    PersonSection,
    ReceiverSection,
    SlackSection,
    WebhookSection,
)
from alerting.documents import Document, Place
from alerting.http_config import HEADER, URL, HttpConfigs
from alerting.receivers import (
    PLAIN,
    Email,
    Http,
    Integration,
    PagerDuty,
    Receiver,
    Secret,
    Slack,
    Webhook,
    receiver,
)
from alerting.secret_files import SecretFiles, SecretMissing
from alerting.sections import GlobalSection
from alerting.values import hook
from alerting.wording import Wording, read_library

ENVIRONMENT = "SCI_AGENTS_"
"""`SCI_AGENTS_` + a key of `global` in capitals overrides that key."""
GENERIC_URL = "https://events.pagerduty.com/generic/2010-04-15/create_event.json"
"""Where PagerDuty takes events of version 1."""

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_TIMEOUT_S = 10.0
_MAIL_TIMEOUT_S = 20.0
_TLS_PORT = 465

Channel = EmailSection | SlackSection | WebhookSection | PagerDutySection


def overridden(section: GlobalSection, environment: Mapping[str, str]) -> GlobalSection:
    """Let the environment override keys of `global`; raises `ConfigError`."""
    found: dict[str, object] = {}
    for known in msgspec.structs.fields(GlobalSection):
        name = ENVIRONMENT + known.name.upper()
        if not environment.get(name):
            continue
        try:
            found[known.name] = msgspec.convert(environment[name], known.type, strict=False, dec_hook=hook)
        except msgspec.ValidationError as error:
            raise documents.ConfigError("environment", 1, name, str(error)) from None
    fields = set(GlobalSection.__struct_fields__)
    for name in list(found):  # what is said here stands alone: a secret or the file that holds it
        other = name.removesuffix("_file") if name.endswith("_file") else f"{name}_file"
        if other in fields:
            found.setdefault(other, None)
    return msgspec.structs.replace(section, **found)


class Channels:
    """Reads the receivers of one document."""

    def __init__(self, document: Document, section: GlobalSection, templates: Sequence[str] = ()) -> None:
        """`templates` are patterns of files; raises `ConfigError`."""
        self._document = document
        self._global = section
        self._secrets = SecretFiles(document)
        self._reached = HttpConfigs(document, self._secrets)
        with contextlib.suppress(SecretMissing):  # whoever needs it says so; what is wrong is wrong for nobody, too
            self._http(None, ())
        self._wording = Wording(document, read_library(document, templates))
        self.notices: list[str] = []

    def receivers(self, named: list[ReceiverSection], people: Mapping[str, PersonSection]) -> dict[str, Receiver]:
        """Make all receivers, people among them; raises `ConfigError`."""
        made: dict[str, Receiver] = {}
        for index, one in enumerate(named):
            if one.name in made:
                raise self._document.error(
                    ("receivers", index, "name"), f"{one.name!r} is there already", "names are shared"
                )
            made[one.name] = self._receiver(one.name, one, ("receivers", index))
        for name, person in people.items():
            if name in made:
                raise self._document.error(("people", name), "a receiver has this name", "names are shared")
            made[name] = self._receiver(name, person, ("people", name))
        return made

    def _receiver(self, name: str, section: PersonSection, path: Place) -> Receiver:
        integrations: list[Integration] = []
        off: list[str] = []
        for kind in ("email", "slack", "webhook", "pagerduty"):
            sections: list[Channel] = getattr(section, f"{kind}_configs")
            for index, one in enumerate(sections):
                try:
                    made = self._integration(one, (*path, f"{kind}_configs", index))
                except SecretMissing as missing:
                    made = str(missing)
                if isinstance(made, str):
                    off.append(made)
                    self.notices.append(f"{kind} of {name} is off: {made}")
                else:
                    integrations.append(made)
        return receiver(name, *integrations, off=tuple(off))

    def _integration(self, section: Channel, path: Place) -> Integration | str:
        """A channel, or what it lacks."""
        match section:
            case EmailSection():
                return self._email(section, path)
            case SlackSection():
                return self._slack(section, path)
            case WebhookSection():
                return self._webhook(section, path)
            case PagerDutySection():
                return self._pagerduty(section, path)

    def _slack(self, section: SlackSection, path: Place) -> Slack | str:
        url = self._secrets.read(section.api_url, section.api_url_file, path, "api_url")
        http = self._http(section.http_config, path)
        token = None if url else self._secrets.read(section.app_token, section.app_token_file, path, "app_token")
        token = token or (None if url else self._common("slack_app_token"))
        if token is not None:
            if section.channel is None:
                raise self._document.error(path, "a bot needs a channel", 'channel: "#alerts"')
            at: Place = (*path, "app_url") if section.app_url else ("global", "slack_app_url")
            url = Secret(section.app_url or self._global.slack_app_url)
            self._url(url, at)
            http = replace(http, authorization=Secret(f"Bearer {token.reveal()}"), oauth2=None)
        where: Place = (*path, "api_url") if url else ("global", "slack_api_url")
        url = url or self._common("slack_api_url")
        if url is None:
            return f"no URL; {ENVIRONMENT}SLACK_API_URL, global.slack_api_url or api_url gives one"
        for index, action in enumerate(section.actions):
            if not action.url and not action.name:
                raise self._document.error((*path, "actions", index), "no url and no name", "such as url: https://…")
        self._url(url, where)
        return Slack(
            api_url=url, channel=section.channel, username=section.username, icon_emoji=section.icon_emoji,
            http=http, send_resolved=section.send_resolved, timeout=section.timeout or _TIMEOUT_S,
            words=self._wording.slack(section, path),
            buttons=self.signing_secret() is not None,
        )  # fmt: skip

    def signing_secret(self) -> Secret | None:
        """With what Slack signs what buttons send; without it there are no buttons."""
        return self._common("slack_signing_secret")

    def _webhook(self, section: WebhookSection, path: Place) -> Webhook | str:
        url = self._secrets.read(section.url, section.url_file, path, "url")
        if url is None:
            return "no URL; url or url_file gives one"
        if "{{" in url.reveal():
            raise self._document.error((*path, "url"), "a template stands in it", "give each URL a receiver of its own")
        self._url(url, (*path, "url"))
        key = self._secrets.asked(section.hmac_key, section.hmac_key_file, path, "hmac_key")
        return Webhook(
            url=url, key=key, max_alerts=section.max_alerts, timeout=section.timeout or _TIMEOUT_S,
            http=self._http(section.http_config, path), send_resolved=section.send_resolved,
        )  # fmt: skip

    def _pagerduty(self, section: PagerDutySection, path: Place) -> PagerDuty | str:
        key = self._secrets.read(section.routing_key, section.routing_key_file, path, "routing_key")
        generic = (
            None if key else self._secrets.read(section.service_key, section.service_key_file, path, "service_key")
        )
        key = key or generic or self._common("pagerduty_routing_key")
        if key is not None and "{{" in key.reveal():
            raise self._document.error(path, "a template stands in a key", "give each key a receiver of its own")
        if key is None:
            return f"no routing key; {ENVIRONMENT}PAGERDUTY_ROUTING_KEY or routing_key gives one"
        url = section.url or (GENERIC_URL if generic else self._global.pagerduty_url)
        self._url(Secret(url), (*path, "url") if section.url or generic else ("global", "pagerduty_url"))
        return PagerDuty(
            routing_key=key, url=url, generic=generic is not None, send_resolved=section.send_resolved,
            timeout=section.timeout or _TIMEOUT_S, http=self._http(section.http_config, path),
            words=self._wording.pagerduty(section, path),
        )  # fmt: skip

    def _email(self, section: EmailSection, path: Place) -> Email | str:
        base = self._global
        username = section.auth_username or base.smtp_auth_username
        password = self._secrets.read(section.auth_password, section.auth_password_file, path, "auth_password")
        password = password or self._common("smtp_auth_password")
        password = password or self._secrets.read(section.auth_secret, section.auth_secret_file, path, "auth_secret")
        password = password or self._common("smtp_auth_secret")
        identity = section.auth_identity or base.smtp_auth_identity
        if identity and identity != username:
            raise self._document.error(path, "an auth_identity other than auth_username", "leave it out")
        smarthost = section.smarthost or base.smtp_smarthost
        sender = section.sender or base.smtp_from
        if not smarthost or not sender:
            missing = "smtp_smarthost" if not smarthost else "smtp_from"
            raise self._document.error(path, f"no {missing}", f"set global.{missing}")
        host, colon, port = smarthost.rpartition(":")
        if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
            where = (*path, "smarthost") if section.smarthost else ("global", "smtp_smarthost")
            raise self._document.error(where, f"{smarthost!r} is no address", "HOST:PORT, such as localhost:25")
        implicit = base.smtp_force_implicit_tls if section.force_implicit_tls is None else section.force_implicit_tls
        of_sender: Place = (*path, "from") if section.sender else ("global", "smtp_from")
        for place, text in ((of_sender, sender), ((*path, "to"), section.to)):
            if "{{" not in text and not all(_ADDRESS.fullmatch(address) for _, address in getaddresses([text])):
                raise self._document.error(place, f"{text!r} is no address", "such as ops-team@example.com")
        for name in section.headers:
            if HEADER.fullmatch(name) is None:
                raise self._document.error((*path, "headers", name), "is no name of a header", "such as X-Team")
        if username and password is None:
            return f"no password for {username}; {ENVIRONMENT}SMTP_AUTH_PASSWORD or auth_password_file gives one"
        return Email(
            to=section.to, sender=sender, smarthost=smarthost, hello=section.hello or base.smtp_hello,
            username=username, password=password if username else None,
            require_tls=base.smtp_require_tls if section.require_tls is None else section.require_tls,
            implicit_tls=int(port) == _TLS_PORT if implicit is None else implicit,
            tls=self._reached.tls(section.tls_config, (*path, "tls_config"))
            or self._reached.tls(base.smtp_tls_config, ("global", "smtp_tls_config")),
            timeout=section.timeout or _MAIL_TIMEOUT_S,
            headers=tuple(
                (name, self._wording.own(said, (*path, "headers", name)) or said)
                for name, said in section.headers.items()
                if name.lower() != "subject"
            ),
            words=self._wording.email(section, sender, path), send_resolved=section.send_resolved,
        )  # fmt: skip

    def _http(self, section: HttpSection | None, path: Place) -> Http:
        """How to reach a receiver: as its own section says, or that of `global`."""
        if section is not None:
            return self._reached.http(section, (*path, "http_config"))
        common = self._global.http_config
        return PLAIN if common is None else self._reached.http(common, ("global", "http_config"))

    def _url(self, url: Secret, path: Place) -> None:
        """Look whether it is one; it may be a secret, so it is not shown."""
        if URL.match(url.reveal()) is None:
            raise self._document.error(path, "is no URL", "such as https://example.com/alerts")

    def _common(self, key: str) -> Secret | None:
        """A secret of `global`."""
        return self._secrets.read(getattr(self._global, key), getattr(self._global, f"{key}_file"), ("global",), key)
