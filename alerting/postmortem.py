"""A post-mortem: what the records know of an incident, put into the template; what only people know is left blank.

In comes the incident, its notifications, the deploys around it, and `now`; out goes Markdown. The template
(`docs/templates/post_mortem.md`) is a plain document with sections (`## …`): its title and its line of facts are
filled in, what is known goes below what a section says. Sections that it has beside the known ones stay as they are.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from alerting import durations, instants
from alerting.markdown import plain, row, table
from alerting.text import title
from streams.contracts import Incident, Notification, OpsEvent, Transition

BEFORE_S = 3_600.0
"""So long before an incident a deploy may have to do with it."""
SECTIONS = (
    "Timeline", "Root cause", "Impact assessment", "Resolution steps", "Prevention measures", "Action items",
)  # fmt: skip
BLANK = "**To be written.**"
_ROWS = 600
_DEPLOYS = 50
_SAID = {
    "opened": "Opened", "reopened": "Opened again", "joined": "Fires", "ended": "Is over", "rose": "Severity rose",
    "resolved": "Resolved by itself", "escalated": "Told", "ack_expired": "Acknowledgement lapsed",
    "flapping": "Began to flap", "steady": "Steady again", "acknowledge": "Acknowledged", "resolve": "Resolved",
    "escalate": "Escalated", "assign": "Assigned", "note": "Note", "phase": "Phase", "silence": "Silenced",
    "unsilence": "Silence ended", "refused": "Refused", "snooze": "Snoozed", "snooze_ended": "Snooze ended",
    "held": "Escalation held", "released": "Escalation goes on",
}  # fmt: skip


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """How often a receiver was told over a channel; `suppressed` is what was not told, on purpose."""

    receiver: str
    channel: str
    delivered: int
    failed: int
    suppressed: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """An incident in numbers; durations in seconds from when it was opened, None for what has not happened."""

    severity: str
    status: str
    noticed_after_s: float | None
    acknowledged_after_s: float | None
    resolved_after_s: float | None
    alerts: int
    requests: int
    error_codes: dict[str, int]
    escalations: int
    reopened: int
    notifications: list[Told]


def figures(incident: Incident, notifications: Iterable[Notification]) -> Figures:
    """Count what the records know; `noticed_after_s` is from the start of the trouble to the incident's opening."""
    opened = _first(incident, "opened") or _instant(incident.started_at)
    acknowledged = _first(incident, "acknowledge")
    resolved = None if incident.resolved_at is None else _instant(incident.resolved_at)
    what = Counter(entry.what for entry in incident.timeline)
    return Figures(
        severity=incident.severity, status=incident.status,
        noticed_after_s=_since(_instant(incident.started_at), opened),
        acknowledged_after_s=_since(opened, acknowledged), resolved_after_s=_since(opened, resolved),
        alerts=len(incident.alerts), requests=len(incident.requests),
        error_codes=dict(Counter(str(request.get("code") or "unknown") for request in incident.requests).most_common()),
        escalations=what["escalated"], reopened=what["reopened"], notifications=_told(notifications),
    )  # fmt: skip


def write(
    incident: Incident, notifications: Sequence[Notification], deploys: Iterable[OpsEvent], template: str, now: float,
    missing: Sequence[str] = (),
) -> str:  # fmt: skip
    """Fill the template in; `missing` says what could not be looked at. Raises nothing: what cannot be read is shown.

    Text from outside is escaped and bounded: neither HTML nor Markdown of it is followed.
    """
    found = figures(incident, notifications)
    around = _around(incident, deploys, now)
    known = {
        "Timeline": _timeline(incident, notifications, around),
        "Root cause": _cause(incident, found, around, missing),
        "Impact assessment": _impact(incident, found),
        "Resolution steps": _steps(incident),
        "Prevention measures": [BLANK, *_rules(incident)],
        "Action items": [row("", "", "")],
    }
    return _filled(template, incident, found, known, now)


