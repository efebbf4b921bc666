"""Chaos: faults by a seeded plan, load through them, and a verifier that reads the topics afterwards.

`python -m chaos` (`make chaos`) runs rounds: `faults` draws the plan, `load` the requests; `cluster` and `workers` are
what is hurt, `rounds` does it, `ledger` reads the topics, `verifier` says what was promised and not kept. `load`,
`faults` and `verifier` are pure.
"""

import os

os.environ.setdefault(
    "TESTCONTAINERS_RYUK_DISABLED", "true"
)  # its image is pulled; what is started here is removed here
os.environ.setdefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
