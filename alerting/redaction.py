"""A configuration as it may be shown: Alertmanager's sections alone, so that its tools read it, and no secret."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml

SECRET = "<secret>"  # noqa: S105 - what stands in the place of one, as Alertmanager writes it

_SECTIONS = ("global", "templates", "route", "inhibit_rules", "mute_time_intervals", "time_intervals", "receivers")
_OURS = frozenset({"pagerduty_routing_key", "pagerduty_routing_key_file", "evaluation_interval", "external_url"})
_SECRETS = frozenset({
    "smtp_auth_password", "smtp_auth_secret", "auth_password", "auth_secret", "slack_api_url", "api_url", "password",
    "credentials", "bearer_token", "routing_key", "service_key",
})  # fmt: skip
_UNKNOWN = frozenset({"timeout", "hmac_key", "hmac_key_file"})
"""Of a webhook: ours, or of later Alertmanagers than Debian's."""


def shown(value: Any) -> str:
    """Write a configuration as YAML, without secrets."""
    kept = {name: value[name] for name in _SECTIONS if name in value} if isinstance(value, Mapping) else {}
    if isinstance(kept.get("global"), Mapping):
        kept["global"] = {name: one for name, one in kept["global"].items() if name not in _OURS}
    return str(yaml.safe_dump(_without(kept, ""), sort_keys=False, allow_unicode=True))


def _without(value: Any, under: str) -> Any:
    if isinstance(value, Mapping):
        made = {}
        for key, item in value.items():
            if key in _SECRETS and item:
                made[key] = SECRET
            elif under == "webhook_configs" and key == "url" and isinstance(item, str):
                made[key] = _origin(item)
            elif not (under == "webhook_configs" and key in _UNKNOWN):
                made[key] = _without(item, key)
        return made
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
