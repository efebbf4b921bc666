"""Several alerting processes: where the others find the one that writes."""

import socket

import pytest

from sciagents import addresses, replicas
from sciagents.replicas import Office


@pytest.mark.parametrize(
    ("http", "host", "reached"),
    [
        ("host-1:9093", "host-2", "host-1:9093"),
        ("10.0.0.7:9093", "host-2", "10.0.0.7:9093"),
        ("127.0.0.1:9093", "host-1", "127.0.0.1:9093"),
        ("127.0.0.1:9093", "host-2", None),
        ("[::1]:9093", "host-2", None),
        ("localhost:9093", "host-2", None),
        (None, "host-1", None),
    ],
)
def test_a_writer_is_reached_by_what_it_announces_and_its_loopback_from_its_own_host_alone(http, host, reached):
    office = Office(name="host-1:9093", http=http, since="2026-01-01T00:00:00Z", host="host-1")
    assert office.reached_from(host) == reached


def test_what_was_announced_without_a_host_is_taken_as_it_is():
    office = Office(name="a", http="127.0.0.1:9093", since="2026-01-01T00:00:00Z")
    assert office.reached_from("host-2") == "127.0.0.1:9093"


def test_who_listens_everywhere_announces_its_host_by_name():
    with addresses.listen("0.0.0.0", 0) as everywhere, addresses.listen("127.0.0.1", 0) as here:
        assert replicas.reached(everywhere) == f"{socket.gethostname()}:{everywhere.getsockname()[1]}"
        assert replicas.reached(here) == addresses.name(here)
