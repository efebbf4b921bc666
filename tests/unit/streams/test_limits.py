"""What one request may take: above a limit it is told the estimate, the limit and what would do."""

from types import SimpleNamespace

import msgspec
import pytest

from agents.outcome import Problem
from streams.admit import Job, Origin, admit
from streams.codec import receive
from streams.limits import Limits

ORIGIN = Origin(("compute.requests", 0), 1, 1_000_000, "application/json", [])


@pytest.mark.parametrize(
    ("limits", "plan", "size", "said"),
    [
        ({"flops": 1e9}, {"cost": 2.5e9}, 10, "2.5e+09 operations, the limit is 1e+09"),
        ({"seconds": 10}, {"cost": 8e10}, 10, "20 seconds, the limit is 10"),
        ({"bytes": 1000}, {"cost": 1.0}, 200, "1.6e+03 bytes, the limit is 1e+03"),
        ({"bytes": 1000}, {"cost": 1.0, "memory": 5000}, 10, "5e+03 bytes, the limit is 1e+03"),
    ],
)
def test_above_a_limit(limits, plan, size, said):
    with pytest.raises(Problem, match="estimated at") as caught:
        Limits(**limits).check(SimpleNamespace(**plan), size)
    assert said in caught.value.message
    assert (caught.value.code, caught.value.field) == ("budget_exceeded", "inputs")
    assert caught.value.hint


def test_below_them_nothing_is_said():
    Limits().check(SimpleNamespace(cost=1e14), 8 * 1024 * 1024)


def _admit(limits, now=1_000.0):
    inputs = {"integrand": "sin(x)", "bounds": {"x": [0, 1]}, "n_samples": 100_000}
    value = msgspec.json.encode({"id": "a", "agent": "integrate", "task": "monte_carlo", "inputs": inputs})
    return admit(receive(value), ORIGIN, now, (), 10.0, {}, limits)


def test_a_request_above_its_budget_is_rejected_at_admission():
    assert isinstance(_admit(Limits()), Job)
    assert _admit(Limits(flops=1000.0)).code == "budget_exceeded"


@pytest.mark.parametrize(("waited", "late"), [(4.0, False), (6.0, True)])
def test_a_request_that_waited_longer_than_it_may_has_expired(waited, late):
    found = _admit(Limits(queue_s=5.0), 1_000.0 + waited)
    assert isinstance(found, Job) is not late
    assert not late or found.code == "expired"
