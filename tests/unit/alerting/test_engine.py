"""The engine's decisions that no conformance case shows: commands, receivers that fail, routes that meet."""

import pytest
from unit.alerting.desks import CONFIG, Desk
from unit.alerting.making import NOW, make_alert

from alerting import answers, instants
from alerting.effects import Notify, Publish
from alerting.engine import Engine
from alerting.outbox import Outcome
from streams.contracts import Command, OpsEvent, Silence


@pytest.fixture
def desk(read):
    return lambda text=CONFIG: Desk(read(text))


def test_pagerduty_hears_of_the_acknowledgement_and_of_the_end(desk):
    made = desk()
    made.push(0, make_alert())
    made.command(60, "acknowledge")
    made.push(120, make_alert_over(120))
    made.tick(180)
    assert made.told == [
        (0, "team", "first_notification"), (0, "pager", "triggered"), (60, "pager", "acknowledged"),
        (120, "pager", "resolved"), (120, "team", "all_resolved"),
    ]  # fmt: skip


def test_what_is_much_is_done_in_slices_and_comes_to_the_same(desk):
    """Ten groups open, call and end at the same instants: nobody is told anything else, and what is left is due."""
    stories = []
    for at_once in (float("inf"), 3):
        made = desk()
        made.engine.at_once = at_once
        begun = [make_alert(f"A{number}") for number in range(10)]
        over = [type(one)(one.labels, one.starts_at, one.annotations, ends_at=NOW + 1000) for one in begun]
        slices = []
        for at, alerts in ((0, begun), (900, []), (1000, over)):
            made.perform(made.engine.take_alerts(alerts, NOW + at), at)
            slices.append(0)
            while made.engine.due(NOW + at) <= NOW + at:
                made.tick(at)
                slices[-1] += 1
        stories.append((sorted(made.told), slices))
    (whole, once), (sliced, often) = stories
    assert whole == sliced
    assert len(whole) == 10 * 6
    assert max(once) == 1
    assert min(often) >= 4


def test_an_incident_with_failed_requests_has_each_version_on_record(desk):
    """Also the first: opened with the requests that failed, it is one version."""
    rule = "{name: Errors, expr: error_rate > 0.1, min_count: 1, window: 1m, by: [agent], for: 0s, severity: P1}"
    made = desk(f"{CONFIG}\nrules: [{rule}]")
    for at in (0, 5):
        failed = answers.Answer(
            id=f"r-{at}", status="failed", completed_at=instants.show(NOW + at), agent="ode",
            error=answers.Reason("singular"), provenance=answers.Origin(worker="w", run_s=0.1),
        )  # fmt: skip
        made.engine.on_results([failed], NOW + at)
        made.tick(at)
    assert made.last().requests
    assert [one.version for one in made.incidents] == list(range(1, len(made.incidents) + 1))


def test_what_a_clock_that_was_ahead_wrote_down_keeps_nobody_waiting(desk):
    """The next process has the right time: the step is its wait away, and the end is told in the group's interval."""
    made = desk()
    made.push(6000, make_alert(at=NOW + 6000))
    made.restart(5)
    made.tick(5, 904, 905)
    assert made.told[2:] == [(905, "ada", "not acknowledged")]
    assert [one.version for one in made.incidents] == list(range(1, len(made.incidents) + 1))
    made.push(910, make_alert_over(910))
    made.tick(970)
    assert made.told[-1] == (970, "team", "all_resolved")


def test_what_rules_find_is_taken_in_slices_and_told_as_one(read):
    """A look changes nothing that is told; a group that comes in slices is told once it is whole."""
    config = read("""
route: {receiver: team, group_wait: 0s, group_interval: 1h}
receivers: [{name: team, webhook_configs: [{url: "http://a"}]}]
rules: [{name: CpuHigh, expr: cpu_percent > 80, by: [instance], severity: P2}]
""")
    engine = Engine(config)
    engine.at_once = 3
    engine.on_events(
        [
            OpsEvent(id="e", time=instants.show(NOW), source=f"h{number}", kind="metric", name="cpu_percent", value=99)
            for number in range(10)
        ],
        NOW,
    )
    engine.look(NOW)
    assert not list(engine.store)
    told = []
    while engine.due(NOW) <= NOW:
        told += [len(one.message.alerts) for one in engine.tick(NOW) if isinstance(one, Notify)]
    assert told == [10]


