"""The way to the broker is bounded, in time and in bytes, when the broker is away."""

import pytest

from sciagents.api.gateway import Gateway
from sciagents.api.problems import HttpProblem


@pytest.fixture
def gateway():
    made = Gateway("127.0.0.1:1", "", timeout_s=0.1, max_bytes=5_000)
    yield made
    made.close()


async def test_without_a_confirmation_in_time_it_is_unavailable(gateway):
    """503, and when to come again."""
    with pytest.raises(HttpProblem, match="not confirmed within") as caught:
        await gateway.send("ops.events", [("k", b"v")], [])
    assert (caught.value.status, caught.value.code) == (503, "unavailable")
    assert caught.value.headers == {"Retry-After": "5"}


async def test_beyond_its_bytes_it_takes_no_more(gateway):
    """What was not confirmed still counts: memory does not grow while the broker is away."""
    with pytest.raises(HttpProblem, match="not confirmed within"):
        await gateway.send("ops.events", [("k", b"v" * 3_000)], [])
    with pytest.raises(HttpProblem, match="too much waits"):
        await gateway.send("ops.events", [("k", b"v" * 3_000)], [])
