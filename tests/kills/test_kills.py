"""A bounded part of `make kills`: every step told once, every firing with its resolution, whenever the process dies."""

import pytest

from kills.run import run


@pytest.mark.timeout(600)
def test_whenever_the_process_is_killed_everybody_is_told_once(kafka, tmp_path):
    """In how much time is measured by `make kills`: here it is bounded by what a busy machine takes to start."""
    done = run(kafka, tmp_path, kills=15, seed=4, within_s=60.0, every_s=2.0)
    assert done.report.violations == (), "\n".join(map(str, done.report.violations[:20]))
    assert done.incidents > 5
    assert done.report.tellings > 50
