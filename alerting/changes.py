"""What differs between two configurations, by name, for the record of who loaded what; values are not shown."""

from collections.abc import Mapping
from typing import Any

from alerting.config import Config

CONFIGURATION = "configuration"
"""What a reload is about, in the place of an incident."""
_NAMED_LIMIT = 20
_MAPPINGS = ("receivers", "rotations", "time_intervals", "promises")
_WHOLE = {
    "route": "route", "inhibit_rules": "inhibit_rules", "chains": "escalation", "resolve_timeout": "resolve_timeout",
    "reopen_window": "reopen_window", "evaluation_interval": "evaluation_interval", "external_url": "external_url",
    "slack_signing_secret": "slack_signing_secret",
}  # fmt: skip


def between(old: Config, new: Config) -> str:
    """Say what was added, removed and changed, in a line; "nothing has changed" of two that are the same."""
    said = _differences("rules", {one.name: one for one in old.rules}, {one.name: one for one in new.rules})
    for name in _MAPPINGS:
        said += _differences("severities" if name == "promises" else name, getattr(old, name), getattr(new, name))
    said += [f"{key} changed" for field, key in _WHOLE.items() if getattr(old, field) != getattr(new, field)]
    return "; ".join(said) or "nothing has changed"


def _differences(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    parts = {
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": sorted(name for name in old.keys() & new.keys() if old[name] != new[name]),
    }
    return [f"{kind} {what}: {_list(names)}" for what, names in parts.items() if names]


def _list(names: list[str]) -> str:
    more = len(names) - _NAMED_LIMIT
    return ", ".join(names[:_NAMED_LIMIT]) + (f" and {more} more" if more > 0 else "")
