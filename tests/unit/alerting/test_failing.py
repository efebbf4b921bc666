"""A channel that keeps failing: when it does, and who is told."""

import msgspec
import pytest
from unit.alerting.making import NOW, make_alert
from unit.alerting.test_engine import Desk

from alerting.engine import Engine
from alerting.failing import Failing
from alerting.outbox import DELIVERED, Outcome

CHANNEL = ("team", "slack")
CONFIG = """
route: {receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1m, repeat_interval: 1h}
receivers:
  - {name: team, webhook_configs: [{url: "http://a"}]}
  - {name: log, webhook_configs: [{url: "http://b"}]}
global: {resolve_timeout: 1d}
"""


@pytest.mark.parametrize(
    ("failures", "expected"),
    [
        pytest.param([(0, False), (1, False), (3, False)], False, id="three failures in three seconds are a hiccup"),
        pytest.param([(0, False), (61, False)], False, id="two are few"),
        pytest.param([(0, False), (1, False), (60, False)], True, id="a minute and three tries are not"),
        pytest.param([(0, True)], False, id="one refusal may be the message's fault"),
        pytest.param([(0, True), (5, True)], True, id="two are the channel's"),
    ],
)
def test_what_keeps_failing(failures, expected):
    failing = Failing()
    for at, refused in failures:
        found = failing.failed(CHANNEL, "down", NOW + at, refused=refused)
    assert (found, CHANNEL in failing) == (expected, expected)
    assert failing.delivered(CHANNEL) is expected
    assert CHANNEL not in failing


def test_it_is_told_in_the_same_words_for_as_long_as_it_lasts():
    failing = Failing()
    for at, error in ((0, "a"), (30, "b"), (61, "c"), (90, "d")):
        failing.failed(CHANNEL, error, NOW + at, refused=False)
    assert failing.summary(CHANNEL) == "slack of team delivers nothing: c"


def test_it_is_an_incident_on_another_channel_until_something_is_delivered(read):
    desk = Desk(read(CONFIG))
    desk.outcomes["team"] = Outcome("retry", "HTTP 500")
    desk.push(0, make_alert())
    desk.tick(*range(1, 70))
    assert ("log", "first_notification") in [(to, reason) for _, to, reason in desk.told]
    opened = [one for one in desk.incidents if one.alerts[0].labels["alertname"] == "NotificationChannelFailing"]
    assert opened[0].severity == "P2"
    assert opened[0].alerts[0].labels["receiver"] == "team"
    desk.outcomes["team"] = DELIVERED
    desk.tick(*range(70, 400))
    assert ("log", "all_resolved") in [(to, reason) for _, to, reason in desk.told]
    assert {one.id: one.status for one in desk.incidents}[opened[0].id] == "resolved"


def test_where_no_other_channel_works_it_is_told_where_it_would_be(read):
    desk = Desk(read(CONFIG))
    desk.outcomes |= dict.fromkeys(("team", "log"), Outcome("permanent", "HTTP 404"))
    for at in (0, 60, 120, 180):
        desk.push(at, make_alert(name=f"A{at}"))
        desk.tick(at + 1, at + 59)
    assert {to for _, to, _ in desk.told} == {"team", "log"}


def test_a_restart_knows_it_and_ends_it_with_the_next_delivery(read):
    """Also that of an older incident: what the topic says of deliveries and failures is read again."""
    config = read(CONFIG)
    before = Desk(config)
    before.outcomes["team"] = Outcome("permanent", "HTTP 404")
    for at in (0, 1):
        before.push(at, make_alert(name=f"A{at}"))
    before.tick(1)
    assert ("log", "first_notification") in [(to, reason) for _, to, reason in before.told]
    after = Desk(config)
    after.outcomes["team"] = Outcome("permanent", "HTTP 404")
    after.engine = Engine.restore(config, before.incidents, before.notifications, NOW + 400)
    after.tick(400)
    failing = [alert for alert in after.engine.store if dict(alert.labels)["alertname"] == "NotificationChannelFailing"]
    assert [(one.end, dict(one.labels)["receiver"]) for one in failing] == [(None, "team")]
    after.outcomes["team"] = DELIVERED
    after.push(401, make_alert(name="B"))
    assert after.engine.store.get(failing[0].fingerprint).resolved(NOW + 401)


def test_what_was_superseded_is_no_refusal_and_what_is_a_day_old_no_trouble(read):
    config = read(CONFIG)
    before = Desk(config)
    before.outcomes["team"] = Outcome("permanent", "HTTP 404")
    for at in (0, 1):
        before.push(at, make_alert(name=f"A{at}"))
    log = [msgspec.structs.replace(one, error="HTTP 500; superseded by x") for one in before.notifications]
    for notifications, now in ((log, NOW + 400), (before.notifications, NOW + 90_000)):
        after = Engine.restore(config, [], notifications, now)
        assert list(after.store) == []


def test_a_channel_that_is_configured_no_more_fails_no_more(read):
    desk = Desk(read(CONFIG))
    desk.outcomes["team"] = Outcome("permanent", "HTTP 404")
    for at in (0, 1):
        desk.push(at, make_alert(name=f"A{at}"))
    (failing,) = [a for a in desk.engine.store if dict(a.labels)["alertname"] == "NotificationChannelFailing"]
    assert not failing.resolved(NOW + 2)
    without = CONFIG.replace('{name: team, webhook_configs: [{url: "http://a"}]}', "{name: team}")
    desk.perform(desk.engine.reconfigure(read(without), NOW + 2), 2)
    assert desk.engine.store.get(failing.fingerprint).resolved(NOW + 2)
