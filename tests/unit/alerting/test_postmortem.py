"""Post-mortems: what the records know fills the template in, what only people know is left blank."""

from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace
from unit.alerting.making import NOW, make_alert, make_incident

from alerting import incidents, instants, postmortem
from streams.contracts import Notification, OpsEvent, Transition

TEMPLATE = (Path(__file__).parents[3] / "docs/templates/post_mortem.md").read_text()


def at(seconds):
    return instants.show(NOW + seconds)


def entry(seconds, what, by=None, reason=None):
    return Transition(at=at(seconds), what=what, by=by, reason=reason)


def deploy(seconds, version="1.2.0", **fields):
    own = {"id": f"d{seconds}", "source": "api", "by": "grace"} | fields
    return OpsEvent(time=at(seconds), kind="deploy", version=version, **own)


def notification(name, status, receiver="team", channel="email", **fields):
    own = {"reason": "first_notification", "attempt": 1, "at": at(1)} | fields
    return Notification(id=name, incident="INC-2025-000042", receiver=receiver, channel=channel, status=status, **own)


@pytest.fixture
def incident():
    """One that ada acknowledged after five minutes and resolved after an hour."""
    made = incidents.linked(make_incident(), [{"id": "r-1", "agent": "ode", "code": "timed_out", "at": at(-30)}])
    timeline = [
        *made.timeline, entry(0, "escalated", reason="step 1: ada (triggered)"), entry(300, "acknowledge", "ada"),
        entry(900, "note", "ada", "a bad release"), entry(3600, "resolve", "ada", "rolled back"),
    ]  # fmt: skip
    return replace(made, timeline=timeline, status="resolved", phase="RESOLVED", resolved_at=at(3600))


def section(text, name):
    return text.split(f"\n## {name}\n")[1].split("\n## ")[0]


def test_it_has_the_sections_of_the_runbook_in_its_order(incident):
    text = postmortem.write(incident, [], [], TEMPLATE, NOW + 7200)
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == [
        "Timeline", "Root cause", "Impact assessment", "Resolution steps", "Prevention measures", "Action items",
    ]  # fmt: skip


def test_its_head_says_which_how_bad_and_how_long(incident):
    lines = postmortem.write(incident, [], [], TEMPLATE, NOW + 7200).splitlines()
    assert lines[0] == "# Post-mortem: INC-2025-000042 – High Error Rate"
    assert lines[2] == (
        "Severity: P1 – Started: 2025-10-01 14:30 UTC – Acknowledged after: 5m – Resolved after: 1h"
    )  # fmt: skip


def test_figures(incident):
    """Each notification counts once, by what came of it in the end."""
    told = [
        notification("a", "intended"), notification("a", "failed"), notification("a", "delivered", attempt=2),
        notification("b", "failed", channel="slack"), notification("c", "suppressed"), notification("d", "intended"),
    ]  # fmt: skip
    found = postmortem.figures(incident, told)
    assert (found.acknowledged_after_s, found.resolved_after_s, found.escalations) == (300.0, 3600.0, 1)
    assert found.error_codes == {"timed_out": 1}
    assert [(one.channel, one.delivered, one.failed, one.suppressed) for one in found.notifications] == [
        ("email", 1, 0, 1), ("slack", 0, 1, 0),
    ]  # fmt: skip


def test_the_timeline_has_transitions_deliveries_and_deploys_in_order(incident):
    told = [notification("a", "delivered", at=at(2))]
    rows = section(postmortem.write(incident, told, [deploy(-120)], TEMPLATE, NOW), "Timeline").splitlines()
    assert [row.split(" | ")[1] for row in rows if row.startswith("| 2025")] == [
        "Deploy: 1.2.0 on api", "Opened: too many",
        f"Fires: High Error Rate (ode) \\[{make_alert().fingerprint}\\]", "Told: step 1: ada (triggered)",
        "Delivered: team by email, first\\_notification", "Acknowledged", "Note: a bad release",
        "Resolved: rolled back",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "named"),
    [
        pytest.param(-3601, False, id="more than an hour before"),
        pytest.param(-3600, True, id="an hour before"),
        pytest.param(1800, True, id="while it lasted"),
        pytest.param(3601, False, id="after its end"),
    ],
)
def test_deploys_around_it_are_named(incident, seconds, named):
    text = postmortem.write(incident, [], [deploy(seconds)], TEMPLATE, NOW + 7200)
    assert ("1.2.0 on api" in section(text, "Root cause")) == named
    assert ("No deploy is known" in text) != named