def make_alert_over(at):
    alert = make_alert()
    return type(alert)(alert.labels, alert.starts_at, alert.annotations, ends_at=NOW + at)


def test_resolved_by_hand_is_told_to_all_and_then_there_is_silence(desk):
    made = desk()
    made.push(0, make_alert())
    made.command(60, "resolve", text="rolled back")
    made.tick(60, 120, 1000, 4000, 8000)
    assert made.told[2:] == [(60, "pager", "resolved_by_hand"), (60, "team", "resolved_by_hand")]
    suppressed = [one for one in made.notifications if one.status == "suppressed"]
    assert {one.error for one in suppressed} == {"the incident was resolved by hand"}


def test_after_an_end_by_hand_another_alert_opens_it_again(desk):
    made = desk()
    made.push(0, make_alert())
    first = made.last().id
    made.command(60, "resolve")
    made.tick(60)
    made.push(90, make_alert(agent="pde", at=NOW + 90))
    made.tick(120)
    assert (made.last().id, made.last().status) == (first, "triggered")
    assert (120, "team", "new_alerts") in made.told


@pytest.mark.parametrize(
    ("again", "same"),
    [
        pytest.param(60 + 1800, True, id="within the window: the same incident"),
        pytest.param(60 + 1801, False, id="after it: a new one that names the old"),
    ],
)
def test_fires_again(desk, again, same):
    made = desk()
    made.push(0, make_alert())
    first = made.last().id
    made.push(60, make_alert_over(60))
    made.tick(61, 121)
    assert made.last().status == "resolved"
    made.push(again, make_alert(at=NOW + again))
    made.tick(again + 60)
    assert (made.last().id == first) is same
    assert made.last().status == "triggered"
    assert same or first in made.last().timeline[0].reason
    assert [told for told in made.told if told[1] == "pager"][-1][2] == "triggered"


def test_a_step_that_reaches_nobody_makes_way_for_the_next(desk):
    made = desk()
    made.outcomes["pager"] = Outcome("permanent", "HTTP 400")
    made.push(0, make_alert())
    assert [told[1] for told in made.told] == ["team", "pager", "ada"]
    assert made.last().escalation.step == 2
    assert made.told[-1][2] == "the step before reached nobody"


def test_escalate_takes_the_next_step_or_calls_somebody(desk):
    made = desk()
    made.push(0, make_alert())
    given = made.command(60, "escalate")
    assert made.told[-1] == (60, "ada", "escalated")
    made.perform(made.engine.on_command(given, NOW + 61), 61)
    made.command(70, "escalate", target="log")
    assert [told[1] for told in made.told] == ["team", "pager", "ada", "log"]
    assert (made.last().escalation.step, made.last().escalation.target) == (2, "ada")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"target": "adda"}, "no 'adda', did you mean 'ada'?", id="nobody of that name"),
        pytest.param({}, "nobody is left in the chain", id="the chain is at its end"),
    ],
)
def test_escalate_is_refused(desk, fields, said):
    made = desk()
    made.push(0, make_alert())
    made.tick(900, 1800)
    made.command(1900, "escalate", **fields)
    assert made.last().timeline[-1].what == "refused"
    assert said in made.last().timeline[-1].reason


@pytest.mark.parametrize("fields", [{"incident": "INC-2020-000001"}, {"at": "soon"}])
def test_a_command_that_cannot_be_recorded_is_an_error(desk, fields):
    made = desk()
    made.push(0, make_alert())
    own = {"incident": made.last().id, "at": instants.show(NOW), "action": "acknowledge", "by": "ada"}
    with pytest.raises(ValueError, match=r"no incident|isoformat"):
        made.engine.on_command(Command(**own | fields), NOW)


def test_an_alert_that_takes_two_routes_is_one_incident(desk):
    two = CONFIG.replace(
        "repeat_interval: 1h}", "repeat_interval: 1h, routes: [{receiver: team, continue: true}, {receiver: log}]}"
    )
    made = desk(two)
    made.push(0, make_alert())
    assert {told[1] for told in made.told} == {"team", "log", "pager"}
    assert {incident.id for incident in made.incidents} == {"INC-2025-000001"}


def test_a_worse_alert_begins_the_chain_anew_even_when_acknowledged(desk):
    made = desk()
    made.push(0, make_alert(severity="P3"))
    made.command(60, "acknowledge")
    made.push(90, make_alert(severity="P1", agent="pde", at=NOW + 90))
    assert (made.last().severity, made.last().status) == ("P1", "triggered")
    assert made.told[-1] == (90, "pager", "triggered")


