"""Incidents, each in its latest version."""

import asyncio

from alerting import config, documents
from alerting.register import Register
from sciagents.api.board import Board, Live
from streams.contracts import Incident


def incident(number, version=1, status="triggered", severity="P2"):
    return Incident(
        id=f"INC-{number}", group_key="g", title="t", severity=severity, status=status, phase="INVESTIGATING",
        started_at=f"2026-11-24T10:00:{number:02}Z", version=version,
    )  # fmt: skip


async def test_the_latest_version_stands_whatever_came_last():
    """Versions may come in any order."""
    board = Board()
    board.take([incident(1, version=2, status="acknowledged"), incident(1, version=1)])
    assert (await board.appears("INC-1", 0.0)).status == "acknowledged"


def test_the_newest_come_first_and_filters_hold():
    """By when they started."""
    board = Board()
    board.take([incident(1), incident(3, severity="P1"), incident(2, status="resolved")])
    assert [one.id for one in board.list()] == ["INC-3", "INC-2", "INC-1"]
    assert [one.id for one in board.list(status="triggered")] == ["INC-3", "INC-1"]
    assert [one.id for one in board.list(severity="P1")] == ["INC-3"]
    assert [one.id for one in board.list(limit=1)] == ["INC-3"]


def test_beyond_the_limit_the_resolved_go_first():
    """An open incident is not lost from sight for a closed one."""
    board = Board(limit=2)
    board.take([incident(1), incident(2, status="resolved"), incident(3, status="resolved")])
    assert [one.id for one in board.list()] == ["INC-3", "INC-1"]


async def test_one_on_its_way_is_waited_for():
    """Whoever was told of an incident may act on it before the board has it."""
    board = Board()
    asked = [asyncio.create_task(board.appears("INC-1", 60.0)) for _ in range(2)]
    await asyncio.sleep(0)  # both ask
    await asyncio.to_thread(board.take, [incident(2)])
    assert not any(task.done() for task in asked)
    await asyncio.to_thread(board.take, [incident(1)])
    assert [(await task).id for task in asked] == ["INC-1", "INC-1"]
    assert (await board.appears("INC-1", 0.0)).id == "INC-1"


async def test_one_that_is_not_there_is_not_waited_for_for_ever():
    """And nothing is left behind of the question."""
    board = Board()
    assert await board.appears("INC-1", 0.0) is None
    board.take([incident(1)])
    assert (await board.appears("INC-1", 0.0)).id == "INC-1"


async def test_the_engine_s_own_are_seen_as_they_stand():
    """Without a copy that would be of before; in the same order, with the same filters."""
    register = Register(config.read(documents.parse("route: {receiver: a}\nreceivers: [{name: a}]\n", "a.yaml"), {}))
    live = Live(register)
    for one in (incident(1), incident(3, severity="P1"), incident(2), incident(2, version=2, status="resolved")):
        register.put(one)
    assert await live.appears("INC-2", 0.0) is register.get("INC-2")
    assert await live.appears("INC-4", 60.0) is None
    assert [one.id for one in live.unresolved()] == ["INC-1", "INC-3"]
    assert [one.id for one in live.list()] == ["INC-3", "INC-2", "INC-1"]
    assert [one.id for one in live.list(status="triggered", limit=1)] == ["INC-3"]
    assert [one.id for one in live.list(severity="P1")] == ["INC-3"]