def test_who_did_what_stands_in_the_resolution_steps(incident):
    text = section(postmortem.write(incident, [], [], TEMPLATE, NOW), "Resolution steps")
    assert "Resolved: rolled back, by ada." in text
    assert [row.split(" | ")[1:] for row in text.splitlines() if row.startswith("| 2025")] == [
        ["Acknowledged", "ada |"], ["Note: a bad release", "ada |"], ["Resolved: rolled back", "ada |"],
    ]  # fmt: skip


def test_an_open_incident_says_that_it_is(incident):
    made = replace(
        incident, status="acknowledged", phase="IDENTIFIED", resolved_at=None, timeline=incident.timeline[:-1]
    )
    text = postmortem.write(made, [], [], TEMPLATE, NOW + 1800)
    assert "**The incident is open (acknowledged, IDENTIFIED): this is how it stands at 2025-10-01 15:00 UTC.**" in text
    assert "Resolved after: not resolved yet" in text
    assert "The incident is open" not in postmortem.write(incident, [], [], TEMPLATE, NOW + 7200)


@pytest.mark.parametrize(
    "name", ["Root cause", "Impact assessment", "Resolution steps", "Prevention measures"]
)  # fmt: skip
def test_what_only_people_know_is_a_blank(incident, name):
    assert postmortem.BLANK in section(postmortem.write(incident, [], [], TEMPLATE, NOW), name)


def test_what_could_not_be_looked_at_is_said(incident):
    text = postmortem.write(incident, [], [], TEMPLATE, NOW, ["deploys before noon"])
    assert "Not known: deploys before noon." in section(text, "Root cause")


HOSTILE = "</td><img src=x onerror=alert(1)> | [click](javascript:x)\n\n# Owned\n```\x1b[31m"


def test_text_from_outside_is_neither_html_nor_markdown(incident):
    """Whoever may name an alert, a request or a deploy writes nothing but text."""
    alert = make_alert(agent=HOSTILE)
    made = incidents.linked(
        replace(
            incident, title=HOSTILE, affected=HOSTILE, impact=HOSTILE, alerts=[alert.state(NOW)],
            timeline=[entry(0, "note", HOSTILE, HOSTILE)],
        ),
        [{"id": HOSTILE, "agent": HOSTILE, "code": HOSTILE, "at": HOSTILE}],
    )  # fmt: skip
    told = [notification(HOSTILE, "delivered", HOSTILE, HOSTILE)]
    text = postmortem.write(made, told, [deploy(-60, HOSTILE, source=HOSTILE, by=HOSTILE)], TEMPLATE, NOW, [HOSTILE])
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    whole = [one for token in tokens for one in (token, *(token.children or ()))]
    assert not {one.type for one in whole} & {"html_inline", "html_block", "link_open", "image", "fence", "code_block"}
    assert {one.content for one in whole if one.type == "code_inline"} == {"sci-agents rules backtest"}
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", *["h2"] * 6]
    assert "\x1b" not in text
    for name, columns in (("Timeline", 3), ("Resolution steps", 3)):
        rows = [line for line in section(text, name).splitlines() if line.startswith("|")]
        assert {line.replace("\\|", "").count("|") for line in rows} == {columns + 1}


def test_it_is_bounded(incident):
    """Thousands of notifications are counted, not listed."""
    told = [notification(f"n{number}", "delivered", at=at(number)) for number in range(5000)]
    text = postmortem.write(incident, told, [], TEMPLATE, NOW + 7200)
    assert "entries are left out here" in text
    assert "| team | email | 5000 | 0 | 0 |" in text
    assert len(text) < 100_000


def test_a_template_of_ones_own_keeps_its_sections(incident):
    """What is known goes below what the template says; sections that it lacks come after the others."""
    template = "# [title]\n\nSeverity:\n\n## Lessons\n\nWhat went well.\n\n## Root cause\n\nFive whys.\n"
    text = postmortem.write(incident, [], [], template, NOW)
    assert "What went well.\n\n## Root cause\n\nFive whys.\n\n**To be written.**" in text
    assert text.index("## Root cause") < text.index("## Timeline")