def test_a_drain_opens_no_incident(desk):
    made = desk(CONFIG.replace("route: {receiver: team", "route: {receiver: nowhere"))
    made.push(0, make_alert())
    made.tick(60, 120)
    assert (made.incidents, made.told) == ([], [])


def test_incidents_are_numbered_by_year_and_go_on_after_a_restart(desk, read):
    made = desk()
    made.push(0, make_alert())
    made.push(1, make_alert("Other"))
    assert made.last().id == "INC-2025-000002"
    again = Engine.restore(read(CONFIG), made.incidents, made.notifications, NOW + 10)
    effects = again.on_alerts([make_alert("Third")], NOW + 20)
    opened = next(effect.value for effect in effects if effect.topic == "ops.incidents")
    assert opened.id == "INC-2025-000003"
    later = instants.parse("2026-01-01T00:00:00Z")
    effects = again.on_alerts([make_alert("Fourth", at=later)], later)
    names = {effect.value.id for effect in effects if isinstance(effect, Publish) and effect.topic == "ops.incidents"}
    assert "INC-2026-000001" in names


def test_alert_transitions_are_published_by_group(desk, read):
    engine = Engine(read(CONFIG))
    found = [
        (effect.key, effect.value.status)
        for alerts in ([make_alert()], [make_alert()], [make_alert_over(60)])
        for effect in engine.on_alerts(alerts, NOW + 61)
        if isinstance(effect, Publish) and effect.topic == "ops.alerts"
    ]
    assert found == [('{}:{alertname="HighErrorRate"}', "firing"), ('{}:{alertname="HighErrorRate"}', "resolved")]


def test_a_silenced_incident_is_told_no_more_until_it_is_unsilenced(desk):
    made = desk(CONFIG.replace("repeat_interval: 1h", "repeat_interval: 1m"))
    made.push(0, make_alert())
    made.command(30, "silence", until=instants.show(NOW + 3600))
    assert [entry.what for entry in made.last().timeline[-1:]] == ["silence"]
    made.tick(60, 120)
    made.command(130, "unsilence")
    made.tick(180)
    assert [told for told in made.told if told[1] == "team"] == [
        (0, "team", "first_notification"), (180, "team", "repeat_interval_elapsed"),
    ]  # fmt: skip
    (why,) = [one for one in made.notifications if one.reason == "silenced"]
    assert (why.status, why.incident, why.firing) == ("suppressed", made.last().id, [make_alert().fingerprint])


@pytest.mark.parametrize(
    ("until", "said"),
    [
        pytest.param(None, "`until` must say how long", id="without an end"),
        pytest.param(instants.show(NOW - 1), "end time", id="that is over"),
    ],
)
def test_a_silence_that_cannot_be_is_refused_in_the_timeline(desk, until, said):
    made = desk()
    made.push(0, make_alert())
    made.command(30, "silence", until=until)
    assert (made.last().timeline[-1].what, said in made.last().timeline[-1].reason) == ("refused", True)
    assert list(made.engine.silences) == []


def test_an_inhibited_alert_opens_no_incident_and_why_is_recorded_once(desk):
    rule = """inhibit_rules: [{source_matchers: ['alertname="Cause"'], target_matchers: ['alertname!="Cause"']}]\n"""
    made = desk(CONFIG + rule)
    made.push(0, make_alert("Cause"), make_alert())
    made.tick(60, 120)
    assert {incident.title for incident in made.incidents} == {"Cause"}
    (why,) = [one for one in made.notifications if one.status == "suppressed"]
    assert (why.reason, why.error) == ("inhibited", f"by {make_alert('Cause').fingerprint}")


def test_what_joins_an_incident_is_not_muted(desk):
    made = desk()
    made.push(0, make_alert())
    silence = Silence(
        matchers=['agent="pde"'], starts_at=instants.show(NOW), ends_at=instants.show(NOW + 3600), created_by="ada"
    )
    made.perform(made.engine.set_silence(silence, "s", NOW + 1)[1], 1)
    made.push(10, make_alert(agent="pde", severity="P0"))
    made.tick(60)
    assert (made.last().severity, len(made.last().alerts)) == ("P1", 1)


