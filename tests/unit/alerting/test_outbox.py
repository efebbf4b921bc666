"""The outbox: recorded before it is sent, tried again as data, told once."""

from dataclasses import replace

import msgspec
import pytest
from unit.alerting.making import NOW, make_alert, make_incident

from alerting import instants
from alerting.effects import Notify
from alerting.outbox import DELIVERED, GIVE_UP_S, Outbox, Outcome, backoff, record
from alerting.receivers import PagerDuty, Secret, Slack, Webhook

CHANNEL = Webhook(url=Secret("http://127.0.0.1/"))
LATER = Outcome("retry", "HTTP 503")
NEVER = Outcome("permanent", "HTTP 404")


def shown(effects):
    """What happens, and what is on the topic: (status, attempt, seconds), or the id that is sent."""
    return [
        effect.message.id
        if isinstance(effect, Notify)
        else (effect.value.status, effect.value.attempt, round(instants.parse(effect.value.at) - NOW, 3))
        for effect in effects
    ]


@pytest.fixture
def one(message):
    return message(CHANNEL, id="one")


@pytest.fixture
def two(message):
    return message(CHANNEL, id="two")


def test_the_intent_is_recorded_before_it_is_sent_and_the_outcome_after(one):
    outbox = Outbox()
    assert shown(outbox.put(one, NOW)) == [("intended", 1, 0), "one"]
    assert shown(outbox.on_delivery("one", DELIVERED, NOW + 1)) == [("delivered", 1, 1)]
    assert outbox.due() is None


def test_a_message_is_told_once(one):
    outbox = Outbox()
    outbox.put(one, NOW)
    assert outbox.put(one, NOW) == []
    outbox.on_delivery("one", DELIVERED, NOW + 1)
    assert outbox.put(one, NOW + 2) == []
    assert outbox.suppress(one, NOW + 2, "why") == []


def test_a_failure_is_tried_again_at_a_time_that_is_on_record(one):
    outbox = Outbox()
    outbox.put(one, NOW)
    assert shown(outbox.on_delivery("one", LATER, NOW + 1)) == [("failed", 1, 1), ("intended", 2, 2)]
    assert outbox.due() == NOW + 2
    assert outbox.tick(NOW + 1.9) == []
    assert shown(outbox.tick(NOW + 2)) == ["one"]
    assert outbox.due() is None
    assert shown(outbox.on_delivery("one", DELIVERED, NOW + 3)) == [("delivered", 2, 3)]


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (10_000, 300)])
def test_backoff(attempt, seconds):
    assert backoff(attempt) == seconds


@pytest.mark.parametrize(
    ("after", "wait"),
    [
        pytest.param(0.1, 1, id="the backoff is longer"),
        pytest.param(30.0, 30, id="Retry-After is honoured"),
        pytest.param(1e9, 3600, id="but not without bound"),
    ],
)
def test_retry_after(one, after, wait):
    outbox = Outbox()
    outbox.put(one, NOW)
    outbox.on_delivery("one", Outcome("retry", "HTTP 429", after), NOW)
    assert outbox.due() == NOW + wait


@pytest.mark.parametrize(
    ("outcome", "at", "error"),
    [
        pytest.param(NEVER, 0, "HTTP 404", id="permanent"),
        pytest.param(LATER, GIVE_UP_S, "given up: HTTP 503", id="tried for a day"),
    ],
)
def test_what_cannot_be_delivered_is_on_record_with_its_error(one, outcome, at, error):
    outbox = Outbox()
    outbox.put(one, NOW)
    (effect,) = outbox.on_delivery("one", outcome, NOW + at)
    assert (effect.value.status, effect.value.error) == ("failed", error)
    assert outbox.due() is None


def test_what_is_newer_waits_for_what_is_being_sent(one, two):
    outbox = Outbox()
    outbox.put(one, NOW)
    assert shown(outbox.put(two, NOW)) == [("intended", 1, 0)]
    assert shown(outbox.on_delivery("one", DELIVERED, NOW + 1)) == [("delivered", 1, 1), "two"]


def test_what_is_newer_takes_the_place_of_what_failed(one, two):
    outbox = Outbox()
    outbox.put(one, NOW)
    outbox.put(two, NOW)
    assert shown(outbox.on_delivery("one", LATER, NOW + 1)) == [("failed", 1, 1), "two"]


def test_what_is_newer_takes_the_place_of_what_waits(one, two):
    outbox = Outbox()
    outbox.put(one, NOW)
    outbox.on_delivery("one", LATER, NOW)
    assert shown(outbox.put(two, NOW)) == [("intended", 1, 0), ("suppressed", 2, 0), "two"]


