"""What people read: templates, durations and instants."""

import pytest
from msgspec.structs import replace
from unit.alerting.making import NOW, make_alert, make_incident

from alerting import durations, instants, text
from alerting.receivers import Secret, Webhook
from streams.contracts import EscalationState, Transition


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("90s", 90), ("0.5s", 0.5), ("1h30m", 5400), ("1d", 86_400), ("1w", 604_800), ("250ms", 0.25), ("0", 0)],
)
def test_duration(said, seconds):
    assert durations.parse(said) == seconds
    assert durations.parse(durations.show(seconds)) == seconds


@pytest.mark.parametrize("said", ["", "5", "m", "-1s", "1s1h", "1 h", "1e3s", "٣s"[:1] + "x"])
def test_what_is_no_duration_says_so(said):
    with pytest.raises(ValueError, match="is no duration"):
        durations.parse(said)


def test_an_instant_needs_its_offset():
    assert instants.show(instants.parse("2025-10-01T16:30:00+02:00")) == "2025-10-01T14:30:00.000Z"
    with pytest.raises(ValueError, match="no offset"):
        instants.parse("2025-10-01T16:30:00")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param("{{ labels.agent }}: {{ value | percent }}", "ode: 5.26%", id="labels and a share"),
        pytest.param("{{ (value * 1000) | humanize }}", "52.6", id="a number"),
        pytest.param("{{ 90 | duration }}", "1m30s", id="a duration"),
        pytest.param("plain", "plain", id="no template"),
        pytest.param("{{ labels.none }}", "", id="a label that is not there"),
    ],
)
def test_template(template, expected):
    assert text.Template(template).render({"agent": "ode"}, 0.0526) == expected


@pytest.mark.parametrize(
    "template",
    [
        "{{ value / 0 }}", "{{ value.__class__.__mro__ }}", "{{ labels.__init__.__globals__ }}", "{{ none.x.y }}",
        "{{ ''.join([1]) }}",
    ],
)  # fmt: skip
def test_a_template_that_fails_or_breaks_out_stands_in_no_alerts_way(template):
    said = text.Template(template).render({}, 1.0)
    assert said == "" or said.startswith(template)


def test_what_is_no_template_says_so():
    with pytest.raises(ValueError, match="is no template"):
        text.Template("{{ value")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HighErrorRate", "High Error Rate"),
        ("HighCPU", "High CPU"),
        ("CPUHigh", "CPU High"),
        ("disk_full", "disk full"),
    ],
)
def test_title(name, expected):
    assert text.title(name) == expected


def test_actions_are_what_people_did():
    """What was refused was not done."""
    timeline = [
        Transition(at="2025-10-01T14:30:00Z", what="opened"),
        Transition(at="2025-10-01T14:31:00Z", what="acknowledge", by="ada"),
        Transition(at="2025-10-01T14:32:00Z", what="note", by="ada", reason="Reviewed logs: a bad release"),
        Transition(at="2025-10-01T14:33:00Z", what="refused", by="ada", reason="escalate: no 'gracie'"),
    ]
    assert text.actions_taken(replace(make_incident(), timeline=timeline)) == [
        "Acknowledged (ada, 2025-10-01 14:31 UTC)",
        "Reviewed logs: a bad release (ada, 2025-10-01 14:32 UTC)",
    ]


CHANNEL = Webhook(url=Secret("http://127.0.0.1/"))
DUE = EscalationState(step=1, due_at="2025-10-01T14:45:00Z", target="ada")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, "Otherwise grace is told at 2025-10-01 14:45 UTC", id="nobody has it"),
        pytest.param({"status": "acknowledged"}, "ada is on it until 2025-10-01 14:45 UTC", id="somebody has it"),
        pytest.param(
            {"status": "resolved"}, "Write the post-mortem: sci-agents postmortem INC-2025-000042", id="it is over"
        ),
    ],
)
def test_next_steps(message, fields, expected):
    incident = replace(make_incident(), escalation=DUE, **fields)
    assert text.next_steps(message(CHANNEL, incident=incident, next_targets=("grace",)))[-1] == expected


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ({"summary": "too many", "description": "of all"}, "too many"),
        ({"description": "of\nall"}, "of all"),
        ({"message": "as of old"}, "as of old"),
        ({}, "High Error Rate"),
    ],
)
def test_an_alert_is_told_with_what_it_says_and_the_labels_that_tell_it_apart(annotations, said):
    """Whoever hears of several machines has to hear which."""
    state = replace(make_alert(pod="p-7").state(NOW), annotations=annotations)
    assert text.alert_lines([state]) == [f"fires since 2025-10-01 14:30 UTC: {said} (agent=ode pod=p-7)"]


def test_of_many_alerts_the_first_are_told_and_how_many_more_there_are():
    lines = text.alert_lines([make_alert(pod=str(number)).state(NOW) for number in range(25)])
    assert (len(lines), lines[-1]) == (21, "and 5 more")
