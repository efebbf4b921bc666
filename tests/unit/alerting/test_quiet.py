"""Incidents that are put off, by somebody (`snooze`) or by a silence of all their alerts, and that go on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from unit.alerting.desks import CONFIG, Desk
from unit.alerting.making import NOW, make_alert

from alerting import audit, config, documents, instants
from streams.contracts import Silence

EVERY_MINUTE = CONFIG.replace("repeat_interval: 1h", "repeat_interval: 1m")


def at(seconds):
    return instants.show(NOW + seconds)


@pytest.fixture
def desk(read):
    """A desk with an open incident whose first step was taken: the next ones are due at 900 and 1800 s."""

    def make(text=CONFIG, **labels):
        made = Desk(read(text))
        made.push(0, make_alert(**labels))
        made.told.clear()
        return made

    return make


def run(made, end, start=0):
    """Tick at each time that is due."""
    now = NOW + start
    while (due := max(now, made.engine.due(now))) <= NOW + end:
        made.tick(round(due - NOW, 3))
        now = due + 0.001
    made.tick(end)


def called(made):
    return [(seconds, who) for seconds, who, _ in made.told if who in {"ada", "grace", "pager"}]


def whats(made):
    return [entry.what for entry in made.last().timeline]


# somebody snoozes it


def test_steps_are_put_off_and_keep_their_distances(desk):
    """What was due in between is due at the end; the step after it comes its quarter of an hour later."""
    made = desk()
    made.command(60, "snooze", until=at(3600))
    assert made.last().snoozed_until == at(3600)
    assert made.last().escalation.due_at == at(3600)
    run(made, 6000, 60)
    assert called(made) == [(3600, "ada"), (4500, "grace")]


def test_a_step_that_is_due_later_anyway_stays_where_it_is(desk):
    made = desk()
    made.command(60, "snooze", until=at(600))
    run(made, 1000, 60)
    assert called(made) == [(900, "ada")]


def test_its_groups_are_told_nothing_until_it_goes_on_and_why_is_recorded(desk):
    made = desk(EVERY_MINUTE)
    made.command(10, "snooze", until=at(3000))
    made.push(100, make_alert(agent="pde", at=NOW + 100))
    run(made, 2999, 100)
    assert made.told == []
    assert {(one.error, one.incident) for one in made.notifications if one.reason == "snoozed"} == {
        ("by ada", made.last().id)
    }
    run(made, 3000, 2999)
    assert [told for told in made.told if told[1] == "team"] == [(3000, "team", "new_alerts")]


def test_it_is_in_the_timeline_with_who_until_when_and_its_end(desk):
    made = desk()
    made.command(60, "snooze", until=at(120), text="lunch")
    run(made, 200, 60)
    asleep, awake = made.last().timeline[-2:]
    assert (asleep.what, asleep.by, asleep.reason) == ("snooze", "ada", f"lunch until {at(120)}")
    assert (awake.what, awake.at) == ("snooze_ended", at(120))
    assert made.last().snoozed_until is None


def test_the_same_command_again_changes_nothing_also_after_its_end(desk):
    """Commands are read again at each start."""
    made = desk()
    given = made.command(60, "snooze", until=at(120))
    version = made.last().version
    made.perform(made.engine.on_command(given, NOW + 70), 70)
    assert made.last().version == version
    run(made, 200, 70)
    version = made.last().version
    made.perform(made.engine.on_command(given, NOW + 210), 210)
    assert made.last().version == version


def test_another_one_takes_its_place(desk):
    made = desk()
    made.command(60, "snooze", until=at(7200))
    made.command(70, "snooze", until=at(3600))
    assert made.last().snoozed_until == at(3600)


@pytest.mark.parametrize("seconds", [61, 119, 121, 1000])
def test_killed_at_any_instant_it_goes_on_once(desk, seconds):
    """A restart forgets neither the snooze nor its end."""
    made = desk(CONFIG.replace("after: 15m", "after: 1m"))
    made.command(30, "snooze", until=at(120))
    run(made, seconds, 30)
    made.restart(seconds)
    run(made, 1900, seconds)
    assert [who for _, who in called(made)] == ["ada", "grace"]
    assert whats(made).count("snooze_ended") == 1


@pytest.mark.parametrize(
    ("labels", "ends"),
    [
        pytest.param({"severity": "P0"}, True, id="worse than it was"),
        pytest.param({"severity": "P1"}, False, id="as bad"),
        pytest.param({"severity": "P3"}, False, id="less bad"),
    ],
)
def test_what_is_worse_ends_it_and_the_chain_begins_anew(desk, labels, ends):
    made = desk(severity="P1")
    made.command(60, "snooze", until=at(7200))
    made.push(100, make_alert(agent="pde", at=NOW + 100, **labels))
    made.tick(100)
    assert (made.last().snoozed_until is None) == ends
    assert (sorted(made.told) == [(100, "pager", "triggered"), (100, "team", "new_alerts")]) == ends
    assert (made.told == []) != ends


def test_what_is_worse_and_silenced_no_more_ends_it(desk):
    """Seen when its group is looked at, an interval later at most."""
    made = desk()
    made.perform(made.engine.set_silence(silence(500, "agent=pde"), "s", NOW + 10)[1], 10)
    made.push(20, make_alert(agent="pde", at=NOW + 20, severity="P0"))
    made.command(60, "snooze", until=at(7200))
    run(made, 600, 60)
    (ended,) = [entry for entry in made.last().timeline if entry.what == "snooze_ended"]
    assert at(500) <= ended.at <= at(560)
    assert {who for _, who, _ in made.told} == {"pager", "team"}


def test_another_p0_ends_the_snooze_of_a_p0(desk):
    made = desk(severity="P0")
    made.command(60, "snooze", until=at(7200))
    made.push(100, make_alert(agent="pde", at=NOW + 100, severity="P0"))
    made.tick(100)
    assert "snooze_ended" in whats(made)
    assert {who for _, who, _ in made.told} == {"pager", "team"}


def test_escalate_ends_it_and_takes_the_next_step(desk):
    made = desk()
    made.command(60, "snooze", until=at(7200))
    made.command(70, "escalate")
    assert called(made) == [(70, "ada")]
    assert made.last().snoozed_until is None
    run(made, 1000, 70)
    assert called(made) == [(70, "ada"), (970, "grace")]


def test_calling_one_person_leaves_it_asleep(desk):
    made = desk()
    made.command(60, "snooze", until=at(7200))
    made.command(70, "escalate", target="grace")
    assert called(made) == [(70, "grace")]
    assert made.last().snoozed_until == at(7200)


def test_an_acknowledged_one_lapses_at_its_end_at_the_earliest(desk):
    made = desk(CONFIG.replace("escalation: [{", "escalation: [{ack_expires: {P1: 10m}, "))
    made.command(60, "acknowledge")
    made.command(70, "snooze", until=at(3600))
    run(made, 3700, 70)
    assert made.last().status == "triggered"
    assert [(seconds, who) for seconds, who in called(made) if who == "ada"] == [(3600, "ada")]


def test_acknowledging_it_does_not_wake_it(desk):
    made = desk(CONFIG.replace("escalation: [{", "escalation: [{ack_expires: {P1: 10m}, "))
    made.command(60, "snooze", until=at(3600))
    made.command(70, "acknowledge")
    assert (made.last().escalation.due_at, made.last().snoozed_until) == (at(3600), at(3600))


def test_a_chain_at_its_end_takes_its_last_step_again(desk):
    """Whoever snoozes wants to be told again."""
    made = desk()
    run(made, 1801)
    made.told.clear()
    made.command(1900, "snooze", until=at(3600))
    run(made, 8000, 1900)
    assert called(made) == [(3600, "grace")]


def test_what_ends_meanwhile_is_over_and_told_so(desk):
    made = desk()
    made.command(10, "snooze", until=at(7200))
    alert = make_alert()
    made.push(100, type(alert)(alert.labels, alert.starts_at, alert.annotations, ends_at=NOW + 100))
    run(made, 200, 100)
    assert (made.last().status, made.last().snoozed_until) == ("resolved", None)
    assert (100, "pager", "resolved") in made.told
    assert [what for _, who, what in made.told if who == "team"] == ["all_resolved"]


@pytest.mark.parametrize(
    ("until", "said"),
    [
        pytest.param(None, "`until` must say how long", id="without an end"),
        pytest.param(at(59), "lies in the past", id="that is over"),
        pytest.param("soon", "isoformat", id="that is no time"),
        pytest.param(at(60 + 7 * 86_400 + 1), "more than a week away", id="of more than a week"),
    ],
)
def test_a_snooze_that_cannot_be_is_refused(desk, until, said):
    made = desk()
    made.command(60, "snooze", until=until)
    entry = made.last().timeline[-1]
    assert (entry.what, said in entry.reason.lower() or said in entry.reason) == ("refused", True)
    assert made.last().snoozed_until is None


def test_the_auditor_takes_nothing_amiss(desk):
    made = desk()
    made.command(60, "snooze", until=at(7200))
    assert audit.overdue([made.last()], NOW + 7000) == []


# a silence holds its steps


def silence(end, *matchers, start=0):
    return Silence(
        matchers=list(matchers) or ["alertname=HighErrorRate"], starts_at=at(start), ends_at=at(end), created_by="ada"
    )


def silenced(made, seconds, one, name="s"):
    made.perform(made.engine.set_silence(one, name, NOW + seconds)[1], seconds)


def test_steps_wait_for_the_end_of_a_silence_of_all_alerts(desk):
    """Whoever silences what fires is not to be called about it by the chain."""
    made = desk()
    silenced(made, 60, silence(3600))
    run(made, 3599, 60)
    assert made.told == []
    assert (made.last().timeline[-1].what, made.last().escalation.due_at) == ("held", at(3600))
    run(made, 5000, 3599)
    assert called(made) == [(3600, "ada"), (4500, "grace")]
    assert "released" in whats(made)


def test_one_alert_that_speaks_is_enough_for_the_chain(desk):
    made = desk()
    made.push(1, make_alert(agent="pde", at=NOW + 1))
    silenced(made, 60, silence(3600, "agent=pde"))
    run(made, 1000, 60)
    assert called(made) == [(900, "ada")]


def test_a_silence_that_is_ended_lets_the_step_be_taken_at_once(desk):
    made = desk()
    silenced(made, 60, silence(3600))
    run(made, 1000, 60)
    made.perform(made.engine.expire_silence("s", NOW + 1100), 1100)
    made.tick(1100)
    assert called(made) == [(1100, "ada")]


def test_a_silence_that_is_shortened_holds_no_longer(desk):
    made = desk()
    silenced(made, 60, silence(3600))
    run(made, 1000, 60)
    made.perform(made.engine.set_silence(replace(silence(2000), id="s"), "t", NOW + 1010)[1], 1010)
    run(made, 2100, 1010)
    assert called(made) == [(2000, "ada")]


def test_a_silence_that_follows_on_another_holds_on(desk):
    made = desk()
    silenced(made, 60, silence(2000))
    silenced(made, 61, silence(4000, start=1990), "t")
    run(made, 4100, 61)
    assert called(made) == [(4000, "ada")]


def test_another_alert_that_nothing_silences_ends_the_waiting(desk):
    made = desk()
    silenced(made, 60, silence(7200, "agent=ode"))
    run(made, 1000, 60)
    made.push(1100, make_alert(agent="pde", at=NOW + 1100))
    run(made, 1110, 1100)
    assert called(made) == [(1100, "ada")]


def test_the_command_silence_holds_and_unsilence_lets_go(desk):
    made = desk()
    made.command(60, "silence", until=at(7200))
    run(made, 1000, 60)
    made.command(1100, "unsilence")
    made.tick(1100)
    assert called(made) == [(1100, "ada")]


@pytest.mark.parametrize("seconds", [100, 950, 3601])
def test_a_silence_holds_over_a_restart(desk, seconds):
    made = desk()
    silenced(made, 60, silence(3600))
    run(made, seconds, 60)
    made.restart(seconds)
    run(made, 5000, seconds)
    assert [who for _, who in called(made)] == ["ada", "grace"]


def test_inhibition_holds_no_steps(desk):
    """An incident that is open was told: what its cause mutes is its groups' business."""
    rule = """inhibit_rules: [{source_matchers: ['alertname="Cause"'], target_matchers: ['alertname!="Cause"']}]\n"""
    made = desk(CONFIG + rule)
    made.push(10, make_alert("Cause", severity="P3", at=NOW + 10))
    made.told.clear()
    run(made, 1000, 10)
    assert (900, "ada") in called(made)


