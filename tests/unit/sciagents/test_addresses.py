"""Addresses to listen on."""

import socket

import pytest

from sciagents import addresses
from sciagents.errors import UsageError

GOOD = {
    "127.0.0.1:8000": ("127.0.0.1", 8000),
    ":8000": ("127.0.0.1", 8000),
    "localhost:0": ("localhost", 0),
    "[::1]:80": ("::1", 80),
}


@pytest.mark.parametrize("text", GOOD)
def test_an_address_is_a_host_and_a_port(text):
    """Without a host it is this machine."""
    assert addresses.parse(text) == GOOD[text]


@pytest.mark.parametrize(
    "text", ["", "8000", "host", "host:", "host:x", "host:65536", "host:-1", "host:٣", "h:99999999999"]
)
def test_anything_else_is_refused(text):
    """With an example of a right one."""
    with pytest.raises(UsageError, match=r"127\.0\.0\.1:8000"):
        addresses.parse(text)


def test_port_0_is_a_free_one():
    """One that can be had."""
    host, port = addresses.parse(addresses.free("127.0.0.1:0"))
    with socket.create_server((host, port)):
        assert port > 0


def test_a_taken_port_is_refused_with_what_would_do():
    """Another program has it."""
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(UsageError, match="0 for a free one"):
        addresses.free(addresses.name(other))
