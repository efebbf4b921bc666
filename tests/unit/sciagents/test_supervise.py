"""Child processes kept alive."""

import pytest

from sciagents.supervise import delay

TABLE = {
    "the first death is soon forgiven": ([100.0], 0.2),
    "each more death makes the wait longer": ([98.0, 99.0, 100.0], 2.0),
    "half a minute is the longest": ([95.0, 96.0, 97.0, 98.0, 99.0, 99.5, 100.0], 30.0),
    "deaths of more than a minute ago do not count": ([10.0, 20.0, 30.0, 100.0], 0.2),
}


@pytest.mark.parametrize("rule", TABLE)
def test_the_next_start_waits_longer_the_more_it_died(rule):
    """By the deaths of the last minute."""
    deaths, wait = TABLE[rule]
    assert delay(deaths, 100.0) == wait
