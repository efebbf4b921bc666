"""A worker that was killed is started again, with what it is suspected of; one that ended by itself is not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streams.note import Note
from streams.supervisor import DEATHS, Verdict, judge

SEGV, KILL, TERM = -signal.SIGSEGV, -signal.SIGKILL, -signal.SIGTERM


@pytest.mark.parametrize(
    ("status", "suspects", "stopping", "deaths", "verdict"),
    [
        (0, False, False, (), Verdict(code=0)),
        (3, True, False, (), Verdict(code=3)),
        (SEGV, True, False, (), Verdict()),
        (SEGV, True, False, (99.0,) * 50, Verdict()),
        (KILL, False, False, (), Verdict(wait_s=0.2)),
        (KILL, False, False, (99.0,), Verdict(wait_s=1.0)),
        (KILL, False, False, (10.0, 99.0), Verdict(wait_s=1.0)),
        (SEGV, False, False, (99.0,) * (DEATHS - 1), Verdict(code=128 + 11)),
        (SEGV, True, True, (), Verdict(code=128 + 11)),
        (TERM, True, False, (), Verdict(code=128 + 15)),
    ],
)
def test_what_follows_from_an_end(status, suspects, stopping, deaths, verdict):
    """At second 100. A code is passed on; a death with suspects is followed at once, others after a growing while."""
    assert judge(status, suspects=suspects, stopping=stopping, deaths=deaths, now=100.0) == verdict


def test_a_note_is_read_as_it_was_last_written():
    note = Note()
    assert note.read() == frozenset()
    note.write([(0, 5), (3, 1 << 40)])
    assert note.read() == {(0, 5), (3, 1 << 40)}
    note.write([(1, 1)])
    assert note.read() == {(1, 1)}
    note.clear()
    assert note.read() == frozenset()


def test_a_note_outlives_the_process_that_wrote_it():
    note = Note()
    child = os.fork()
    if child == 0:
        note.write([(2, 7)])
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert note.read() == {(2, 7)}


def test_a_note_has_room_for_a_bounded_number_of_places():
    note = Note()
    note.write((0, offset) for offset in range(100_000))
    assert len(note.read()) == 4096


_WORKER = """
import os, signal, sys
from streams import supervisor

def work(note, suspects):
    print(sorted(suspects), flush=True)
    if not suspects:
        note.write([(0, 1), (0, 2)])
        os.kill(os.getpid(), signal.SIGSEGV)
    {last}

supervisor.run(work)
print("child", flush=True)
"""


def _supervised(last):
    return subprocess.Popen(
        [sys.executable, "-c", _WORKER.format(last=last)], stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip


@pytest.mark.parametrize(("last", "code"), [("pass", 0), ("sys.exit(7)", 7)])
def test_the_next_worker_is_told_its_suspects_and_its_code_is_passed_on(last, code):
    process = _supervised(last)
    said, _ = process.communicate(timeout=60)
    lines = [line for line in said.splitlines() if line[0] in "[c"]
    assert lines == ["[]", "[(0, 1), (0, 2)]", *(["child"] if code == 0 else [])]
    assert process.returncode == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_is_passed_on(number):
    process = _supervised(
        "[signal.signal(n, lambda n, _: sys.exit(40 + n)) for n in (2, 15)]; print('waits', flush=True); signal.pause()"
    )
    assert any(line == "waits\n" for line in iter(process.stdout.readline, ""))
    process.send_signal(number)
    assert process.wait(60) == 40 + number
    process.stdout.close()


def test_the_worker_dies_with_its_supervisor():
    process = _supervised("print('pid', os.getpid(), flush=True); signal.pause()")
    pid = next(int(line.split()[1]) for line in iter(process.stdout.readline, "") if line.startswith("pid"))
    process.kill()
    process.wait(60)
    while process.stdout.readline():
        pass  # its end of the pipe is closed when it is gone
    process.stdout.close()
    assert not Path(f"/proc/{pid}/cmdline").exists() or Path(f"/proc/{pid}/cmdline").read_bytes() == b""
