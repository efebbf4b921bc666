"""A process around a Faust app, as the worker and the alerting stream are."""

import asyncio
import gc

import faust


def run(app: faust.App, log_level: str, loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Run until SIGTERM or SIGINT, in `loop` where tasks run in it already.

    Messages make no reference cycles: looking for some at every 700th new object, as Python does by default, would take
    half of the hot path's time. What is loaded now is not looked at again, and later objects seldom.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    worker = faust.Worker(app, loglevel=log_level, override_logging=False, quiet=True, loop=loop)
    worker.spinner = None  # it would write to a pipe, too
    worker.execute_from_commandline()
