"""What is sent follows from the seed."""

from datetime import UTC, datetime

import msgspec

from chaos.load import draw
from streams.codec import JSON, MSGPACK, Refusal, receive

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def _content_type(item):
    return dict(item.headers).get("content-type", JSON)


def test_the_same_seed_draws_the_same():
    """Byte by byte, in the same order; another seed draws otherwise."""
    assert draw(7, 500, NOW) == draw(7, 500, NOW)
    assert draw(7, 500, NOW) != draw(8, 500, NOW)


def test_what_is_to_be_a_request_is_one_and_poison_is_none():
    """Each value decodes to the id it stands for; poison to none."""
    drawn = [item for item in draw(3, 3000, NOW) if item.sent is not None]
    items = [item.sent for item in drawn]
    for item, sent in zip(drawn, items, strict=True):
        try:
            found = receive(sent.value, _content_type(item)).id
        except Refusal as refusal:
            found = refusal.id
        assert found == sent.id
    assert any(sent.id is None for sent in items)
    assert len({sent.value for sent in items if sent.id is None}) == sum(sent.id is None for sent in items)


def test_every_kind_comes_and_in_the_order_of_its_time():
    """Of a few thousand requests, some are of each task and each status; a cancellation comes after its request."""
    items = draw(1, 8000, NOW)
    assert [item.at for item in items] == sorted(item.at for item in items)
    assert 0 <= items[0].at <= items[-1].at <= 1
    sent = [item.sent for item in items if item.sent is not None]
    assert {status for one in sent for status in one.statuses} == {
        "succeeded",
        "failed",
        "rejected",
        "cancelled",
        "expired",
    }
    read = [receive(item.value, _content_type(item)) for item in items if item.sent is not None and item.sent.id]
    assert {"solve", "quad", "ivp", "evaluate", "monte_carlo", "run", "ensemble"} <= {one.task for one in read}
    assert {"high", "normal", "low"} == {one.priority for one in read}
    assert {JSON, MSGPACK} == {_content_type(item) for item in items}
    sent_at = {item.sent.id: item.at for item in reversed(items) if item.sent is not None}
    cancels = [item for item in items if item.topic == "compute.control"]
    assert cancels
    assert all(sent_at[msgspec.json.decode(item.value)["id"]] <= item.at for item in cancels)
