"""`amtool check-config` and the program take, and refuse, the same files (`tests/conformance/alertmanager.yaml`)."""

import copy
import subprocess
from pathlib import Path

import pytest
import yaml

from alerting import config
from alerting.documents import ConfigError

DATA = yaml.safe_load((Path(__file__).parents[2] / "conformance" / "alertmanager.yaml").read_text())


def mutated(one):
    """The configuration with one thing put somewhere, or gone."""
    made = copy.deepcopy(DATA["configuration"])
    *above, last = (int(step) if step.isdigit() else step for step in one["at"].split("."))
    where = made
    for step in above:
        where = where[step]
    if "is" in one:
        where[last] = one["is"]
    else:
        del where[last]
    return made


def verdicts(amtool, file, made):
    """Whether amtool takes it, and whether we do."""
    file.write_text(yaml.safe_dump(made))
    theirs = subprocess.run([amtool, "check-config", str(file)], check=False, capture_output=True, timeout=30)
    try:
        config.load(file)
    except ConfigError:
        return theirs.returncode == 0, False
    return theirs.returncode == 0, True


def test_both_take_it_as_it_is(amtool, tmp_path):
    assert verdicts(amtool, tmp_path / "alertmanager.yml", DATA["configuration"]) == (True, True)


@pytest.mark.parametrize("one", DATA["mutations"], ids=lambda one: f"{one['at']}: {one.get('is', 'gone')}"[:80])
def test_both_say_the_same_of_a_mutation(amtool, tmp_path, one):
    """Or the opposite, where it is said why."""
    theirs, ours = verdicts(amtool, tmp_path / "alertmanager.yml", mutated(one))
    assert (theirs != ours) == ("differs" in one), one.get("differs")
