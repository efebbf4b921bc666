"""Silences: which states they have, what may be changed, and what a command makes of an incident."""

import pytest
from unit.alerting.making import NOW, make_alert, make_incident

from alerting import instants, silencing
from alerting.silences import SilenceError, Silences, UnknownSilenceError, checked, state_of
from streams.contracts import Command, Silence


def wanted(starts=0, ends=100, matchers=('a="1"',), **fields):
    return Silence(
        matchers=list(matchers), starts_at=instants.show(NOW + starts), ends_at=instants.show(NOW + ends),
        created_by="ada", **fields,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("at", "state"), [(-1, "pending"), (0, "active"), (99.9, "active"), (100, "expired")]
)  # fmt: skip
def test_a_silence_is_pending_then_active_then_expired(at, state):
    assert state_of(wanted(), NOW + at) == state


@pytest.mark.parametrize(
    ("silence", "said"),
    [
        pytest.param(wanted(100, 100), "start time must be before end time", id="no time at all"),
        pytest.param(wanted(-100, -1), "end time can't be in the past", id="over already"),
        pytest.param(wanted(matchers=()), "must not match the empty string", id="no matcher"),
        pytest.param(wanted(matchers=('a=""', 'b=~".*"')), "must not match the empty string", id="matches everything"),
        pytest.param(wanted(matchers=('a=~"("',)), "no regular expression", id="a regular expression that is none"),
        pytest.param(
            Silence(matchers=['a="1"'], starts_at="x", ends_at="y", created_by="a"), "Invalid", id="no instants"
        ),
    ],
)
def test_what_cannot_be_silenced_says_so(silence, said):
    with pytest.raises(SilenceError, match=said):
        checked(silence, NOW)


def test_a_start_in_the_past_is_now():
    (made,) = Silences().set(wanted(-50), "s", NOW)
    assert (made.id, made.starts_at) == ("s", instants.show(NOW))


@pytest.mark.parametrize(
    ("change", "same"),
    [
        pytest.param(wanted(0, 200), True, id="another end"),
        pytest.param(wanted(0, 50, comment="x"), True, id="an earlier end that is still ahead"),
        pytest.param(wanted(20, 200), False, id="another start: it has begun"),
        pytest.param(wanted(0, 100, matchers=('a="2"',)), False, id="other matchers"),
    ],
)
def test_a_change_of_an_active_silence(change, same):
    kept = Silences()
    kept.set(wanted(), "s", NOW)
    changed = kept.set(type(change)(**{**_fields(change), "id": "s"}), "t", NOW + 10)
    assert changed[-1].id == ("s" if same else "t")
    assert state_of(kept.get("s"), NOW + 11) == ("active" if same else "expired")


def _fields(silence):
    return {name: getattr(silence, name) for name in silence.__struct_fields__}


def test_a_pending_silence_may_begin_at_another_time():
    kept = Silences()
    kept.set(wanted(50, 100), "s", NOW)
    assert kept.set(type(wanted())(**{**_fields(wanted(60, 90)), "id": "s"}), "t", NOW + 1)[-1].id == "s"


def test_an_expired_silence_is_no_more_changed_and_no_more_expired():
    kept = Silences()
    kept.set(wanted(), "s", NOW)
    (ended,) = kept.expire("s", NOW + 10)
    assert ended.ends_at == instants.show(NOW + 10)
    assert kept.set(type(wanted())(**{**_fields(wanted(0, 200)), "id": "s"}), "t", NOW + 20)[-1].id == "t"
    with pytest.raises(SilenceError, match="already expired"):
        kept.expire("s", NOW + 20)
    with pytest.raises(UnknownSilenceError):
        kept.expire("x", NOW)
    with pytest.raises(UnknownSilenceError):
        kept.set(type(wanted())(**{**_fields(wanted()), "id": "x"}), "t", NOW)


def test_silences_speak_for_each_other():
    """OR between them: one that matches is enough, and all that match are named."""
    kept = Silences()
    for name, matcher in (("s", 'a="1"'), ("t", 'b="2"'), ("u", 'b="3"')):
        kept.set(wanted(matchers=(matcher,)), name, NOW)
    assert kept.silenced_by({"a": "1", "b": "2"}, NOW) == ("s", "t")
    assert kept.silenced_by({"a": "2"}, NOW) == ()


def test_one_that_is_over_is_kept_for_five_days():
    kept = Silences()
    kept.set(wanted(), "s", NOW)
    assert kept.forget(NOW + 100 + 5 * 86_400 - 1) == []
    assert kept.forget(NOW + 100 + 5 * 86_400) == ["s"]
    assert kept.get("s") is None


def test_what_nobody_can_read_is_no_silence():
    kept = Silences([wanted(matchers=("((",), id="s"), wanted(id="t")])
    assert [one.id for one in kept] == ["t"]


def command(action="silence", **fields):
    own = {"incident": "", "by": "ada", "at": instants.show(NOW), "until": instants.show(NOW + 3600)}
    return Command(action=action, **own | fields)


def test_a_command_read_again_makes_no_second_silence():
    kept = Silences()
    given = command(matchers=['a="1"'], id="c1")
    assert len(silencing.applied(kept, given, None, NOW)) == 1
    assert silencing.applied(kept, given, None, NOW + 5) == []
    assert [one.id for one in kept] == [silencing.name_of(given)]


def test_an_incident_is_silenced_by_what_its_alerts_share_but_their_severity():
    incident = make_incident(make_alert(instance="1"), make_alert(instance="2", severity="P2"))
    kept = Silences()
    (made,) = silencing.applied(kept, command(incident=incident.id, text="known"), incident, NOW)
    assert made.value.matchers == ['agent="ode"', 'alertname="HighErrorRate"']
    assert (made.value.incident, made.value.comment) == (incident.id, "known")
    (ended,) = silencing.applied(kept, command("unsilence", incident=incident.id), incident, NOW + 60)
    assert ended.value.ends_at == instants.show(NOW + 60)
