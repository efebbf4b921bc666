"""The machine of a workflow: whatever the order of answers, repeats and restarts, the end is the same."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import catalogue
from agents.workflow import machine
from agents.workflow.answers import Answer
from agents.workflow.machine import Answered, Cancel, Cancelled, Finish, Sent, Submit, Tick, advance, begin

INTEGRAL = {"agent": "integrate", "task": "quad"}


def plan_of(*steps, **options):
    return catalogue.find("workflow", "run").prepare({"steps": list(steps)}, options, 7)


def step(name, low=0.0, **more):
    """A step whose `inputs.bounds[0]` a test reads back as its outputs' `value`."""
    inputs = {"integrand": "x", "bounds": [low, 1.0]}
    return {"id": name, **INTEGRAL, "inputs": inputs, **more}


def from_(path, **more):
    return {"$from": path, **more}


DIAMOND = (
    step("a", 2.0),
    step("b", from_("a.outputs.value")),
    step("c", from_("a.outputs.value"), foreach=[1, 2, 3], options={"epsabs": {"$item": ""}}),
    step("d", from_("c.outputs.items[2].value"), depends_on=["b"]),
)


def succeed(submit):
    return Answer(id=submit.id, status="succeeded", outputs={"value": submit.inputs["bounds"][0], "id": submit.id})


def fail(submit, code="singular"):
    return Answer(id=submit.id, status="failed", error={"code": code, "message": "no", "field": "inputs.a"})


class Driver:
    """Answers what the machine asks for in an order of the test's, and keeps what was sent."""

    def __init__(self, plan, answer=succeed, timed_out_at=1e9):
        self.plan, self.answer, self.timed_out_at = plan, answer, timed_out_at
        self.sent, self.waiting, self.kept = [], [], {}
        self.cancelled, self.finish = (), None
        self.state = begin("w", plan, timed_out_at, 1e9)
        self.take(Tick())

    def take(self, event, now=0.0):
        self.state, commands = advance(self.state, event, now)
        for command in commands:
            if isinstance(command, Submit):
                self.sent.append(command.id)
                self.waiting.append(command)
            elif isinstance(command, Cancel):
                self.cancelled += command.ids
            else:
                assert self.finish is None, "two ends"
                self.finish = command

    def answer_one(self, place=0):
        submit = self.waiting.pop(place)
        self.kept[submit.id] = self.answer(submit)
        self.take(Answered(submit.id, self.kept[submit.id]))

    def crash(self, *, notes):
        """Lose the state; what was answered is kept, and of what was sent as much as `notes` says."""
        known = [name for name in dict.fromkeys(self.sent) if notes]
        self.state = begin("w", self.plan, self.timed_out_at, 1e9)
        self.waiting = [one for one in self.waiting if one.id not in self.kept]
        facts = [Sent(tuple(known)), *(Answered(*kept) for kept in self.kept.items())]
        random.Random(len(self.sent)).shuffle(facts)
        for fact in facts:
            self.state, _ = _without_commands(self.state, fact)
        self.take(Tick())

    def run(self):
        while self.finish is None:
            self.answer_one()
        return self.finish


def _without_commands(state, fact):
    """Facts that were kept are put together before anything is decided, as the stream does it."""
    if isinstance(fact, Sent):
        return machine.known(state, {}, fact.ids), []
    return machine.known(state, {fact.id: fact.answer}, ()), []


EXPECTED = Driver(plan_of(*DIAMOND)).run()


def test_a_diamond_with_items_ends_with_every_result():
    assert EXPECTED.problem is None
    assert EXPECTED.ran == 6
    assert [EXPECTED.steps[name]["status"] for name in "abcd"] == ["succeeded"] * 4
    assert EXPECTED.steps["d"]["outputs"]["value"] == 2.0
    assert [item["id"] for item in EXPECTED.steps["c"]["items"]] == ["w/c/0", "w/c/1", "w/c/2"]


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(["answer", "repeat", "crash", "forget", "tick"]), st.integers(0, 50)),
                max_size=40), st.integers(1, 4))  # fmt: skip
def test_any_order_of_answers_repeats_and_crashes_ends_the_same(doings, parallel):
    """Facts may come late, twice, or be read back after a crash: the final outputs do not differ."""
    driver = Driver(plan_of(*DIAMOND, parallel=parallel))
    for what, where in doings:
        if driver.finish is not None:
            break
        if what == "answer":
            driver.answer_one(where % len(driver.waiting))
        elif what == "repeat" and driver.kept:
            driver.take(Answered(*list(driver.kept.items())[where % len(driver.kept)]))
        elif what in {"crash", "forget"}:
            driver.crash(notes=what == "crash")
        else:
            driver.take(Tick())
        assert len({one.id for one in driver.waiting}) <= 2 * parallel
    finish = driver.run()
    assert (finish.problem, finish.steps) == (None, EXPECTED.steps)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 50), max_size=20))
def test_what_was_noted_as_sent_is_not_sent_again(crashes):
    driver = Driver(plan_of(*DIAMOND))
    for where in crashes:
        if driver.finish is not None:
            break
        driver.crash(notes=True)
        driver.answer_one(where % len(driver.waiting))
    driver.run()
    assert len(driver.sent) == len(set(driver.sent)) == 6


