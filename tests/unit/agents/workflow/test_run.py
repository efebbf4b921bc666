"""What is wrong with a workflow is said before anything runs, with its place; in one process it runs as over Kafka."""

import pytest

from agents import catalogue
from agents.outcome import Problem

TASK = catalogue.find("workflow", "run")


def step(name="a", **more):
    return {"id": name, "agent": "linalg", "task": "solve", "inputs": {"a": [[2]], "b": [4]}, **more}


def taking(path, name="b", **more):
    return step(name, inputs={"a": [[1]], "b": [{"$from": path}]}, **more)


def run(*steps, **options):
    return TASK.compute([TASK.prepare({"steps": list(steps)}, options, 1)], lambda fraction, stage: None)[0]


DEEP = {"a": 1}
for _ in range(100):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    ("rule", "steps", "field", "word"),
    [
        ("no steps", [], "inputs.steps", "0 steps"),
        ("too many", [step(f"s{i}") for i in range(257)], "inputs.steps", "257"),
        ("twice the same id", [step(), step()], "inputs.steps[1].id", "already"),
        ("an id with a dot", [step("a.b")], "inputs.steps[0].id", "cannot be"),
        ("a reserved id", [step("item")], "inputs.steps[0].id", "cannot be"),
        ("unknown agent", [step(agent="linag")], "inputs.steps[0].agent", "linag"),
        ("unknown task", [step(task="sole")], "inputs.steps[0].task", "sole"),
        ("wrong inputs, seen beforehand", [step(inputs={"a": [[1]]})], "inputs.steps[0].inputs.b", "missing"),
        ("unknown dependency", [step(depends_on=["b"])], "inputs.steps[0].depends_on[0]", "no step"),
        ("itself", [step(depends_on=["a"])], "inputs.steps[0].depends_on", "a → a"),
        ("a cycle by references", [taking("b.outputs.x[0]", "a"), taking("a.outputs.x[0]")],
         "inputs.steps[0].depends_on", "a → b → a"),
        ("from nowhere", [taking("c.outputs.x[0]")], "inputs.steps[0].inputs.b[0]", "no step"),
        ("of what", [step(), taking("a")], "inputs.steps[1].inputs.b[0]", "does not say what"),
        ("provenance differs", [step(), taking("a.provenance.run_s")], "inputs.steps[1].inputs.b[0]", "not say what"),
        ("no path", [step(), taking("a.outputs.x[one]")], "inputs.steps[1].inputs.b[0]", "column"),
        ("two kinds", [step(inputs={"a": {"$from": "b.outputs.x", "$item": ""}})],
         "inputs.steps[0].inputs.a", "beside"),
        ("an item of nothing", [step(inputs={"a": [[1]], "b": [{"$item": ""}]})],
         "inputs.steps[0].inputs.b[0]", "foreach"),
        ("foreach over a number", [step(foreach=3)], "inputs.steps[0].foreach", "list"),
        ("foreach over too much", [step(foreach=list(range(1001)))], "inputs.steps[0].foreach", "1001"),
        ("a condition that is none", [step(when=3)], "inputs.steps[0].when", "condition"),
        ("a condition that cannot be read", [step(when="1 +")], "inputs.steps[0].when", ""),
        ("a condition with a call", [step(when="open(1)")], "inputs.steps[0].when", ""),
        ("a condition on no step", [step(when="b.outputs.x > 1")], "inputs.steps[0].when", "no step"),
        ("a name that is none", [step(when={"formula": "v", "values": {"v": "x"}})],
         "inputs.steps[0].when.values.v", "number"),
        ("a workflow in it", [step(agent="workflow", task="run")], "inputs.steps[0].task", "no step of another"),
        ("too deep", [step(inputs=DEEP)], "inputs.steps[0].inputs", "deep"),
        ("on_error", [step(on_error="ignore")], "inputs.steps[0].on_error", ""),
        ("retries", [step(on_error="retry", retries=99)], "inputs.steps[0].retries", ""),
        ("timeout", [step(timeout_s=0)], "inputs.steps[0].timeout_s", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(rule, steps, field, word):
    with pytest.raises(Problem) as caught:
        TASK.prepare({"steps": steps}, {}, 1)
    assert caught.value.field.startswith(field), caught.value.field
    assert word in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.outputs.x[0]", 2.0),
        ("a.outputs.x[-1]", 2.0),
        ('a.outputs["x"][0]', 2.0),
        ("a.diagnostics.error_estimate", None),
    ],
)
def test_a_path_goes_through_a_result(path, value):
    outcome = run(step(), taking(path))
    found = outcome.outputs["steps"]["b"]["outputs"]["x"][0]
    expected = outcome.outputs["steps"]["a"]["diagnostics"]["error_estimate"] if value is None else value
    assert found == pytest.approx(expected)


def test_every_element_is_taken_of_many():
    each = step("each", foreach=[1, 2, 4], inputs={"a": [[{"$item": ""}]], "b": [4]})
    whole = step("whole", inputs={"a": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "b": {"$from": "each.outputs.items[*].x[0]"}})
    assert run(each, whole).outputs["steps"]["whole"]["outputs"]["x"].tolist() == [4.0, 2.0, 1.0]


@pytest.mark.parametrize(
    "item",
    [
        {"dtype": "junk", "shape": [1], "base64": "AAAA"},
        {"dtype": "f4,(", "shape": [1], "base64": "AAAA"},
        {"dtype": "O", "shape": [1], "base64": "AAAAAAAAAAA="},
        {"dtype": "<f8", "shape": [-5], "base64": "AAAAAAAAAAA="},
        {"dtype": "<f8", "shape": [1], "base64": "!!!"},
        {"dtype": "<f8", "shape": [1]},
    ],
)
def test_an_item_that_looks_like_an_array_and_is_none_fails_its_step(item):
    """What a client wrote is never read as an array unless it is one."""
    outcome = run(step(foreach=[item], inputs={"a": [[1]], "b": [{"$item": "[0]"}]}))
    assert outcome.problem.code == "invalid_input"
    assert outcome.problem.field.startswith("inputs.steps[0].inputs.b[0]")


def test_a_failure_tells_what_was_done():
    outcome = run(step(), step("bad", inputs={"a": [[0]], "b": [1]}, depends_on=["a"]), step("c", depends_on=["bad"]))
    assert (outcome.problem.code, outcome.problem.field) == ("singular", "inputs.steps[1].inputs.a")
    assert [one["status"] for one in outcome.outputs["steps"].values()] == ["succeeded", "failed", "cancelled"]


def test_outputs_that_are_not_kept_are_left_out_but_can_be_taken():
    steps = run(step(keep=False), taking("a.outputs.x[0]")).outputs["steps"]
    assert steps["a"]["outputs"] is None
    assert steps["b"]["outputs"]["x"] == pytest.approx([2.0])


def test_steps_draw_from_seeds_that_follow_from_the_workflows():
    uq = {"id": "u", "agent": "uq", "task": "propagate", "foreach": [0, 1],
          "inputs": {"model": "x", "distributions": {"x": {"distribution": "norm"}}, "n_samples": 100}}  # fmt: skip
    first, second = (run(uq).outputs["steps"]["u"]["outputs"]["items"] for _ in range(2))
    assert [one["mean"] for one in first] == [one["mean"] for one in second]
    assert first[0]["mean"] != first[1]["mean"]
