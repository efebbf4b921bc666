"""Commands about incidents."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sciagents.commands.shared import AsJson, Kafka, Prefix

if TYPE_CHECKING:
    from streams.contracts import Action

app = typer.Typer()
_group = typer.Typer(no_args_is_help=True, help="See incidents, and answer them.")
app.add_typer(_group, name="incidents")

Phase = Literal["INVESTIGATING", "IDENTIFIED", "MONITORING"]
Identifier = Annotated[str, typer.Argument(metavar="ID", help="Such as INC-2026-000042.")]
By = Annotated[str, typer.Option(default_factory=getpass.getuser, help="Who you are.", show_default="user name")]
Wait = Annotated[bool, typer.Option(help="Wait until the incident shows it.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds to wait.")]
Text = Annotated[str | None, typer.Option(help="A word on it, for the timeline.")]


@_group.command("list")
def show_all(
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    closed: Annotated[bool, typer.Option("--all", help="The resolved ones, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the open incidents, the worst first. Exit codes: 0 ok, 1 failed, 2 wrong usage."""
    from sciagents.console import incidents  # noqa: PLC0415 - Kafka's client is slow to import

    incidents.show_all(kafka, prefix, closed=closed, as_json=as_json)


@_group.command()
def show(
    incident_id: Identifier, kafka: Kafka = "127.0.0.1:9092", prefix: Prefix = "", as_json: AsJson = False
) -> None:
    """Print an incident with its alerts and its timeline. Exit codes: 0 ok, 1 failed or none such, 2 wrong usage."""
    from sciagents.console import incidents  # noqa: PLC0415 - as above

    incidents.show(kafka, prefix, incident_id, as_json=as_json)


@_group.command("ack")
def acknowledge(
    incident_id: Identifier,
    by: By,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    text: Text = None,
    wait: Wait = True,
    timeout: Timeout = 15.0,
    as_json: AsJson = False,
) -> None:
    """Acknowledge: you are on it, and escalation stops. Exit codes: 0 done, 1 refused or no answer, 2 wrong usage."""
    _command(kafka, prefix, incident_id, "acknowledge", by, text, timeout if wait else None, as_json=as_json)


@_group.command("resolve")
def resolve(
    incident_id: Identifier,
    by: By,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    text: Text = None,
    wait: Wait = True,
    timeout: Timeout = 15.0,
    as_json: AsJson = False,
) -> None:
    """Resolve an incident. Exit codes: 0 done, 1 refused or no answer, 2 wrong usage."""
    _command(kafka, prefix, incident_id, "resolve", by, text, timeout if wait else None, as_json=as_json)


@_group.command("note")
def note(
    incident_id: Identifier,
    text: Annotated[str, typer.Argument(help="What is to be known.")],
    by: By,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    wait: Wait = True,
    timeout: Timeout = 15.0,
    as_json: AsJson = False,
) -> None:
    """Add a note to the timeline. Exit codes: 0 done, 1 refused or no answer, 2 wrong usage."""
    _command(kafka, prefix, incident_id, "note", by, text, timeout if wait else None, as_json=as_json)


@_group.command("phase")
def phase(
    incident_id: Identifier,
    now: Annotated[Phase, typer.Argument(metavar="PHASE", help="INVESTIGATING, IDENTIFIED or MONITORING.")],
    by: By,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    text: Text = None,
    wait: Wait = True,
    timeout: Timeout = 15.0,
    as_json: AsJson = False,
) -> None:
    """Say how far it has come: that is an update, too. Exit codes: 0 done, 1 refused or no answer, 2 wrong usage."""
    _command(kafka, prefix, incident_id, "phase", by, text, timeout if wait else None, phase=now, as_json=as_json)


@_group.command("escalate")
def escalate(
    incident_id: Identifier,
    by: By,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    text: Text = None,
    to: Annotated[str | None, typer.Option("--to", help="A person, rotation or receiver; the next without.")] = None,
    wait: Wait = True,
    timeout: Timeout = 15.0,
    as_json: AsJson = False,
) -> None:
    """Tell the next of the chain now, or somebody else. Exit codes: 0 done, 1 refused or no answer, 2 wrong usage."""
    _command(kafka, prefix, incident_id, "escalate", by, text, timeout if wait else None, target=to, as_json=as_json)


@_group.command("assign")
def assign(
    incident_id: Identifier,
    to: Annotated[str, typer.Argument(metavar="WHOM", help="Who has it from now on.")],
    by: By,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    text: Text = None,
    wait: Wait = True,
    timeout: Timeout = 15.0,
    as_json: AsJson = False,
) -> None:
    """Say who has it; escalation goes on. Exit codes: 0 done, 1 refused or no answer, 2 wrong usage."""
    _command(kafka, prefix, incident_id, "assign", by, text, timeout if wait else None, target=to, as_json=as_json)


@_group.command("snooze")
def snooze(
    incident_id: Identifier,
    by: By,
    duration: Annotated[str, typer.Option("--for", help="How long, such as 1h; a week at most.")] = "1h",
    until: Annotated[str | None, typer.Option(help="Until when, as 2026-12-01T08:00:00Z; in place of --for.")] = None,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    text: Text = None,
    wait: Wait = True,
    timeout: Timeout = 15.0,
    as_json: AsJson = False,
) -> None:
    """Put an incident off: nobody is told or called until then, unless it becomes worse; then it goes on.

    Exit codes: 0 done, 1 refused or no answer, 2 wrong usage.
    """
    from sciagents.console import incidents  # noqa: PLC0415 - as above

    incidents.snooze(kafka, prefix, incident_id, by, duration, until, text, wait_s=timeout if wait else None,
                     as_json=as_json)  # fmt: skip


@app.command()
def postmortem(
    incident_id: Identifier,
    kafka: Kafka = "127.0.0.1:9092",
    prefix: Prefix = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it here; one that is there stays.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Write over what is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write an incident's post-mortem: what is known fills the template in, what only people know is left blank.

    Exit codes: 0 written, 1 failed or none such, 2 wrong usage.
    """
    from sciagents.console import incidents  # noqa: PLC0415 - as above

    incidents.write_postmortem(kafka, prefix, incident_id, output, force=force, as_json=as_json)


def _command(
    kafka: str, prefix: str, incident_id: str, action: "Action", by: str, text: str | None, wait_s: float | None, *,
    as_json: bool, phase: Phase | None = None, target: str | None = None,
) -> None:  # fmt: skip
    from sciagents.console import incidents  # noqa: PLC0415 - as above

    incidents.command(
        kafka, prefix, incident_id, action, by, text, wait_s=wait_s, phase=phase, target=target, as_json=as_json
    )
