"""What `incidents list` and `show` do, `ack`, `resolve` and the other commands to one, and `postmortem`."""

import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from confluent_kafka import Message

from alerting import durations, instants
from alerting.documents import suggest
from alerting.text import one_line
from sciagents import lookup, postmortem
from sciagents.console.tables import print_fields, print_json, print_table, say
from sciagents.errors import NoAnswerError, NotFoundError, SciAgentsError, UsageError
from sciagents.publish import publish
from streams.contracts import Action, Command, Incident, Phase, Transition


def show_all(kafka: str, prefix: str, *, closed: bool, as_json: bool) -> None:
    """Print the incidents that are open, or all; the worst first, then the oldest."""
    found = [
        incident for incident in lookup.incidents(kafka, prefix).values() if closed or incident.status != "resolved"
    ]
    found.sort(key=lambda incident: (incident.status == "resolved", incident.severity, incident.started_at))
    if as_json:
        for incident in found:
            print_json(incident)
    elif found:
        now = time.time()
        print_table(
            ("id", "severity", "status", "phase", "started", "update", "title"),
            (
                (
                    one.id,
                    one.severity,
                    _status(one, now),
                    one.phase,
                    _minute(one.started_at),
                    update(one, now),
                    one.title,
                )
                for one in found
            ),
        )
    else:
        say("no incidents" if closed else "no open incidents")


def _status(incident: Incident, now: float) -> str:
    until = incident.snoozed_until
    return incident.status if until is None or _is_past(until, now) else f"{incident.status}, snoozed"


def update(incident: Incident, now: float) -> str | None:
    """When people are told again; in capitals when that has passed."""
    due = incident.next_update_at
    if due is None:
        return None
    return f"OVERDUE since {_minute(due)}" if _is_past(due, now) else f"due {_minute(due)}"


def show(kafka: str, prefix: str, incident_id: str, *, as_json: bool) -> None:
    """Print an incident with its alerts and its timeline."""
    incident = _find(lookup.incidents(kafka, prefix), incident_id)
    if as_json:
        print_json(incident)
        return
    print_fields(
        [
            ("id", incident.id),
            ("title", incident.title),
            ("severity", incident.severity),
            ("status", incident.status),
            ("phase", incident.phase),
            ("started", _minute(incident.started_at)),
            ("affected", incident.affected),
            ("impact", incident.impact),
            ("answer due", incident.ack_due_at),
            ("update", update(incident, time.time())),
            ("put off until", incident.snoozed_until),
            ("next step", incident.escalation.due_at),
            ("with", incident.escalation.target),
            ("resolved", incident.resolved_at),
            ("requests", ", ".join(str(request.get("id")) for request in incident.requests[:10])),
        ]
    )
    alerts = [(one.status, one.labels.get("alertname"), _labels(one.labels), one.starts_at) for one in incident.alerts]
    print_table(("alert", "name", "labels", "since"), alerts)
    print_table(("at", "what", "by", "reason"), [(one.at, one.what, one.by, one.reason) for one in incident.timeline])


def write_postmortem(
    kafka: str, prefix: str, incident_id: str, output: Path | None, *, force: bool, as_json: bool
) -> None:
    """Write a post-mortem to a file, or to standard output.

    Raises:
        SciAgentsError: the records cannot be read.
        UsageError: the file cannot be written, or is there already.

    """
    incident = _find(lookup.incidents(kafka, prefix), incident_id)
    try:
        written = postmortem.of(kafka, prefix, incident)
    except TimeoutError as error:
        raise NoAnswerError(str(error)) from None
    if output is not None:
        try:
            with output.open("w" if force else "x", encoding="utf-8") as file:
                file.write(written.markdown)
        except FileExistsError:
            raise UsageError(
                f"{output} is there already", field="--output", hint="--force writes over it, people's words too"
            ) from None  # fmt: skip
        except OSError as error:
            raise UsageError(f"{output} cannot be written: {error.strerror}", field="--output") from None
    if as_json:
        print_json(written)
    elif output is not None:
        say(f"{incident.id}: {output}")
    else:
        sys.stdout.write(written.markdown)  # its text is escaped, and no control character is left in it


def snooze(
    kafka: str, prefix: str, incident_id: str, by: str, duration: str, until: str | None, text: str | None, *,
    wait_s: float | None, as_json: bool,
) -> None:  # fmt: skip
    """Put an incident off; raises as `command`, and `UsageError` when the time is none."""
    try:
        at = instants.show(time.time() + durations.parse(duration) if until is None else instants.parse(until))
    except (ValueError, OverflowError) as error:
        raise UsageError(str(error), field="--for" if until is None else "--until") from None
    command(kafka, prefix, incident_id, "snooze", by, text, until=at, wait_s=wait_s, as_json=as_json)


def command(
    kafka: str, prefix: str, incident_id: str, action: Action, by: str, text: str | None, *, wait_s: float | None,
    as_json: bool, until: str | None = None, phase: Phase | None = None, target: str | None = None,
) -> None:  # fmt: skip
    """Send a command, and wait until the incident shows what came of it; prints how it stands.

    Raises:
        NoAnswerError: nothing came of it in time.
        SciAgentsError: it was refused.

    """
    incident = _find(lookup.incidents(kafka, prefix), incident_id)
    now = instants.show(time.time())
    sent = Command(
        incident=incident.id, action=action, by=by, at=now, id=uuid.uuid4().hex, text=text, until=until, phase=phase,
        target=target,
    )  # fmt: skip
    with lookup.following(kafka, prefix, ("ops.incidents",), "end", wait_s) as records:
        publish(kafka, prefix, "ops.commands", [(incident.id, sent)])
        if wait_s is None:
            print_json(sent) if as_json else say(f"{action} is sent to {incident.id}")
            return
        try:
            after, entry = next(_outcomes(records, sent))
        except NoAnswerError:
            raise NoAnswerError(
                f"{incident.id} does not show it within {wait_s:g} s", hint="is `sci-agents alerting` running?"
            ) from None
    if entry.what == "refused":
        raise SciAgentsError(f"{incident.id}: {entry.reason}")
    print_json(after) if as_json else say(f"{after.id} is {after.status}: {entry.what} by {entry.by}")


def _outcomes(records: Iterator[Message], sent: Command) -> Iterator[tuple[Incident, Transition]]:
    by = one_line(sent.by, 100)  # as the timeline has it
    for record in records:
        incident = lookup.incident_of(record)
        if incident is None or incident.id != sent.incident:
            continue
        for entry in incident.timeline:
            if entry.by == by and entry.at == sent.at and entry.what in {sent.action, "refused"}:
                yield incident, entry


def _find(found: Mapping[str, Incident], incident_id: str) -> Incident:
    if incident_id not in found:
        raise NotFoundError(
            f"no incident {incident_id[:80]!r}", field="ID",
            hint=suggest(incident_id[:80], found) if 0 < len(found) < 20 else "`sci-agents incidents list --all`",
        )  # fmt: skip
    return found[incident_id]


def _is_past(text: str, now: float) -> bool:
    with suppress(ValueError):  # written by somebody else
        return instants.parse(text) < now
    return False


def _minute(text: str) -> str:
    with suppress(ValueError):
        return instants.minute(text)
    return text


def _labels(labels: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in labels.items() if name != "alertname")
