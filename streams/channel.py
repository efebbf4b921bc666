"""A Faust channel that keeps what it was given.

Faust suspends the queues of its own channels whenever its consumer stops or its group changes, and empties them
(`clear_on_resume`): right for records that its consumer reads again, while nobody would read a batch of ours again.
"""

from typing import Any, cast

import faust
from faust.channels import Channel
from mode.utils.queues import FlowControlEvent, ThrowableQueue


class OwnChannel(Channel[Any]):
    """Holds at most `maxsize` items (0: any number) until an agent takes them, whatever Faust's own consumer does."""

    @property
    def queue(self) -> "ThrowableQueue[Any]":
        """The queue behind it."""
        if self._queue is None:
            always = FlowControlEvent(initially_suspended=False)
            self._queue = ThrowableQueue(maxsize=self.maxsize or 0, flow_control=always)
        return self._queue


def own_channel(app: faust.App, maxsize: int) -> faust.ChannelT[Any]:
    """Make such a channel."""
    return cast("faust.ChannelT[Any]", OwnChannel(app, maxsize=maxsize))
