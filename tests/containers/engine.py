"""Whether a Docker engine answers, and what a test does without what it needs."""

import os
from typing import NoReturn

import docker
import pytest
from docker.errors import DockerException

REQUIRED = os.environ.get("SCI_AGENTS_REQUIRE_CONTAINERS") == "1"


def _problem() -> str | None:
    """Say why no engine can be used; None when one answers."""
    try:
        client = docker.from_env(timeout=10)
        client.ping()
        client.close()
    except DockerException as error:
        return f"no Docker engine answers ({error})"
    return None


PROBLEM = _problem()


def absent(reason: str) -> NoReturn:
    """Skip the test that needs what this machine lacks; fail it where containers are required."""
    if REQUIRED:
        pytest.fail(f"{reason}, and SCI_AGENTS_REQUIRE_CONTAINERS=1", pytrace=False)
    pytest.skip(reason)
