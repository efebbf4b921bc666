"""Every task's result has a picture of its kind."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from agents import catalogue
from agents.outcome import NOTHING_TO_SAY
from sciagents import values
from sciagents.accuracy.case import answer
from sciagents.errors import UsageError
from sciagents.plot import bars, draw
from streams.codec import encode_result
from streams.contracts import Provenance, Result

AS_A_TABLE = {("analyze", "problem"), ("select", "algorithm"), ("linalg", "analyze")}


def result_of(agent, task, outputs):
    """A result as a client reads it: encoded, and decoded again."""
    provenance = Provenance(version="0", worker="w", batch=1, run_s=0, queued_s=0, kernel="k", compiled=True)
    made = Result(
        id="r-1", agent=agent, task=task, status="succeeded", outputs=outputs, error=None, warnings=[],
        diagnostics=NOTHING_TO_SAY, provenance=provenance, labels={}, completed_at="",
    )  # fmt: skip
    read = values.decode(msgspec.json.decode(encode_result(made))["outputs"])
    return msgspec.structs.replace(made, outputs=read)


@pytest.mark.parametrize("name", [pytest.param(key, id=".".join(key)) for key in catalogue.TASKS])
def test_the_example_of_every_task_is_drawn(name, tmp_path):
    outcome = answer(*name, catalogue.TASKS[name].example, {})
    assert outcome.problem is None
    result = result_of(*name, outcome.outputs)
    assert (draw.picture_of(result.outputs) is bars.facts) == (name in AS_A_TABLE)
    draw.draw(result, tmp_path / "out.png")
    pixels = imread(tmp_path / "out.png")
    assert pixels.shape[:2] == (600, 960)
    assert (pixels[..., :3] < 0.9).any(axis=-1).mean() > 0.002, "the picture is blank"


def test_members_too_many_to_be_given_are_drawn_by_their_spread():
    """`ode.ensemble` whose `final` is null."""
    named = {"x": 1.0, "y": 2.0}
    outputs = {"final": None, "n_members": 9, "mean": named, "std": named, "quantiles": {"0.5": named, "0.95": named}}
    assert draw.picture_of(outputs) is bars.spreads
    bars.spreads(Figure(), outputs)


@pytest.mark.parametrize("ending", ["svg", "pdf"])
def test_the_ending_says_the_format(ending, tmp_path):
    path = tmp_path / f"out.{ending}"
    draw.draw(result_of("ode", "ivp", {"t": np.arange(3.0), "y": {"x": np.arange(3.0)}}), path)
    assert path.read_bytes()[:5] in {b"<?xml", b"%PDF-"}


@pytest.mark.parametrize(("path", "said"), [("out.xyz", ".png, .svg, .pdf"), ("out", ".png, .svg, .pdf")])
def test_another_ending_is_refused(path, said, tmp_path):
    with pytest.raises(UsageError) as caught:
        draw.draw(result_of("ode", "ivp", {"t": np.arange(3.0), "y": {"x": np.arange(3.0)}}), Path(tmp_path, path))
    assert said in str(caught.value)


def test_what_has_no_outputs_has_no_picture(tmp_path):
    made = msgspec.structs.replace(result_of("ode", "ivp", {"x": 1.0}), outputs=None, status="failed")
    with pytest.raises(UsageError, match="no outputs"):
        draw.draw(made, tmp_path / "out.png")