DOINGS = st.tuples(
    st.integers(1, 4000), st.sampled_from(["snooze", "acknowledge", "note", "silence", "expire", "join"])
)


@given(st.lists(DOINGS, max_size=5, unique_by=lambda one: one[0]), st.lists(st.integers(1, 6000), max_size=4))
@settings(max_examples=60)
def test_whoever_is_killed_whenever_the_same_people_are_called(doings, kills):
    """Whatever is snoozed, acknowledged, silenced and joined in between: each step once, at the same times."""

    def happened(killed):
        chained = CONFIG.replace("escalation: [{", "escalation: [{ack_expires: {P1: 10m, P0: 5m}, ")
        made, last = Desk(config.read(documents.parse(chained, "alerting.yaml"), {})), 0
        pushed = [make_alert()]
        made.push(0, *pushed)
        for when, what in sorted([*doings, *((when + 0.5, "kill") for when in killed), (7000, "end")]):
            run(made, when, last)
            last = when + 0.001
            match what:
                case "snooze":
                    made.command(when, "snooze", until=at(when + 900))
                case "acknowledge":
                    made.command(when, "acknowledge")
                case "note":
                    made.command(when, "note", text="x")
                case "silence":
                    silenced(made, when, silence(when + 1200, "agent=ode", start=when), f"s{when}")
                case "expire":
                    for one in [one for one in made.silences if one.ends_at > at(when)]:
                        made.perform(made.engine.expire_silence(one.id, NOW + when), when)
                case "join":
                    pushed.append(make_alert(agent=f"a{when}", at=NOW + when, severity="P0"))
                    made.push(when, pushed[-1])
                case "kill":
                    made.restart(when)
                    made.push(when, *pushed)  # as whoever sends alerts does
        steps = [(seconds, who) for seconds, who, why in made.told if why not in {"acknowledged", "resolved"}]
        return [one for one in steps if one[1] != "team"], made.last().status, made.last().escalation

    assert happened(kills) == happened([])
