"""Makes receivers of their sections: defaults from `global`, secrets from where they are kept.

A channel that lacks its secret is left out, and a notice says so; one that is written wrong is an error.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from email.utils import getaddresses
from pathlib import Path

import msgspec

from alerting import documents, tls
from alerting.channel_sections import (
    EmailSection,
    HttpSection,
    PagerDutySection,
    PersonSection,
    ReceiverSection,
    SlackSection,
    TlsSection,
    WebhookSection,
)
from alerting.documents import Document, Place
from alerting.receivers import (
    PLAIN,
    Email,
    Http,
    Integration,
    PagerDuty,
    Receiver,
    Secret,
    Slack,
    Tls,
    Webhook,
    receiver,
)
from alerting.sections import GlobalSection
from alerting.values import hook
from alerting.wording import Wording, read_library

ENVIRONMENT = "SCI_AGENTS_"
"""`SCI_AGENTS_` + a key of `global` in capitals overrides that key."""
GENERIC_URL = "https://events.pagerduty.com/generic/2010-04-15/create_event.json"
"""Where PagerDuty takes events of version 1."""

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_PROXY = re.compile(r"(?:https?|socks5h?)://[^/\s]+/?$")
_FIXED = frozenset({"authorization", "content-length", "content-type", "host", "transfer-encoding"})
"""Headers of a request that `http_headers` cannot set."""
_SECRET_LIMIT = 64 * 1024
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
                made = self._integration(one, (*path, f"{kind}_configs", index))
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
        url = self._secret(section.api_url, section.api_url_file, path, "api_url")
        http = self._http(section.http_config, path)
        token = None if url else self._secret(section.app_token, section.app_token_file, path, "app_token")
        token = token or (None if url else self._common("slack_app_token"))
        if token is not None:
            if section.channel is None:
                raise self._document.error(path, "a bot needs a channel", 'channel: "#alerts"')
            url = Secret(section.app_url or self._global.slack_app_url)
            http = replace(http, authorization=Secret(f"Bearer {token.reveal()}"))
        url = url or self._common("slack_api_url")
        if url is None:
            return f"no URL; {ENVIRONMENT}SLACK_API_URL, global.slack_api_url or api_url gives one"
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
        url = self._secret(section.url, section.url_file, path, "url")
        if url is None:
            return "no URL; url or url_file gives one"
        if "{{" in url.reveal():
            raise self._document.error((*path, "url"), "a template stands in it", "give each URL a receiver of its own")
        key = self._secret(section.hmac_key, section.hmac_key_file, path, "hmac_key")
        if section.hmac_key_file and key is None:
            return f"no key in {section.hmac_key_file}, and unsigned is not what was asked for"
        return Webhook(
            url=url, key=key, max_alerts=section.max_alerts, timeout=section.timeout or _TIMEOUT_S,
            http=self._http(section.http_config, path), send_resolved=section.send_resolved,
        )  # fmt: skip

    def _pagerduty(self, section: PagerDutySection, path: Place) -> PagerDuty | str:
        key = self._secret(section.routing_key, section.routing_key_file, path, "routing_key")
        generic = None if key else self._secret(section.service_key, section.service_key_file, path, "service_key")
        key = key or generic or self._common("pagerduty_routing_key")
        if key is not None and "{{" in key.reveal():
            raise self._document.error(path, "a template stands in a key", "give each key a receiver of its own")
        if key is None:
            return f"no routing key; {ENVIRONMENT}PAGERDUTY_ROUTING_KEY or routing_key gives one"
        url = section.url or (GENERIC_URL if generic else self._global.pagerduty_url)
        return PagerDuty(
            routing_key=key, url=url, generic=generic is not None, send_resolved=section.send_resolved,
            timeout=section.timeout or _TIMEOUT_S, http=self._http(section.http_config, path),
            words=self._wording.pagerduty(section, path),
        )  # fmt: skip

    def _email(self, section: EmailSection, path: Place) -> Email | str:
        base = self._global
        username = section.auth_username or base.smtp_auth_username
        password = self._secret(section.auth_password, section.auth_password_file, path, "auth_password")
        password = password or self._common("smtp_auth_password")
        password = password or self._secret(section.auth_secret, section.auth_secret_file, path, "auth_secret")
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
            if _HEADER.fullmatch(name) is None:
                raise self._document.error((*path, "headers", name), "is no name of a header", "such as X-Team")
        if username and password is None:
            return f"no password for {username}; {ENVIRONMENT}SMTP_AUTH_PASSWORD or auth_password_file gives one"
        return Email(
            to=section.to, sender=sender, smarthost=smarthost, hello=section.hello or base.smtp_hello,
            username=username, password=password if username else None,
            require_tls=base.smtp_require_tls if section.require_tls is None else section.require_tls,
            implicit_tls=int(port) == _TLS_PORT if implicit is None else implicit,
            tls=self._tls(section.tls_config, (*path, "tls_config"))
            or self._tls(base.smtp_tls_config, ("global", "smtp_tls_config")),
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
        where: Place = (*path, "http_config")
        if section is None:
            section, where = self._global.http_config, ("global", "http_config")
        if section is None:
            return PLAIN
        if section.proxy_url and _PROXY.match(section.proxy_url) is None:
            raise self._document.error((*where, "proxy_url"), "is no proxy", "such as http://proxy.example.com:3128")
        if section.proxy_url and section.proxy_from_environment:
            raise self._document.error(where, "both proxy_url and proxy_from_environment", "one of them is enough")
        return Http(
            authorization=self._authorization(section, where), headers=tuple(self._headers(section, where)),
            tls=self._tls(section.tls_config, (*where, "tls_config")),
            proxy=Secret(section.proxy_url) if section.proxy_url else None,
            proxy_from_environment=section.proxy_from_environment, follow_redirects=section.follow_redirects,
        )  # fmt: skip

    def _headers(self, section: HttpSection, path: Place) -> Iterator[tuple[str, Secret]]:
        for name, said in section.http_headers.items():
            where = (*path, "http_headers", name)
            if _HEADER.fullmatch(name) is None:
                raise self._document.error(where, "is no name of a header", "such as X-Team")
            if name.lower() in _FIXED:
                raise self._document.error(where, "is the program's own header", "leave it out")
            read = [self._secret(None, file, where, "files") for file in said.files]
            if None in read:
                raise self._document.error(where, f"no such file: {said.files[read.index(None)]}")
            values = [*said.values, *said.secrets, *(one.reveal() for one in read if one is not None)]
            if not all(value.isascii() and value.isprintable() for value in values):
                raise self._document.error(where, "the value of a header is one line of ASCII")
            if values:
                yield name.lower(), Secret(", ".join(values))

    def _tls(self, section: TlsSection | None, path: Place) -> Tls | None:
        """What `tls_config` says; its files have to be there and usable."""
        if section is None:
            return None
        files = {}
        for key in ("ca_file", "cert_file", "key_file"):
            file: str | None = getattr(section, key)
            files[key] = None if file is None else str(self._place(file))
        if section.key_file and not section.cert_file:
            raise self._document.error(path, "key_file without cert_file")
        made = Tls(
            **files, ca=section.ca, server_name=section.server_name or None,
            insecure_skip_verify=section.insecure_skip_verify, min_version=section.min_version,
            max_version=section.max_version,
        )  # fmt: skip
        try:
            tls.context(made)
        except OSError as error:
            named = ", ".join(file for file in files.values() if file)
            raise self._document.error(path, f"cannot be used: {error.strerror or error.args[-1]}", named) from None
        except ValueError as error:
            raise self._document.error(path, f"cannot be used: {error}") from None
        return made

    def _authorization(self, section: HttpSection, where: Place) -> Secret | None:
        """The header with which to log in at a receiver; None when it wants none."""
        ways = [
            key for key in ("basic_auth", "authorization", "bearer_token", "bearer_token_file") if getattr(section, key)
        ]
        if len(ways) > 1:
            raise self._document.error((*where, ways[1]), f"there is {ways[0]} already", "one of them is enough")
        if section.basic_auth is not None:
            own = section.basic_auth
            user = self._secret(own.username, own.username_file, (*where, "basic_auth"), "username")
            password = self._secret(own.password, own.password_file, (*where, "basic_auth"), "password")
            pair = f"{user.reveal() if user else ''}:{password.reveal() if password else ''}"
            return Secret("Basic " + base64.b64encode(pair.encode()).decode())
        if section.authorization is not None:
            said = section.authorization
            if said.type.lower() == "basic":
                raise self._document.error((*where, "authorization", "type"), "must not be Basic", "use basic_auth")
            found = self._secret(said.credentials, said.credentials_file, (*where, "authorization"), "credentials")
            return None if found is None else Secret(f"{said.type} {found.reveal()}")
        token = self._secret(section.bearer_token, section.bearer_token_file, where, "bearer_token")
        return None if token is None else Secret(f"Bearer {token.reveal()}")

    def _common(self, key: str) -> Secret | None:
        """A secret of `global`."""
        return self._secret(getattr(self._global, key), getattr(self._global, f"{key}_file"), ("global",), key)

    def _secret(self, value: str | None, file: str | None, path: Place, key: str) -> Secret | None:
        """A secret as it is written or in its file; None when that file is not there."""
        if value and file:
            raise self._document.error((*path, f"{key}_file"), f"there is {key} already", "one of them is enough")
        if value:
            return Secret(value)
        if not file:
            return None
        try:
            with self._place(file).open("rb") as source:
                text = source.read(_SECRET_LIMIT).decode().strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._document.error((*path, f"{key}_file"), f"cannot be read: {type(error).__name__}") from None
        return Secret(text) if text else None

    def _place(self, file: str) -> Path:
        """Where a file lies: beside the configuration, unless its path is whole."""
        return Path(self._document.file).parent / file