def _filled(template: str, incident: Incident, found: Figures, known: dict[str, list[str]], now: float) -> str:
    lines: list[str] = []
    left = dict(known)
    section = ""
    heading = f"# Post-mortem: {plain(incident.id)} – {plain(incident.title)}"
    facts = _facts(incident, found, now)
    for line in [*template.splitlines(), "## "]:
        if line.startswith("# ") and heading:
            lines.append(heading)
            heading = ""
        elif line.startswith("Severity:") and facts:
            lines += facts
            facts = []
        elif line.startswith("## "):
            _close(lines, left.pop(section, []))
            section = line.removeprefix("## ").strip()
            lines += [line, ""] if section else []
        elif lines and not (lines[-1] == "" and line == ""):
            lines.append(line)
    for name in SECTIONS:  # which the template has not
        if name in left:
            lines += [f"## {name}", ""]
            _close(lines, left[name])
    return "\n".join(lines).strip() + "\n"


def _close(lines: list[str], known: Sequence[str]) -> None:
    """End a section: rows go on with its table, anything else stands by itself."""
    while lines and lines[-1] == "":
        lines.pop()
    continues = bool(known) and known[0].startswith("| ") and bool(lines) and lines[-1].startswith("|")
    if lines and known and not continues:
        lines.append("")
    lines += [*known, ""]


def _facts(incident: Incident, found: Figures, now: float) -> list[str]:
    over = found.resolved_after_s
    facts = {
        "Severity": incident.severity,
        "Started": instants.minute(instants.show(_instant(incident.started_at))),
        "Acknowledged after": _shown(found.acknowledged_after_s, "nobody has"),
        "Resolved after": _shown(over, "not resolved yet"),
    }
    lines = [" – ".join(f"{name}: {said}" for name, said in facts.items())]
    if over is None:
        at = instants.minute(instants.show(now))
        lines += ["", f"**The incident is open ({incident.status}, {incident.phase}): this is how it stands at {at}.**"]
    return lines


