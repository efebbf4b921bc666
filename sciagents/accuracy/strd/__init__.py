"""NIST's Statistical Reference Datasets for nonlinear regression: 27 problems, two starts each.

Source: https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml, public domain. A file has the model as a formula, the
`starts`, the `certified` values of 11 digits, and the same values `refined`: to 16 digits, computed from the decimals
of the data with 60 digits by Gauss and Newton's method and found to agree with all the certified digits. Nelson's model
is of log(y). Rat43's degrees of freedom are 11 here (15 observations, 4 parameters), as its certified standard
deviations have it; its file says 9.
"""

import json
import math
from importlib import resources
from typing import Any


def names() -> list[str]:
    """Return the names of the data sets."""
    found = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(".json") for file in found if file.name.endswith(".json"))


def load(name: str) -> dict[str, Any]:
    """Read one data set."""
    found: dict[str, Any] = json.loads((resources.files(__name__) / f"{name}.json").read_text(encoding="utf-8"))
    return found


def request(data_set: dict[str, Any], start: int) -> dict[str, Any]:
    """Return the inputs of `optimize.curve_fit` from the first (0) or the second (1) start."""
    data = dict(data_set["data"])
    if data_set["name"] == "Nelson":
        data["y"] = [math.log(value) for value in data["y"]]
    return {"model": data_set["model"], "parameters": data_set["starts"][start], "data": data, "observed": "y"}
