"""Imported once by the server that the lane's processes are forked from: they begin with all of this in memory."""

import gc
import os

os.nice(5)  # before all that follows takes its seconds: what is long makes way for what is small, also on few cores

from agents import catalogue  # noqa: E402
from streams.heavy import child  # noqa: E402

LOADED = (catalogue, child)
gc.collect()
gc.freeze()  # a collection in a fork would copy the pages it only looks at
