"""Imported once by the server that the lane's processes are forked from: they begin with all of this in memory."""

import gc

from agents import catalogue
from streams.heavy import child

LOADED = (catalogue, child)
gc.collect()
gc.freeze()  # a collection in a fork would copy the pages it only looks at
