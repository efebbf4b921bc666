"""Processes that a test has started, and theirs: found by a mark in their environment."""

import psutil

MARK = "SCI_AGENTS_TEST_MARK"
"""The variable that carries the mark."""


def processes(mark: str) -> list[psutil.Process]:
    """All processes with the mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
