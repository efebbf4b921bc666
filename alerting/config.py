"""The configuration as the engine wants it: everything resolved, checked against each other, and frozen.

`load` reads `config/alerting.yaml`. Defaults are Alertmanager's. A secret comes from the environment or from the file
that a `…_file` key names; a channel that lacks its secret is left out, and `Config.notices` says so.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import getaddresses
from pathlib import Path

import msgspec

from alerting import documents, matchers
from alerting.documents import Document, Place, suggest
from alerting.escalation import Chain, Step
from alerting.incidents import PROMISES, Promise
from alerting.matchers import Matcher
from alerting.receivers import OWN_HEADERS, Email, Integration, PagerDuty, Receiver, Secret, Slack, Webhook, receiver
from alerting.routing import Route, RouteSpec, resolve
from alerting.rules import Rule
from alerting.sections import (
    ChainSection,
    ConfigSection,
    EmailSection,
    GlobalSection,
    PagerDutySection,
    PersonSection,
    RouteSection,
    RuleSection,
    SlackSection,
    StepSection,
    WebhookSection,
    hook,
    refuse_later,
)
from alerting.signals import OF_RESULTS
from streams.contracts import Severity

Channel = EmailSection | SlackSection | WebhookSection | PagerDutySection

ENVIRONMENT = "SCI_AGENTS_"
"""`SCI_AGENTS_` + a key of `global` in capitals overrides that key."""
_HEARTBEATS_S = 86_400.0
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_SECRET_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the engine works by; durations in seconds."""

    route: Route
    receivers: Mapping[str, Receiver]
    chains: tuple[Chain, ...] = ()
    promises: Mapping[Severity, Promise] = field(default_factory=lambda: PROMISES)
    rules: tuple[Rule, ...] = ()
    resolve_timeout: float = 300.0
    reopen_window: float = 1800.0
    evaluation_interval: float = 15.0
    external_url: str = ""
    notices: tuple[str, ...] = ()

    @property
    def retention(self) -> float:
        """How far back samples settle the state of the rules, late ones included."""
        return max((rule.lookback for rule in self.rules), default=0.0) + 60.0

    @property
    def events_lookback(self) -> float:
        """How far back events are read at a start: as far as heartbeats can reach, where a rule looks at them."""
        beats = any(signal.name == "instances_up_ratio" for rule in self.rules for signal in rule.expr.signals)
        return max(self.retention, _HEARTBEATS_S) if beats else self.retention

    @property
    def results_lookback(self) -> float:
        """How far back results are read at a start."""
        reaching = (r.lookback for r in self.rules if any(signal.name in OF_RESULTS for signal in r.expr.signals))
        return max(reaching, default=0.0) + 60.0

    @property
    def result_labels(self) -> frozenset[str]:
        """The labels of results that rules look at."""
        matched = {matcher.name for rule in self.rules for one in rule.expr.signals for matcher in one.matchers}
        return frozenset(matched.union(*(rule.by or () for rule in self.rules)))


def load(path: Path | str, environment: Mapping[str, str] | None = None) -> Config:
    """Read a configuration; `environment` overrides keys of `global` and holds secrets. Raises `ConfigError`."""
    return read(documents.load(path), environment or {})


def read(document: Document, environment: Mapping[str, str]) -> Config:
    """Make a configuration of a document; raises `ConfigError`."""
    refuse_later(document)
    section = documents.convert(document, ConfigSection, hook)
    return _Reader(document, section, environment).config()