def _timeline(incident: Incident, notifications: Sequence[Notification], deploys: Sequence[OpsEvent]) -> list[str]:
    entries = [(entry.at, _said(entry), entry.by) for entry in incident.timeline]
    entries += [(event.time, f"Deploy: {_deploy(event)}", event.by) for event in deploys]
    entries += [
        (one.at, f"{one.status.capitalize()}: {one.receiver} by {one.channel}, {one.reason}", None)
        for one in notifications
        if one.status in {"delivered", "failed"}
    ]
    entries.sort(key=lambda entry: _instant(entry[0]))
    shown = entries if len(entries) <= _ROWS else [*entries[: _ROWS // 3], *entries[-(_ROWS - _ROWS // 3) :]]
    rows = [row(_second(at), said, by) for at, said, by in shown]
    if len(shown) < len(entries):
        rows.insert(_ROWS // 3, row("", f"… {len(entries) - len(shown):,} entries are left out here", ""))
    return rows


def _cause(incident: Incident, found: Figures, deploys: Sequence[OpsEvent], missing: Sequence[str]) -> list[str]:
    alerts = [
        (title(one.labels.get("alertname", "Alert")), _second(one.starts_at), one.ends_at and _second(one.ends_at),
         one.annotations.get("summary"))
        for one in sorted(incident.alerts, key=lambda one: _instant(one.starts_at))[:50]
    ]  # fmt: skip
    lines = [BLANK, "", "What the records know:", "", *table(("alert", "from", "until", "it says"), alerts), ""]
    if found.error_codes:
        codes = ", ".join(f"{plain(code)} ({count})" for code, count in found.error_codes.items())
        lines += [f"Error codes of the requests that failed: {codes}", ""]
    if deploys:
        rows = [(_second(one.time), _deploy(one), one.by, _distance(incident, one)) for one in deploys]
        lines += ["Deploys around it:", "", *table(("when (UTC)", "what", "who", "from its start"), rows), ""]
    else:
        lines += ["No deploy is known from an hour before it began until its end.", ""]
    return [*lines, *(f"Not known: {plain(said)}." for said in missing)]


def _impact(incident: Incident, found: Figures) -> list[str]:
    lines = [
        BLANK, "",
        f"Affected: {plain(incident.affected or 'unknown')}", "",
        f"Impact: {plain(incident.impact or 'unknown')}", "",
        *table(
            ("figure", "value"),
            [
                ("from the first sign to the incident", _shown(found.noticed_after_s, "unknown")),
                ("time to acknowledge", _shown(found.acknowledged_after_s, "nobody has")),
                ("time to resolve", _shown(found.resolved_after_s, "not resolved yet")),
                ("alerts", found.alerts), ("failed requests linked", found.requests),
                ("people or teams called", found.escalations), ("opened again", found.reopened),
            ],
        ),
        "",
    ]  # fmt: skip
    if found.notifications:
        rows = [(one.receiver, one.channel, one.delivered, one.failed, one.suppressed) for one in found.notifications]
        lines += [*table(("told", "over", "delivered", "failed", "not told on purpose"), rows), ""]
    if incident.requests:
        named = [(one.get("id"), one.get("agent"), one.get("code"), one.get("at")) for one in incident.requests]
        lines += table(("request", "agent", "error code", "at"), named)
    return lines


def _steps(incident: Incident) -> list[str]:
    done = [(_second(entry.at), _said(entry), entry.by) for entry in incident.timeline if entry.by is not None]
    ended = next((one for one in reversed(incident.timeline) if one.what in {"resolve", "resolved"}), None)
    how = "It is not resolved yet."
    if incident.status == "resolved" and ended is not None:
        how = f"{_said(ended)}{f', by {ended.by}' if ended.by else ''}."
    did = table(("when (UTC)", "what", "who"), done) if done else ["Nobody has done anything about it here."]
    return [BLANK, "", plain(how), "", *did]


def _rules(incident: Incident) -> list[str]:
    names = sorted({one.labels["alertname"] for one in incident.alerts if "alertname" in one.labels})
    said = ", ".join(plain(name, 100) for name in names[:20])
    hint = "`sci-agents rules backtest` shows what other thresholds would have told, and when."
    return ["", f"Rules that fired: {said}. {hint}"] if said else []


def _told(notifications: Iterable[Notification]) -> list[Told]:
    """By receiver and channel, each notification once, by what came of it in the end."""
    last: dict[str, Notification] = {}
    for one in notifications:
        if one.status != "intended":
            last[one.id] = one
    counted = Counter((one.receiver, one.channel, one.status) for one in last.values())
    return [
        Told(
            receiver=receiver, channel=channel, delivered=counted[receiver, channel, "delivered"],
            failed=counted[receiver, channel, "failed"], suppressed=counted[receiver, channel, "suppressed"],
        )
        for receiver, channel in sorted({(receiver, channel) for receiver, channel, _ in counted})
    ]  # fmt: skip


def _around(incident: Incident, deploys: Iterable[OpsEvent], now: float) -> list[OpsEvent]:
    """The deploys from an hour before its start to its end, those next to its start first to be kept."""
    start = _instant(incident.started_at)
    end = now if incident.resolved_at is None else _instant(incident.resolved_at)
    fitting = {one.id: one for one in deploys if one.kind == "deploy" and start - BEFORE_S <= _instant(one.time) <= end}
    nearest = sorted(fitting.values(), key=lambda one: abs(_instant(one.time) - start))[:_DEPLOYS]
    return sorted(nearest, key=lambda one: _instant(one.time))


def _deploy(event: OpsEvent) -> str:
    return f"{event.version or 'an unknown version'} on {event.source}"


def _distance(incident: Incident, event: OpsEvent) -> str:
    seconds = _instant(event.time) - _instant(incident.started_at)
    return f"{durations.show(abs(round(seconds)))} {'after' if seconds > 0 else 'before'}"


def _said(entry: Transition) -> str:
    what = _SAID.get(entry.what, entry.what)
    return f"{what}: {entry.reason}" if entry.reason else what


def _first(incident: Incident, what: str) -> float | None:
    return next((_instant(entry.at) for entry in incident.timeline if entry.what == what), None)


def _since(start: float, end: float | None) -> float | None:
    return None if end is None else max(0.0, round(end - start, 3))


def _shown(seconds: float | None, otherwise: str) -> str:
    return otherwise if seconds is None else durations.show(round(seconds))


def _instant(text: str) -> float:
    """Epoch seconds; what somebody else has written and is no instant stands first."""
    try:
        return instants.parse(text)
    except ValueError:
        return 0.0


def _second(text: str) -> str:
    try:
        return instants.show(instants.parse(text))[:19].replace("T", " ")
    except ValueError:
        return text
