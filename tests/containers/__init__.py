"""Containers of the tests, the benchmarks and the suites that hurt them: brokers, stores, and their engine."""

import os

os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")  # its image is pulled; whoever starts one removes it
os.environ.setdefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