def test_channels_do_not_wait_for_each_other(one, message):
    outbox = Outbox()
    outbox.put(one, NOW)
    assert "other" in shown(outbox.put(message(CHANNEL, id="other", receiver="other"), NOW))
    assert "step" in shown(outbox.put(message(CHANNEL, id="step", target="team", step=1), NOW))


@pytest.mark.parametrize(
    ("log", "due", "attempt"),
    [
        pytest.param([("intended", 1, -5)], 0, 2, id="no outcome: sent again at once"),
        pytest.param([("intended", 1, -5), ("delivered", 1, -4)], None, None, id="delivered: not again"),
        pytest.param([("intended", 1, -5), ("failed", 1, -4)], None, None, id="failed for good: not again"),
        pytest.param(
            [("intended", 1, -5), ("failed", 1, -4), ("intended", 2, 30)], 30, 2, id="to be retried: at its time"
        ),
        pytest.param([("intended", 1, 30)], 0, 2, id="sent by a clock that was ahead: at once"),
        pytest.param([("suppressed", 1, -5)], None, None, id="suppressed: not again"),
    ],
)
def test_restore(one, message, log, due, attempt):
    before = Outbox()
    (intended, _) = before.put(one, NOW)
    records = [
        type(intended.value)(
            id="one", incident=one.incident.id, receiver="team", channel="webhook", reason="x", status=status,
            attempt=number, at=instants.show(NOW + at),
        )
        for status, number, at in log
    ]  # fmt: skip
    outbox = Outbox()
    outbox.restore(records, lambda record: message(CHANNEL, id=record.id), NOW)
    assert outbox.put(one, NOW) == []
    assert outbox.due() == (None if due is None else NOW + due)
    if due is not None:
        (sent,) = outbox.tick(NOW + due)
        assert (sent.message.id, sent.message.attempt) == ("one", attempt)


def intent(message, at=-5.0):
    """The record of a message whose outcome nobody knows."""
    return record(message, "intended", NOW + at).value


def restored(*messages, at=-5.0):
    """An outbox that takes back what was under way."""
    outbox = Outbox()
    by_id = {one.id: one for one in messages}
    outbox.restore([intent(one, at) for one in messages], lambda found: by_id[found.id], NOW)
    return outbox


def test_what_an_earlier_process_may_have_sent_goes_first_and_nothing_takes_its_place(message):
    """Whether the first was heard is not known: the end alone would be an end without a beginning."""
    outbox = restored(message(CHANNEL, id="begins"), message(CHANNEL, id="goes on"))
    assert shown(outbox.put(message(CHANNEL, id="ends"), NOW)) == [("intended", 1, 0), "begins"]
    assert shown(outbox.on_delivery("begins", DELIVERED, NOW)) == [("delivered", 2, 0), "goes on"]
    assert shown(outbox.on_delivery("goes on", DELIVERED, NOW)) == [("delivered", 2, 0), "ends"]
    assert shown(outbox.on_delivery("ends", DELIVERED, NOW)) == [("delivered", 1, 0)]
    assert outbox.due() is None


def test_of_what_was_to_be_tried_again_later_a_newer_one_takes_the_place(message):
    outbox = restored(replace(message(CHANNEL, id="old"), attempt=2), at=30.0)
    assert shown(outbox.put(message(CHANNEL, id="new"), NOW)) == [("intended", 1, 0), ("suppressed", 2, 0), "new"]


def test_a_call_is_heard_before_what_its_target_hears_beside_it(message):
    """The end of an incident waits for the call that is under way; another receiver's does not."""
    call = message(CHANNEL, id="call", target="team", step=1)
    outbox = restored(call)
    assert shown(outbox.put(message(CHANNEL, id="end"), NOW)) == [("intended", 1, 0)]
    assert shown(outbox.put(message(CHANNEL, id="other", receiver="ada"), NOW)) == [("intended", 1, 0), "other"]
    assert shown(outbox.tick(NOW)) == ["call"]
    assert outbox.under_way(call.incident.id, 1)
    assert shown(outbox.on_delivery("call", DELIVERED, NOW + 1)) == [("delivered", 2, 1), "end"]


