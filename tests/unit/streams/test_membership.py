"""How a process is a member of its groups follows from the settings and from what the broker says."""

import pytest

from streams.membership import Membership, choose, preferred, reader


@pytest.mark.parametrize(
    ("protocols", "heartbeat_ms", "wanted", "why"),
    [
        ("classic,consumer,streams", 500, "consumer", "quick heartbeats"),
        ("classic,consumer", 1000, "consumer", "a second is quick enough"),
        ("classic,consumer", 5000, "classic", "the broker's default is slow"),
        ("classic", 500, "classic", "switched off at the broker"),
        ("", None, "classic", "a broker before Kafka 4"),
    ],
)
def test_the_protocol_follows_from_the_broker(protocols, heartbeat_ms, wanted, why):
    assert preferred(protocols, heartbeat_ms) == wanted, why


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_a_protocol_that_is_set_is_taken_without_asking(protocol):
    asked = Membership(protocol, "w-1")
    assert choose(asked, "127.0.0.1:1", "g") == asked


def test_a_static_member_uses_the_classic_protocol_unless_told_otherwise():
    """There, one that was killed comes back at once."""
    assert choose(Membership(instance_id="w-1"), "127.0.0.1:1", "g").protocol == "classic"


def test_a_silent_coordinator_is_waited_for_by_its_heartbeats():
    """Those of a broker that nobody asked may be slow, and its sessions long."""
    quick = (Membership("consumer", quick=True), Membership("classic"), Membership("classic", "w-1"))
    assert {one.silence_s for one in quick} == {3.0}
    assert Membership("consumer").silence_s == 15.0


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_nothing_is_committed_but_by_hand(protocol):
    config = reader("127.0.0.1:1", "g", Membership(protocol, "w-1"))
    assert (config["enable.auto.commit"], config["enable.auto.offset.store"]) == (False, False)
    assert (config["group.protocol"], config["group.instance.id"]) == (protocol, "w-1")