class _Reader:
    def __init__(self, document: Document, section: ConfigSection, environment: Mapping[str, str]) -> None:
        self._document = document
        self._section = section
        self._global = self._overridden(section.globals, environment)
        self._notices: list[str] = []

    def config(self) -> Config:
        section = self._section
        receivers = self._receivers()
        route = self._route(receivers)
        return Config(
            route=route,
            receivers=receivers,
            chains=tuple(
                self._chain(chain, ("escalation", at), receivers) for at, chain in enumerate(section.escalation)
            ),
            promises={
                **PROMISES,
                **{name: Promise(one.ack_within, one.update_every) for name, one in section.severities.items()},
            },
            rules=tuple(self._rules()),
            resolve_timeout=self._global.resolve_timeout,
            reopen_window=section.incidents.reopen_window,
            evaluation_interval=self._global.evaluation_interval,
            external_url=self._global.external_url,
            notices=tuple(self._notices),
        )

    def _overridden(self, section: GlobalSection, environment: Mapping[str, str]) -> GlobalSection:
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

    def _receivers(self) -> dict[str, Receiver]:
        made: dict[str, Receiver] = {}
        for index, one in enumerate(self._section.receivers):
            if one.name in made:
                raise self._document.error(("receivers", index, "name"), f"{one.name!r} is there already")
            made[one.name] = self._receiver(one.name, one, ("receivers", index))
        for name, person in self._section.people.items():
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
                    self._notices.append(f"{kind} of {name} is off: {made}")
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
        url = url or self._common("slack_api_url")
        if url is None:
            return f"no URL; {ENVIRONMENT}SLACK_API_URL, global.slack_api_url or api_url gives one"
        return Slack(
            api_url=url, channel=section.channel, username=section.username, icon_emoji=section.icon_emoji,
            send_resolved=section.send_resolved,
        )  # fmt: skip

    def _webhook(self, section: WebhookSection, path: Place) -> Webhook | str:
        url = self._secret(section.url, section.url_file, path, "url")
        if url is None:
            return "no URL; url or url_file gives one"
        return Webhook(
            url=url, max_alerts=section.max_alerts, timeout=section.timeout or 10.0,
            send_resolved=section.send_resolved,
        )  # fmt: skip

    def _pagerduty(self, section: PagerDutySection, path: Place) -> PagerDuty | str:
        key = self._secret(section.routing_key, section.routing_key_file, path, "routing_key")
        key = key or self._common("pagerduty_routing_key")
        if key is None:
            return f"no routing key; {ENVIRONMENT}PAGERDUTY_ROUTING_KEY or routing_key gives one"
        url = section.url or self._global.pagerduty_url
        return PagerDuty(routing_key=key, url=url, send_resolved=section.send_resolved)

    def _email(self, section: EmailSection, path: Place) -> Email | str:
        base = self._global
        username = section.auth_username or base.smtp_auth_username
        password = self._secret(section.auth_password, section.auth_password_file, path, "auth_password")
        password = password or self._common("smtp_auth_password")
        smarthost = section.smarthost or base.smtp_smarthost
        sender = section.sender or base.smtp_from
        if not smarthost or not sender:
            missing = "smtp_smarthost" if not smarthost else "smtp_from"
            raise self._document.error(path, f"no {missing}", f"set global.{missing}")
        host, colon, port = smarthost.rpartition(":")
        if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
            raise self._document.error(path, f"{smarthost!r} is no address", "HOST:PORT, such as localhost:25")
        for key, text in (("from", sender), ("to", section.to)):
            if not all(_ADDRESS.fullmatch(address) for _, address in getaddresses([text])):
                raise self._document.error((*path, key), f"{text!r} is no address", "such as ops-team@example.com")
        for name in section.headers:
            if name.lower() in OWN_HEADERS:
                raise self._document.error((*path, "headers", name), "not supported yet", "leave it out")
            if _HEADER.fullmatch(name) is None:
                raise self._document.error((*path, "headers", name), "is no name of a header")
        if username and password is None:
            return f"no password for {username}; {ENVIRONMENT}SMTP_AUTH_PASSWORD or auth_password_file gives one"
        return Email(
            to=section.to, sender=sender, smarthost=smarthost, hello=section.hello or base.smtp_hello,
            username=username, password=password if username else None,
            require_tls=base.smtp_require_tls if section.require_tls is None else section.require_tls,
            headers=tuple(section.headers.items()), send_resolved=section.send_resolved,
        )  # fmt: skip

    def _common(self, key: str) -> Secret | None:
        """A secret of `global`."""
        return self._secret(getattr(self._global, key), getattr(self._global, f"{key}_file"), ("global",), key)

    def _secret(self, value: str | None, file: str | None, path: Place, key: str) -> Secret | None:
        """A secret as it is written or in its file; None when that file is not there."""
        if value and file:
            raise self._document.error(path, f"both {key} and {key}_file", "one of them is enough")
        if value:
            return Secret(value)
        if not file:
            return None
        place = Path(file)
        place = place if place.is_absolute() else Path(self._document.file).parent / place
        try:
            with place.open("rb") as source:
                text = source.read(_SECRET_LIMIT).decode().strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._document.error((*path, f"{key}_file"), f"cannot be read: {type(error).__name__}") from None
        return Secret(text) if text else None

    def _route(self, receivers: Mapping[str, Receiver]) -> Route:
        section = self._section.route
        for key in ("matchers", "match", "match_re"):
            if getattr(section, key):
                raise self._document.error(("route", key), "the root route takes every alert", "move it to a child")
        if section.goes_on:
            raise self._document.error(("route", "continue"), "nothing follows the root route")
        if section.receiver is None:
            raise self._document.error(("route",), "the root route needs a receiver", suggest("", receivers))
        return resolve(self._spec(section, ("route",), receivers))

    def _spec(self, section: RouteSection, path: Place, receivers: Mapping[str, Receiver]) -> RouteSpec:
        if section.receiver is not None and section.receiver not in receivers:
            raise self._document.error(
                (*path, "receiver"), f"no receiver {section.receiver!r}", suggest(section.receiver, receivers)
            )
        for key in ("group_interval", "repeat_interval"):
            if getattr(section, key) == 0:
                raise self._document.error((*path, key), "must be more than nothing")
        return RouteSpec(
            receiver=section.receiver,
            group_by=None if section.group_by is None else tuple(section.group_by),
            group_wait=section.group_wait,
            group_interval=section.group_interval,
            repeat_interval=section.repeat_interval,
            matchers=(
                *(Matcher(name, "=", value) for name, value in section.match.items()),
                *(one for name, value in section.match_re.items() for one in _regex(name, value)),
                *(one for text in section.matchers for one in text.matchers),
            ),
            goes_on=section.goes_on,
            routes=tuple(self._spec(one, (*path, "routes", at), receivers) for at, one in enumerate(section.routes)),
        )

    def _chain(self, section: ChainSection, path: Place, receivers: Mapping[str, Receiver]) -> Chain:
        steps = tuple(self._step(one, (*path, "steps", at), receivers) for at, one in enumerate(section.steps))
        timed = [step.after for step in steps if step.after is not None]
        if timed != sorted(timed):
            raise self._document.error((*path, "steps"), "the steps are not in order of time")
        beside = None
        if section.data_loss is not None:
            beside = self._step(section.data_loss, (*path, "data_loss"), receivers)
            if beside.after is None:
                raise self._document.error((*path, "data_loss", "after"), "must be a duration")
        return Chain(
            steps, tuple(one for text in section.matchers for one in text.matchers), beside, section.ack_expires
        )

    def _step(self, section: StepSection, path: Place, receivers: Mapping[str, Receiver]) -> Step:
        if not section.notify:
            raise self._document.error((*path, "notify"), "names nobody")
        for index, name in enumerate(section.notify):
            if name not in receivers:
                raise self._document.error(
                    (*path, "notify", index), f"no person or receiver {name!r}", suggest(name, receivers)
                )
        return Step(section.after.seconds, tuple(section.notify))

    def _rules(self) -> Iterator[Rule]:
        seen: set[str] = set()
        for index, one in enumerate(self._section.rules):
            if one.name in seen:
                raise self._document.error(("rules", index, "name"), f"{one.name!r} is there already")
            if one.window <= 0:
                raise self._document.error(("rules", index, "window"), "must be more than nothing")
            seen.add(one.name)
            yield _rule(one)


def _regex(name: str, pattern: str) -> tuple[Matcher, ...]:
    escaped = pattern.replace("\\", "\\\\").replace('"', '\\"')
    return matchers.parse(f'{name}=~"{escaped}"')


def _rule(section: RuleSection) -> Rule:
    values = msgspec.structs.asdict(section)
    return Rule(
        **values
        | {
            "expr": section.expr.expression,
            "clear": None if section.clear is None else section.clear.expression,
            "by": None if section.by is None else tuple(section.by),
        }
    )