def test_a_call_is_under_way_until_it_is_delivered_or_given_up(message):
    """Being sent, waiting for its next attempt, or left by an earlier process; of its own incident and step alone."""
    call = message(CHANNEL, id="call", target="team", step=1)
    other = message(CHANNEL, id="other", target="team", step=1, incident=make_incident(make_alert(), number=2))

    def known(outbox):
        return [outbox.under_way(one.incident.id, step) for one in (call, other) for step in (1, 2)]

    outbox = Outbox()
    outbox.put(call, NOW)
    assert known(outbox) == [True, False, False, False]
    outbox.put(other, NOW)
    outbox.on_delivery("call", LATER, NOW)
    outbox.on_delivery("other", NEVER, NOW)
    assert known(outbox) == known(restored(call)) == [True, False, False, False]
    outbox.tick(NOW + 1)
    outbox.on_delivery("call", DELIVERED, NOW + 1)
    assert known(outbox) == [False] * 4


def test_the_end_waits_for_a_call_that_is_to_be_tried_again(message):
    """A call that is refused for good holds nothing up."""
    outbox = restored(message(CHANNEL, id="call", target="team", step=1))
    outbox.tick(NOW)
    outbox.put(message(CHANNEL, id="end"), NOW)
    outbox.on_delivery("call", LATER, NOW)
    assert sent(outbox.tick(NOW + 1)) == []
    assert sent(outbox.tick(NOW + 2)) == ["call"]
    assert sent(outbox.on_delivery("call", NEVER, NOW + 2)) == ["end"]


def test_an_end_follows_a_beginning_that_may_have_been_heard(message):
    """It failed, and came or did not: whoever hears the end has heard the beginning, in that order."""
    outbox = Outbox()
    outbox.put(message(CHANNEL, id="one", reason="first_notification"), NOW)
    outbox.on_delivery("one", LATER, NOW)
    assert shown(outbox.put(message(CHANNEL, id="end", reason="all_resolved"), NOW)) == [("intended", 1, 0)]
    assert shown(outbox.tick(NOW + 1)) == ["one"]
    assert shown(outbox.on_delivery("one", DELIVERED, NOW + 2)) == [("delivered", 2, 2), "end"]
    assert shown(outbox.on_delivery("end", DELIVERED, NOW + 3)) == [("delivered", 1, 3)]
    assert outbox.due() is None


def test_an_end_that_came_while_the_beginning_failed_follows_it(message):
    outbox = Outbox()
    outbox.put(message(CHANNEL, id="one", reason="first_notification"), NOW)
    outbox.put(message(CHANNEL, id="end", reason="all_resolved"), NOW)
    assert shown(outbox.on_delivery("one", LATER, NOW)) == [("failed", 1, 0), ("intended", 2, 1)]
    assert shown(outbox.tick(NOW + 1)) == ["one"]
    assert shown(outbox.on_delivery("one", DELIVERED, NOW + 2)) == [("delivered", 2, 2), "end"]


def test_what_fires_again_takes_the_place_of_a_beginning_and_its_end(message):
    outbox = Outbox()
    outbox.put(message(CHANNEL, id="one", reason="first_notification"), NOW)
    outbox.on_delivery("one", LATER, NOW)
    outbox.put(message(CHANNEL, id="end", reason="all_resolved"), NOW)
    again = outbox.put(message(CHANNEL, id="again", reason="new_alerts"), NOW)
    assert shown(again) == [("intended", 1, 0), ("suppressed", 2, 0), ("suppressed", 1, 0), "again"]


def test_a_beginning_and_its_end_keep_their_order_over_a_restart(message):
    """The beginning waits for its next attempt, the end was never tried."""
    one = message(CHANNEL, id="one", reason="first_notification", attempt=2)
    end = message(CHANNEL, id="end", reason="all_resolved")
    log = [record(one, "intended", NOW + 9).value, record(end, "intended", NOW).value]
    outbox = Outbox()
    outbox.restore(log, lambda notification: one if notification.id == "one" else end, NOW)
    assert outbox.tick(NOW + 1) == []
    assert shown(outbox.tick(NOW + 9)) == ["one"]
    assert shown(outbox.on_delivery("one", DELIVERED, NOW + 9))[1:] == ["end"]


@pytest.mark.parametrize("channel", [PagerDuty(routing_key=Secret("k")), Slack(api_url=Secret("s"), channel="#a")])
def test_where_an_incident_has_one_place_too_its_end_follows_its_beginning(message, channel):
    """A provider that was away when it began is told that it did: an end alone is nothing to it."""
    outbox = Outbox()
    outbox.put(message(channel, id="one", reason="first_notification"), NOW)
    outbox.on_delivery("one", LATER, NOW)
    assert shown(outbox.put(message(channel, id="end", reason="all_resolved"), NOW)) == [("intended", 1, 0)]
    assert sent(outbox.tick(NOW + 1)) == ["one"]
    told = sent(outbox.on_delivery("one", DELIVERED, NOW + 1))
    assert [*told, *sent(outbox.tick(NOW + 2))] == ["end"]  # Slack takes a message a second
    outbox.on_delivery("end", DELIVERED, NOW + 2)
    assert outbox.due() is None


