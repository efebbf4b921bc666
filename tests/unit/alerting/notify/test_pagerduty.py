"""PagerDuty's events: one key for an incident's life, within its limits."""

import msgspec
import pytest
from msgspec.structs import replace
from unit.alerting.making import make_alert, make_incident

from alerting.notify.pagerduty import PagerDutyNotifier, action, generic, payload
from alerting.outbox import DELIVERED, Outcome
from alerting.receivers import PagerDuty, Secret

CHANNEL = PagerDuty(routing_key=Secret("R0UT1NG"))


@pytest.mark.parametrize(
    ("status", "target", "expected"),
    [
        pytest.param("triggered", None, "trigger", id="it fires"),
        pytest.param("acknowledged", None, "acknowledge", id="somebody has it"),
        pytest.param("acknowledged", "on-call", "trigger", id="somebody has it and wants help"),
        pytest.param("resolved", None, "resolve", id="it is over"),
    ],
)
def test_action(message, status, target, expected):
    incident = replace(make_incident(), status=status)
    sent = message(CHANNEL, incident=incident, target=target)
    assert action(sent) == expected
    assert payload(sent)["dedup_key"] == "INC-2025-000042"
    assert ("payload" in payload(sent)) == (expected == "trigger")


@pytest.mark.parametrize(
    ("severity", "expected"), [("P0", "critical"), ("P1", "error"), ("P2", "warning"), ("P3", "info")]
)
def test_severity(message, severity, expected):
    incident = make_incident(make_alert(severity=severity))
    assert payload(message(CHANNEL, incident=incident))["payload"]["severity"] == expected


def test_limits_hold_for_an_incident_of_any_size(message):
    alerts = [make_alert(instance=f"host-{n}" * 200) for n in range(400)]
    for number, alert in enumerate(alerts):
        alert.annotations["runbook"] = f"{number}" + "\U0001f525" * 9_000
        alert.annotations["summary"] = "\U0001f525" * 9_000
    incident = replace(make_incident(*alerts), title="T" * 5000, impact="I" * 1_000_000)
    body = payload(message(CHANNEL, incident=incident))
    assert len(body["payload"]["summary"]) <= 1024
    assert len(body["dedup_key"]) <= 255
    assert len(msgspec.json.encode(body)) <= 512 * 1024


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param((202, {}, b'{"status":"success"}'), DELIVERED, id="202: taken"),
        pytest.param(
            (400, {}, b"invalid routing key R0UT1NG"), Outcome("permanent", "HTTP 400: invalid routing key ***"),
            id="400: permanent, and the key is not shown",
        ),
        pytest.param((429, {}, b""), Outcome("retry", "HTTP 429"), id="429: again"),
        pytest.param((502, {}, b""), Outcome("retry", "HTTP 502"), id="502: again"),
    ],
)  # fmt: skip
async def test_what_pagerduty_answers(message, endpoint, client, answer, outcome):
    endpoint.answers = [answer]
    channel = PagerDuty(routing_key=Secret("R0UT1NG"), url=endpoint.url)
    assert await PagerDutyNotifier(client).send(message(channel)) == outcome
    assert endpoint.got[0]["routing_key"] == "R0UT1NG"


def test_a_service_key_speaks_events_of_version_1(message):
    sent = message(PagerDuty(routing_key=Secret("SERVICE"), generic=True), external_url="https://example.com")
    event = generic(sent)
    assert (event["service_key"], event["event_type"], event["incident_key"]) == (
        "SERVICE", "trigger", "INC-2025-000042",
    )  # fmt: skip
    assert event["client_url"] == "https://example.com"
    over = generic(message(CHANNEL, incident=replace(make_incident(), status="resolved")))
    assert (over["event_type"], "client" in over) == ("resolve", False)
