"""`sci-agents health` asks the stores where they are configured, and a store that is away makes it degraded."""

import json
import os
import subprocess
import sys

import pytest


def _checks(environment: dict[str, str], tmp_path) -> dict[str, dict]:
    """What the command says of the stores, where there is no broker; the addresses' passwords are nowhere in it."""
    done = subprocess.run(
        [sys.executable, "-m", "sciagents", "health", "--kafka", "127.0.0.1:1", "--timeout", "0.2", "--json", "--dir",
         str(tmp_path)],
        capture_output=True, text=True, check=False, env=os.environ | environment,
    )  # fmt: skip
    assert "of-the-tests" not in done.stdout + done.stderr
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


@pytest.mark.containers
@pytest.mark.parametrize(
    ("name", "fixture", "variable"),
    [("redis", "redis_server", "SCI_AGENTS_REDIS_URL"), ("postgres", "postgres_server", "SCI_AGENTS_POSTGRES_URL")],
)
def test_a_store_that_is_away_is_told(request, tmp_path, name, fixture, variable):
    """Passed while it answers, degraded once it is killed."""
    server = request.getfixturevalue(fixture)
    assert _checks({variable: server.url}, tmp_path)[name]["verdict"] == "passed"
    server.kill()
    check = _checks({variable: server.url}, tmp_path)[name]
    assert check["verdict"] == "degraded"
    assert check["hint"]


def test_without_stores_there_are_five_checks(tmp_path):
    """The runbook's plain case."""
    assert list(_checks({}, tmp_path)) == ["broker", "topics", "workers", "kernels", "disk"]
