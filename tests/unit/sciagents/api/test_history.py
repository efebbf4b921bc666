"""The index of requests: bounded, in order, and telling those who wait."""

import asyncio
import threading

from sciagents.api.history import Entry, History
from streams.contracts import Progress


def answered(request_id, at="2026-11-24T10:00:00.000Z", status="succeeded", agent="linalg", value=b"{}"):
    return Entry(id=request_id, status=status, at=at, agent=agent, value=value)


def progress(request_id, fraction=0.5):
    return Progress(id=request_id, fraction=fraction, stage="steps", at="2026-11-24T10:00:01.000Z")


def test_the_oldest_go_when_there_are_too_many():
    """Who was heard of last stays."""
    history = History(max_entries=2)
    history.answered([answered("a"), answered("b"), answered("a"), answered("c")])
    assert history.get("b") is None
    assert history.get("a") is not None
    assert len(history) == 2


def test_the_oldest_go_when_there_are_too_many_bytes():
    """Bytes are counted, and given back."""
    history = History(max_bytes=3000)
    history.answered([answered(str(number), value=b"x" * 1000) for number in range(5)])
    assert len(history) == 1
    assert history.bytes <= 3000
    history.forget(["4"])
    assert (len(history), history.bytes) == (0, 0)


def test_one_result_above_the_bound_is_kept_alone():
    """It was asked for."""
    history = History(max_bytes=1000)
    history.answered([answered("small"), answered("large", value=b"x" * 5000)])
    assert history.get("small") is None
    assert history.get("large").value == b"x" * 5000


def test_progress_makes_a_request_run_until_it_is_answered():
    """And what is answered stays so, whatever progress comes late."""
    history = History()
    history.progressed([progress("a")])
    assert history.get("a").status == "running"
    history.answered([answered("a")])
    history.progressed([progress("a", 0.9)])
    assert history.get("a").status == "succeeded"


def test_a_request_sent_again_waits_for_its_new_answer():
    """The answer of the time before is not shown as the new one; one that could not be sent is forgotten."""
    history = History()
    history.answered([answered("a")])
    again = Entry(id="a", status="pending", at="2026-11-24T11:00:00.000Z")
    history.submitted(again)
    assert history.get("a").value is None
    history.withdraw(again)
    assert history.get("a") is None


def test_what_came_between_is_not_withdrawn():
    """The broker had it after all."""
    history = History()
    sent = Entry(id="a", status="pending", at="2026-11-24T11:00:00.000Z")
    history.submitted(sent)
    history.answered([answered("a")])
    history.withdraw(sent)
    assert history.get("a").status == "succeeded"


def test_a_page_is_the_newest_that_fit():
    """By time, then by id; `before` goes on where a page ended."""
    history = History()
    history.answered(answered(f"r{number}", at=f"2026-11-24T10:00:0{number % 3}.000Z") for number in range(6))
    history.answered([answered("other", agent="ode"), answered("failed", status="failed")])
    first = history.page(2, None, "succeeded", "linalg")
    assert [entry.id for entry in first] == ["r5", "r2"]
    rest = history.page(10, (first[-1].at, first[-1].id), "succeeded", "linalg")
    assert [entry.id for entry in rest] == ["r4", "r1", "r3", "r0"]


async def test_a_watch_is_woken_from_another_thread():
    """By results of its request alone."""
    history = History()
    with history.watch("a") as watch:
        threading.Thread(target=history.answered, args=([answered("b")],)).start()
        threading.Thread(target=history.answered, args=([answered("a")],)).start()
        assert await watch.changed(10.0)
        assert not await watch.changed(0.0)


async def test_watches_of_one_request_are_all_told_and_leave_nothing():
    """Each of them; afterwards nobody is remembered."""
    history = History()
    with history.watch("a") as first, history.watch("a") as second:
        await asyncio.to_thread(history.progressed, [progress("a")])
        assert await first.changed(10.0)
        assert await second.changed(10.0)
    assert history._watches == {}
