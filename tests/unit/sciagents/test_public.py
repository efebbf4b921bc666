"""The public names: what `sciagents.__all__` promises is there, and importing the package costs next to nothing."""

import subprocess
import sys

import pytest

import sciagents


@pytest.mark.parametrize("name", sciagents.__all__)
def test_a_public_name_is_there(name):
    assert getattr(sciagents, name) is not None


def test_the_public_names_are_these():
    assert set(sciagents.__all__) == {
        "BrokerError", "Client", "ComputeError", "ConfigError", "Diagnostics", "NoAnswerError", "NotFoundError",
        "Progress", "Provenance", "Result", "ResultFuture", "SciAgentsError", "UsageError", "__version__", "connect",
    }  # fmt: skip


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'aconnect'"):
        _ = sciagents.aconnect


def test_importing_the_package_imports_nothing_slow():
    code = "import sys, sciagents; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "confluent_kafka", "faust", "rich", "yaml", "msgspec"} & set(loaded)
