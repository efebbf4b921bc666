"""Webhooks get Alertmanager's payload, version 4."""

import hashlib
import hmac
from dataclasses import replace

from msgspec import structs
from unit.alerting.making import NOW, make_alert, make_incident

from alerting.notify.webhook import WebhookNotifier, payload
from alerting.outbox import DELIVERED
from alerting.receivers import Secret, Webhook

WEBHOOK = Webhook(url=Secret("http://127.0.0.1/"))


async def test_the_payload_is_alertmanagers(message, endpoint, client):
    fires, over = make_alert(agent="ode"), make_alert(agent="pde")
    states = (fires.state(NOW), replace(over, ends_at=NOW + 60).state(NOW + 60))
    sent = message(
        Webhook(url=Secret(endpoint.url)), alerts=states, group_labels=(("alertname", "HighErrorRate"),),
        external_url="https://example.com",
    )  # fmt: skip
    assert await WebhookNotifier(client).send(sent) == DELIVERED
    common = {"alertname": "HighErrorRate", "severity": "P1"}
    annotations = {
        "impact": "15% increase in error rate", "affected": "Production environment", "summary": "too many"
    }  # fmt: skip
    assert endpoint.got == [
        {
            "version": "4",
            "groupKey": "{}:{}",
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "team",
            "groupLabels": {"alertname": "HighErrorRate"},
            "commonLabels": common,
            "commonAnnotations": annotations,
            "externalURL": "https://example.com",
            "alerts": [
                {
                    "status": "firing",
                    "labels": common | {"agent": "ode"},
                    "annotations": annotations,
                    "startsAt": "2025-10-01T14:30:00.000Z",
                    "endsAt": "0001-01-01T00:00:00Z",
                    "generatorURL": "",
                    "fingerprint": fires.fingerprint,
                },
                {
                    "status": "resolved",
                    "labels": common | {"agent": "pde"},
                    "annotations": annotations,
                    "startsAt": "2025-10-01T14:30:00.000Z",
                    "endsAt": "2025-10-01T14:31:00.000Z",
                    "generatorURL": "",
                    "fingerprint": over.fingerprint,
                },
            ],
        }
    ]


def test_alerts_beyond_max_alerts_are_counted(message):
    incident = make_incident(*(make_alert(instance=f"host-{n}") for n in range(5)))
    body = payload(message(WEBHOOK, incident=incident), max_alerts=2)
    assert (len(body["alerts"]), body["truncatedAlerts"]) == (2, 3)


def test_an_escalation_names_its_step_target_and_incident(message):
    annotations = payload(message(WEBHOOK, step=2, target="ada"))["commonAnnotations"]
    assert annotations["escalation_step"] == "2"
    assert annotations["escalation_target"] == "ada"
    assert annotations["incident_id"] == "INC-2025-000042"


async def test_a_group_is_named_by_its_own_key_not_by_that_of_its_incident(message):
    assert payload(message(WEBHOOK, group_key='{}/{a="1"}:{}'))["groupKey"] == '{}/{a="1"}:{}'


async def test_an_alert_names_where_it_comes_from(message):
    state = replace(make_alert(), generator_url="http://prometheus/graph").state(NOW)
    assert payload(message(WEBHOOK, alerts=(state,)))["alerts"][0]["generatorURL"] == "http://prometheus/graph"


async def test_with_a_key_the_body_is_signed(message, endpoint, client):
    """HMAC-SHA256 over the bytes as they were sent."""
    key = Secret("k3y")
    await WebhookNotifier(client).send(message(Webhook(url=Secret(endpoint.url), key=key)))
    expected = hmac.new(b"k3y", endpoint.bodies[0], hashlib.sha256).hexdigest()
    assert endpoint.headers[0]["x-sci-agents-signature"] == f"sha256={expected}"
    await WebhookNotifier(client).send(message(Webhook(url=Secret(endpoint.url))))
    assert "x-sci-agents-signature" not in endpoint.headers[1]


def test_a_key_that_is_not_there_turns_the_webhook_off(read):
    """What is asked to be signed is never sent unsigned."""
    found = read(
        "route: {receiver: r}\n"
        "receivers: [{name: r, webhook_configs: [{url: 'http://a', hmac_key_file: /nowhere/key}]}]\n"
    )
    assert found.receivers["r"].channels == ()
    assert found.notices == ("webhook of r is off: no hmac_key in /nowhere/key",)
    assert "hmac" not in found.original


def test_an_incident_that_was_resolved_by_hand_is_over_in_the_payload(message):
    """What still fires is not told again, nor its end: who heard that it fires hears here that it is over."""
    resolved_at = "2025-10-01T14:40:00.000Z"
    incident = structs.replace(make_incident(), status="resolved", resolved_at=resolved_at)
    fires, over = make_alert(agent="ode"), make_alert(agent="pde")
    states = (fires.state(NOW), replace(over, ends_at=NOW + 60).state(NOW + 60))
    made = payload(message(WEBHOOK, incident=incident, alerts=states, reason="resolved_by_hand"))
    assert made["status"] == "resolved"
    ends = [(alert["status"], alert["endsAt"]) for alert in made["alerts"]]
    assert ends == [("resolved", resolved_at), ("resolved", "2025-10-01T14:31:00.000Z")]
