"""What the alerting stream carries: events and label sets, time from an event to its first notification, memory."""

import msgspec

from sciagents.volume import report


def measure(bootstrap: str) -> object:
    """Measure as `sci-agents benchmark alerting` does."""
    found = report.measure(bootstrap, lambda text: print(text, flush=True), embedded=False)
    for what, figure in found.rows():
        print(f"{what}: {figure}", flush=True)
    return msgspec.to_builtins(found)
