"""A line about a request names it, and its trace."""

import json
import logging

import pytest
import structlog

from streams import logs


@pytest.fixture
def written(tmp_path):
    """Configure logging into a file, and give back what a line of it says; what was configured before comes back."""
    root = logging.getLogger()
    before, level = root.handlers, root.level
    path = tmp_path / "log"
    logs.configure("INFO", path, "json")
    yield lambda: [json.loads(line) for line in path.read_text().splitlines()]
    root.handlers[0].close()
    root.handlers = before
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_inside_names_the_request_and_its_trace(written):
    log = structlog.get_logger("one")
    with logs.about("r-1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
        log.warning("inside")
    with logs.about("r-2"):
        log.warning("without a trace")
    log.warning("outside")
    found = [(line["event"], line.get("id"), line.get("trace_id")) for line in written()]
    assert found == [
        ("inside", "r-1", "0af7651916cd43dd8448eb211c80319c"),
        ("without a trace", "r-2", None),
        ("outside", None, None),
    ]