@pytest.mark.parametrize(
    ("on_error", "tries", "succeeds", "statuses"),
    [
        ("stop", ["w/b"], False, ["succeeded", "failed", "cancelled"]),
        ("skip", ["w/b"], True, ["succeeded", "failed", "skipped"]),
        ("retry", ["w/b", "w/b~2", "w/b~3"], False, ["succeeded", "failed", "cancelled"]),
    ],
)
def test_a_failing_step_does_as_its_on_error_says(on_error, tries, succeeds, statuses):
    steps = (step("a"), step("b", from_("a.outputs.value"), on_error=on_error), step("c", from_("b.outputs.value")))
    driver = Driver(plan_of(*steps), lambda submit: fail(submit) if submit.step == "b" else succeed(submit))
    finish = driver.run()
    assert driver.sent == ["w/a", *tries]
    assert [finish.steps[name]["status"] for name in "abc"] == statuses
    assert (finish.problem is None) == succeeds
    if not succeeds:
        assert (finish.problem.code, finish.problem.field) == ("singular", "inputs.steps[1].inputs.a")
        assert "'b' failed" in finish.problem.message
    else:
        assert finish.warnings


def test_a_retry_that_succeeds_goes_on():
    """Each try has a seed of its own, which follows from the workflow's."""
    seeds = []

    def second_time(submit):
        seeds.append(submit.seed)
        return succeed(submit) if submit.id.endswith("~2") else fail(submit)

    finish = Driver(plan_of(step("a", on_error="retry")), second_time).run()
    assert (finish.problem, finish.steps["a"]["provenance"]["attempt"]) == (None, 2)
    assert len(set(seeds)) == 2


@pytest.mark.parametrize(("value", "status"), [(0.5, "skipped"), (2.0, "succeeded")])
def test_a_condition_decides_whether_a_step_runs(value, status):
    steps = (step("a", value), step("b", when="a.outputs.value > 1"), step("c", from_("b.outputs.value", default=5)))
    finish = Driver(plan_of(*steps)).run()
    assert finish.problem is None
    assert finish.steps["b"]["status"] == status
    assert finish.steps["c"]["outputs"]["value"] == (5 if status == "skipped" else 0.0)


def test_a_condition_may_look_at_each_item():
    steps = (
        step("a", {"$item": "low"}, foreach=[{"low": low} for low in range(5)], when="item.low > 1 and index < 4"),
    )
    driver = Driver(plan_of(*steps))
    finish = driver.run()
    assert driver.sent == ["w/a/2", "w/a/3"]
    assert [one and one["value"] for one in finish.steps["a"]["outputs"]["items"]] == [None, None, 2, 3, None]


def test_a_failing_item_is_told_and_does_not_stop_the_others_when_skipped():
    steps = (step("a", {"$item": ""}, foreach=[0, 1, 2], on_error="skip"),)
    finish = Driver(plan_of(*steps), lambda one: fail(one) if one.id.endswith("/1") else succeed(one)).run()
    assert finish.problem is None
    assert finish.steps["a"]["outputs"]["items"][1] is None
    assert [item["status"] for item in finish.steps["a"]["items"]] == ["succeeded", "failed", "succeeded"]
    assert any("1 of 3" in text for text in finish.warnings)


def test_a_failing_item_stops_the_rest():
    steps = (step("a", {"$item": ""}, foreach=[0, 1, 2, 3]),)
    driver = Driver(plan_of(*steps, parallel=2), lambda one: fail(one) if one.id.endswith("/1") else succeed(one))
    driver.answer_one(1)
    assert driver.cancelled == ("w/a/0",)
    assert driver.finish.problem.code == "singular"
    assert "item 1" in driver.finish.problem.message
    assert [item["status"] for item in driver.finish.steps["a"]["items"]] == ["cancelled", "failed"] + ["cancelled"] * 2


@pytest.mark.parametrize(
    ("event", "now", "code"), [(Cancelled(), 0.0, "cancelled"), (Tick(), 11.0, "timed_out"), (Tick(), 1e9, "expired")]
)
def test_a_stop_cancels_what_runs_and_tells_what_was_done(event, now, code):
    driver = Driver(plan_of(step("a"), step("b", from_("a.outputs.value")), step("c")), timed_out_at=10.0)
    driver.answer_one()
    driver.take(event, now)
    assert set(driver.cancelled) == {"w/b", "w/c"}
    assert driver.finish.problem.code == code
    assert [driver.finish.steps[name]["status"] for name in "abc"] == ["succeeded", "cancelled", "cancelled"]
    driver.take(Tick(), 1e10)  # after the end there is nothing


def test_a_path_that_leads_nowhere_fails_its_step():
    steps = (step("a"), step("b", from_("a.outputs.valu")))
    finish = Driver(plan_of(*steps)).run()
    assert (finish.problem.code, finish.problem.field) == ("invalid_input", "inputs.steps[1].inputs.bounds[0]")
    assert finish.problem.hint == "did you mean 'value'?"


def test_an_id_that_would_be_too_long_is_a_digest():
    long = machine.request_id("w" * 128, "step", 3, 2)
    assert len(long) <= 128
    assert long != machine.request_id("w" * 128, "step", 4, 2)
    assert machine.request_id("w", "step", 3, 2) == "w/step/3~2"


def test_many_items_are_sent_as_there_is_room():
    driver = Driver(plan_of(step("a", {"$item": ""}, foreach=list(range(50))), parallel=5))
    assert len(driver.waiting) == 5
    assert isinstance(driver.run(), Finish)
    assert len(driver.sent) == 50
