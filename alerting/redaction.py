"""A configuration as it may be shown: in Alertmanager's sections and words, so that its tools read it, and no secret.

People stand among the receivers, durations have no fractions, and a PagerDuty channel says that it has a key.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml

from alerting import durations

SECRET = "<secret>"  # noqa: S105 - what stands in the place of one, as Alertmanager writes it

_SECTIONS = ("global", "templates", "route", "inhibit_rules", "mute_time_intervals", "time_intervals", "receivers")
_OURS = frozenset({
    "pagerduty_routing_key", "pagerduty_routing_key_file", "slack_signing_secret", "slack_signing_secret_file",
    "slack_app_token", "slack_app_token_file", "slack_app_url", "evaluation_interval", "external_url",
    "smtp_auth_secret_file", "smtp_force_implicit_tls", "smtp_tls_config",
})  # fmt: skip
_FILES = frozenset({"routing_key_file", "service_key_file"})
"""Of later Alertmanagers than Debian's."""
_DURATIONS = frozenset({"resolve_timeout", "group_wait", "group_interval", "repeat_interval"})
_SECRETS = frozenset({
    "smtp_auth_password", "smtp_auth_secret", "auth_password", "auth_secret", "slack_api_url", "api_url", "password",
    "credentials", "bearer_token", "routing_key", "service_key", "proxy_url", "client_secret",
})  # fmt: skip
_OF_PROXIES = ("no_proxy", "proxy_connect_header", "proxy_from_environment")
_UNKNOWN = {
    "webhook_configs": frozenset({"timeout", "hmac_key", "hmac_key_file"}),
    "slack_configs": frozenset({"app_token", "app_token_file", "app_url", "timeout", "message_text", "update_message"}),
    "pagerduty_configs": frozenset({"timeout", "source"}),
    "email_configs": frozenset({"timeout", "auth_secret_file", "force_implicit_tls", "threading"}),
    "http_config": frozenset({"http_headers", *_OF_PROXIES}),
    "oauth2": frozenset({"grant_type", *_OF_PROXIES}),
    "basic_auth": frozenset({"username_file"}),
    "tls_config": frozenset({"ca", "cert", "key"}),
}
"""Below a key: ours, or of later Alertmanagers than Debian's."""


def shown(value: Any) -> str:
    """Write a configuration as YAML, without secrets."""
    kept = {name: value[name] for name in _SECTIONS if name in value} if isinstance(value, Mapping) else {}
    if isinstance(kept.get("global"), Mapping):
        kept["global"] = {name: one for name, one in kept["global"].items() if name not in _OURS}
    people = [{"name": name, **(one or {})} for name, one in (value.get("people") or {}).items()] if kept else []
    if people:
        kept["receivers"] = [*kept.get("receivers", []), *people]
    return str(yaml.safe_dump(_without(kept, ""), sort_keys=False, allow_unicode=True))


def _without(value: Any, under: str) -> Any:
    if isinstance(value, Mapping):
        made = {}
        for key, item in value.items():
            if item and (key in _SECRETS or under == "endpoint_params"):  # a grant of another type has a password there
                made[key] = SECRET
            elif key in _DURATIONS and isinstance(item, str):
                made[key] = durations.show(durations.parse(item))
            elif under == "webhook_configs" and key == "url" and isinstance(item, str):
                made[key] = _origin(item)
            elif key not in _UNKNOWN.get(under, ()):
                made[key] = _without(item, key)
        if under == "pagerduty_configs" and not {"routing_key", "service_key"} & made.keys():
            made["routing_key"] = SECRET
        return {name: one for name, one in made.items() if name not in _FILES}
    if isinstance(value, list):
        return [_without(item, under) for item in value]
    return value


def _origin(url: str) -> str:
    """Where a webhook goes, without what may be its secret."""
    try:
        parts = urlsplit(url)
        where = f"{parts.hostname or ''}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "http://secret/"
    return f"{parts.scheme}://{where}/" + ("secret" if parts.path.strip("/") or parts.query else "")
