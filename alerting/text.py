"""What people read: annotations of rules, and notifications in the words of the runbook's communication template.

Templates are Jinja's, sandboxed, with the filters `percent` (0.153 → 15.3%), `humanize` (1234 → 1.234k) and
`duration` (90 → 1m30s).
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from alerting import durations, instants
from alerting.messages import Message
from streams.contracts import AlertState, Incident, Transition

OVERDUE = "update_overdue"
"""Reason of a message that reminds of an update."""
PRODUCT = "Scientific Computing Agents"
_FOLDER = Path(__file__).parent / "templates"
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"))
_MAX_ALERTS = 20
_SAID_ALREADY = frozenset({"alertname", "severity"})
"""Labels that a message says in its subject."""
_ACTIONS = {
    "acknowledge": "Acknowledged",
    "assign": "Assigned",
    "escalate": "Escalated",
    "phase": "Phase set",
    "resolve": "Resolved",
    "snooze": "Snoozed",
}


def percent(share: float) -> str:
    """A fraction as a percentage, four digits: 0.0526 → 5.26%."""
    return f"{share * 100:.4g}%"


def humanize(value: float) -> str:
    """A number with a metric prefix, four digits."""
    size = abs(value)
    scale, prefix = next(((scale, prefix) for scale, prefix in _PREFIXES if size >= scale), (1.0, ""))
    return f"{value / scale:.4g}{prefix}"


def _environment(loader: jinja2.BaseLoader | None = None) -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=jinja2.select_autoescape(["html.j2"], default_for_string=False),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    made.filters |= {"percent": percent, "humanize": humanize, "duration": durations.show}
    return made


_ANNOTATIONS = _environment()
_MAX_RENDERED = 10_000


class Template:
    """A rule's label or annotation; compiled once, and never in the way of an alert."""

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str) -> None:
        """Compile.

        Raises:
            ValueError: the text is no template.

        """
        self.text = text
        try:
            self._compiled = _ANNOTATIONS.from_string(text) if "{" in text else None
        except jinja2.TemplateError as error:
            raise ValueError(f"{text!r} is no template: {error}") from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def render(self, labels: Mapping[str, str], value: float | None) -> str:
        """Fill in; what cannot be filled in says so in its place."""
        if self._compiled is None:
            return self.text
        try:
            return self._compiled.render(labels=dict(labels), value=value)[:_MAX_RENDERED]
        except Exception as error:
            return f"{self.text} ({type(error).__name__}: {error})"


def title(name: str) -> str:
    """Words of a rule's name: `HighErrorRate` → High Error Rate, `HighCPU` → High CPU."""
    words: list[str] = []
    for index, letter in enumerate(name.replace("_", " ")):
        before, after = name[index - 1 : index], name[index + 1 : index + 2]
        if letter.isupper() and index and (before.islower() or (before.isupper() and after.islower())):
            words.append(" ")
        words.append(letter)
    return "".join(words).strip()


def one_line(text: str, limit: int = 1000) -> str:
    """The text without control characters or line breaks, fit for a header."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:limit]


def subject(incident: Incident) -> str:
    """Subject of an incident's messages."""
    return one_line(f"[{incident.severity}] {PRODUCT} - {incident.title}", 200)


def actions_taken(incident: Incident) -> list[str]:
    """What people have done so far, as the timeline has it."""
    done = (entry for entry in incident.timeline if entry.by is not None and entry.what != "refused")
    return [_action(entry) for entry in done] or ["None yet"]


def _action(entry: Transition) -> str:
    signed = f"({entry.by}, {instants.minute(entry.at)})"
    if entry.what == "note":
        return f"{entry.reason or ''} {signed}"
    what = _ACTIONS.get(entry.what, entry.what)
    return f"{what}: {entry.reason} {signed}" if entry.reason else f"{what} {signed}"


def next_steps(message: Message) -> list[str]:
    """What is to be done now, and what happens if nobody does it."""
    incident = message.incident
    runbooks = dict.fromkeys(
        link for state in incident.alerts for link in [state.annotations.get("runbook")] if link is not None
    )
    follow = [f"Follow {link}" for link in runbooks]
    due = incident.escalation.due_at
    if message.reason == OVERDUE:
        follow = [f"Say how it stands: sci-agents incidents note {incident.id} TEXT", *follow]
    if incident.status == "resolved":
        return [f"Write the post-mortem: sci-agents postmortem {incident.id}"]
    if incident.status == "acknowledged":
        until = f" until {instants.minute(due)}" if due else ""
        return [*follow, f"{incident.escalation.target or 'Somebody'} is on it{until}"]
    steps = [f"Acknowledge: sci-agents incidents ack {incident.id}"]
    if due and message.next_targets:
        steps.append(f"Otherwise {', '.join(message.next_targets)} is told at {instants.minute(due)}")
    return [*follow, *steps]


def alert_lines(states: Sequence[AlertState]) -> list[str]:
    """Which alerts a message is about: since when, what they say, and the labels that tell them apart."""
    lines = [_alert_line(state) for state in states[:_MAX_ALERTS]]
    return [*lines, f"and {len(states) - _MAX_ALERTS} more"] if len(states) > _MAX_ALERTS else lines


def _alert_line(state: AlertState) -> str:
    mark = "over" if state.status == "resolved" else "fires"
    said = state.annotations.get("summary") or state.annotations.get("description") or state.annotations.get("message")
    said = one_line(said or title(state.labels.get("alertname", "Alert")), 300)
    labels = " ".join(f"{name}={value}" for name, value in state.labels.items() if name not in _SAID_ALREADY)
    shown = f" ({one_line(labels, 300)})" if labels else ""
    return f"{mark} since {instants.minute(state.ends_at or state.starts_at)}: {said}{shown}"


def updates(every: float | None) -> str:
    """The promise of the template's last line."""
    if every is None:
        return "When status changes"
    minutes = every / 60
    shown = f"{minutes:.0f} minutes" if minutes >= 1 and minutes == round(minutes) else durations.show(every)
    return f"Every {shown} or when status changes"


def promised(message: Message) -> str:
    """When people hear again, and since when they should have heard already."""
    said, due = updates(message.update_every), message.incident.next_update_at
    if due is None or message.incident.status == "resolved" or instants.parse(due) > message.at:
        return said
    return f"Overdue since {instants.minute(due)}; {said[:1].lower()}{said[1:]}"


@functools.cache
def _files() -> ImmutableSandboxedEnvironment:
    return _environment(jinja2.FileSystemLoader(_FOLDER))


def _context(message: Message) -> dict[str, Any]:
    incident = message.incident
    return {
        "incident": incident,
        "message": message,
        "subject": subject(incident),
        "started": instants.minute(incident.started_at),
        "affected": incident.affected or "Unknown",
        "impact": incident.impact or "Unknown",
        "actions": actions_taken(incident),
        "steps": next_steps(message),
        "alerts": alert_lines(message.alerts),
        "updates": promised(message),
    }


def plain(message: Message) -> str:
    """The notification as plain text, without its subject."""
    return _files().get_template("incident.txt.j2").render(_context(message)).strip() + "\n"


def html(message: Message) -> str:
    """The notification as HTML."""
    return _files().get_template("incident.html.j2").render(_context(message)).strip() + "\n"
