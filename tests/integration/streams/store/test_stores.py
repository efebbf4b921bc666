"""What both stores promise: rows and positions in one transaction, the last word of a request, pages in order."""

import contextlib

import msgspec
import pytest

from streams.store.ports import StoreAwayError, UnfitError
from streams.store.rows import Rows, inflate

CLUSTER = "cluster-1"
PLACE = ("compute.results", 0)
BODY = b"x\x9c\x03\x00\x00\x00\x00\x01"


def _asked(request_id: str, sent_at: float = 100.0, agent: str = "ode") -> tuple:
    return (request_id, agent, "ivp", sent_at, "normal", 7, '{"a": "b"}', "application/json", 0, BODY)


def _answered(request_id: str, at: float, status: str = "succeeded", agent: str | None = "ode", body=BODY) -> tuple:
    code = None if status == "succeeded" else "singular"
    return (request_id, agent, "ivp", status, code, at, 0.5, 0.25, "host/1", False, "application/json", 0, body)


def _rows(*, asked=(), answered=(), moved=None, **others) -> Rows:
    return Rows(
        asked={row[0]: row for row in asked}, answered={row[0]: row for row in answered}, moved=moved or {}, **others
    )


@contextlib.asynccontextmanager
async def _writing(store):
    writer = store.writer()
    await writer.open()
    assert await writer.lead()
    try:
        yield writer
    finally:
        await writer.close()


async def test_a_request_is_pending_until_it_is_answered(store, reader):
    """What is known of a request goes from pending to its result, and a late repeat of the request changes that not."""
    async with _writing(store) as writer:
        await writer.write(_rows(asked=[_asked("r-1")]), CLUSTER, {})
        found = await reader.find("r-1")
        assert (found.status, found.at, found.body) == ("pending", 100.0, None)
        await writer.write(_rows(answered=[_answered("r-1", 101.125, "failed")]), CLUSTER, {})
        await writer.write(_rows(asked=[_asked("r-1", 102.0)]), CLUSTER, {})
        found = await reader.find("r-1")
        assert (found.status, found.code, found.at, found.agent) == ("failed", "singular", 101.125, "ode")
        assert inflate(found.body, 10) == b""
        assert await reader.find("r-2") is None


async def test_a_result_without_its_request_is_known_too(store, reader):
    """Requests are kept for a week: what only has a result is found by it."""
    async with _writing(store) as writer:
        await writer.write(_rows(answered=[_answered("r-1", 101.0, body=None)]), CLUSTER, {})
    found = await reader.find("r-1")
    assert (found.status, found.body, found.content_type) == ("succeeded", None, "application/json")


