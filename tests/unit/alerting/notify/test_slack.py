"""Slack messages keep Block Kit's limits, whatever an incident holds."""

from dataclasses import replace as with_fields

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from unit.alerting.making import make_alert, make_incident

from alerting.notify.slack import SlackNotifier, answered, payload
from alerting.outbox import DELIVERED, Outcome
from alerting.receivers import Http, Secret, Slack
from streams.contracts import Transition


def texts(body):
    for block in body["blocks"]:
        parts = [] if block["type"] == "actions" else block.get("elements", [])
        for part in [block.get("text"), *block.get("fields", []), *parts]:
            if part is not None:
                yield block["type"], part["text"]


def keeps_the_limits(body):
    assert 0 < len(body["blocks"]) <= 50
    limits = {"header": 150, "section": 3000, "context": 2000}
    for kind, text in texts(body):
        assert 0 < len(text) <= limits[kind], kind
    assert len(body["text"]) <= 4000
    for button in (one for block in body["blocks"] if block["type"] == "actions" for one in block["elements"]):
        assert len(button["text"]["text"]) <= 75
        assert len(button["action_id"]) <= 255
        assert len(button["value"]) <= 2000
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


@given(
    words=st.text(min_size=1, max_size=400), many=st.integers(1, 60), status=st.sampled_from(["triggered", "resolved"])
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_limits_hold_whatever_is_said(message, words, many, status):
    alerts = [make_alert(instance=f"{words[:50]}{n}") for n in range(many)]
    for alert in alerts:
        alert.annotations.update({"summary": words, "impact": words * 9, "runbook": words, "title": words})
    incident = replace(make_incident(*alerts), status=status, affected=words * 20)
    assert keeps_the_limits(payload(message(Slack(api_url=Secret("http://a"), buttons=True), incident=incident)))


def buttons(body):
    return [one["action_id"] for block in body["blocks"] if block["type"] == "actions" for one in block["elements"]]


@pytest.mark.parametrize(
    ("status", "offered"),
    [("triggered", ["acknowledge", "resolve", "snooze"]), ("acknowledged", ["resolve", "snooze"]), ("resolved", [])],
)
def test_buttons_offer_what_can_be_done(message, status, offered):
    slack = Slack(api_url=Secret("http://a"), buttons=True)
    assert buttons(payload(message(slack, incident=replace(make_incident(), status=status)))) == offered
    assert buttons(payload(message(with_fields(slack, buttons=False)))) == []


@pytest.fixture
def bot(endpoint):
    url = endpoint.url.replace("/services/T0/SECRET", "/api/chat.postMessage")
    return Slack(api_url=Secret(url), channel="#alerts", http=Http(authorization=Secret("Bearer xoxb-1")))


OK = (200, {}, b'{"ok":true,"channel":"C024BE91L","ts":"1503435956.000247","message":{"text":"x"}}')


async def test_a_bots_messages_are_one_thread_whose_first_shows_the_latest(message, bot, endpoint, client):
    endpoint.answers = [OK, OK, OK]
    first = await SlackNotifier(client).send(message(bot))
    assert first == Outcome("delivered", thread="C024BE91L:1503435956.000247")
    resolved = replace(make_incident(), status="resolved", phase="RESOLVED")
    assert (
        await SlackNotifier(client).send(message(bot, incident=resolved, thread=first.thread))
    ).status == "delivered"
    root, reply, changed = endpoint.got
    assert (root["channel"], "thread_ts" in root) == ("#alerts", False)
    assert (reply["channel"], reply["thread_ts"]) == ("C024BE91L", "1503435956.000247")
    assert (changed["channel"], changed["ts"], changed["blocks"]) == ("C024BE91L", "1503435956.000247", reply["blocks"])
    assert endpoint.paths == ["/api/chat.postMessage", "/api/chat.postMessage", "/api/chat.update"]
    assert all(headers["authorization"] == "Bearer xoxb-1" for headers in endpoint.headers)


async def test_a_first_message_that_cannot_be_changed_does_not_repeat_the_second(message, bot, endpoint, client):
    endpoint.answers = [OK, (200, {}, b'{"ok":false,"error":"cant_update_message"}')]
    outcome = await SlackNotifier(client).send(message(bot, thread="C1:1.2"))
    assert (outcome.status, outcome.error) == ("delivered", "the first message was not changed: cant_update_message")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param(b'{"ok":true}', "delivered", id="ok"),
        pytest.param(b'{"ok":false,"error":"ratelimited"}', "retry", id="too many: again"),
        pytest.param(b'{"ok":false,"error":"internal_error"}', "retry", id="its own trouble: again"),
        pytest.param(b'{"ok":false,"error":"channel_not_found"}', "permanent", id="no such channel: permanent"),
        pytest.param(b'{"ok":false,"error":"invalid_auth"}', "permanent", id="the token is wrong: permanent"),
        pytest.param(b"<html>", "retry", id="garbage: again"),
        pytest.param(b"", "retry", id="nothing: again"),
        pytest.param(b"[1]", "retry", id="another shape: again"),
    ],
)
def test_what_the_web_api_answers_with_200(answer, status):
    assert answered(answer).status == status


def test_a_place_that_is_none_begins_no_thread():
    assert answered(msgspec.json.encode({"ok": True, "channel": "../x", "ts": "1.2"})).thread is None


def test_a_token_makes_a_bot_and_a_signing_secret_buttons(read):
    found = read(
        "global: {slack_signing_secret: S1GN}\n"
        "route: {receiver: r}\n"
        "receivers: [{name: r, slack_configs: [{channel: '#a', app_token: xoxb-1}]}]\n"
    )
    ((_, slack),) = found.receivers["r"].channels
    assert slack.api_url.reveal() == "https://slack.com/api/chat.postMessage"
    assert (slack.http.authorization.reveal(), slack.buttons) == ("Bearer xoxb-1", True)
    assert found.slack_signing_secret.reveal() == "S1GN"
    assert not any(secret in repr(found) + found.original for secret in ("S1GN", "xoxb-1"))
