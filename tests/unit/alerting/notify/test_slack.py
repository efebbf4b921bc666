"""Slack messages keep Block Kit's limits, whatever an incident holds."""

import pytest
from msgspec.structs import replace
from unit.alerting.making import make_alert, make_incident

from alerting.notify.slack import SlackNotifier, payload
from alerting.outbox import DELIVERED, Outcome
from alerting.receivers import Secret, Slack
from streams.contracts import Transition


def texts(body):
    for block in body["blocks"]:
        for part in [block.get("text"), *block.get("fields", []), *block.get("elements", [])]:
            if part is not None:
                yield block["type"], part["text"]


def keeps_the_limits(body):
    assert 0 < len(body["blocks"]) <= 50
    limits = {"header": 150, "section": 3000, "context": 2000}
    for kind, text in texts(body):
        assert 0 < len(text) <= limits[kind], kind
    for block in body["blocks"]:
        assert len(block.get("fields", [])) <= 10
        assert all(len(one["text"]) <= 2000 for one in block.get("fields", []))
    return True


@pytest.fixture
def slack(endpoint):
    return Slack(api_url=Secret(endpoint.url), channel="#sci-agents-alerts")


async def test_a_message_arrives_in_the_words_of_the_template(message, slack, endpoint, client):
    assert await SlackNotifier(client).send(message(slack)) == DELIVERED
    (body,) = endpoint.got
    said = "\n".join(text for _, text in texts(body))
    assert body["channel"] == "#sci-agents-alerts"
    assert body["text"] == "[P1] Scientific Computing Agents - High Error Rate"
    for words in (
        "*Status:* INVESTIGATING", "*Started:* 2025-10-01 14:30 UTC", "*Affected:* Production environment",
        "*Impact:* 15% increase in error rate", "*Actions Taken:*", "*Next Steps:*", "INC-2025-000042",
        "Updates: Every 15 minutes or when status changes",
    ):  # fmt: skip
        assert words in said
    assert keeps_the_limits(body)


def test_limits_hold_for_an_incident_of_any_size(message, slack):
    alerts = [make_alert(instance=f"host-{n}" * 40) for n in range(400)]
    notes = [Transition(at="2025-10-01T14:30:00Z", what="note", by="ada", reason="&<>" * 600) for _ in range(200)]
    incident = replace(make_incident(*alerts), title="T" * 500, affected="<&" * 900, impact="&" * 3000, timeline=notes)
    body = payload(message(slack, incident=incident))
    assert keeps_the_limits(body)
    assert not any(
        text.rstrip("…").endswith(("&a", "&am", "&amp", "&l", "&lt", "&g", "&gt")) for _, text in texts(body)
    )


def test_nobody_is_mentioned_by_what_an_event_says(message, slack):
    alert = make_alert()
    alert.annotations["summary"] = "<!channel> <@U1> & <https://example.com|click>"
    body = payload(message(slack, incident=make_incident(alert)))
    assert all("<" not in text for _, text in texts(body))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param((429, {"retry-after": "30"}, b""), Outcome("retry", "HTTP 429", 30.0), id="too many"),
        pytest.param((404, {}, b"no_service"), Outcome("permanent", "HTTP 404: no_service"), id="the webhook is gone"),
        pytest.param((500, {}, b"\xff\x00"), Outcome("retry", "HTTP 500: \ufffd"), id="garbage"),
    ],
)
async def test_what_slack_answers(message, slack, endpoint, client, answer, outcome):
    endpoint.answers = [answer]
    assert await SlackNotifier(client).send(message(slack)) == outcome


def test_a_secret_is_in_no_repr(message, slack):
    assert "SECRET" not in repr(message(slack))
