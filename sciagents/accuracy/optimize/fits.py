"""Fits of curves: NIST's certified nonlinear regressions from both starts, and what cannot be fitted."""

from collections.abc import Iterator

from sciagents.accuracy import strd
from sciagents.accuracy.case import Case, Outputs


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    for name in strd.names():
        data_set = strd.load(name)
        for start in (0, 1):
            yield Case(
                name=f"{name} from start {start + 1}", agent="optimize", task="curve_fit",
                source=f"NIST StRD {name}, refined to 16 digits", inputs=strd.request(data_set, start),
                pick=_parameters, truth=list(data_set["refined"]["parameters"].values()),
            )  # fmt: skip
    line = {"data": {"x": [0, 1, 2, 3], "y": [1, 3, 5, 7]}, "observed": "y"}
    yield Case(
        name="a line through four points", agent="optimize", task="curve_fit", source="exact",
        inputs={"model": "a + b*x", "parameters": {"a": 0, "b": 0}, **line}, pick=_parameters, truth=[1.0, 2.0],
    )  # fmt: skip
    yield Case(
        name="two factors of one slope", agent="optimize", task="curve_fit", source="not determined",
        inputs={"model": "a*b*x", "parameters": {"a": 1, "b": 1}, **line}, problem="singular",
    )  # fmt: skip


def _parameters(outputs: Outputs) -> list[float]:
    return list(outputs["parameters"].values())