def test_pagerduty_hears_of_an_incident_before_it_hears_of_the_answer(message):
    """An answer to nothing would be passed over; the end takes the place of an answer that nobody has heard."""
    channel = PagerDuty(routing_key=Secret("k"))
    one = message(channel, id="one", reason="first_notification")
    incident = msgspec.structs.replace(one.incident, status="acknowledged")
    outbox = Outbox()
    outbox.put(one, NOW)
    outbox.on_delivery("one", LATER, NOW)
    answer = message(channel, id="answer", reason="acknowledged", incident=incident)
    assert shown(outbox.put(answer, NOW)) == [("intended", 1, 0)]
    more = message(channel, id="more", reason="new_alerts", incident=incident)
    assert shown(outbox.put(more, NOW)) == [("intended", 1, 0), ("suppressed", 1, 0)]
    end = message(channel, id="end", reason="all_resolved", incident=incident)
    assert shown(outbox.put(end, NOW)) == [("intended", 1, 0), ("suppressed", 1, 0)]
    assert sent(outbox.tick(NOW + 1)) == ["one"]
    assert sent(outbox.on_delivery("one", DELIVERED, NOW + 1)) == ["end"]


def slack(message, number, severity="P2", channel="#a"):
    incident = make_incident(make_alert(severity=severity), number=number)
    return message(
        Slack(api_url=Secret("http://slack"), channel=channel), id=f"{severity}-{number}", incident=incident,
        at=NOW + number,
    )  # fmt: skip


def sent(effects):
    return [effect.message.id for effect in effects if isinstance(effect, Notify)]


def test_slack_gets_a_message_a_second_in_a_channel_p0_first_then_the_oldest(message):
    outbox = Outbox()
    assert sent(outbox.put(slack(message, 1), NOW)) == ["P2-1"]
    for one in (slack(message, 2), slack(message, 3, "P1"), slack(message, 4, "P0"), slack(message, 5)):
        assert sent(outbox.put(one, NOW)) == []
    assert sent(outbox.put(slack(message, 6, channel="#b"), NOW)) == ["P2-6"]
    times = []
    while (due := outbox.due()) is not None:
        times += [(due - NOW, name) for name in sent(outbox.tick(due))]
    assert times == [(1.0, "P0-4"), (2.0, "P1-3"), (3.0, "P2-2"), (4.0, "P2-5")]


def test_what_waits_for_its_turn_is_replaced_by_what_is_newer_of_its_incident(message):
    outbox = Outbox()
    outbox.put(slack(message, 1), NOW)
    outbox.put(slack(message, 2), NOW)
    newer = message(Slack(api_url=Secret("http://slack"), channel="#a"), id="new", incident=slack(message, 2).incident)
    assert shown(outbox.put(newer, NOW)) == [("intended", 1, 0), ("suppressed", 1, 0)]
    assert sent(outbox.tick(NOW + 1)) == ["new"]
    assert outbox.due() is None


def test_a_channel_that_answers_429_gets_nothing_from_anybody_until_its_time(message):
    outbox = Outbox()
    outbox.put(slack(message, 1), NOW)
    outbox.on_delivery("P2-1", Outcome("retry", "HTTP 429", 30.0), NOW)
    assert sent(outbox.put(slack(message, 2, "P0"), NOW + 5)) == []
    assert outbox.due() == NOW + 30
    times = []
    while (due := outbox.due()) is not None:
        times += [(due - NOW, name) for name in sent(outbox.tick(due))]
    assert times == [(30.0, "P0-2"), (31.0, "P2-1")]


def test_the_thread_of_an_incident_is_known_after_a_restart(message):
    first = slack(message, 1)
    outbox = Outbox()
    intent = outbox.put(first, NOW)[0].value
    delivered = outbox.on_delivery(first.id, Outcome("delivered", thread="C1:1.2"), NOW)[0].value
    assert delivered.thread == "C1:1.2"
    for known in (outbox, Outbox()):
        if known is not outbox:
            known.restore([intent, delivered], lambda _: None, NOW)
        (effect,) = [one for one in known.put(replace(first, id="next"), NOW + 9) if isinstance(one, Notify)]
        assert effect.message.thread == "C1:1.2"