async def test_pages_are_in_order_and_filtered(store, reader):
    """Newest first; ids decide among those of one instant; a page begins behind the place it is given."""
    answered = [_answered(f"r-{n}", 100.0 + n // 2, "failed" if n % 3 else "succeeded", "ode") for n in range(10)]
    async with _writing(store) as writer:
        await writer.write(_rows(answered=answered, asked=[_asked("q", 103.5, "linalg")]), CLUSTER, {})
    order = ["r-9", "r-8", "q", "r-7", "r-6", "r-5", "r-4", "r-3", "r-2", "r-1", "r-0"]
    first = await reader.page(4, None, None, None)
    assert [found.id for found in first] == order[:4]
    rest = await reader.page(100, (first[-1].at, first[-1].id), None, None)
    assert [found.id for found in rest] == order[4:]
    assert [found.id for found in await reader.page(100, None, "pending", None)] == ["q"]
    assert [found.id for found in await reader.page(100, None, "succeeded", "ode")] == ["r-9", "r-6", "r-3", "r-0"]
    assert [found.id for found in await reader.page(100, (102.0, "r-9"), "succeeded", "linalg")] == []


async def test_rows_and_positions_move_together(store, reader):
    """A position moves with its rows or not at all, and only from where it is expected to be."""
    async with _writing(store) as writer:
        await writer.write(_rows(answered=[_answered("r-1", 101.0)], moved={PLACE: 5}), CLUSTER, {PLACE: None})
        assert await writer.positions(CLUSTER) == {PLACE: 5}
        assert await writer.positions("another cluster") == {}
        late = _rows(answered=[_answered("r-2", 102.0)], moved={PLACE: 9})
        for expected in (None, 4):
            with pytest.raises(StoreAwayError):
                await writer.write(late, CLUSTER, {PLACE: expected})
        assert await reader.find("r-2") is None
        await writer.write(late, CLUSTER, {PLACE: 5})
        assert await writer.positions(CLUSTER) == {PLACE: 9}
        assert (await reader.find("r-2")).status == "succeeded"


async def test_what_does_not_fit_is_refused_whole(store, reader):
    """A row that the store cannot take leaves nothing behind, and the store goes on."""
    bad = (*_asked("r-1")[:5], 1 << 70, *_asked("r-1")[6:])
    async with _writing(store) as writer:
        with pytest.raises(UnfitError):
            await writer.write(_rows(asked=[bad, _asked("r-2")], moved={PLACE: 1}), CLUSTER, {PLACE: None})
        assert await writer.positions(CLUSTER) == {}
        await writer.write(_rows(asked=[_asked("r-2")]), CLUSTER, {})
        assert await reader.find("r-1") is None
        assert await reader.find("r-2") is not None


async def test_one_recorder_leads(store):
    """The second of two waits until the first lets go."""
    async with _writing(store):
        second = store.writer()
        await second.open()
        assert not await second.lead()
    assert await second.lead()
    await second.close()


async def test_it_can_be_opened_again(store, reader):
    """Migrations are applied once; what was written is there."""
    async with _writing(store) as writer:
        await writer.write(_rows(asked=[_asked("r-1")]), CLUSTER, {})
    async with _writing(store):
        assert (await reader.find("r-1")).status == "pending"


async def test_incidents_notifications_and_deeds_are_kept(store, reader):
    """An incident in its latest version, every attempt to tell, and who did what."""
    incident = ("INC-1", 2, "P0", "triggered", "INVESTIGATING", "Data Loss", 100.0, None, '{"id": "INC-1"}')
    notification = (
        "ops.notifications",
        0,
        4,
        "n-1",
        "INC-1",
        "ops",
        "email",
        "new_alerts",
        "delivered",
        1,
        101.0,
        None,
    )
    deeds = [("ops.commands", 0, n, 100.0 + n, who, "acknowledge", "INC-1", f'{{"n":{n}}}')
             for n, who in enumerate(["ada", "grace", "ada"])]  # fmt: skip
    async with _writing(store) as writer:
        rows = Rows(
            incidents={"INC-1": incident}, notifications={notification[:3]: notification},
            audit={deed[:3]: deed for deed in deeds},
        )  # fmt: skip
        await writer.write(rows, CLUSTER, {})
        older = ("INC-1", 1, "P0", "resolved", "RESOLVED", "Data Loss", 100.0, 101.0, "{}")
        await writer.write(Rows(incidents={"INC-1": older}, audit=rows.audit), CLUSTER, {})
    found = await reader.audit(10, None, None)
    assert [(deed.who, deed.at) for deed in found] == [("ada", 102.0), ("grace", 101.0), ("ada", 100.0)]
    assert [msgspec.json.decode(deed.detail) for deed in await reader.audit(1, "INC-1", "ada")] == [{"n": 2}]
    assert await reader.audit(10, "INC-2", None) == []


async def test_what_is_too_old_goes(store, reader):
    """Requests with their results, resolved incidents, notifications and deeds from before an instant are deleted."""
    open_one = ("INC-1", 1, "P0", "triggered", "INVESTIGATING", "old and open", 1.0, None, "{}")
    ended = ("INC-2", 1, "P0", "resolved", "RESOLVED", "old and over", 1.0, 2.0, "{}")
    async with _writing(store) as writer:
        rows = _rows(
            asked=[_asked("old", 10.0), _asked("new", 30.0)], answered=[_answered("old", 11.0), _answered("new", 31.0)],
            incidents={one[0]: one for one in (open_one, ended)},
        )  # fmt: skip
        await writer.write(rows, CLUSTER, {})
        assert await writer.prune(20.0) == 3
        assert await writer.prune(20.0) == 0
    assert [found.id for found in await reader.page(10, None, None, None)] == ["new"]
