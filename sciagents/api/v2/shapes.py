"""The JSON of Alertmanager's API: its names, its times to the millisecond, its zero time for none."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from alerting import instants, matchers, routing
from alerting.alerts import Alert, label_set
from alerting.engine import Engine
from alerting.matchers import Matcher
from alerting.silences import state_of
from streams.contracts import Silence

MAX_LABELS = 64
LABEL_LIMIT = 1024
"""Signs of a name or a label's value: alerts come from whoever reaches the address."""
ALERT_LIMIT = 12 * 1024
"""Bytes of an alert as JSON: an incident holds 500 of them, and has to fit its topic."""
_ZERO = "0001-01-01T00:00:00"


class PostableAlert(msgspec.Struct, kw_only=True):
    """An alert as Prometheus sends it."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: str | None = None  # noqa: N815 - as the API has it
    endsAt: str | None = None  # noqa: N815
    generatorURL: str = ""  # noqa: N815


class ApiMatcher(msgspec.Struct, kw_only=True):
    """A matcher of a silence."""

    name: str
    value: str
    isRegex: bool  # noqa: N815
    isEqual: bool = True  # noqa: N815


class PostableSilence(msgspec.Struct, kw_only=True):
    """A silence as amtool sends it."""

    matchers: Annotated[list[ApiMatcher], msgspec.Meta(min_length=1)]
    startsAt: str  # noqa: N815
    endsAt: str  # noqa: N815
    createdBy: str  # noqa: N815
    comment: str
    id: str | None = None


def instant(text: str | None) -> float | None:
    """Read a time; None where it is the zero time or not there. Raises `ValueError`."""
    return None if not text or text.startswith(_ZERO) else instants.parse(text)


def moment(at: float) -> str:
    """Write a time, epoch seconds, as all are here: to the millisecond, what is beyond cut off."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shown(text: str) -> str:
    return moment(instants.parse(text))


def alert(posted: PostableAlert, now: float) -> Alert:
    """Read an alert; one without a start begins now, or where it ends.

    Raises:
        ValueError: it has no labels, names or values that cannot be, or it ends before it begins.

    """
    labels = label_set(posted.labels)
    if not labels:
        raise ValueError("at least one label pair required")
    if len(labels) > MAX_LABELS or len(posted.annotations) > MAX_LABELS:
        raise ValueError(f"more than {MAX_LABELS} labels or annotations")
    for name in (*posted.labels, *posted.annotations):
        if not (name and name.isprintable()) or len(name) > LABEL_LIMIT:  # in UTF-8, as Prometheus 3 names labels
            raise ValueError(f"invalid name {name[:100]!r}")
    for name, value in labels:
        if len(value) > LABEL_LIMIT:
            raise ValueError(f"the value of {name!r} has more than {LABEL_LIMIT} signs")
    if len(msgspec.json.encode(posted)) > ALERT_LIMIT:
        raise ValueError(f"an alert of more than {ALERT_LIMIT} bytes")
    starts_at, ends_at = instant(posted.startsAt), instant(posted.endsAt)
    if starts_at is None:
        starts_at = now if ends_at is None else ends_at
    if ends_at is not None and ends_at < starts_at:
        raise ValueError("start time must be before end time")
    return Alert(labels, starts_at, posted.annotations, ends_at, generator_url=posted.generatorURL)


def gettable_alert(one: Alert, engine: Engine, now: float) -> dict[str, Any]:
    """Show an alert and who hears of it."""
    labels = dict(one.labels)
    inhibited = engine.muting.inhibitor.inhibited_by(labels, now)
    silenced = engine.silences.silenced_by(labels, now)
    ends_at = now + engine.config.resolve_timeout if one.end is None else one.end
    return {
        "annotations": dict(one.annotations),
        "endsAt": moment(ends_at),
        "fingerprint": one.fingerprint,
        "receivers": [{"name": route.receiver} for route in routing.match(engine.config.route, labels)],
        "startsAt": moment(one.starts_at),
        "status": {
            "inhibitedBy": [] if inhibited is None else [inhibited],
            "silencedBy": list(silenced),
            "mutedBy": [],
            "state": "suppressed" if silenced or inhibited is not None else "active",
        },
        "updatedAt": moment(one.updated_at or one.starts_at),
        "labels": labels,
    } | ({"generatorURL": one.generator_url} if one.generator_url else {})


def matcher(one: ApiMatcher) -> Matcher:
    """Read a matcher; raises `ValueError`."""
    op: matchers.Op = ("=~" if one.isEqual else "!~") if one.isRegex else ("=" if one.isEqual else "!=")
    if not (one.name and one.name.isprintable()):
        raise ValueError(f"invalid label name {one.name[:100]!r}")
    return matchers.matcher(one.name, op, one.value)


def silence(posted: PostableSilence) -> Silence:
    """Read a silence; raises `ValueError`."""
    return Silence(
        id=posted.id or "", matchers=[str(matcher(one)) for one in posted.matchers], starts_at=posted.startsAt,
        ends_at=posted.endsAt, created_by=posted.createdBy, comment=posted.comment,
    )  # fmt: skip


def gettable_silence(one: Silence, now: float) -> dict[str, Any]:
    """Show a silence and its state."""
    wanted = [found for text in one.matchers for found in matchers.parse(text)]
    return {
        "id": one.id,
        "status": {"state": state_of(one, now)},
        "updatedAt": _shown(one.updated_at or one.starts_at),
        "comment": one.comment,
        "createdBy": one.created_by,
        "endsAt": _shown(one.ends_at),
        "matchers": [
            {"name": m.name, "value": m.value, "isRegex": "~" in m.op, "isEqual": not m.op.startswith("!")}
            for m in wanted
        ],
        "startsAt": _shown(one.starts_at),
    }