def test_a_reload_tells_nobody_again_what_they_know(desk, read):
    made = desk()
    made.push(0, make_alert())
    made.perform(
        made.engine.reconfigure(read(CONFIG.replace("repeat_interval: 1h", "repeat_interval: 2h")), NOW + 10), 10
    )
    made.tick(60, 120, 3700)
    assert [told for told in made.told if told[1] == "team"] == [(0, "team", "first_notification")]
    made.tick(7260)
    assert made.told[-1] == (7260, "team", "repeat_interval_elapsed")


@pytest.mark.parametrize("restarts", [False, True])
def test_an_incident_keeps_the_routing_key_that_it_began_with(desk, read, restarts):
    """In another service nobody knows its key: there it would stay open for ever. A later one has the new key."""
    made, moved = desk(), read(CONFIG.replace("KEY", "OTHER"))
    made.push(0, make_alert())
    if restarts:
        made.restart(5)
    made.perform(made.engine.reconfigure(moved, NOW + 10), 10)
    made.command(60, "resolve")
    made.push(70, make_alert("Later"))
    assert [(m.integration.routing_key.reveal(), m.reason) for m in made.messages if m.receiver == "pager"] == [
        ("KEY", "triggered"), ("KEY", "resolved_by_hand"), ("OTHER", "triggered"),
    ]  # fmt: skip


def test_a_routing_key_that_was_refused_is_no_reason_to_keep_it(desk, read):
    made = desk()
    made.outcomes["pager"] = Outcome("permanent", "HTTP 400")
    made.push(0, make_alert())
    made.perform(made.engine.reconfigure(read(CONFIG.replace("KEY", "RIGHT")), NOW + 10), 10)
    made.command(60, "escalate", target="pager")
    assert made.messages[-1].integration.routing_key.reveal() == "RIGHT"


def test_a_reload_brings_alerts_to_their_new_receivers(desk, read):
    made = desk()
    made.push(0, make_alert())
    moved = CONFIG.replace("repeat_interval: 1h}", "repeat_interval: 1h, routes: [{receiver: log}]}")
    made.perform(made.engine.reconfigure(read(moved), NOW + 10), 10)
    made.tick(10, 70)
    assert [told for told in made.told if told[1] == "log"] == [(10, "log", "first_notification")]
    assert len({incident.id for incident in made.incidents}) == 1


def test_a_reload_that_fails_is_an_alert_until_one_succeeds(desk, read):
    made = desk()
    made.perform(made.engine.trouble("ConfigReloadFailed", "line 3", NOW), 0)
    made.tick(0)
    assert (made.last().title, made.last().severity) == ("Config Reload Failed", "P2")
    made.perform(made.engine.reconfigure(read(CONFIG), NOW + 60), 60)
    assert made.last().status == "resolved"


RULED = (
    CONFIG
    + """
rules: [{name: Hot, expr: t > 1, window: 1m, by: [instance], for: FOR, severity: P2}]
"""
)


@pytest.mark.parametrize(
    ("after", "phase"),
    [
        pytest.param("30s", "firing", id="the same `for`: it fires on"),
        pytest.param("10m", "pending", id="a longer one puts it back to pending"),
    ],
)
def test_a_reload_keeps_the_state_of_rules(desk, read, after, phase):
    made = desk(RULED.replace("FOR", "30s"))
    for at in range(0, 100, 5):
        made.engine.on_events([metric(at)], NOW + at)
        made.tick(at)
    assert [state.phase for state in made.engine.states.values()] == ["firing"]
    made.perform(made.engine.reconfigure(read(RULED.replace("FOR", after)), NOW + 100), 100)
    made.engine.on_events([metric(115)], NOW + 115)
    made.tick(115)
    (state,) = made.engine.states.values()
    assert (state.phase, state.since) == (phase, NOW)


def metric(at):
    return OpsEvent(id=f"e{at}", time=instants.show(NOW + at), source="a", kind="metric", name="t", value=2.0)


def test_an_alert_that_nobody_repeats_ends_on_the_topic_too(read):
    engine = Engine(read(CONFIG.replace("resolve_timeout: 1d", "resolve_timeout: 50s")))
    found = []
    for at in (0, 20, 69, 70, 71, 90):
        effects = engine.on_alerts([make_alert()], NOW + at) if at <= 20 else engine.tick(NOW + at)
        found += [(at, one.value.status) for one in effects if isinstance(one, Publish) and one.topic == "ops.alerts"]
    assert found == [(0, "firing"), (70, "resolved")]
